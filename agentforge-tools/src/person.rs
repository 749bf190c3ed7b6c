//! A question to a person, as a tool.

use agentforge_core::{
    context::CallContext,
    tool::{Annotations, FunctionTool},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a person is asked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question, whole: whoever answers sees nothing else of the conversation.
    question: String,
    /// Answers to choose from, where there are only some.
    #[serde(default)]
    choices: Vec<String>,
}

/// A tool by which a model asks a person and waits for the answer, across restarts.
///
/// The question is an approval like any other: it shows in the list of what waits for people, it expires, and any process
/// can answer it. What the person *responds* is the tool's result. To approve it is to say yes, to reject it no.
///
/// ```
/// use agentforge_core::tool::{ApprovalNeed, ApprovalPolicy, Tool};
/// let tool = agentforge_tools::ask_person();
/// let need = ApprovalPolicy::TaintedOnly.need(tool.spec(), agentforge_core::message::Trust::Trusted);
/// assert_eq!(need, ApprovalNeed::Question);
/// ```
pub fn ask_person() -> FunctionTool<Question> {
    let agreed = |_cx: CallContext, asked: Question| async move {
        let Question { question, choices } = asked;
        let said = if choices.is_empty() { "yes" } else { "yes, without choosing one of the answers" };
        Ok::<_, String>(format!("To `{question}` a person said {said}."))
    };
    let description = "Asks a person and waits for the answer, which may take days. Use it when something only a person can \
                       know or decide is missing. Put everything that is needed for an answer into the question.";
    FunctionTool::new("ask_person", description, agreed)
        .with_spec(|spec| spec.annotated(Annotations::READ_ONLY).asking_person())
}
