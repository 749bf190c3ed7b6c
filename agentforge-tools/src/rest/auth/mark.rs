//! What credentials put on a request. Whatever a model or a document put in the same place goes away.

use agentforge_core::{
    http::{HttpRequest, SecretText},
    json::Digest,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::percent_decode_str;

use super::{super::percent::encode, KeyPlace};

/// What a request must carry to be let in.
#[derive(Default)]
pub(in crate::rest) struct Marks {
    list: Vec<Mark>,
    tokens: Vec<(String, Digest, SecretText)>,
    secrets: Vec<SecretText>,
}

struct Mark {
    place: KeyPlace,
    name: String,
    value: SecretText,
}

impl Marks {
    pub(super) fn key(&mut self, place: KeyPlace, name: &str, secret: SecretText) {
        self.secrets.push(secret.clone());
        self.list.push(Mark { place, name: name.to_owned(), value: secret });
    }

    pub(super) fn bearer(&mut self, token: SecretText) {
        let value = SecretText::new(format!("Bearer {}", token.expose()));
        self.secrets.push(token);
        self.list.push(Mark { place: KeyPlace::Header, name: "authorization".to_owned(), value });
    }

    pub(super) fn basic(&mut self, username: &str, password: SecretText) {
        let encoded = STANDARD.encode(format!("{username}:{}", password.expose()));
        let value = SecretText::new(format!("Basic {encoded}"));
        self.secrets.extend([password, SecretText::new(encoded)]);
        self.list.push(Mark { place: KeyPlace::Header, name: "authorization".to_owned(), value });
    }

    pub(super) fn token(&mut self, scheme: &str, key: Digest, token: SecretText) {
        self.tokens.push((scheme.to_owned(), key, token.clone()));
        self.bearer(token);
    }

    /// The tokens among them: their scheme, their place in its cache, and themselves.
    pub(super) fn tokens(&self) -> &[(String, Digest, SecretText)] {
        &self.tokens
    }

    /// Every secret that the request carries.
    pub(in crate::rest) fn secrets(&self) -> &[SecretText] {
        &self.secrets
    }

    /// The request with them.
    pub(in crate::rest) fn put(&self, mut request: HttpRequest) -> HttpRequest {
        let mut cookies = Vec::new();
        for mark in &self.list {
            match mark.place {
                KeyPlace::Header => {
                    request.headers.retain(|name| !name.eq_ignore_ascii_case(&mark.name));
                    request = request.credential(mark.name.as_str(), mark.value.expose());
                }
                KeyPlace::Query => request.url = put_query(&request.url, &mark.name, mark.value.expose()),
                KeyPlace::Cookie => cookies.push(mark),
            }
        }
        if !cookies.is_empty() {
            let present = request.headers.get("cookie").unwrap_or_default().to_owned();
            let name_of = |pair: &str| pair.split('=').next().unwrap_or_default().trim().to_owned();
            let kept = present.split("; ").filter(|pair| {
                !pair.is_empty() && cookies.iter().all(|mark| encode(&mark.name) != name_of(pair))
            });
            let own = cookies.iter().map(|mark| format!("{}={}", mark.name, encode(mark.value.expose())));
            let whole = kept.map(str::to_owned).chain(own).collect::<Vec<_>>().join("; ");
            request.headers.retain(|name| !name.eq_ignore_ascii_case("cookie"));
            request = request.credential("cookie", whole);
        }
        request
    }
}

/// An address with one parameter in its query, and no other of that name.
fn put_query(url: &str, name: &str, value: &str) -> String {
    let (rest, query) = url.split_once('?').unwrap_or((url, ""));
    let kept = query.split('&').filter(|pair| {
        let own = pair.split('=').next().unwrap_or_default();
        !pair.is_empty() && percent_decode_str(own).decode_utf8_lossy() != name
    });
    let own = format!("{}={}", encode(name), encode(value));
    let pairs: Vec<_> = kept.map(str::to_owned).chain([own]).collect();
    format!("{rest}?{}", pairs.join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentforge_core::http::Method;

    #[test]
    fn a_credential_takes_the_place_of_whatever_was_there() {
        let mut marks = Marks::default();
        marks.key(KeyPlace::Query, "api key", SecretText::from("s&1"));
        marks.key(KeyPlace::Header, "X-Key", SecretText::from("s2"));
        marks.key(KeyPlace::Cookie, "sid", SecretText::from("s3"));
        let request = HttpRequest::new(Method::Get, "https://a.example/x?api%20key=mine&b=1")
            .header("x-key", "mine")
            .header("cookie", "sid=mine; theme=dark");
        let request = marks.put(request);
        assert_eq!(request.url, "https://a.example/x?b=1&api%20key=s%261");
        assert_eq!(request.headers.iter().count(), 0);
        let credentials: Vec<_> = request.credentials.iter().collect();
        assert_eq!(credentials, [("X-Key", "s2"), ("cookie", "theme=dark; sid=s3")]);
    }
}
