//! The tuning knobs of a request.

use agentforge_core::{
    message::Role,
    model::{ChatRequest, PromptCache, ReasoningEffort, Warning},
};
use serde_json::{Map, Value, json};

use crate::wire::Target;

/// Adds the knobs to a body; those that the target lacks become warnings.
pub(super) fn settings(
    request: &ChatRequest,
    target: &Target<'_>,
    body: &mut Map<String, Value>,
    warnings: &mut Vec<Warning>,
) {
    let settings = &request.settings;
    let mut set = |member: &str, value: Value| {
        body.insert(member.to_owned(), value);
    };
    let mut warn = |setting: &str, message: String| {
        warnings.push(Warning { setting: setting.to_owned(), message });
    };
    let name = target.model.full_name();
    let lacks = format!("left out: {name} does not take it");
    for (member, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        match value {
            None => {}
            Some(_) if !target.profile.sampling => warn(member, lacks.clone()),
            Some(value) => set(member, value.into()),
        }
    }
    if let Some(most) = settings.max_tokens {
        set("max_output_tokens", most.into());
    }
    if !settings.stop.is_empty() {
        warn("stop", lacks.clone());
    }
    if settings.seed.is_some() {
        warn("seed", lacks.clone());
    }
    match settings.reasoning {
        None => {}
        Some(_) if !target.profile.reasoning_effort => warn("reasoning", lacks.clone()),
        Some(effort) => {
            if effort == ReasoningEffort::Minimal && !target.profile.minimal_effort {
                warn("reasoning", format!("{name} thinks a little at least"));
            }
            set("reasoning", json!({"effort": word(effort, target)}));
        }
    }
    match settings.parallel_tool_calls {
        Some(_) if !target.quirks.parallel_tool_calls => warn("parallel_tool_calls", lacks.clone()),
        Some(parallel) if !request.tools.is_empty() => set("parallel_tool_calls", parallel.into()),
        _ => {}
    }
    if let Some(cache) = settings.prompt_cache {
        set("prompt_cache_key", conversation(request).into());
        match cache {
            PromptCache::Long if target.profile.long_cache => set("prompt_cache_retention", "24h".into()),
            PromptCache::Long => warn("prompt_cache", format!("{name} keeps it as long as it usually does")),
            PromptCache::Short => {}
        }
    }
}

fn word(effort: ReasoningEffort, target: &Target<'_>) -> &'static str {
    match effort {
        ReasoningEffort::Minimal if target.profile.minimal_effort => "minimal",
        ReasoningEffort::Minimal | ReasoningEffort::Low => "low",
        ReasoningEffort::Medium => "medium",
        ReasoningEffort::High => "high",
    }
}

/// A key that is the same in every request of a conversation, so that the provider sends them all to where the prompt
/// is kept: the hash (FNV-1a) of everything up to the first thing that a person said.
fn conversation(request: &ChatRequest) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |text: &str| {
        // The zero stands between texts.
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for tool in &request.tools {
        add(&tool.name);
    }
    for message in &request.messages {
        add(&message.text());
        if message.role == Role::User {
            break;
        }
    }
    format!("{hash:016x}")
}
