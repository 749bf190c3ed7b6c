//! Marks in an answer, such as `[leave.md#3]`, become citations of what tools found.

use std::collections::BTreeSet;

use crate::message::{Citation, Message, Part, PartContent};

/// The answer with a citation for every mark that names a passage of the conversation. A citation that the model gave
/// itself is not doubled; a mark that names nothing is left as text.
pub(super) fn resolve_marks(conversation: &[Message], mut answer: Message) -> Message {
    let given: BTreeSet<String> = answer.citations().filter_map(|citation| citation.label.clone()).collect();
    let text = answer.text();
    let mut seen = given;
    let mut found = Vec::new();
    for label in marks(&text) {
        if seen.contains(label) {
            continue;
        }
        if let Some(citation) = passages(conversation).find(|passage| passage.label.as_deref() == Some(label))
        {
            seen.insert(label.to_owned());
            found.push(Part::citation(citation.clone()));
        }
    }
    answer.parts.extend(found);
    answer
}

/// What stands in square brackets, in order.
fn marks(text: &str) -> impl Iterator<Item = &str> {
    text.split('[').skip(1).filter_map(|rest| rest.split_once(']').map(|(label, _)| label.trim()))
}

/// The citations in results of tools.
fn passages(conversation: &[Message]) -> impl Iterator<Item = &Citation> {
    conversation
        .iter()
        .flat_map(|message| &message.parts)
        .filter_map(Part::as_tool_result)
        .flat_map(|result| &result.parts)
        .filter_map(|part| match &part.content {
            PartContent::Citation(citation) => Some(citation),
            _ => None,
        })
}
