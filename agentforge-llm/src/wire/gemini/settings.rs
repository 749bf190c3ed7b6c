//! The tuning knobs of a request, and how hard its model thinks: `generationConfig`.

use agentforge_core::model::{ChatRequest, ReasoningEffort, Warning};
use serde_json::{Map, Value, json};

use crate::{host::Profile, wire::Target};

/// The fewest tokens that every model which thinks for a number of them takes.
const LEAST_THOUGHT: u64 = 512;
/// The most texts that end an answer.
const MOST_STOPS: usize = 5;

/// The knobs; those that the target lacks become warnings.
pub(super) fn settings(
    request: &ChatRequest,
    target: &Target<'_>,
    warnings: &mut Vec<Warning>,
) -> Map<String, Value> {
    let settings = &request.settings;
    let profile = target.profile;
    let mut config = Map::new();
    let mut leave_out = |setting: &str, why: &str| {
        warnings.push(Warning {
            setting: setting.to_owned(),
            message: format!("left out: {} {why}", target.model.full_name()),
        });
    };
    for (name, member, value) in
        [("temperature", "temperature", settings.temperature), ("top_p", "topP", settings.top_p)]
    {
        match value {
            None => {}
            Some(_) if !profile.sampling => leave_out(name, "does not take it"),
            Some(value) => {
                config.insert(member.to_owned(), value.into());
            }
        }
    }
    if let Some(longest) = settings.max_tokens {
        config.insert("maxOutputTokens".to_owned(), longest.into());
    }
    if !settings.stop.is_empty() {
        if settings.stop.len() > MOST_STOPS {
            leave_out("stop", "takes five texts that end an answer; the others");
        }
        let stops: Vec<Value> =
            settings.stop.iter().take(MOST_STOPS).map(|text| text.clone().into()).collect();
        config.insert("stopSequences".to_owned(), stops.into());
    }
    match settings.seed.map(i32::try_from) {
        None => {}
        Some(Ok(seed)) => {
            config.insert("seed".to_owned(), seed.into());
        }
        Some(Err(_)) => leave_out("seed", "takes one of 32 bits"),
    }
    match settings.reasoning {
        None => {}
        Some(_) if !profile.reasoning_effort => leave_out("reasoning", "does not take it"),
        Some(effort) => {
            let thinking = if profile.reasoning_budget {
                json!({"includeThoughts": true, "thinkingBudget": budget(effort, settings.max_tokens)})
            } else {
                json!({"includeThoughts": true, "thinkingLevel": level(effort, profile)})
            };
            config.insert("thinkingConfig".to_owned(), thinking);
        }
    }
    if settings.parallel_tool_calls == Some(false) {
        leave_out("parallel_tool_calls", "may call several tools in one turn");
    }
    config
}

/// How many tokens a model may think for. Thought and answer share one length, and the answer needs some of it.
fn budget(effort: ReasoningEffort, longest: Option<u64>) -> u64 {
    let wanted = match effort {
        ReasoningEffort::Minimal => LEAST_THOUGHT,
        ReasoningEffort::Low => 2_048,
        ReasoningEffort::Medium => 8_192,
        ReasoningEffort::High => 24_576,
    };
    longest.map_or(wanted, |longest| wanted.min(longest / 2)).max(LEAST_THOUGHT)
}

/// Some models know no less than `low`.
const fn level(effort: ReasoningEffort, profile: &Profile) -> &'static str {
    match effort {
        ReasoningEffort::Minimal if profile.minimal_effort => "minimal",
        ReasoningEffort::Minimal | ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
    }
}
