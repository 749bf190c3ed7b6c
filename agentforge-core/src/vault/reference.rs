//! How other settings name a secret without holding it.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

const SCHEME: &str = "secret://";
const LONGEST: usize = 128;

/// The name of a secret as it stands in other settings: `secret://NAME`.
///
/// ```
/// use agentforge_core::vault::SecretRef;
///
/// let reference: SecretRef = "secret://crm/api-key".parse()?;
/// assert_eq!(reference.name(), "crm/api-key");
/// assert_eq!(reference.to_string(), "secret://crm/api-key");
/// assert!(!SecretRef::is_reference("https://example.com"));
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretRef(String);

impl SecretRef {
    /// The reference to a name: 1 to 128 ASCII letters, digits and `.`, `_`, `-`, `/`.
    pub fn new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
        if name.is_empty() || name.len() > LONGEST || !name.bytes().all(fits) {
            // The text is not repeated: it may be the value of a secret in the wrong place.
            return Err(Error::invalid(
                "a secret's name is 1 to 128 letters, digits and `.`, `_`, `-`, `/`; choose another",
            )
            .with("field", "name"));
        }
        Ok(Self(name))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.0
    }

    /// Whether a setting's text means a secret and not itself.
    pub fn is_reference(text: &str) -> bool {
        text.starts_with(SCHEME)
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.0)
    }
}

impl FromStr for SecretRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let name = text.strip_prefix(SCHEME).ok_or_else(|| {
            Error::invalid("a reference to a secret reads `secret://NAME`").with("field", "secret")
        })?;
        Self::new(name)
    }
}

impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_reference_is_refused_and_not_repeated() {
        for text in ["sk-live-1234", "secret://", "secret://a b", "secret://päss", "secret://a\0"] {
            let error = text.parse::<SecretRef>().unwrap_err();
            assert!(!error.message().contains("sk-live") && !error.message().contains("päss"), "{error}");
        }
        assert!(SecretRef::new("x".repeat(LONGEST)).is_ok() && SecretRef::new("x".repeat(129)).is_err());
    }

    #[test]
    fn a_reference_is_its_text_in_json() {
        let reference = SecretRef::new("mail.password").unwrap();
        let json = serde_json::to_value(&reference).unwrap();
        assert_eq!(json, "secret://mail.password");
        assert_eq!(serde_json::from_value::<SecretRef>(json).unwrap(), reference);
    }
}
