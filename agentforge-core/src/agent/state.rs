//! The state of an agent's run: a fold of its journal.

use serde::{Deserialize, Serialize};

use super::{AgentLimits, Ending};
use crate::{
    id::ApprovalId,
    json::Digest,
    message::{Message, Part, PartContent, ToolCall, ToolResult, Trust},
    model::{Cost, Usage},
    tool::ApprovalNeed,
};

/// Where a run stands in its loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing happened yet.
    New,
    /// The model is to answer.
    Model,
    /// Tools are to answer.
    Tools,
    /// Nothing more will happen.
    Ended,
}

/// A tool call of the model's last answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The call; an approval with an edit changes its arguments.
    pub call: ToolCall,
    /// How far it has come.
    pub status: CallStatus,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum CallStatus {
    /// It may be made.
    Ready,
    /// A person is to be asked.
    Held {
        /// What the approval will be bound to.
        digest: Digest,
        /// Why.
        need: ApprovalNeed,
    },
    /// A person was asked.
    Waiting {
        /// The approval.
        approval: ApprovalId,
        /// What it is bound to.
        digest: Digest,
        /// Why.
        need: ApprovalNeed,
    },
    /// A person approved exactly these arguments.
    Approved {
        /// What was approved; none after an edit, which approves the new arguments themselves.
        digest: Option<Digest>,
    },
    /// It was about to be made and has not answered.
    Intended {
        /// What was approved, if a person was asked.
        approved: Option<Digest>,
    },
    /// It has answered.
    Answered {
        /// The answer.
        result: ToolResult,
    },
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentState {
    /// Where it stands.
    pub stage: Stage,
    /// The conversation, without the agent's instructions.
    pub messages: Vec<Message>,
    /// The calls of the model's last answer, until all of them are answered.
    pub calls: Vec<PendingCall>,
    /// How often the model was asked.
    pub steps: u32,
    /// How many tools were called.
    pub tool_calls: u32,
    /// What was used so far.
    pub usage: Usage,
    /// What it cost so far.
    pub cost: Cost,
    /// How far it may go.
    pub limits: AgentLimits,
    /// How it ended.
    pub ending: Option<Ending>,
}

impl AgentState {
    /// A run to which nothing has happened.
    pub const fn new() -> Self {
        Self {
            stage: Stage::New,
            messages: Vec::new(),
            calls: Vec::new(),
            steps: 0,
            tool_calls: 0,
            usage: Usage {
                input: None,
                output: None,
                cached: None,
                cache_written: None,
                reasoning: None,
                audio_input: None,
                audio_output: None,
            },
            cost: Cost::ZERO,
            limits: AgentLimits::DEFAULT,
            ending: None,
        }
    }

    /// Untrusted as soon as one tool result in the conversation is: whatever the model wants next may have been put
    /// into its mouth.
    pub fn trust(&self) -> Trust {
        let untrusted = |part: &Part| matches!(&part.content, PartContent::ToolResult(result) if result.trust == Trust::Untrusted);
        let in_messages = self.messages.iter().flat_map(|message| &message.parts).any(untrusted);
        let in_calls = self.calls.iter().any(|pending| {
            matches!(&pending.status, CallStatus::Answered { result } if result.trust == Trust::Untrusted)
        });
        if in_messages || in_calls { Trust::Untrusted } else { Trust::Trusted }
    }

    /// The approvals that the run waits for.
    pub fn waiting_for(&self) -> impl Iterator<Item = ApprovalId> {
        self.calls.iter().filter_map(|pending| match pending.status {
            CallStatus::Waiting { approval, .. } => Some(approval),
            _ => None,
        })
    }

    pub(super) fn call_mut(&mut self, call_id: &str) -> Option<&mut PendingCall> {
        self.calls.iter_mut().find(|pending| pending.call.call_id == call_id)
    }
}

impl Default for AgentState {
    fn default() -> Self {
        Self::new()
    }
}
