//! What a model says, apart from any wire.

use agentforge_core::Result;
use serde_json::Value;

use super::{answer::Answer, dialect};

/// One thing that is said.
pub(super) enum Said {
    Text(String),
    Call { id: String, tool: String, arguments: Value },
}

/// What a model says: texts and calls of tools in order, and what it counts.
///
/// ```
/// use agentforge_llm::{testkit::Speech, wire::anthropic};
/// let speech = Speech::new().text("Let me see.").call("weather", serde_json::json!({"city": "Rome"}));
/// let answer = speech.streamed(anthropic::NAME)?;
/// # Ok::<(), agentforge_core::Error>(())
/// ```
#[must_use]
pub struct Speech {
    pub(super) said: Vec<Said>,
    pub(super) input: u64,
    pub(super) output: u64,
}

impl Speech {
    /// Nothing yet; seven tokens in, five out.
    pub fn new() -> Self {
        Self { said: Vec::new(), input: 7, output: 5 }
    }

    /// One more text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.said.push(Said::Text(text.into()));
        self
    }

    /// One more call of a tool.
    pub fn call(mut self, tool: impl Into<String>, arguments: Value) -> Self {
        let id = format!("call_{}", self.said.len() + 1);
        self.said.push(Said::Call { id, tool: tool.into(), arguments });
        self
    }

    /// With other counts of tokens.
    pub fn counting(mut self, input: u64, output: u64) -> Self {
        (self.input, self.output) = (input, output);
        self
    }

    /// The answer, one piece an event. A wire that has no dialect here is `unsupported`.
    pub fn streamed(&self, wire: &str) -> Result<Answer> {
        let dialect = dialect::of(wire)?;
        Answer::stream(wire, (dialect.stream)(self))
    }

    /// The answer in one document.
    pub fn whole(&self, wire: &str) -> Result<Answer> {
        Ok(Answer::json(200, &(dialect::of(wire)?.document)(self)))
    }

    pub(super) fn calls(&self) -> bool {
        self.said.iter().any(|said| matches!(said, Said::Call { .. }))
    }

    /// All texts as one.
    pub(super) fn texts(&self) -> String {
        let text = |said: &Said| match said {
            Said::Text(text) => Some(text.clone()),
            Said::Call { .. } => None,
        };
        self.said.iter().filter_map(text).collect()
    }
}

impl Default for Speech {
    fn default() -> Self {
        Self::new()
    }
}

/// A text word by word, as a model streams it.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(' ')
}

/// Arguments in two pieces.
pub(super) fn halves(arguments: &Value) -> [String; 2] {
    let text: Vec<char> = arguments.to_string().chars().collect();
    let (left, right) = text.split_at(text.len() / 2);
    [left.iter().collect(), right.iter().collect()]
}
