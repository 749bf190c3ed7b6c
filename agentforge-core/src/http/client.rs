//! The port of an HTTP client, and how far one may go.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{HttpRequest, HttpResponse};
use crate::{context::CallContext, error::Result};

/// Carries requests of tools. Whoever implements it keeps an [`EgressPolicy`](super::EgressPolicy) and [`HttpLimits`].
///
/// Any status is a reply. An address that is not allowed is `denied`, also when a redirect led to it. A failure says in
/// its phase whether anything had left the process. Dropping the future, or the body, stops the request; so do the
/// cancellation and the deadline of the context.
#[async_trait]
pub trait HttpClient: Send + Sync {
    /// Sends a request and waits for the head of its reply.
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpResponse>;
}

/// How far a request may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpLimits {
    /// How long a connection may take, names and TLS included.
    #[serde(rename = "connect_ms", with = "millis")]
    pub connect: Duration,
    /// How long a request may take to the end of its body, redirects included.
    #[serde(rename = "total_ms", with = "millis")]
    pub total: Duration,
    /// How many redirects are followed.
    pub redirects: u32,
    /// How many bytes the headers of a reply may have, names and values together.
    pub header_bytes: u64,
    /// How many bytes a body may have once it is decompressed.
    pub body_bytes: u64,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            total: Duration::from_secs(30),
            redirects: 5,
            header_bytes: 64 * 1024,
            body_bytes: 10 * 1024 * 1024,
        }
    }
}

/// A span as whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(span: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(span.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_configuration_in_milliseconds_and_bytes() {
        let limits: HttpLimits = serde_json::from_str(r#"{"total_ms": 1500, "body_bytes": 9}"#).unwrap();
        assert_eq!((limits.total, limits.body_bytes), (Duration::from_millis(1500), 9));
        assert_eq!(limits.connect, HttpLimits::default().connect);
        assert!(serde_json::from_str::<HttpLimits>(r#"{"total": 1}"#).is_err());
    }
}
