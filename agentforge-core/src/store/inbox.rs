//! Requests to start a process that were written in somebody's transaction, and wait for a worker. The other direction
//! of the outbox: [`super::Change::Post`] puts one in, [`super::Change::TakeInbox`] takes it out.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::change::check_text;
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::{UserId, derived_uuid},
    time::Timestamp,
};

/// The most bytes that an inbox key or the name of a process may hold.
const LONGEST: usize = 512;

/// A request that waits for a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct InboxRow {
    /// What a repetition is recognised by, per tenant.
    pub key: String,
    /// The process that is to be started, by name.
    pub process: String,
    /// What it is started with.
    pub input: Value,
    /// For whom; the tenant's owner when absent.
    pub user: Option<UserId>,
    /// When it was posted.
    pub at: Timestamp,
}

impl InboxRow {
    /// The id of the dispatch row of a key: the first 16 bytes of the SHA-256 over `agentforge.inbox.v1` and the key,
    /// each behind its length in 8 big-endian bytes, with the version and variant bits of a custom UUID.
    ///
    /// ```
    /// use agentforge_core::store::InboxRow;
    /// assert_eq!(InboxRow::id_of("order-1"), InboxRow::id_of("order-1"));
    /// assert_ne!(InboxRow::id_of("order-1"), InboxRow::id_of("order-2"));
    /// ```
    pub fn id_of(key: &str) -> Uuid {
        derived_uuid(&[b"agentforge.inbox.v1", key.as_bytes()])
    }
}

pub(super) fn check_key(key: &str) -> Result<()> {
    check_name("inbox key", key)
}

pub(super) fn check_post(key: &str, process: &str, input: &Value) -> Result<()> {
    check_key(key)?;
    check_name("process name", process)?;
    crate::json::check_storable(input)
}

fn check_name(what: &str, name: &str) -> Result<()> {
    check_text(what, name)?;
    if name.is_empty() || name.len() > LONGEST {
        let message = format!("{what} has {} bytes; give it 1 to {LONGEST}", name.len());
        return Err(Error::invalid(message).with("field", what));
    }
    Ok(())
}

/// Reads what waits to be started.
#[async_trait]
pub trait Inbox: Send + Sync {
    /// At most `limit` rows that wait, oldest first.
    async fn rows(&self, cx: &CallContext, limit: u32) -> Result<Vec<InboxRow>>;

    /// The row whose [`InboxRow::id_of`] this is, as a claim of [`super::DispatchKind::INBOX`] names it; none when it was
    /// taken or never posted.
    async fn row(&self, cx: &CallContext, id: Uuid) -> Result<Option<InboxRow>>;
}
