//! Secrets at rest: what is sealed, and the wrapped keys that it is sealed with. No plaintext and no bare key has a
//! place here; [`crate::vault`] (feature `vault`) seals and opens.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::{
    id::{DataKeyId, SecretId},
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record, UniqueSpec},
};

/// A sealed value: `{v, key, nonce, ciphertext}`, the last two as base64. It opens only in the place that it was sealed
/// for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "SealedForm", into = "SealedForm")]
pub struct Sealed {
    key: u32,
    nonce: [u8; 24],
    ciphertext: Vec<u8>,
}

impl Sealed {
    /// The parts of a value that was sealed with XChaCha20-Poly1305; the ciphertext ends with its tag.
    pub const fn new(key: u32, nonce: [u8; 24], ciphertext: Vec<u8>) -> Self {
        Self { key, nonce, ciphertext }
    }

    /// The number of the tenant's data key that sealed it.
    pub const fn key(&self) -> u32 {
        self.key
    }

    /// What made this sealing different from every other.
    pub const fn nonce(&self) -> &[u8; 24] {
        &self.nonce
    }

    /// The encrypted value with its tag.
    pub fn ciphertext(&self) -> &[u8] {
        &self.ciphertext
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(key {}, {} bytes)", self.key, self.ciphertext.len())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedForm {
    v: u8,
    key: u32,
    nonce: String,
    ciphertext: String,
}

impl From<Sealed> for SealedForm {
    fn from(sealed: Sealed) -> Self {
        Self {
            v: 1,
            key: sealed.key,
            nonce: STANDARD.encode(sealed.nonce),
            ciphertext: STANDARD.encode(sealed.ciphertext),
        }
    }
}

impl TryFrom<SealedForm> for Sealed {
    type Error = String;

    fn try_from(form: SealedForm) -> Result<Self, String> {
        if form.v != 1 {
            return Err(format!("the value was sealed in form {}, this version reads 1; upgrade", form.v));
        }
        let nonce = STANDARD.decode(form.nonce).ok().and_then(|bytes| bytes.try_into().ok());
        let ciphertext = STANDARD.decode(form.ciphertext);
        match (nonce, ciphertext) {
            (Some(nonce), Ok(ciphertext)) => Ok(Self { key: form.key, nonce, ciphertext }),
            (None, _) => Err("the nonce of a sealed value is not 24 bytes of base64".to_owned()),
            (_, Err(_)) => Err("the ciphertext of a sealed value is not base64".to_owned()),
        }
    }
}

/// A secret of a tenant under its name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecretRecord {
    /// Its id, for which the value was sealed.
    pub id: SecretId,
    /// What settings refer to as `secret://NAME`; unique in the tenant.
    pub name: String,
    /// What it is for, in words that may be shown.
    pub description: String,
    /// The number of the data key that sealed the value, so that a rotation finds what is left to do.
    pub data_key: u32,
    /// The value.
    pub sealed: Sealed,
}

impl Record for SecretRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("name", FieldKind::Text), FieldSpec::new("data_key", FieldKind::Int)],
        indexes: &[IndexSpec { fields: &["data_key"] }],
        unique: &[UniqueSpec { fields: &["name"] }],
        ..CollectionSpec::new("secrets")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// A key that a tenant's data is sealed with, itself wrapped with a master key that the store never sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataKeyRecord {
    /// Its id, for which it was wrapped.
    pub id: DataKeyId,
    /// Its number in the tenant, counted from 1 and never given twice.
    pub number: u32,
    /// What it may still do.
    pub state: DataKeyState,
    /// The id of the master key that wraps it.
    pub master: String,
    /// The wrapped key; none once it is destroyed.
    pub wrapped: Option<WrappedBytes>,
}

impl Record for DataKeyRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("number", FieldKind::Int)],
        unique: &[UniqueSpec { fields: &["number"] }],
        ..CollectionSpec::new("data_keys")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}

/// What a data key may still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DataKeyState {
    /// Seals and opens. The newest key of a tenant.
    Active,
    /// Opens what it sealed.
    Retired,
    /// Nothing: what it sealed is gone for ever.
    Destroyed,
}

/// Bytes of a wrapped key, base64 outside.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedBytes(pub Vec<u8>);

impl fmt::Debug for WrappedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedBytes({} bytes)", self.0.len())
    }
}

impl Serialize for WrappedBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for WrappedBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| de::Error::custom("a wrapped key is not base64"))
    }
}
