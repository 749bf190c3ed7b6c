//! The tuning knobs of a request, and how hard its model thinks.

use agentforge_core::model::{ChatRequest, ReasoningEffort, Warning};
use serde_json::{Map, Value, json};

use crate::wire::Target;

/// The longest answer that is asked for when neither the caller nor the profile says one: the API wants a number.
const USUAL_LENGTH: u64 = 8_192;
/// The fewest tokens that the API lets a model think for.
const LEAST_THOUGHT: u64 = 1_024;

/// Adds the knobs to a body that already holds its messages; those that the target lacks become warnings.
pub(super) fn settings(
    request: &ChatRequest,
    target: &Target<'_>,
    body: &mut Map<String, Value>,
    warnings: &mut Vec<Warning>,
) {
    let settings = &request.settings;
    let mut leave_out = |setting: &str, why: &str| {
        warnings.push(Warning {
            setting: setting.to_owned(),
            message: format!("left out: {} {why}", target.model.full_name()),
        });
    };
    let budgeted = target.profile.reasoning_budget;
    let thought = match settings.reasoning {
        None => None,
        Some(_) if !target.profile.reasoning_effort => {
            leave_out("reasoning", "does not take it");
            None
        }
        Some(_) if request.tool_choice.requires_call() => {
            leave_out("reasoning", "does not think when it is told which tool to call");
            None
        }
        Some(_) if budgeted && is_in_a_thoughtless_turn(body) => {
            leave_out("reasoning", "cannot begin to think between the call of a tool and its result");
            None
        }
        Some(effort) => Some(effort),
    };
    let mut longest = settings.max_tokens.or(target.profile.max_output).unwrap_or(USUAL_LENGTH);
    match thought {
        None => {}
        Some(effort) if budgeted => {
            let budget = budget(effort, longest);
            // Thought and answer share one length, and the answer needs some of it.
            longest = longest.max(budget.saturating_add(LEAST_THOUGHT));
            body.insert("thinking".to_owned(), json!({"type": "enabled", "budget_tokens": budget}));
        }
        Some(effort) => {
            body.insert("thinking".to_owned(), json!({"type": "adaptive"}));
            let output = body.entry("output_config").or_insert_with(|| json!({}));
            if let Some(output) = output.as_object_mut() {
                output.insert("effort".to_owned(), word(effort).into());
            }
        }
    }
    body.insert("max_tokens".to_owned(), longest.into());
    for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        match value {
            None => {}
            Some(_) if !target.profile.sampling => leave_out(name, "does not take it"),
            Some(_) if thought.is_some() => leave_out(name, "sets it by itself while it thinks"),
            Some(_) if name == "top_p" && settings.temperature.is_some() => {
                leave_out(name, "takes either a temperature or this");
            }
            Some(value) => {
                body.insert(name.to_owned(), value.into());
            }
        }
    }
    if !settings.stop.is_empty() {
        body.insert("stop_sequences".to_owned(), settings.stop.clone().into());
    }
    if settings.seed.is_some() {
        leave_out("seed", "does not take it");
    }
}

/// Whether the tools of a turn have just answered whose own thought is not in the messages, as happens when another
/// provider began it: the API then refuses to think.
fn is_in_a_thoughtless_turn(body: &Map<String, Value>) -> bool {
    let block = |message: Option<&Value>, which: &str| {
        let first = message?.get("content")?.as_array()?.first()?;
        Some(first.get("type")?.as_str()? == which)
    };
    let Some([.., before, last]) = body.get("messages").and_then(Value::as_array).map(Vec::as_slice) else {
        return false;
    };
    block(Some(last), "tool_result") == Some(true)
        && block(Some(before), "thinking") == Some(false)
        && block(Some(before), "redacted_thinking") == Some(false)
}

/// How many tokens a model may think for, within the length of its answer where that leaves enough.
fn budget(effort: ReasoningEffort, longest: u64) -> u64 {
    let wanted = match effort {
        ReasoningEffort::Minimal => LEAST_THOUGHT,
        ReasoningEffort::Low => 4_096,
        ReasoningEffort::Medium => 12_288,
        ReasoningEffort::High => 24_576,
    };
    wanted.min(longest / 2).max(LEAST_THOUGHT)
}

const fn word(effort: ReasoningEffort) -> &'static str {
    match effort {
        ReasoningEffort::Minimal | ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
    }
}
