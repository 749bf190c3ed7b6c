//! How far a call may go: what holds for every tool, and what one tool says for itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How far a call may go when neither the host nor the tool says more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// How long a call may take, with everything that is tried again.
    pub timeout: Duration,
    /// How many bytes of text a model gets to read of one result; the whole goes to a blob when there is a store.
    pub output_bytes: usize,
    /// How many bytes of pictures, sound and files one result may hold; what is beyond is left out.
    pub media_bytes: usize,
    /// How often a call is tried again when the infrastructure failed in a way that may pass. Only calls that may be
    /// repeated are, and never beyond the timeout.
    pub retries: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(30),
            output_bytes: 64 * 1024,
            media_bytes: 8 * 1024 * 1024,
            retries: 2,
        }
    }
}

/// What differs for one tool. In a [`super::ToolSpec`] it is the tool's own word; what the host says for the tool by
/// name, with [`super::Runtime::with_tool_limits`], is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ToolLimits {
    /// Another timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Duration>,
    /// Another cap on text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_bytes: Option<usize>,
    /// Another cap on pictures, sound and files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub media_bytes: Option<usize>,
    /// Another number of retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retries: Option<u32>,
}

impl ToolLimits {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl Limits {
    /// These limits with what differs for one tool.
    #[must_use]
    pub fn with(self, tool: &ToolLimits) -> Self {
        Self {
            timeout: tool.timeout.unwrap_or(self.timeout),
            output_bytes: tool.output_bytes.unwrap_or(self.output_bytes),
            media_bytes: tool.media_bytes.unwrap_or(self.media_bytes),
            retries: tool.retries.unwrap_or(self.retries),
        }
    }
}
