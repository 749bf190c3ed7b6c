//! What proves an audit trail to somebody who does not trust whoever keeps the database.
//!
//! A chain of hashes shows that an entry was changed, removed, put in or moved. It cannot show that the whole chain was
//! written anew, or that its newest entries were cut off: whoever can write the database can make those chains whole.
//! So the host keeps **checkpoints** elsewhere: signed statements of how many entries there were and of the root of a
//! Merkle tree over their hashes ([`Checkpoints`], [`CheckpointSink`]). [`export`] hands the trail out as JSON lines
//! that [`verify_export`] checks without a store, and [`merkle`] proves a single entry to somebody who holds nothing
//! but a checkpoint.
//!
//! **Adding a signer** (a hardware module, a key service) or **a place to keep checkpoints** is one implementation of
//! [`CheckpointSigner`] or [`CheckpointSink`].

mod checkpoint;
#[cfg(feature = "checkpoint")]
mod ed25519;
mod export;
mod file;
mod keeper;
pub mod merkle;
mod proof;
mod report;
mod tail;
#[cfg(test)]
#[cfg(feature = "checkpoint")]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointSigner, CheckpointSink, CheckpointVerifier};
#[cfg(feature = "checkpoint")]
pub use ed25519::{CheckpointKey, Ed25519Signer, TrustedKeys};
pub use export::{EXPORT_VERSION, ExportEnd, ExportHead, export};
pub use file::CheckpointFile;
pub use keeper::{Checkpoints, verify_against};
pub use report::{ExportReport, ExportVerifier, verify_export};
