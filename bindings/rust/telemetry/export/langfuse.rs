//! What Langfuse calls things. Its own attributes win over the conventions' there.

use std::collections::BTreeMap;

use agentforge_core::telemetry::{attribute as name, operation};
use serde_json::json;

use super::{
    message::{Any, KeyValue, attribute},
    spans::Fields,
};

/// The attributes by which Langfuse knows a span's session, user, tags, cost and tokens.
pub(super) fn attributes(fields: &Fields, labels: &BTreeMap<String, String>) -> Vec<KeyValue> {
    let mut own = Vec::new();
    for (from, to) in [
        (name::CONVERSATION, "langfuse.session.id"),
        (name::USER, "langfuse.user.id"),
        (name::TENANT, "langfuse.trace.metadata.tenant"),
        (name::PROJECT, "langfuse.trace.metadata.project"),
        (name::RUN, "langfuse.trace.metadata.run"),
    ] {
        if let Some(value) = fields.get(from) {
            own.push(attribute(to, value.clone()));
        }
    }
    if !labels.is_empty() {
        let tags = labels.iter().map(|(key, value)| format!("{key}:{value}"));
        own.push(attribute("langfuse.trace.tags", Any::list(tags)));
    }
    if let Some(kind) = kind(fields) {
        own.push(attribute("langfuse.observation.type", Any::Text(kind.to_owned())));
    }
    if let Some(usage) = usage(fields) {
        own.push(attribute("langfuse.observation.usage_details", Any::Text(usage)));
    }
    if let Some(cost) = dollars(fields) {
        let details = json!({ "total": cost }).to_string();
        own.push(attribute("langfuse.observation.cost_details", Any::Text(details)));
    }
    own
}

fn kind(fields: &Fields) -> Option<&'static str> {
    let Some(Any::Text(done)) = fields.get(name::OPERATION) else { return None };
    Some(match done.as_str() {
        operation::CHAT => "generation",
        operation::EMBEDDINGS => "embedding",
        operation::EXECUTE_TOOL => "tool",
        operation::INVOKE_AGENT => "agent",
        operation::INVOKE_WORKFLOW => "chain",
        operation::RETRIEVAL => "retriever",
        _ => return None,
    })
}

/// Tokens, each under one name only: there everything is added up, while the conventions count a part within its whole.
fn usage(fields: &Fields) -> Option<String> {
    let count = |name: &str| match fields.get(name) {
        Some(Any::Int(count)) => Some(*count),
        _ => None,
    };
    let (input, output) = (count(name::USAGE_INPUT), count(name::USAGE_OUTPUT));
    let total = input.into_iter().chain(output).reduce(i64::saturating_add)?;
    let parts = [
        ("input_cached_tokens", count(name::USAGE_CACHED)),
        ("input_cache_creation", count(name::USAGE_CACHE_WRITTEN)),
        ("output_reasoning_tokens", count(name::USAGE_REASONING)),
    ];
    let of = |whole: &str| -> i64 {
        parts.iter().filter(|(part, _)| part.starts_with(whole)).filter_map(|(_, count)| *count).sum()
    };
    let rest = |whole: Option<i64>, name| whole.map(|whole| (name, whole.saturating_sub(of(name)).max(0)));
    let known = parts.into_iter().filter_map(|(name, count)| count.map(|count| (name, count)));
    let all = known.chain(rest(input, "input")).chain(rest(output, "output")).chain([("total", total)]);
    Some(json!(all.collect::<BTreeMap<_, _>>()).to_string())
}

/// The cost, when it is in dollars, as all costs are there.
fn dollars(fields: &Fields) -> Option<f64> {
    match (fields.get(name::COST_CURRENCY), fields.get(name::COST_NANOS)) {
        (Some(Any::Text(currency)), Some(Any::Int(nanos))) if currency == "USD" => {
            // Shown, and never counted with.
            #[allow(clippy::cast_precision_loss)]
            Some(*nanos as f64 / 1e9)
        }
        _ => None,
    }
}
