//! Master keys in this process, from an environment variable or a file: for hosts without a key service.

mod file;

use std::path::Path;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

use super::{
    KeyMaterial, MasterKeys, WrappedKey,
    cipher::{self, NONCE, length_prefixed},
};
use crate::{
    context::{CallContext, Randomness},
    error::{Error, ErrorKind, Result},
    json::Digest,
};

/// One or more master keys of 32 bytes. The newest wraps, all of them unwrap, so that a key is replaced by putting a new
/// one in front, rewrapping, and taking the old one away.
///
/// A key is known by the id `local:` and the beginning of its hash, which tells nothing about it.
///
/// ```
/// use agentforge_core::vault::LocalKeys;
///
/// // As `openssl rand -base64 32` or `openssl rand -hex 32` print them, newest first.
/// let keys = LocalKeys::parse("bmV3ZXN0IGtleSBvZiBleGFjdGx5IDMyIGJ5dGVzISE=")?;
/// assert!(LocalKeys::parse("too short").is_err());
/// # drop(keys);
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
pub struct LocalKeys {
    newest: LocalKey,
    older: Vec<LocalKey>,
}

struct LocalKey {
    id: String,
    material: KeyMaterial,
}

impl LocalKey {
    fn new(material: KeyMaterial) -> Self {
        let digest = Digest::of_parts(&[b"agentforge.master_key.id.v1", material.expose()]).to_string();
        Self { id: format!("local:{}", digest.get(..16).unwrap_or_default()), material }
    }
}

impl LocalKeys {
    /// These keys, newest first. None at all is invalid input.
    pub fn new(keys: impl IntoIterator<Item = KeyMaterial>) -> Result<Self> {
        let mut keys = keys.into_iter().map(LocalKey::new);
        let newest = keys.next().ok_or_else(|| {
            Error::invalid(
                "there is no master key; give 32 random bytes, for example `openssl rand -base64 32`",
            )
        })?;
        Ok(Self { newest, older: keys.collect() })
    }

    /// One fresh key, which ends with the process: for stores that do.
    pub fn generate(random: &dyn Randomness) -> Self {
        Self { newest: LocalKey::new(KeyMaterial::generate(random)), older: Vec::new() }
    }

    /// Keys in base64 or hexadecimal, newest first, separated by commas, spaces or lines; `#` begins a comment.
    pub fn parse(text: &str) -> Result<Self> {
        let words = text
            .lines()
            .map(|line| line.split_once('#').map_or(line, |(before, _)| before))
            .flat_map(|line| line.split(|c: char| c == ',' || c.is_whitespace()))
            .filter(|word| !word.is_empty());
        let keys = (1..).zip(words).map(|(place, word)| {
            key_of(word).ok_or_else(|| {
                // The text itself may be most of a key.
                let shape = "a key is 44 characters of base64 or 64 of hexadecimal, for 32 bytes";
                Error::invalid(format!("master key {place} has {} characters; {shape}", word.len()))
            })
        });
        Self::new(keys.collect::<Result<Vec<_>>>()?)
    }

    /// Keys from an environment variable, in the form of [`LocalKeys::parse`]. Nothing else reads the environment.
    pub fn from_env(name: &str) -> Result<Self> {
        let text = std::env::var(name).map(Zeroizing::new).map_err(|_| {
            Error::invalid(format!("the environment variable `{name}` holds no master key; set it"))
                .with("variable", name)
        })?;
        Self::parse(&text)
            .map_err(|error| Error::new(error.kind(), format!("`{name}`: {error}")).with("variable", name))
    }

    /// Keys from a file, in the form of [`LocalKeys::parse`].
    ///
    /// `not_found` when there is none, `denied` when it cannot be read or when others than its owner could (checked
    /// where files have modes), `corrupt` when it is cut short or no key file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = file::read(path)?;
        Self::parse(&text).map_err(|error| {
            let message =
                format!("the key file `{}` is damaged: {error}; restore it from a copy", path.display());
            Error::new(ErrorKind::Corrupt, message).with("path", path.display().to_string())
        })
    }

    /// Keys from a file that is made with one fresh key, for its owner alone, when there is none. Of several processes
    /// that do so at once one makes it and the others read it.
    pub fn open_or_create(path: impl AsRef<Path>, random: &dyn Randomness) -> Result<Self> {
        let path = path.as_ref();
        match Self::from_file(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                file::create(path, &KeyMaterial::generate(random), random)?;
                Self::from_file(path)
            }
            read => read,
        }
    }

    /// The ids of the keys, newest first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.all().map(|key| key.id.as_str())
    }

    fn all(&self) -> impl Iterator<Item = &LocalKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

/// The key that a word stands for.
fn key_of(word: &str) -> Option<KeyMaterial> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(word.len()));
    if word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        for pair in word.as_bytes().chunks_exact(2) {
            bytes.push(u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?);
        }
    } else {
        STANDARD.decode_vec(word, &mut bytes).ok()?;
    }
    KeyMaterial::from_slice(&bytes)
}

fn associated_data(master: &str, associated: &[u8]) -> Vec<u8> {
    length_prefixed(&[b"agentforge.wrapped.v1", master.as_bytes(), associated])
}

#[async_trait]
impl MasterKeys for LocalKeys {
    async fn current(&self, _cx: &CallContext) -> Result<String> {
        Ok(self.newest.id.clone())
    }

    async fn wrap(&self, cx: &CallContext, key: &KeyMaterial, associated: &[u8]) -> Result<WrappedKey> {
        let LocalKey { id, material } = &self.newest;
        let nonce = cipher::new_nonce(cx.random());
        let ciphertext = cipher::encrypt(material, nonce, &associated_data(id, associated), key.expose())?;
        Ok(WrappedKey { master: id.clone(), bytes: [&nonce[..], &ciphertext].concat() })
    }

    async fn unwrap(
        &self,
        _cx: &CallContext,
        wrapped: &WrappedKey,
        associated: &[u8],
    ) -> Result<KeyMaterial> {
        let WrappedKey { master, bytes } = wrapped;
        let Some(key) = self.all().find(|key| key.id == *master) else {
            let held = self.ids().collect::<Vec<_>>().join("`, `");
            return Err(Error::denied(format!(
                "the data key is wrapped with the master key `{master}`, and only `{held}` is at hand; give that key too"
            ))
            .with("master_key", master.as_str()));
        };
        let opened = bytes.split_first_chunk::<NONCE>().and_then(|(nonce, ciphertext)| {
            cipher::decrypt(&key.material, *nonce, &associated_data(master, associated), ciphertext)
        });
        opened.and_then(|bytes| KeyMaterial::from_slice(&bytes)).ok_or_else(|| {
            let message = format!("a data key that was wrapped with the master key `{master}` is damaged");
            Error::new(ErrorKind::Corrupt, message).with("master_key", master.as_str())
        })
    }
}

#[cfg(test)]
mod tests;
