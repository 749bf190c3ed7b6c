//! AWS Signature Version 4: a digest of the request, signed with a key that is derived from the secret one for a day, a
//! region and a service. Follows the documentation of AWS for all services but S3, which normalise the path and encode
//! it once more than it is sent.

use agentforge_core::{Error, Result, time::Timestamp};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

use super::AwsKeys;
use crate::transport::Headers;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// Adds the headers that sign a POST of this body to this address.
pub(crate) fn sign(
    headers: &mut Headers,
    url: &str,
    body: &[u8],
    keys: &AwsKeys,
    service: &str,
    at: Timestamp,
) -> Result<()> {
    let at = at.as_jiff().strftime("%Y%m%dT%H%M%SZ").to_string();
    let (host, path, query) = parts(url);
    headers.push("x-amz-date", at.clone());
    if let Some(token) = &keys.session_token {
        headers.push("x-amz-security-token", token.expose());
    }
    // Only what arrives as it was sent is signed: a proxy may change the rest.
    let mut signed = vec![("host".to_owned(), host)];
    signed.extend(
        headers
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .filter(|(name, _)| name == "content-type" || name.starts_with("x-amz-")),
    );
    let request = Request { method: "POST", path, query, headers: signed, body };
    let authorization = request.authorization(keys, service, &at)?;
    headers.push("authorization", authorization);
    Ok(())
}

/// The host as its header says it, the path, and the query of an address.
fn parts(url: &str) -> (String, &str, &str) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let path_at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(path_at).unwrap_or((rest, ""));
    let usual = if scheme == "http" { ":80" } else { ":443" };
    let host = authority.strip_suffix(usual).unwrap_or(authority);
    (host.to_ascii_lowercase(), path, query)
}

/// What is signed of a request.
struct Request<'a> {
    method: &'a str,
    /// As it is sent.
    path: &'a str,
    /// As it is sent, without its question mark.
    query: &'a str,
    /// By lower-case names.
    headers: Vec<(String, String)>,
    body: &'a [u8],
}

impl Request<'_> {
    /// The value of the `authorization` header.
    fn authorization(&self, keys: &AwsKeys, service: &str, at: &str) -> Result<String> {
        let day = at.get(..8).unwrap_or(at);
        let scope = format!("{day}/{}/{service}/aws4_request", keys.region);
        let (canonical, names) = self.canonical();
        let to_sign = format!("{ALGORITHM}\n{at}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
        let key = signing_key(keys.secret_access_key.expose(), day, &keys.region, service)?;
        let signature = hex(&hmac(&key, to_sign.as_bytes())?);
        let id = keys.access_key_id.expose();
        Ok(format!("{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"))
    }

    /// The request in its canonical form, and the names of its headers.
    fn canonical(&self) -> (String, String) {
        let mut headers: Vec<(&str, String)> = Vec::new();
        for (name, value) in &self.headers {
            let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
            match headers.iter_mut().find(|(own, _)| own == name) {
                Some((_, held)) => {
                    held.push(',');
                    held.push_str(&value);
                }
                None => headers.push((name, value)),
            }
        }
        headers.sort();
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut pairs: Vec<String> = self
            .query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| if pair.contains('=') { pair.to_owned() } else { format!("{pair}=") })
            .collect();
        pairs.sort();
        let canonical = format!(
            "{}\n{}\n{}\n{}\n{names}\n{}",
            self.method,
            canonical_path(self.path),
            pairs.join("&"),
            lines.concat(),
            hex(&Sha256::digest(self.body))
        );
        (canonical, names)
    }
}

/// The path without its detours, every byte of it that is not plain percent-encoded, percent signs too.
fn canonical_path(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            segment => kept.push(segment),
        }
    }
    let is_folder = ["/", "/.", "/.."].into_iter().any(|ending| path.ends_with(ending));
    let mut canonical = String::new();
    for segment in &kept {
        canonical.push('/');
        canonical.push_str(&crate::host::address::percent_encoded(segment));
    }
    if is_folder || kept.is_empty() {
        canonical.push('/');
    }
    canonical
}

/// The key for a day, a region and a service.
fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> Result<[u8; 32]> {
    let mut key = hmac(format!("AWS4{secret}").as_bytes(), day.as_bytes())?;
    for step in [region, service, "aws4_request"] {
        key = hmac(&key, step.as_bytes())?;
    }
    Ok(key)
}

fn hmac(key: &[u8], message: &[u8]) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .map_err(|_| Error::internal("a request could not be signed: the key has no usable length"))?;
    mac.update(message);
    Ok(mac.finalize().into_bytes().into())
}

fn hex(bytes: &[u8]) -> String {
    let mut hex = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        hex.push_str(&format!("{byte:02x}"));
    }
    hex
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: &str = "20150830T123600Z";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    fn keys() -> AwsKeys {
        AwsKeys::new("AKIDEXAMPLE", SECRET, "us-east-1").unwrap()
    }

    /// The signature of a request to the service of the published test suite.
    fn check(request: &str, more: &[(&str, &str)], body: &str, expected: &str) {
        let (method, target) = request.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let host = ("host".to_owned(), "example.amazonaws.com".to_owned());
        let date = ("x-amz-date".to_owned(), AT.to_owned());
        let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let headers = [host, date].into_iter().chain(more).collect();
        let request = Request { method, path, query, headers, body: body.as_bytes() };
        let signed = request.authorization(&keys(), "service", AT).unwrap();
        assert!(signed.ends_with(&format!("Signature={expected}")), "{target}: {signed}");
        assert!(signed.starts_with(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
        ));
    }

    #[test]
    fn the_published_test_suite() {
        const VANILLA: &str = "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31";
        for same in ["GET /", "GET ", "GET /example/..", "GET //", "GET /./"] {
            check(same, &[], "", VANILLA);
        }
        check(
            "GET /?Param2=value2&Param1=value1",
            &[],
            "",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        );
        check("GET /ሴ", &[], "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85");
        check(
            "GET /example space/",
            &[],
            "",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        );
        check("GET //example//", &[], "", "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84");
        check("GET /./example", &[], "", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5");
        let plain = "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        check(plain, &[], "", "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f");
        check("POST /", &[], "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
        check(
            "POST /?Param1=value1",
            &[],
            "",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        );
        check(
            "POST /",
            &[("content-type", "application/x-www-form-urlencoded")],
            "Param1=value1",
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        );
        let token = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA==";
        check(
            "POST /",
            &[("x-amz-security-token", token)],
            "",
            "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead",
        );
        check(
            "GET /",
            &[("my-header1", " value1"), ("my-header2", " \"a   b   c\"")],
            "",
            "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
        );
        check(
            "POST /",
            &[("my-header1", "value1")],
            "",
            "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c",
        );
        let thrice = [("my-header1", "value2"), ("my-header1", "value2"), ("my-header1", "value1")];
        check("GET /", &thrice, "", "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea");
    }

    #[test]
    fn the_example_of_the_documentation() {
        let key = signing_key(SECRET, "20150830", "us-east-1", "iam").unwrap();
        assert_eq!(hex(&key), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9");
        let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let request = Request {
            method: "GET",
            path: "/",
            query: "Action=ListUsers&Version=2010-05-08",
            headers: vec![
                header("host", "iam.amazonaws.com"),
                header("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
                header("x-amz-date", AT),
            ],
            body: b"",
        };
        assert_eq!(
            request.authorization(&keys(), "iam", AT).unwrap(),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
        );
    }

    #[test]
    fn a_path_that_is_encoded_is_encoded_again() {
        assert_eq!(canonical_path("/model/us.a.b-v1%3A0/converse"), "/model/us.a.b-v1%253A0/converse");
        assert_eq!(canonical_path(""), "/");
    }

    #[test]
    fn the_host_is_that_of_the_header() {
        let host = |url: &str| parts(url).0;
        assert_eq!(host("https://A.b:443/x?y=1"), "a.b");
        assert_eq!(host("http://a.b:80"), "a.b");
        assert_eq!(host("http://127.0.0.1:4431/x"), "127.0.0.1:4431");
        assert_eq!(parts("http://a/b/c?d=e"), ("a".to_owned(), "/b/c", "d=e"));
    }

    #[test]
    fn the_headers_that_are_added() {
        let mut headers = Headers::from_iter([("Content-Type", "application/json"), ("accept", "x")]);
        let keys = keys().with_session_token("a-session").unwrap();
        let at: Timestamp = "2015-08-30T12:36:00Z".parse().unwrap();
        sign(&mut headers, "https://a.b/model/m/converse", b"{}", &keys, "bedrock", at).unwrap();
        assert_eq!(headers.get("x-amz-date"), Some(AT));
        assert_eq!(headers.get("x-amz-security-token"), Some("a-session"));
        let signed = headers.get("authorization").unwrap();
        assert!(
            signed.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-security-token,"),
            "{signed}"
        );
        assert!(!signed.contains(SECRET));
    }
}
