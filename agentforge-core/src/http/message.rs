//! A request and its reply.

use std::{fmt, str::FromStr};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, stream::BoxStream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Headers;
use crate::error::{Error, Result};

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// The thing itself.
    Get,
    /// Its headers alone.
    Head,
    /// Whatever the address does with a body.
    Post,
    /// The body takes the place of the thing.
    Put,
    /// The body changes the thing.
    Patch,
    /// The thing goes away.
    Delete,
    /// What may be asked.
    Options,
}

impl Method {
    /// Every method.
    pub const ALL: &'static [Self] =
        &[Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// Its word in a request.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// Whether it changes nothing on the other side, by RFC 9110.
    pub const fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Options)
    }

    /// Whether twice is as good as once, by RFC 9110.
    pub const fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Self::Put | Self::Delete)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Error;

    /// The method of a word, in any case.
    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.iter().find(|method| method.as_str().eq_ignore_ascii_case(text));
        found.copied().ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|method| method.as_str()).collect();
            Error::invalid(format!("`{text}` is no method; known are: {}", known.join(", ")))
        })
    }
}

/// What becomes of a reply that names another address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Redirects {
    /// The other address is asked, if it is allowed.
    #[default]
    Follow,
    /// It is a reply like any other.
    Keep,
}

/// A request. Its `Debug` shows neither the address, which may hold a key in its query, nor values of headers.
///
/// ```
/// use agentforge_core::http::{HttpRequest, Method};
/// let request = HttpRequest::new(Method::Post, "https://api.example.com/orders")
///     .header("accept", "application/json")
///     .credential("x-api-key", "k-123")
///     .json(&serde_json::json!({"item": "tea"}));
/// assert_eq!(request.headers.get("content-type"), Some("application/json"));
/// ```
#[derive(Clone)]
pub struct HttpRequest {
    /// What it asks for.
    pub method: Method,
    /// The whole address.
    pub url: String,
    /// Headers that go to every address on the way, except those that HTTP itself keeps for credentials.
    pub headers: Headers,
    /// Headers that are never sent to another origin than that of `url`.
    pub credentials: Headers,
    /// The body.
    pub body: Bytes,
    /// What becomes of a redirect.
    pub redirects: Redirects,
}

impl HttpRequest {
    /// A request without headers and body that follows redirects.
    pub fn new(method: Method, url: impl Into<String>) -> Self {
        Self {
            method,
            url: url.into(),
            headers: Headers::new(),
            credentials: Headers::new(),
            body: Bytes::new(),
            redirects: Redirects::Follow,
        }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(name, value);
        self
    }

    /// With one more header that is never sent to another origin.
    #[must_use]
    pub fn credential(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.credentials.push(name, value);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With a JSON body and, unless one is there, its content type.
    #[must_use]
    pub fn json(mut self, value: &Value) -> Self {
        if self.headers.get("content-type").is_none() {
            self.headers.push("content-type", "application/json");
        }
        self.body(value.to_string())
    }

    /// With another way with redirects.
    #[must_use]
    pub const fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpRequest")
            .field("method", &self.method)
            .field("headers", &self.headers)
            .field("credentials", &self.credentials)
            .field("body", &self.body.len())
            .field("redirects", &self.redirects)
            .finish_non_exhaustive()
    }
}

/// A reply, its body still on the way.
pub struct HttpResponse {
    /// The status.
    pub status: u16,
    /// The address that answered: the last one, when there were redirects.
    pub url: String,
    /// The headers.
    pub headers: Headers,
    /// The body as it comes, decompressed and under the client's cap. Dropping it stops the request.
    pub body: BoxStream<'static, Result<Bytes>>,
}

impl HttpResponse {
    /// Whether the status says that it went well.
    pub const fn is_success(&self) -> bool {
        matches!(self.status, 200..=299)
    }

    /// The whole body. Fails as the body does: when it breaks off, takes too long or goes past the client's cap.
    pub async fn bytes(mut self) -> Result<Bytes> {
        let Some(first) = self.body.next().await.transpose()? else { return Ok(Bytes::new()) };
        let Some(second) = self.body.next().await.transpose()? else { return Ok(first) };
        let mut whole = BytesMut::from(first.as_ref());
        whole.extend_from_slice(&second);
        while let Some(piece) = self.body.next().await.transpose()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }
}

impl fmt::Debug for HttpResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpResponse")
            .field("status", &self.status)
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::{executor::block_on, stream};

    #[test]
    fn debug_shows_neither_addresses_nor_values() {
        let request = HttpRequest::new(Method::Get, "https://a.example/?key=hidden")
            .header("accept", "hidden")
            .credential("x-api-key", "hidden")
            .body("hidden");
        let shown = format!("{request:?}");
        assert!(shown.contains("x-api-key") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_body_in_any_number_of_pieces_is_read_whole() {
        for pieces in [vec![], vec!["a"], vec!["a", "b"], vec!["a", "b", "c"]] {
            let body = stream::iter(pieces.clone().into_iter().map(|piece| Ok(Bytes::from(piece)))).boxed();
            let reply = HttpResponse { status: 200, url: String::new(), headers: Headers::new(), body };
            assert_eq!(block_on(reply.bytes()).unwrap(), pieces.concat());
        }
    }

    #[test]
    fn every_method_leads_back_from_its_word() {
        for method in Method::ALL {
            assert_eq!(method.as_str().to_lowercase().parse::<Method>().unwrap(), *method);
            assert_eq!(serde_json::to_value(method).unwrap(), method.as_str());
        }
        assert!("BREW".parse::<Method>().is_err());
    }
}
