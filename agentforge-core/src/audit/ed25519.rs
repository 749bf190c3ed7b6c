//! Ed25519 over checkpoints: a signer that holds its key in memory, and the keys to trust, in the text form of C2SP
//! signed notes.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest as _, Sha256};

use super::{CheckpointSigner, CheckpointVerifier};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
};

/// The number of Ed25519 among the algorithms of signed notes.
const ALGORITHM: u8 = 1;

/// A public key with its name. As text: `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointKey {
    id: String,
    public: [u8; 32],
}

impl CheckpointKey {
    /// A public key under a name, which holds no space and no `+`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self> {
        if name.is_empty() || name.contains(|letter: char| letter.is_whitespace() || letter == '+') {
            let message = format!("`{name}` is no name of a key; use a text without spaces and `+`");
            return Err(Error::invalid(message).with("field", "name"));
        }
        let mut hasher = Sha256::new();
        hasher.update(name.as_bytes());
        hasher.update([b'\n', ALGORITHM]);
        hasher.update(public);
        let [a, b, c, d, ..] = <[u8; 32]>::from(hasher.finalize());
        Ok(Self { id: format!("{name}+{:08x}", u32::from_be_bytes([a, b, c, d])), public })
    }

    /// Its name and the first eight hexadecimal digits of its hash, joined by `+`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key itself.
    pub const fn public(&self) -> &[u8; 32] {
        &self.public
    }
}

impl fmt::Display for CheckpointKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.id, STANDARD.encode([&[ALGORITHM][..], &self.public].concat()))
    }
}

impl FromStr for CheckpointKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid("not the key of checkpoints; expected `name+hash+key` of an Ed25519 key");
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        let bytes = STANDARD.decode(key).map_err(|_| wrong())?;
        let public = match bytes.split_first() {
            Some((&ALGORITHM, public)) => public.try_into().map_err(|_| wrong())?,
            _ => return Err(wrong()),
        };
        let key = Self::new(name, public)?;
        if key.id.rsplit_once('+').is_none_or(|(_, own)| own != hash) {
            return Err(wrong());
        }
        Ok(key)
    }
}

/// Signs with a key in memory. For a key in a module or a service, implement [`CheckpointSigner`].
pub struct Ed25519Signer {
    pair: Ed25519KeyPair,
    key: CheckpointKey,
}

impl Ed25519Signer {
    /// The signer of a secret seed, which the host keeps away from the database.
    ///
    /// ```
    /// use agentforge_core::audit::{CheckpointKey, Ed25519Signer};
    /// let signer = Ed25519Signer::new("audit-2026", &[7; 32])?;
    /// let published = signer.key().to_string();
    /// assert_eq!(published.parse::<CheckpointKey>()?, *signer.key());
    /// # Ok::<(), agentforge_core::Error>(())
    /// ```
    pub fn new(name: &str, seed: &[u8; 32]) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed)
            .map_err(|_| Error::invalid("the seed is no Ed25519 seed").with("field", "seed"))?;
        let public = pair.public_key().as_ref().try_into();
        let public = public.map_err(|_| Error::internal("an Ed25519 public key does not have 32 bytes"))?;
        Ok(Self { pair, key: CheckpointKey::new(name, public)? })
    }

    /// The public key, to be published.
    pub const fn key(&self) -> &CheckpointKey {
        &self.key
    }
}

#[async_trait]
impl CheckpointSigner for Ed25519Signer {
    fn key_id(&self) -> &str {
        self.key.id()
    }

    async fn sign(&self, _cx: &CallContext, text: &[u8]) -> Result<Vec<u8>> {
        Ok(self.pair.sign(text).as_ref().to_vec())
    }
}

/// The public keys whose checkpoints are trusted: the present one and those before it.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(Vec<CheckpointKey>);

impl TrustedKeys {
    /// These keys.
    pub fn new(keys: impl IntoIterator<Item = CheckpointKey>) -> Self {
        Self(keys.into_iter().collect())
    }
}

impl CheckpointVerifier for TrustedKeys {
    fn verify(&self, key_id: &str, text: &[u8], signature: &[u8]) -> Result<()> {
        let Some(key) = self.0.iter().find(|key| key.id == key_id) else {
            let message = format!("nobody trusts the key `{key_id}`; add its public key to the trusted ones");
            return Err(Error::new(ErrorKind::Denied, message));
        };
        UnparsedPublicKey::new(&ED25519, key.public).verify(text, signature).map_err(|_| {
            Error::new(ErrorKind::Corrupt, format!("a checkpoint does not carry the signature of `{key_id}`"))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;

    use super::*;
    use crate::testing::fixed_context;

    #[test]
    fn a_signature_holds_for_its_text_and_its_key_alone() {
        let (ours, theirs) =
            (Ed25519Signer::new("ours", &[1; 32]).unwrap(), Ed25519Signer::new("theirs", &[2; 32]).unwrap());
        let trusted = TrustedKeys::new([ours.key().clone()]);
        let signature = block_on(ours.sign(&fixed_context(), b"text")).unwrap();
        trusted.verify(ours.key_id(), b"text", &signature).unwrap();
        let kind = |result: Result<()>| result.unwrap_err().kind();
        assert_eq!(kind(trusted.verify(ours.key_id(), b"texT", &signature)), ErrorKind::Corrupt);
        assert_eq!(kind(trusted.verify(theirs.key_id(), b"text", &signature)), ErrorKind::Denied);
        let forged = block_on(theirs.sign(&fixed_context(), b"text")).unwrap();
        assert_eq!(kind(trusted.verify(ours.key_id(), b"text", &forged)), ErrorKind::Corrupt);
    }

    #[test]
    fn keys_are_read_and_written_as_signed_notes_have_them() {
        // The key of the note package's own documentation.
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: CheckpointKey = text.parse().unwrap();
        assert_eq!((key.id(), key.to_string().as_str()), ("PeterNeumann+c74f20a3", text));
        for wrong in [
            "",
            "a",
            "a+b",
            "a+c74f20a3+ARpc",
            "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(wrong.parse::<CheckpointKey>().is_err(), "{wrong}");
        }
        assert!(CheckpointKey::new("a b", [0; 32]).is_err());
    }
}
