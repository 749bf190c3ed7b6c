//! A provider's key: never shown, never serialised, and taken out of every error.

use std::{fmt, sync::Arc};

use agentforge_core::{Error, Result};
use serde_json::Value;

/// A provider's key.
#[derive(Clone)]
pub struct ApiKey(Arc<str>);

/// Keys shorter than this are placeholders, and taking them out of messages would tear words apart.
const SHORTEST_SECRET: usize = 6;

impl ApiKey {
    /// A key; blanks around it are cut off. `source` names where it came from, for example a variable, and stands in
    /// the error for a key that is empty or that no header can carry.
    pub fn new(key: &str, source: &str) -> Result<Self> {
        let key = key.trim();
        if key.is_empty() {
            return Err(Error::invalid(format!("{source} is empty; set it to the provider's key")));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::invalid(format!(
                "{source} holds characters that no key has, such as blanks or line ends; set it anew"
            )));
        }
        Ok(Self(key.into()))
    }

    /// The key itself, for the header that carries it or the vault that seals it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn is_secret(&self) -> bool {
        self.0.len() >= SHORTEST_SECRET
    }

    /// The error without the key, which a careless provider may have quoted.
    pub(crate) fn scrub(&self, error: Error) -> Error {
        if !self.is_secret() || !format!("{error:?}").contains(&*self.0) {
            return error;
        }
        let clean = |text: &str| text.replace(&*self.0, "[key]");
        let mut cleaned = Error::new(error.kind(), clean(error.message()));
        for (key, value) in error.context() {
            cleaned = cleaned.with(key, self.scrub_value(value));
        }
        cleaned =
            if error.is_retryable() { cleaned.retry_after(error.wait()) } else { cleaned.never_retry() };
        match error.phase() {
            Some(phase) => cleaned.in_phase(phase),
            None => cleaned,
        }
    }

    fn scrub_value(&self, value: &Value) -> Value {
        let text = value.to_string();
        if !text.contains(&*self.0) {
            return value.clone();
        }
        serde_json::from_str(&text.replace(&*self.0, "[key]")).unwrap_or_else(|_| "[key]".into())
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use agentforge_core::{ErrorKind, error::Phase};

    use super::*;

    #[test]
    fn a_key_is_never_shown() {
        let key = ApiKey::new(" sk-very-secret\n", "TEST_KEY").unwrap();
        assert_eq!(format!("{key:?}"), "ApiKey(…)");
        assert_eq!(key.expose(), "sk-very-secret");
    }

    #[test]
    fn a_key_that_cannot_work_names_its_source() {
        for wrong in ["", "  ", "a b", "sk-\u{e9}", "sk\n-x"] {
            let error = ApiKey::new(wrong, "TEST_KEY").unwrap_err();
            assert!(error.message().contains("TEST_KEY"), "{wrong:?}: {error}");
            assert!(wrong.trim().is_empty() || !error.message().contains(wrong), "{error}");
        }
    }

    #[test]
    fn an_error_that_quotes_the_key_loses_it_and_keeps_the_rest() {
        let key = ApiKey::new("sk-very-secret", "TEST_KEY").unwrap();
        let cause = std::io::Error::other("header sk-very-secret");
        let error = Error::new(ErrorKind::RateLimited, "bad key sk-very-secret given")
            .with("raw", serde_json::json!({"echo": ["sk-very-secret"]}))
            .retry_after(Some(Duration::from_secs(3)))
            .in_phase(Phase::BeforeFirstEvent)
            .caused_by(cause);
        let scrubbed = key.scrub(error);
        assert!(!format!("{scrubbed:?}").contains("secret"), "{scrubbed:?}");
        assert_eq!(scrubbed.message(), "bad key [key] given");
        assert_eq!(scrubbed.wait(), Some(Duration::from_secs(3)));
        assert_eq!(scrubbed.phase(), Some(Phase::BeforeFirstEvent));
    }
}
