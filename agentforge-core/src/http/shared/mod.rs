//! What the clients of this workspace share below their ports. It names types of reqwest and rustls and is not part of
//! the API.

mod names;
mod tls;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::Headers;
use crate::error::{Error, Result};

pub use names::{CheckedNames, SystemResolver};
pub use tls::{Trust, tls_config};

/// The name that requests give.
pub const USER_AGENT: &str = concat!("agentforge/", env!("CARGO_PKG_VERSION"));

/// Headers as a client sends them.
pub fn header_map(headers: &Headers) -> Result<HeaderMap> {
    let mut map = HeaderMap::new();
    for (name, value) in headers.iter() {
        let wrong =
            || Error::invalid(format!("the header `{name}` has a name or a value that HTTP cannot carry"));
        let mut value = HeaderValue::from_str(value).map_err(|_| wrong())?;
        // Every value of ours may be a key; marked so, no log of the client shows it.
        value.set_sensitive(true);
        map.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| wrong())?, value);
    }
    Ok(map)
}

/// Headers as they came.
pub fn headers_of(map: &HeaderMap) -> Headers {
    map.iter().map(|(name, value)| (name.as_str(), String::from_utf8_lossy(value.as_bytes()))).collect()
}

/// The first cause of a type among the causes of a failure.
pub fn cause_of<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

/// Whether the bytes themselves are wrong, such as a broken compression, rather than the connection.
pub fn is_garbage(error: &reqwest::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    cause_of::<std::io::Error>(error).is_some_and(|error| matches!(error.kind(), InvalidData | InvalidInput))
}

/// What lies at the bottom of a failure.
pub fn root_cause(error: &reqwest::Error) -> String {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}
