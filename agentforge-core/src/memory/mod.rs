//! Memory: what an agent brings along from earlier conversations.
//!
//! **Adding a memory** is one implementation of [`Memory`]. It is per tenant by the call, and per agent and user by the
//! subject; what it recalls is shown to the model as content of the host and never as an instruction.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    context::CallContext,
    error::Result,
    id::{MemoryId, UserId},
    message::Message,
    time::Timestamp,
};

/// Whose memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MemorySubject {
    /// The agent, by name; none for what all agents share.
    pub agent: Option<String>,
    /// The person; none for what all people share.
    pub user: Option<UserId>,
}

/// Something remembered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    /// Its id, by which a person can correct or delete it.
    pub id: MemoryId,
    /// What is remembered.
    pub text: String,
    /// Since when.
    pub at: Timestamp,
}

/// Remembers and recalls.
#[async_trait]
pub trait Memory: Send + Sync {
    /// What is worth knowing for a new message, best first.
    async fn recall(
        &self,
        cx: &CallContext,
        subject: &MemorySubject,
        message: &Message,
        limit: usize,
    ) -> Result<Vec<Remembered>>;

    /// Takes in what was said in a finished turn.
    async fn remember(&self, cx: &CallContext, subject: &MemorySubject, turn: &[Message]) -> Result<()>;

    /// Everything that is remembered of a subject, newest first.
    async fn list(&self, cx: &CallContext, subject: &MemorySubject) -> Result<Vec<Remembered>>;

    /// Forgets one thing for good; `not_found` when there is none.
    async fn forget(&self, cx: &CallContext, id: MemoryId) -> Result<()>;
}
