//! The form of an approval, as it is stored and crosses borders.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    context::Principal,
    id::{ApprovalId, RunId, UserId},
    json::Digest,
    store::{CollectionSpec, FieldKind, FieldSpec, IndexSpec, Record},
    time::Timestamp,
};

/// What a person is asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// What sort of thing: `tool_call` of an agent, `node` of a process.
    pub kind: String,
    /// What the run knows it by: a call id, a node path.
    pub key: String,
    /// The question in a line.
    pub title: String,
    /// What there is to see before deciding, for example the tool and its arguments.
    pub detail: Value,
}

/// Who may decide.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Assignee {
    /// This person.
    User {
        /// The person.
        id: UserId,
    },
    /// Whoever holds this role.
    Role {
        /// The role.
        name: String,
    },
}

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalVerb {
    /// Yes, exactly this.
    Approve,
    /// Yes, with the arguments in the payload; they are validated again and bound to a new digest.
    Edit,
    /// No; the payload may say why.
    Reject,
    /// No, and the payload is the answer in its place.
    Respond,
}

/// One person's decision: `{by, on_behalf_of, verb, payload, at}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalDecision {
    /// Who.
    pub by: Principal,
    /// For whom.
    #[serde(default)]
    pub on_behalf_of: Option<Principal>,
    /// What.
    pub verb: ApprovalVerb,
    /// With what.
    #[serde(default)]
    pub payload: Value,
    /// When.
    pub at: Timestamp,
}

/// Where an approval stands. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalState {
    /// Waits.
    Open,
    /// Enough people said yes.
    Approved,
    /// Somebody said no.
    Rejected,
    /// Nobody decided in time; counts as rejected.
    Expired,
    /// The run no longer needs it.
    Cancelled,
}

/// A question to people: `{id, run, subject, digest, assignees, quorum, expires_at, state, decisions}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id, by which any process answers it.
    pub id: ApprovalId,
    /// The run that waits.
    pub run: RunId,
    /// What it is about.
    pub subject: Subject,
    /// What exactly was asked; a decision holds for nothing else.
    pub digest: Digest,
    /// Who may decide; anybody with `processes:approve` when empty.
    pub assignees: Vec<Assignee>,
    /// How many must say yes.
    pub quorum: u32,
    /// When it counts as rejected.
    pub expires_at: Option<Timestamp>,
    /// Where it stands.
    pub state: ApprovalState,
    /// The decisions so far.
    pub decisions: Vec<ApprovalDecision>,
}

/// What a closed approval tells the run, as the payload of its signal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resolution {
    /// The approval.
    pub approval: ApprovalId,
    /// What was asked.
    pub digest: Digest,
    /// How it was closed.
    pub state: ApprovalState,
    /// The decision that closed it; none when it expired or was cancelled.
    pub decision: Option<ApprovalDecision>,
}

/// The name of the signal that carries an approval's [`Resolution`] to its run.
pub fn signal_name(approval: ApprovalId) -> String {
    format!("approval:{approval}")
}

impl Record for Approval {
    const SPEC: &'static CollectionSpec = &CollectionSpec {
        fields: &[
            FieldSpec::new("run", FieldKind::Id),
            FieldSpec::new("state", FieldKind::Text),
            FieldSpec::new("expires_at", FieldKind::Time),
        ],
        indexes: &[IndexSpec { fields: &["run"] }, IndexSpec { fields: &["state", "created_at"] }],
        ..CollectionSpec::new("approvals")
    };

    fn id(&self) -> Uuid {
        self.id.as_uuid()
    }
}
