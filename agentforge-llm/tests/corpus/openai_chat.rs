//! A plain reading of chat completions.

use agentforge_llm::recorded::Exchange;
use serde_json::Value;

use super::{Call, Reading, Tokens, arguments, is_stream, payloads, word};

/// What the JSON says.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let (mut text, mut refusal, mut reasoning) = (String::new(), String::new(), String::new());
    let mut usage = Tokens::default();
    // A call is known by its index, and by its id where one index serves several.
    let mut calls: Vec<(u64, String, String, String)> = Vec::new();
    let member = if is_stream(exchange) { "delta" } else { "message" };
    for chunk in payloads(exchange) {
        for choice in chunk["choices"].as_array().into_iter().flatten().filter(|choice| choice["index"] == 0)
        {
            let spoken = &choice[member];
            match &spoken["content"] {
                Value::Array(pieces) => {
                    for piece in pieces {
                        text += &word(&piece["text"]);
                        for thought in piece["thinking"].as_array().into_iter().flatten() {
                            reasoning += &word(&thought["text"]);
                        }
                    }
                }
                content => text += &word(content),
            }
            refusal += &word(&spoken["refusal"]);
            reasoning += &word(&spoken["reasoning_content"]);
            reasoning += &word(&spoken["reasoning"]);
            for (place, call) in spoken["tool_calls"].as_array().into_iter().flatten().enumerate() {
                let index = if is_stream(exchange) { call["index"].as_u64().unwrap() } else { place as u64 };
                let id = word(&call["id"]);
                let known = calls
                    .iter()
                    .rposition(|held| held.0 == index)
                    .filter(|place| id.is_empty() || calls[*place].1 == id || calls[*place].1.is_empty());
                let known = known.unwrap_or_else(|| {
                    calls.push((index, id, String::new(), String::new()));
                    calls.len() - 1
                });
                calls[known].2 += &word(&call["function"]["name"]);
                calls[known].3 += &word(&call["function"]["arguments"]);
            }
        }
        // Groq hides the counts of a stream beside its own name.
        for counts in
            [&chunk["usage"], &chunk["x_groq"]["usage"]].into_iter().filter(|counts| counts.is_object())
        {
            usage.input = counts["prompt_tokens"].as_u64();
            usage.output = counts["completion_tokens"].as_u64();
            usage.cached = counts["prompt_tokens_details"]["cached_tokens"].as_u64();
            usage.reasoning = counts["completion_tokens_details"]["reasoning_tokens"].as_u64();
            // xAI counts its reasoning beside the output; the total shows it.
            if let (Some(input), Some(output), Some(reasoning)) = (usage.input, usage.output, usage.reasoning)
                && counts["total_tokens"] == input + output + reasoning
            {
                usage.output = Some(output + reasoning);
            }
        }
    }
    Reading {
        text: text + &refusal,
        reasoning: Some(reasoning).filter(|text| !text.is_empty()),
        calls: calls
            .into_iter()
            .map(|(_, id, name, text)| Call {
                id: Some(id).filter(|id| !id.is_empty()),
                name,
                arguments: arguments(&text),
            })
            .collect(),
        usage: Some(usage),
        finish: None,
    }
}
