//! The vault: secrets at rest by envelope encryption.
//!
//! A value is sealed with XChaCha20-Poly1305 under a *data key* of its tenant; data keys are wrapped with a *master key*
//! that only the host holds, behind the port [`MasterKeys`]. The tenant, table, column, row and key number are part of
//! every sealing, so that a ciphertext opens nowhere but where it was put.
//!
//! [`Vault`] is a mechanism like a store: it decides for nobody. [`Secrets`] is the named, authorised and audited
//! collection over it, and [`seal_audit`] keeps the details of the audit trail sealed. **Adding a key service** is one
//! implementation of [`MasterKeys`].

mod audit;
mod cache;
mod cipher;
mod lifecycle;
mod local;
mod master;
mod material;
mod place;
mod reference;
mod secrets;
mod service;
#[cfg(test)]
mod tests;

pub use crate::record::Sealed;
pub use audit::seal_audit;
pub use local::LocalKeys;
pub use master::{MasterKeys, WrappedKey};
pub use material::{KeyMaterial, Secret};
pub use place::Place;
pub use reference::SecretRef;
pub use secrets::{Rotation, SecretSummary, Secrets};
pub use service::Vault;
