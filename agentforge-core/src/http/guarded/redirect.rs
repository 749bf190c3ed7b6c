//! Where a redirect leads and what goes along: pure, one hop at a time.

use bytes::Bytes;

use crate::{
    error::{Error, Result},
    http::{CheckedUrl, EgressPolicy, Headers, Method, Refusal},
};

/// One request of a chain.
#[derive(Clone)]
pub(super) struct Hop {
    pub(super) method: Method,
    pub(super) url: CheckedUrl,
    pub(super) headers: Headers,
    pub(super) credentials: Headers,
    pub(super) body: Bytes,
}

/// Headers that HTTP keeps for credentials: they stay with the origin that they were meant for.
const CREDENTIALS: &[&str] =
    &["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];

/// Whether a status tells a client to ask elsewhere.
pub(super) const fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

impl Hop {
    /// The request that a redirect asks for; an error when it may not be followed.
    pub(super) fn follow(mut self, status: u16, location: &str, policy: &EgressPolicy) -> Result<Self> {
        let from = self.url.host().to_owned();
        let refused = |refusal: Refusal| {
            let text = format!("{refusal}; a redirect of {from} led there");
            let error = Error::denied(text);
            match refusal.host() {
                Some(host) => error.with("host", host),
                None => error,
            }
        };
        let next = policy.judge_next(&self.url, location).map_err(refused)?;
        let same_origin = next.origin() == self.url.origin();
        if self.url.is_secure() && !next.is_secure() {
            return Err(Error::denied(format!(
                "{from} leads from https to http, which is not followed: anybody on the way could read along"
            ))
            .with("host", next.host()));
        }
        self.method = match (status, self.method) {
            (303, Method::Head) => Method::Head,
            (303, _) | (301 | 302, Method::Post) => {
                self.body = Bytes::new();
                self.headers.retain(|name| !is_of_content(name));
                Method::Get
            }
            (_, method) => method,
        };
        if !same_origin {
            // What is sent may hold secrets in its body as well, and means something at its own address only.
            if !self.method.is_safe() || !self.body.is_empty() {
                let method = self.method;
                return Err(Error::denied(format!(
                    "{from} leads a {method} to another origin, which is not followed: use the address that it leads to"
                ))
                .with("host", next.host()));
            }
            self.credentials = Headers::new();
            self.headers.retain(|name| !CREDENTIALS.iter().any(|known| name.eq_ignore_ascii_case(known)));
        }
        self.url = next;
        Ok(self)
    }
}

/// Whether a header says something about a body.
fn is_of_content(name: &str) -> bool {
    name.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("content-"))
        || name.eq_ignore_ascii_case("digest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    fn hop(method: Method, url: &str) -> Hop {
        let headers = [
            ("accept", "a"),
            ("Authorization", "b"),
            ("cookie", "c"),
            ("proxy-authorization", "d"),
            ("content-type", "e"),
        ];
        Hop {
            method,
            url: EgressPolicy::default().check_url(url).unwrap(),
            headers: headers.into_iter().collect(),
            credentials: [("x-api-key", "f")].into_iter().collect(),
            body: if method.is_safe() { Bytes::new() } else { Bytes::from_static(b"body") },
        }
    }

    fn follow(hop: Hop, status: u16, location: &str) -> Result<Hop> {
        hop.follow(status, location, &EgressPolicy::default())
    }

    fn names(headers: &Headers) -> Vec<&str> {
        headers.iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn an_address_of_the_same_origin_gets_everything() {
        for location in ["/b?c=d", "b", "//a.example.com/x", "https://A.example.com:443/x"] {
            let next = follow(hop(Method::Get, "https://a.example.com/a"), 302, location).unwrap();
            assert_eq!(names(&next.credentials), ["x-api-key"], "{location}");
            assert!(next.headers.get("authorization").is_some() && next.headers.get("cookie").is_some());
        }
    }

    #[test]
    fn another_origin_gets_no_credentials_and_never_again() {
        for (from, location) in [
            ("https://a.example.com/", "https://b.example.com/"),
            ("https://a.example.com/", "//b.example.com/"),
            ("http://a.example.com/", "https://a.example.com/"),
            ("http://a.example.com/", "http://a.example.com.evil.net/"),
        ] {
            let next = follow(hop(Method::Get, from), 302, location).unwrap();
            assert_eq!(names(&next.headers), ["accept", "content-type"], "{location}");
            assert!(next.credentials.is_empty());
            let back = follow(next, 302, "https://a.example.com/").unwrap();
            assert!(back.credentials.is_empty() && back.headers.get("authorization").is_none());
        }
        let policy = EgressPolicy::default().allow_any_port();
        let next =
            hop(Method::Get, "https://a.example.com/").follow(302, "https://a.example.com:8443/", &policy);
        assert!(next.unwrap().credentials.is_empty(), "another port is another origin");
    }

    #[test]
    fn a_method_is_kept_or_becomes_get_by_the_status() {
        let check = |method, status, expected| {
            let next = follow(hop(method, "https://a.example.com/"), status, "/b").unwrap();
            assert_eq!(next.method, expected, "{method} {status}");
            assert_eq!(next.body.is_empty(), next.method.is_safe());
            assert_eq!(next.headers.get("content-type").is_some(), next.method == method && status != 303);
        };
        check(Method::Post, 301, Method::Get);
        check(Method::Post, 302, Method::Get);
        check(Method::Post, 303, Method::Get);
        check(Method::Post, 307, Method::Post);
        check(Method::Post, 308, Method::Post);
        check(Method::Put, 302, Method::Put);
        check(Method::Delete, 303, Method::Get);
        check(Method::Get, 307, Method::Get);
        let head = follow(hop(Method::Head, "https://a.example.com/"), 303, "/b").unwrap();
        assert_eq!(head.method, Method::Head);
    }

    #[test]
    fn what_may_not_be_followed_is_denied() {
        let check = |method, status, location: &str, because: &str| {
            let error = follow(hop(method, "https://a.example.com/"), status, location).err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Denied, "{location}");
            assert!(error.message().contains(because), "{location}: {error}");
        };
        check(Method::Get, 302, "http://a.example.com/", "https to http");
        check(Method::Get, 302, "https://127.0.0.1/", "this machine");
        check(Method::Get, 302, "https://[::ffff:169.254.169.254]/", "inside another");
        check(Method::Get, 302, "//0xa9fea9fe/", "cloud");
        check(Method::Get, 302, "https://me:pass@b.example.com/", "user name");
        check(Method::Get, 302, "https:\\\\127.0.0.1\\", "this machine");
        check(Method::Get, 302, "file:///etc/passwd", "scheme");
        check(Method::Get, 302, "javascript:alert(1)", "scheme");
        check(Method::Get, 302, "https://b.example.com:22/", "port 22");
        check(Method::Get, 302, "https://[::1", "cannot be read");
        check(Method::Post, 307, "https://b.example.com/", "another origin");
        check(Method::Put, 302, "https://b.example.com/", "another origin");
        check(Method::Delete, 308, "https://b.example.com/", "another origin");
    }

    #[test]
    fn an_error_names_the_hosts_and_no_query() {
        let error =
            follow(hop(Method::Get, "https://a.example.com/?k=hidden"), 302, "https://10.0.0.1/?t=hidden");
        let shown = format!("{:?}", error.err().unwrap());
        assert!(shown.contains("10.0.0.1") && shown.contains("a.example.com"), "{shown}");
        assert!(!shown.contains("hidden"), "{shown}");
    }
}
