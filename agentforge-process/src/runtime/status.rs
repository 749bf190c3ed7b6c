//! How a run stands, as callers see it.

use agentforge_core::{
    error::ErrorReport,
    id::{ApprovalId, RunId, UserId},
    json::Digest,
    record::{RunRecord, RunState},
    store::Stored,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How a run of a process stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStatus {
    /// The run.
    pub run: RunId,
    /// The name of the process.
    pub name: String,
    /// The hash of the definition that it pinned.
    pub definition: Digest,
    /// Where it stands.
    pub state: RunState,
    /// Who started it.
    pub owner: Option<UserId>,
    /// The approvals that it waits for.
    pub waiting_for: Vec<ApprovalId>,
    /// What a completed run returns.
    pub output: Option<Value>,
    /// Why a failed run failed.
    pub error: Option<ErrorReport>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it last moved.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl From<Stored<RunRecord>> for RunStatus {
    fn from(stored: Stored<RunRecord>) -> Self {
        let Stored { value: record, created_at, updated_at, .. } = stored;
        Self {
            run: record.id,
            name: record.name,
            definition: record.definition,
            state: record.state,
            owner: record.owner,
            waiting_for: record.waiting_for,
            output: record.output,
            error: record.error,
            started_at: created_at,
            updated_at,
            ended_at: record.ended_at,
        }
    }
}
