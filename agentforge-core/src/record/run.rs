//! Runs of agents and processes, in one list.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    context::CallContext,
    error::ErrorReport,
    id::{ApprovalId, ProcessId, ProjectId, RunId, UserId},
    json::Digest,
    model::{Cost, Usage},
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record},
    time::Timestamp,
};

/// What runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// An agent.
    Agent,
    /// A process.
    Process,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Somebody works on it, or will as soon as a worker is free.
    Running,
    /// It waits for a person, a timer or a signal, and costs nothing.
    Suspended,
    /// It ended with a result.
    Completed,
    /// It ended with an error.
    Failed,
    /// It was cancelled.
    Cancelled,
}

impl RunState {
    /// Whether nothing more will happen.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A run: what is needed to list it, to find its journal, and to go on with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id; also its journal's.
    pub id: RunId,
    /// What runs.
    pub kind: RunKind,
    /// The name of the agent or process.
    pub name: String,
    /// The process whose definition is pinned; none for an agent.
    #[serde(default)]
    pub process: Option<ProcessId>,
    /// The hash of the pinned definition.
    pub definition: Digest,
    /// Where it stands.
    pub state: RunState,
    /// Who started it.
    pub owner: Option<UserId>,
    /// The project that it is booked on.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
    /// The approvals that it waits for.
    #[serde(default)]
    pub waiting_for: Vec<ApprovalId>,
    /// Its result.
    #[serde(default)]
    pub output: Option<Value>,
    /// Why it failed.
    #[serde(default)]
    pub error: Option<ErrorReport>,
    /// The tokens that it used.
    #[serde(default)]
    pub usage: Usage,
    /// What it cost so far.
    pub cost: Cost,
}

impl RunRecord {
    /// A run that begins now, owned by the person behind the call and booked on its project.
    pub fn begun(cx: &CallContext, id: RunId, kind: RunKind, name: &str, definition: Digest) -> Self {
        Self {
            id,
            kind,
            name: name.to_owned(),
            process: None,
            definition,
            state: RunState::Running,
            owner: cx.scope().person(),
            project: cx.project(),
            ended_at: None,
            waiting_for: Vec::new(),
            output: None,
            error: None,
            usage: Usage::default(),
            cost: Cost::ZERO,
        }
    }
}

impl Record for RunRecord {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("kind", FieldKind::Text),
            FieldSpec::new("name", FieldKind::Text),
            FieldSpec::new("state", FieldKind::Text),
            FieldSpec::new("owner", FieldKind::Id),
            FieldSpec::new("project", FieldKind::Id),
            FieldSpec::new("ended_at", FieldKind::Time),
        ],
        indexes: &[
            IndexSpec { fields: &["created_at"] },
            IndexSpec { fields: &["state", "created_at"] },
            IndexSpec { fields: &["name", "created_at"] },
        ],
        ..CollectionSpec::new("runs")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
