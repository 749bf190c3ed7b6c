//! A tool's result as the text that a model reads, for wires whose results are text.

use agentforge_core::message::{Outcome, PartContent, ToolResult};

/// The text parts by line, else the structured value, else the citations. An outcome that is not `ok` is marked, since
/// such wires have no other way to say it.
pub(super) fn result_text(result: &ToolResult) -> String {
    let texts: Vec<&str> = result.parts.iter().filter_map(|part| part.as_text()).collect();
    let mut text = texts.join("\n");
    if text.trim().is_empty() {
        text = match &result.structured {
            Some(value) => value.to_string(),
            None => quotes(result),
        };
    }
    if text.trim().is_empty() {
        "(no output)".clone_into(&mut text);
    }
    match mark(result.outcome) {
        Some(mark) => format!("{mark}: {text}"),
        None => text,
    }
}

const fn mark(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Ok => None,
        Outcome::Error => Some("error"),
        Outcome::Denied => Some("denied"),
        Outcome::Rejected => Some("rejected"),
        Outcome::Cancelled => Some("cancelled"),
        Outcome::InDoubt => Some("in doubt, it may or may not have taken effect"),
    }
}

fn quotes(result: &ToolResult) -> String {
    let lines = result.parts.iter().filter_map(|part| match &part.content {
        PartContent::Citation(citation) => {
            Some(format!("[{}] {}", citation.label.as_ref().unwrap_or(&citation.source), citation.quote))
        }
        _ => None,
    });
    lines.collect::<Vec<_>>().join("\n")
}
