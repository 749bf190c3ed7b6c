//! The tuning knobs of a request, and how hard its model thinks.

use agentforge_core::model::{ChatRequest, ReasoningEffort, Warning};
use serde_json::{Map, Value, json};

use crate::wire::Target;

/// The most texts that may end an answer.
const MOST_STOPS: usize = 5;

/// Adds the knobs to a body; those that the target lacks become warnings.
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
    for (setting, member, value) in
        [("temperature", "temperature", settings.temperature), ("top_p", "p", settings.top_p)]
    {
        match value {
            None => {}
            Some(_) if !target.profile.sampling => leave_out(setting, "does not take it"),
            Some(value) => {
                body.insert(member.to_owned(), value.into());
            }
        }
    }
    if let Some(most) = settings.max_tokens {
        body.insert("max_tokens".to_owned(), most.into());
    }
    if !settings.stop.is_empty() {
        if settings.stop.len() > MOST_STOPS {
            leave_out("stop", "takes five texts at most; the others were dropped");
        }
        let stops: Vec<&String> = settings.stop.iter().take(MOST_STOPS).collect();
        body.insert("stop_sequences".to_owned(), json!(stops));
    }
    match settings.seed {
        None => {}
        Some(seed) if seed < 0 => leave_out("seed", "takes no negative seed"),
        Some(seed) => {
            body.insert("seed".to_owned(), seed.into());
        }
    }
    match settings.reasoning {
        None => {}
        Some(_) if !target.profile.reasoning_effort => leave_out("reasoning", "does not take it"),
        Some(effort) => {
            body.insert("thinking".to_owned(), thinking(effort));
        }
    }
    if settings.parallel_tool_calls.is_some() {
        leave_out("parallel_tool_calls", "decides itself how many tools it calls");
    }
}

/// The API counts thought in tokens; without a number it takes as many as it likes.
fn thinking(effort: ReasoningEffort) -> Value {
    match effort {
        ReasoningEffort::Minimal => json!({"type": "disabled"}),
        ReasoningEffort::Low => json!({"type": "enabled", "token_budget": 1_024}),
        ReasoningEffort::Medium => json!({"type": "enabled", "token_budget": 8_192}),
        ReasoningEffort::High => json!({"type": "enabled"}),
    }
}
