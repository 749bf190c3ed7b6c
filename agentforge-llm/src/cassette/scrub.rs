//! What never gets onto a tape: keys in headers and addresses, whatever a host names, and each of these values wherever
//! else it stands.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use memchr::memmem;

use super::scrub_body::Members;
use crate::{recorded::RecordedRequest, transport::Headers};

/// What stands in a secret's place.
pub(super) const REDACTED: &str = "[REDACTED]";

/// Headers whose values are secrets or name an account; besides them any that ends like one of [`ENDINGS`].
const HEADERS: [&str; 11] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-amz-security-token",
    "cookie",
    "set-cookie",
    "openai-organization",
    "openai-project",
    "anthropic-organization-id",
];

/// How headers with secrets end. Not `-tokens`: providers count those.
const ENDINGS: [&str; 7] =
    ["-key", "-token", "-secret", "-password", "-signature", "-authorization", "-cookie"];

/// Parameters of an address whose values are secrets.
const PARAMETERS: [&str; 14] = [
    "key",
    "api_key",
    "apikey",
    "api-key",
    "access_token",
    "token",
    "sig",
    "signature",
    "client_secret",
    "password",
    "code",
    "x-amz-signature",
    "x-amz-credential",
    "x-amz-security-token",
];

/// Values shorter than this are placeholders, and taking them out everywhere would tear words apart.
const SHORTEST: usize = 6;
/// The same for values that only a member's name marks as secret: `"authorization": "required"` is none.
const SHORTEST_MEMBER: usize = 16;

/// What is taken out of requests and replies before they are kept, besides what always is.
///
/// Always: the values of headers such as `authorization`, `x-api-key`, `api-key`, `x-goog-api-key`,
/// `x-amz-security-token`, `cookie` and `set-cookie`; of parameters such as `key` and `api_key`; of members such as
/// `authorization` and `api_key` in JSON bodies; and every one of these values, of six letters or more, wherever else it
/// stands: in a body that quotes it, in bytes, in base64, with percent escapes. A value that a model spells out in
/// several events is not found.
///
/// ```
/// use agentforge_llm::cassette::Scrub;
/// let scrub = Scrub::new()
///     .header("x-employee")
///     .parameter("customer")
///     .member("email")
///     .pointer("/messages/*/name")
///     .secret("the licence number");
/// assert_eq!(format!("{scrub:?}"), "Scrub(…)");
/// ```
#[derive(Clone, Default)]
pub struct Scrub {
    headers: Vec<String>,
    parameters: Vec<String>,
    members: Vec<String>,
    pointers: Vec<String>,
    secrets: Vec<String>,
}

impl Scrub {
    /// What is always taken out, and no more.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes out a header of this name, in requests and replies.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name.into().to_ascii_lowercase());
        self
    }

    /// Takes out a parameter of addresses.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>) -> Self {
        self.parameters.push(name.into().to_ascii_lowercase());
        self
    }

    /// Takes out members of this name, anywhere in the JSON of requests, replies and events. Texts become `[REDACTED]`,
    /// numbers zero and so on, so that the form stays.
    #[must_use]
    pub fn member(mut self, name: impl Into<String>) -> Self {
        self.members.push(name.into());
        self
    }

    /// Takes out what a JSON pointer means, in every body and event; `*` stands for every element or member.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.pointers.push(pointer.into());
        self
    }

    /// Takes out a value wherever it stands.
    #[must_use]
    pub fn secret(mut self, value: impl Into<String>) -> Self {
        self.secrets.push(value.into());
        self
    }

    pub(super) fn pointers(&self) -> &[String] {
        &self.pointers
    }

    /// The request without secrets, and what must not stand in its answer either.
    pub(super) fn request(&self, mut request: RecordedRequest) -> (RecordedRequest, Secrets) {
        let mut found = self.secrets.clone();
        for (name, value) in request.headers.iter().filter(|(name, _)| self.is_secret_header(name)) {
            found.extend(values_of_header(name, value));
        }
        for (name, value) in &mut request.query {
            if self.is_secret_parameter(name) {
                found.push(std::mem::replace(value, REDACTED.to_owned()));
            }
        }
        let members = self.members();
        let body = members.scrub(&request.body, &mut |value| {
            if value.len() >= SHORTEST_MEMBER {
                found.push(value.to_owned());
            }
        });
        let secrets = Secrets::new(&found);
        request.headers = self.headers(&request.headers, &secrets);
        request.body = secrets.take_out_of(&body);
        request.path = secrets.take_out_of_text(&request.path);
        for (_, value) in &mut request.query {
            *value = secrets.take_out_of_text(value);
        }
        (request, secrets)
    }

    /// The headers and the body of an answer without secrets.
    pub(super) fn reply(&self, headers: &Headers, body: &Bytes, secrets: &Secrets) -> (Headers, Bytes) {
        let body = self.members().scrub(body, &mut |_| {});
        (self.headers(headers, secrets), secrets.take_out_of(&body))
    }

    fn headers(&self, headers: &Headers, secrets: &Secrets) -> Headers {
        let clean = |(name, value): (&str, &str)| {
            let value = if self.is_secret_header(name) {
                REDACTED.to_owned()
            } else {
                secrets.take_out_of_text(value)
            };
            (name.to_owned(), value)
        };
        headers.iter().map(clean).collect()
    }

    fn members(&self) -> Members<'_> {
        Members { named: &self.members, pointers: &self.pointers }
    }

    fn is_secret_header(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        HEADERS.contains(&name.as_str())
            || ENDINGS.iter().any(|ending| name.ends_with(ending))
            || self.headers.contains(&name)
    }

    fn is_secret_parameter(&self, name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        PARAMETERS.contains(&name.as_str()) || self.parameters.contains(&name)
    }
}

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrub(…)")
    }
}

/// The secrets in the value of a header: the whole, what follows its scheme, and the id of an AWS key.
fn values_of_header(name: &str, value: &str) -> Vec<String> {
    let mut found = vec![value.to_owned()];
    if name.to_ascii_lowercase().ends_with("authorization") {
        found.extend(value.split_whitespace().skip(1).map(str::to_owned));
        let id = value.split_once("Credential=").and_then(|(_, after)| after.split('/').next());
        found.extend(id.map(str::to_owned));
    }
    found
}

/// Values that must not stand anywhere, in all forms in which they may.
#[derive(Default)]
pub(super) struct Secrets(Vec<Form>);

struct Form {
    bytes: Vec<u8>,
    /// What stands in its place.
    place: Vec<u8>,
}

impl Secrets {
    fn new(values: &[String]) -> Self {
        let mut forms: Vec<Form> = Vec::new();
        for value in values.iter().filter(|value| value.len() >= SHORTEST && *value != REDACTED) {
            let text = |bytes: String| Form { bytes: bytes.into_bytes(), place: REDACTED.into() };
            forms.push(text(value.clone()));
            forms.push(text(value.replace('/', "\\/")));
            forms.push(text(escaped(value)));
            for before in 0..3 {
                for bytes in base64_of(value.as_bytes(), before) {
                    // As long as before and base64 still, so that what is around it can be read.
                    forms.push(Form { place: vec![b'A'; bytes.len()], bytes });
                }
            }
        }
        // The longest first: a secret may stand inside another one.
        forms.sort_by(|a, b| b.bytes.len().cmp(&a.bytes.len()).then_with(|| a.bytes.cmp(&b.bytes)));
        forms.dedup_by(|a, b| a.bytes == b.bytes);
        Self(forms)
    }

    pub(super) fn take_out_of(&self, body: &Bytes) -> Bytes {
        super::scrub_body::each_payload(body, &mut |bytes| self.replaced(bytes))
            .unwrap_or_else(|| body.clone())
    }

    pub(super) fn take_out_of_text(&self, text: &str) -> String {
        match self.replaced(text.as_bytes()) {
            Some(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The bytes without secrets; `None` when there are none in them.
    fn replaced(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut changed: Option<Vec<u8>> = None;
        for form in &self.0 {
            let current = changed.as_deref().unwrap_or(bytes);
            let finder = memmem::Finder::new(&form.bytes);
            if finder.find(current).is_none() {
                continue;
            }
            let mut next = Vec::with_capacity(current.len());
            let mut rest = current;
            while let Some((before, after)) = finder
                .find(rest)
                .and_then(|at| rest.split_at_checked(at))
                .and_then(|(before, found)| Some((before, found.get(form.bytes.len()..)?)))
            {
                next.extend_from_slice(before);
                next.extend_from_slice(&form.place);
                rest = after;
            }
            next.extend_from_slice(rest);
            changed = Some(next);
        }
        changed
    }
}

/// With percent escapes, as an address has it.
fn escaped(value: &str) -> String {
    let mut text = String::new();
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                text.push(char::from(byte));
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

/// What stands in base64 for a value that has `before` bytes in front of it, modulo three: only the letters that no
/// neighbour takes part in, in both alphabets.
fn base64_of(value: &[u8], before: usize) -> Vec<Vec<u8>> {
    let padded: Vec<u8> = std::iter::repeat_n(0, before).chain(value.iter().copied()).collect();
    let text = STANDARD.encode(&padded);
    let first = (before * 8).div_ceil(6);
    let end = padded.len() * 8 / 6;
    let Some(core) = text.get(first..end) else { return Vec::new() };
    let web = core.replace('+', "-").replace('/', "_");
    vec![core.as_bytes().to_vec(), web.into_bytes()]
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;

    fn request(url: &str, headers: &[(&str, &str)], body: &str) -> RecordedRequest {
        super::super::plain(&crate::transport::HttpRequest {
            url: url.to_owned(),
            headers: headers.iter().copied().collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    #[test]
    fn every_header_that_carries_a_key_is_emptied_and_counts_of_tokens_are_not() {
        let scrub = Scrub::new().header("X-Employee");
        for name in [
            "Authorization",
            "x-api-key",
            "api-key",
            "X-Goog-Api-Key",
            "x-amz-security-token",
            "Cookie",
            "ocp-apim-subscription-key",
            "x-employee",
        ] {
            let (request, _) = scrub.request(request("https://a.b/", &[(name, "Bearer abcdef")], ""));
            assert_eq!(request.headers.get(name), Some(REDACTED), "{name}");
        }
        let kept =
            [("x-ratelimit-remaining-tokens", "5"), ("anthropic-ratelimit-tokens-reset", "x"), ("date", "y")];
        let (headers, _) = scrub.reply(&kept.into_iter().collect(), &Bytes::new(), &Secrets::default());
        assert_eq!(headers.iter().collect::<Vec<_>>(), kept);
    }

    #[test]
    fn a_key_is_found_wherever_it_stands_whatever_it_is_written_in() {
        const KEY: &str = "sk-very/secret+0123456789==";
        let scrub = Scrub::new();
        let (sent, secrets) = scrub.request(request(
            &format!("https://a.b/v1/{KEY}/x?key={KEY}&alt=sse"),
            &[("authorization", &format!("Bearer {KEY}")), ("x-note", KEY)],
            &format!("{{\"user\":\"{KEY}\"}}"),
        ));
        assert!(!format!("{sent:?} {:?}", sent.headers.get("x-note")).contains("very"), "{sent:?}");
        assert_eq!(sent.query[1], ("alt".to_owned(), "sse".to_owned()));
        let mut quoted = vec![
            KEY.to_owned(),
            KEY.replace('/', "\\/"),
            "a=sk-very%2Fsecret%2B0123456789%3D%3D&b".to_owned(),
        ];
        for before in ["", "x", "xy", "xyz", "wxyz"] {
            let text = format!("{before}{KEY} and more");
            quoted.push(STANDARD.encode(&text));
            quoted.push(URL_SAFE_NO_PAD.encode(&text));
        }
        for text in quoted {
            let clean = secrets.take_out_of(&Bytes::from(format!("<{text}>")));
            let clean = String::from_utf8(clean.to_vec()).unwrap();
            assert!(!clean.contains("very") && !clean.contains("0123456789"), "{clean}");
            let inner = clean.trim_matches(['<', '>']);
            let decoded =
                STANDARD.decode(inner).or_else(|_| URL_SAFE_NO_PAD.decode(inner)).unwrap_or_default();
            assert!(memmem::find(&decoded, b"secret").is_none(), "{clean}");
        }
        let bytes = secrets.take_out_of(&Bytes::from([&[0xff, 0][..], KEY.as_bytes(), &[0xfe]].concat()));
        assert!(memmem::find(&bytes, b"secret").is_none() && bytes.starts_with(&[0xff, 0]), "{bytes:?}");
    }

    #[test]
    fn the_key_of_a_signature_is_known_by_its_id() {
        let header = "AWS4-HMAC-SHA256 Credential=AKIAEXAMPLEKEY/20260101/us-east-1/bedrock/aws4_request, Signature=abc";
        let (_, secrets) = Scrub::new().request(request("https://a.b/", &[("authorization", header)], ""));
        assert_eq!(secrets.take_out_of_text("unknown AKIAEXAMPLEKEY!"), "unknown [REDACTED]!");
        assert_eq!(secrets.take_out_of_text("AWS4-HMAC-SHA256"), "AWS4-HMAC-SHA256");
    }

    #[test]
    fn a_placeholder_leaves_words_alone() {
        let (_, secrets) = Scrub::new().request(request("https://a.b/", &[("x-api-key", "none")], ""));
        assert_eq!(secrets.take_out_of_text("nonetheless"), "nonetheless");
    }
}
