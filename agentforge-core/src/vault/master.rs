//! The port behind which master keys live: a key service, a hardware module, or [`super::LocalKeys`].

use async_trait::async_trait;

use super::KeyMaterial;
use crate::{context::CallContext, error::Result};

/// A data key as it may be stored.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The id of the master key that wrapped it.
    pub master: String,
    /// The wrapped bytes, opaque to everybody else.
    pub bytes: Vec<u8>,
}

/// Wraps and unwraps data keys.
///
/// An implementation binds the associated data to what it wraps: unwrapping with other associated data fails. Its
/// errors name the master key and never hold key material: `denied` when the key is not to be had, `corrupt` when the
/// wrapped bytes are not what it once returned, `transport` when the service is out of reach. A data key is unwrapped
/// once per process and then kept in memory, so what the service takes back counts from the next start.
#[async_trait]
pub trait MasterKeys: Send + Sync {
    /// The id of the key that wraps from now on.
    async fn current(&self, cx: &CallContext) -> Result<String>;

    /// Wraps a data key with the current key.
    async fn wrap(&self, cx: &CallContext, key: &KeyMaterial, associated: &[u8]) -> Result<WrappedKey>;

    /// The data key that was wrapped, with whichever key it was.
    async fn unwrap(&self, cx: &CallContext, wrapped: &WrappedKey, associated: &[u8]) -> Result<KeyMaterial>;
}
