//! Keys and passwords of tools: asked for at each call, never kept in a tool and never shown.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use crate::{context::CallContext, error::Result};

/// A key, token or password. Its `Debug` shows nothing; what reads it says so with [`SecretText::expose`].
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Arc<str>);

impl SecretText {
    /// The secret.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(…)")
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Gives a secret for each call, so that one that was changed is used at the next.
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// The secret for this caller.
    async fn credential(&self, cx: &CallContext) -> Result<SecretText>;
}

/// One secret for everybody.
#[derive(Debug, Clone)]
pub struct Fixed(pub SecretText);

#[async_trait]
impl CredentialSource for Fixed {
    async fn credential(&self, _cx: &CallContext) -> Result<SecretText> {
        Ok(self.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_shown() {
        let secret = Fixed(SecretText::from("swordfish"));
        assert_eq!(format!("{secret:?}"), "Fixed(SecretText(…))");
        assert_eq!(secret.0.expose(), "swordfish");
    }
}
