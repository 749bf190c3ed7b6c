//! A checkpoint: what a trail was at an instant, in the text that is signed; and the ports that sign and keep it.

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::merkle::Frontier;
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
    json::Digest,
    time::Timestamp,
};

/// How many entries a tenant's trail had, and what they were: the root of the Merkle tree over their hashes, signed.
///
/// The signed text is a checkpoint of C2SP `tlog-checkpoint` (origin and tenant, size, root) with two further lines:
/// the hash of the last entry and the instant. [`Checkpoint::to_note`] gives it with its signature as a signed note.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The version of this form.
    pub v: u16,
    /// Whose trails these are, as the host names them: `example.com/audit`.
    pub origin: String,
    /// The tenant.
    pub tenant: TenantId,
    /// How many entries.
    pub size: u64,
    /// The root of the tree over their hashes.
    pub root: Digest,
    /// The hash of the last of them; zeros when there is none.
    pub head: Digest,
    /// When it was made.
    pub at: Timestamp,
    /// Whose signature this is, as [`CheckpointSigner::key_id`] says.
    pub key_id: String,
    /// The signature of the text.
    #[serde(serialize_with = "write_base64", deserialize_with = "read_base64")]
    pub signature: Vec<u8>,
    /// The parts of the tree, from which the next checkpoint goes on. Not signed: they must come to the root.
    pub frontier: Vec<Digest>,
}

impl Checkpoint {
    /// The version that is written today.
    pub const VERSION: u16 = 1;

    /// The text that is signed.
    pub fn text(&self) -> String {
        format!(
            "{}/{}\n{}\n{}\nhead {}\nat {}\n",
            self.origin,
            self.tenant,
            self.size,
            STANDARD.encode(self.root.as_bytes()),
            STANDARD.encode(self.head.as_bytes()),
            self.at,
        )
    }

    /// The tree that the checkpoint is about; `corrupt` when its parts do not come to its root.
    pub fn tree(&self) -> Result<Frontier> {
        let tree = Frontier::from_parts(self.size, self.frontier.clone())?;
        if tree.root() == self.root {
            return Ok(tree);
        }
        let message =
            format!("the parts kept with the checkpoint over {} entries are not its root's", self.size);
        Err(Error::new(ErrorKind::Corrupt, message))
    }

    /// The text with its signature as a C2SP signed note, for the tools that read those.
    pub fn to_note(&self) -> String {
        let (name, hash) = self.key_id.rsplit_once('+').unwrap_or((&self.key_id, ""));
        let hash = u32::from_str_radix(hash, 16).unwrap_or_default().to_be_bytes();
        let signature = STANDARD.encode([&hash[..], &self.signature].concat());
        format!("{}\n\u{2014} {name} {signature}\n", self.text())
    }
}

fn write_base64<S: Serializer>(bytes: &[u8], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&STANDARD.encode(bytes))
}

fn read_base64<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Vec<u8>, D::Error> {
    STANDARD.decode(String::deserialize(deserializer)?).map_err(de::Error::custom)
}

/// Signs checkpoints with a key that whoever keeps the database does not have.
#[async_trait]
pub trait CheckpointSigner: Send + Sync {
    /// Which key: its name and the first eight hexadecimal digits of its hash, joined by `+`.
    fn key_id(&self) -> &str;

    /// The signature of a text.
    async fn sign(&self, cx: &CallContext, text: &[u8]) -> Result<Vec<u8>>;
}

/// Knows whose signatures to trust.
pub trait CheckpointVerifier: Send + Sync {
    /// Fails unless the key is trusted and the signature is its signature of the text.
    fn verify(&self, key_id: &str, text: &[u8], signature: &[u8]) -> Result<()>;
}

/// Keeps checkpoints, out of reach of whoever can write the database: on another machine, in write-once storage, in a
/// mailbox. Every method is about the tenant of the context.
#[async_trait]
pub trait CheckpointSink: Send + Sync {
    /// Keeps a checkpoint; when this returns, it survives a crash.
    async fn keep(&self, cx: &CallContext, checkpoint: &Checkpoint) -> Result<()>;

    /// Every checkpoint that was kept, in the order in which they came.
    async fn kept(&self, cx: &CallContext) -> Result<Vec<Checkpoint>>;

    /// The last one that was kept.
    async fn last(&self, cx: &CallContext) -> Result<Option<Checkpoint>> {
        Ok(self.kept(cx).await?.pop())
    }
}
