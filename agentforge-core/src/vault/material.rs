//! What must not be seen: plaintexts and bare keys. Both are wiped when dropped, and neither can be printed, compared or
//! serialised by accident.

use zeroize::Zeroizing;

use crate::{
    context::Randomness,
    error::{Error, ErrorKind, Result},
};

/// A plaintext that is wiped from memory when it is dropped. It implements neither `Debug` nor `Display` nor
/// `Serialize`; what reads it says so with [`Secret::expose`] or [`Secret::expose_text`].
///
/// ```
/// use agentforge_core::vault::Secret;
///
/// let secret = Secret::from("correct horse");
/// assert_eq!(secret.expose_text()?, "correct horse");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
///
/// Copies that its reader makes are the reader's to wipe.
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes as text; `invalid_input` when they are not UTF-8.
    pub fn expose_text(&self) -> Result<&str> {
        std::str::from_utf8(&self.0).map_err(|_| {
            Error::new(ErrorKind::InvalidInput, "the secret is not text; read its bytes with `expose`")
        })
    }
}

impl From<Zeroizing<Vec<u8>>> for Secret {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Secret {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        text.into_bytes().into()
    }
}

impl From<&[u8]> for Secret {
    fn from(bytes: &[u8]) -> Self {
        bytes.to_vec().into()
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

/// The 32 bytes of a bare key, wiped from memory when dropped; no `Debug`, `Display` or `Serialize` either.
pub struct KeyMaterial(Zeroizing<[u8; 32]>);

impl KeyMaterial {
    /// A fresh random key.
    pub fn generate(random: &dyn Randomness) -> Self {
        let mut bytes = Zeroizing::new([0; 32]);
        random.fill(&mut *bytes);
        Self(bytes)
    }

    /// The key of these bytes; none when they are not 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; 32]);
        if bytes.len() != key.len() {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The bytes, for a cipher or a key service.
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::{fmt, marker::PhantomData};

    use super::*;
    use crate::vault::{LocalKeys, Vault};

    /// Answers at compile time whether a type has a trait: an inherent constant hides the one of the blanket trait.
    macro_rules! has {
        ($type:ty: $bound:path) => {{
            #[allow(dead_code)]
            trait Otherwise {
                const HAS: bool = false;
            }
            #[allow(dead_code)]
            struct Probe<T>(PhantomData<T>);
            impl<T> Otherwise for Probe<T> {}
            #[allow(dead_code)]
            impl<T: $bound> Probe<T> {
                const HAS: bool = true;
            }
            Probe::<$type>::HAS
        }};
    }

    #[test]
    fn nothing_that_holds_a_secret_can_be_printed_or_serialised() {
        assert!(has!(String: fmt::Debug) && has!(String: serde::Serialize), "the probe sees what is there");
        assert!(!has!(Secret: fmt::Debug) && !has!(Secret: fmt::Display) && !has!(Secret: serde::Serialize));
        assert!(!has!(KeyMaterial: fmt::Debug) && !has!(KeyMaterial: serde::Serialize));
        assert!(!has!(LocalKeys: fmt::Debug) && !has!(LocalKeys: serde::Serialize));
        assert!(!has!(Vault: serde::Serialize));
    }

    #[test]
    fn bytes_that_are_no_text_are_said_to_be_none_and_not_shown() {
        let error = Secret::from(vec![0xff, 0x41]).expose_text().unwrap_err();
        assert!(!format!("{error:?}").contains('A'), "{error:?}");
    }
}
