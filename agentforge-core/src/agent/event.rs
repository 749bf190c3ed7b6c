//! What happens to an agent's run, and what the run wants done.

use serde::{Deserialize, Serialize};

use super::AgentLimits;
use crate::{
    approval::Resolution,
    context::Principal,
    error::ErrorReport,
    id::ApprovalId,
    json::Digest,
    message::{Message, ToolCall, ToolResult},
    model::{Cost, FinishReason, Usage},
    tool::ApprovalNeed,
};

/// Something that happened to a run. All but [`AgentEvent::ToolHeld`] are journaled; folding them gives the state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum AgentEvent {
    /// The run began.
    Started {
        /// The conversation so far, without the agent's instructions.
        messages: Vec<Message>,
        /// Who started it.
        principal: Principal,
        /// For whom.
        #[serde(default)]
        on_behalf_of: Option<Principal>,
        /// The model, `provider:model`.
        model: String,
        /// How far the run may go.
        #[serde(default)]
        limits: AgentLimits,
    },
    /// The model answered.
    ModelAnswered {
        /// What it said.
        message: Message,
        /// Why it stopped.
        finish: Option<FinishReason>,
        /// What it used.
        usage: Usage,
        /// What that cost.
        cost: Cost,
    },
    /// The model failed for good.
    ModelFailed {
        /// Why.
        error: ErrorReport,
    },
    /// A call that must not be repeated is about to be made. If no answer follows, nobody knows whether it took effect.
    ToolIntended {
        /// The call.
        call_id: String,
    },
    /// A call may not run before a person has approved it. Not journaled: it is found again when the run resumes.
    ToolHeld {
        /// The call.
        call_id: String,
        /// What the approval will be bound to.
        digest: Digest,
        /// Why a person must approve.
        need: ApprovalNeed,
    },
    /// A person was asked.
    ApprovalRequested {
        /// The call.
        call_id: String,
        /// The approval.
        approval: ApprovalId,
        /// What the approval is bound to.
        digest: Digest,
        /// Why a person must approve.
        #[serde(default = "policy")]
        need: ApprovalNeed,
    },
    /// The approval was closed.
    ApprovalResolved {
        /// How.
        resolution: Resolution,
    },
    /// A tool answered, or its answer was given in its place.
    ToolAnswered {
        /// The answer.
        result: ToolResult,
    },
    /// Something outside the loop ended the run: a guardrail, a deadline.
    Stopped {
        /// Why.
        error: ErrorReport,
    },
    /// The run was cancelled.
    Cancelled {
        /// What the model had said by then.
        partial: Option<Message>,
    },
}

/// Rows from before the reason was written.
const fn policy() -> ApprovalNeed {
    ApprovalNeed::Policy
}

impl AgentEvent {
    /// The kind of the journal row.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Started { .. } => "agent.started",
            Self::ModelAnswered { .. } => "model.answered",
            Self::ModelFailed { .. } => "model.failed",
            Self::ToolIntended { .. } => "tool.intended",
            Self::ToolHeld { .. } => "tool.held",
            Self::ApprovalRequested { .. } => "approval.requested",
            Self::ApprovalResolved { .. } => "approval.resolved",
            Self::ToolAnswered { .. } => "tool.answered",
            Self::Stopped { .. } => "run.stopped",
            Self::Cancelled { .. } => "run.cancelled",
        }
    }
}

/// What a run wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Ask the model to go on from the state's messages.
    CallModel,
    /// Call a tool; the answer comes back as [`AgentEvent::ToolAnswered`] or [`AgentEvent::ToolHeld`].
    CallTool {
        /// The call.
        call: ToolCall,
        /// What a person approved, when it was held before.
        approved: Option<Digest>,
        /// Whether an intent stands in the journal without an answer: the call is in doubt unless it may be repeated.
        in_doubt: bool,
    },
    /// Ask a person.
    AskApproval {
        /// The call.
        call: ToolCall,
        /// What the approval is bound to.
        digest: Digest,
        /// Why a person must approve.
        need: ApprovalNeed,
    },
    /// Nothing more will happen.
    Finish(Ending),
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Ending {
    /// With an answer.
    Completed {
        /// The answer.
        output: Message,
    },
    /// With an error.
    Failed {
        /// The error.
        error: ErrorReport,
    },
    /// Cancelled.
    Cancelled {
        /// What the model had said by then.
        partial: Option<Message>,
    },
}
