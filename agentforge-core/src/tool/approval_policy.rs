//! Which calls a person must approve, from what the tool declares and what the conversation has seen.

use serde::{Deserialize, Serialize};

use super::ToolSpec;
use crate::message::Trust;

/// Whether a call waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalNeed {
    /// It may run.
    None,
    /// It waits: the policy asks for every call of this sort.
    Policy,
    /// It waits: it may destroy something, and the conversation holds content from outside that may have asked for it.
    Tainted,
    /// It waits: the tool is a question to a person, whose answer is its result.
    Question,
}

/// When calls wait for a person. The default asks for whatever may destroy something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovalPolicy {
    /// Destructive calls wait.
    #[default]
    Destructive,
    /// Every call that is not read-only waits.
    Writes,
    /// Only destructive calls in a tainted conversation wait.
    TaintedOnly,
    /// Every call waits.
    Always,
}

impl ApprovalPolicy {
    /// Whether a call of this tool waits in a conversation of this trust.
    pub const fn need(self, spec: &ToolSpec, conversation: Trust) -> ApprovalNeed {
        let annotations = spec.annotations;
        if spec.asks_person {
            return ApprovalNeed::Question;
        }
        let destructive = annotations.destructive && !annotations.read_only;
        let asked = match self {
            Self::Destructive => destructive,
            Self::Writes => !annotations.read_only,
            Self::TaintedOnly => false,
            Self::Always => true,
        };
        if destructive && matches!(conversation, Trust::Untrusted) {
            ApprovalNeed::Tainted
        } else if asked {
            ApprovalNeed::Policy
        } else {
            ApprovalNeed::None
        }
    }
}
