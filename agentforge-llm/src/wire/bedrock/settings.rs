//! The tuning knobs of a request, and how hard its model thinks.

use agentforge_core::model::{ChatRequest, ReasoningEffort, Settings, Warning};
use serde_json::{Map, Value, json};

use super::family::Family;
use crate::wire::Target;

/// The longest answer beside a thought when neither the caller nor the profile says one.
const USUAL_LENGTH: u64 = 8_192;
/// The fewest tokens that Anthropic lets a model think for.
const LEAST_THOUGHT: u64 = 1_024;

/// The knobs of a request as the API takes them.
#[derive(Default)]
pub(super) struct Knobs {
    /// Those that the API knows for all models.
    pub(super) inference: Map<String, Value>,
    /// Those of one maker's models.
    pub(super) additional: Map<String, Value>,
}

/// Writes the knobs; those that the target lacks become warnings. `forced` says that the model is told to call a tool,
/// `thoughtless` that it is in a turn which began without a thought.
pub(super) fn settings(
    request: &ChatRequest,
    target: &Target<'_>,
    forced: bool,
    thoughtless: bool,
    warnings: &mut Vec<Warning>,
) -> Knobs {
    let settings = &request.settings;
    let family = Family::of(&target.model.model);
    let mut knobs = Knobs::default();
    let mut leave_out = |setting: &str, why: &str| {
        warnings.push(Warning {
            setting: setting.to_owned(),
            message: format!("left out: {} {why}", target.model.full_name()),
        });
    };
    let thinks_by_tokens = target.profile.reasoning_budget;
    let thought = match settings.reasoning {
        None => None,
        Some(_) if !target.profile.reasoning_effort => {
            leave_out("reasoning", "does not take it");
            None
        }
        Some(_) if family == Family::Anthropic && forced => {
            leave_out("reasoning", "does not think when it is told which tool to call");
            None
        }
        Some(_) if family == Family::Anthropic && thinks_by_tokens && thoughtless => {
            leave_out("reasoning", "cannot begin to think between the call of a tool and its result");
            None
        }
        Some(effort) => Some(effort),
    };
    let mut longest = settings.max_tokens;
    if let Some(effort) = thought {
        think(effort, family, target, &mut longest, &mut knobs.additional, &mut leave_out);
    }
    // Amazon's model that thinks hard decides by itself about the rest.
    let is_free = family == Family::NovaTwo && thought == Some(ReasoningEffort::High);
    match longest {
        Some(_) if is_free => leave_out("max_tokens", "sets it by itself while it thinks hard"),
        Some(longest) => {
            knobs.inference.insert("maxTokens".to_owned(), longest.into());
        }
        None => {}
    }
    sampling(settings, family, target, thought.is_some(), is_free, &mut knobs.inference, &mut leave_out);
    if !settings.stop.is_empty() {
        knobs.inference.insert("stopSequences".to_owned(), settings.stop.clone().into());
    }
    if settings.seed.is_some() {
        leave_out("seed", "does not take it");
    }
    if settings.parallel_tool_calls == Some(false) {
        leave_out("parallel_tool_calls", "decides by itself how many tools it calls");
    }
    knobs
}

/// Says how hard to think, in the words of the model's maker.
fn think(
    effort: ReasoningEffort,
    family: Family,
    target: &Target<'_>,
    longest: &mut Option<u64>,
    additional: &mut Map<String, Value>,
    leave_out: &mut impl FnMut(&str, &str),
) {
    let mut set = |name: &str, value: Value| {
        additional.insert(name.to_owned(), value);
    };
    match family {
        // A name that says nothing may stand for a Claude; its profile then says how it thinks.
        Family::Anthropic | Family::Unknown if target.profile.reasoning_budget => {
            let room = longest.or(target.profile.max_output).unwrap_or(USUAL_LENGTH);
            let budget = budget(effort, room);
            // Thought and answer share one length, and the answer needs some of it.
            *longest = Some(room.max(budget.saturating_add(LEAST_THOUGHT)));
            set("thinking", json!({"type": "enabled", "budget_tokens": budget}));
        }
        Family::Anthropic => {
            set("thinking", json!({"type": "adaptive"}));
            set("output_config", json!({"effort": word(effort)}));
        }
        Family::NovaTwo => {
            set("reasoningConfig", json!({"type": "enabled", "maxReasoningEffort": word(effort)}));
        }
        Family::OpenAi => set("reasoning_effort", word(effort).into()),
        // It knows two words.
        Family::Qwen => {
            let word = if effort == ReasoningEffort::High { "high" } else { "low" };
            set("reasoning_config", word.into());
        }
        Family::Nova | Family::Meta | Family::Other | Family::Unknown => {
            leave_out("reasoning", "has no known way to be told");
        }
    }
}

fn sampling(
    settings: &Settings,
    family: Family,
    target: &Target<'_>,
    thinks: bool,
    is_free: bool,
    inference: &mut Map<String, Value>,
    leave_out: &mut impl FnMut(&str, &str),
) {
    let claude = family == Family::Anthropic;
    for (name, own, value) in
        [("temperature", "temperature", settings.temperature), ("top_p", "topP", settings.top_p)]
    {
        match value {
            None => {}
            Some(_) if !target.profile.sampling => leave_out(name, "does not take it"),
            Some(_) if (claude && thinks) || is_free => leave_out(name, "sets it by itself while it thinks"),
            Some(_) if claude && name == "top_p" && settings.temperature.is_some() => {
                leave_out(name, "takes either a temperature or this");
            }
            Some(value) => {
                inference.insert(own.to_owned(), value.into());
            }
        }
    }
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
