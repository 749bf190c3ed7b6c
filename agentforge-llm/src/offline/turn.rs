//! The newest turn of a conversation: what was asked, and what tools have answered since.

use std::collections::BTreeMap;

use agentforge_core::{
    message::{Message, PartContent, Role, ToolCall, ToolResult},
    model::ChatRequest,
};

/// The newest turn.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    /// What the user said last; empty when nobody said anything.
    pub(super) asked: String,
    /// The results since then, in the order of their calls.
    pub(super) results: Vec<Answered<'a>>,
}

/// A tool call with its result.
#[derive(Debug)]
pub(super) struct Answered<'a> {
    /// The tool; `None` when the call is not in the history.
    pub(super) call: Option<&'a ToolCall>,
    /// Its result.
    pub(super) result: &'a ToolResult,
}

impl<'a> Turn<'a> {
    pub(super) fn of(request: &'a ChatRequest) -> Self {
        let said = |message: &Message| message.role == Role::User && !message.text().trim().is_empty();
        let last = request.messages.iter().rposition(said);
        let asked = last.and_then(|place| request.messages.get(place)).map(text_of).unwrap_or_default();
        let since = request.messages.get(last.map_or(0, |place| place + 1)..).unwrap_or_default();
        let calls: BTreeMap<&str, &ToolCall> =
            since.iter().flat_map(Message::tool_calls).map(|call| (call.call_id.as_str(), call)).collect();
        let results = since
            .iter()
            .flat_map(|message| &message.parts)
            .filter_map(|part| match &part.content {
                PartContent::ToolResult(result) => {
                    Some(Answered { call: calls.get(result.call_id.as_str()).copied(), result })
                }
                _ => None,
            })
            .collect();
        Self { asked, results }
    }
}

/// The text parts, a line each.
fn text_of(message: &Message) -> String {
    message.parts.iter().filter_map(|part| part.as_text()).collect::<Vec<_>>().join("\n")
}
