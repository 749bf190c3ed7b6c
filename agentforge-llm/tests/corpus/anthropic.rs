//! A plain reading of Anthropic messages, and what of an answer goes back.

use std::collections::BTreeSet;

use agentforge_core::{
    message::Message,
    model::{ChatRequest, FinishReason, ModelInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    recorded::Exchange,
    wire::{self, Delivery, Recall, Target, Wire, anthropic::AnthropicMessages},
};
use serde_json::{Value, json};

use super::{Call, Case, Reading, Tokens, arguments, folder, payloads, say, spoken, word};
use crate::support::{events_of, fold};

/// A message as it would have come whole, its stream merged as the API's documents say.
fn message(exchange: &Exchange) -> Value {
    let mut message = Value::Null;
    let mut inputs: Vec<String> = Vec::new();
    for event in payloads(exchange) {
        let place = usize::try_from(event["index"].as_u64().unwrap_or_default()).unwrap();
        match event["type"].as_str().unwrap_or_default() {
            "message" => return event,
            "message_start" => message = event["message"].clone(),
            "content_block_start" => {
                let blocks = message["content"].as_array_mut().unwrap();
                assert_eq!(blocks.len(), place);
                blocks.push(event["content_block"].clone());
                inputs.push(String::new());
            }
            "content_block_delta" => {
                let (block, delta) = (&mut message["content"][place], &event["delta"]);
                let kind = word(&delta["type"]);
                match kind.as_str() {
                    "input_json_delta" => {
                        inputs[place] += &word(&delta["partial_json"]);
                        block["input"] = arguments(&inputs[place]);
                    }
                    "citations_delta" => {
                        if !block["citations"].is_array() {
                            block["citations"] = json!([]);
                        }
                        block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
                    }
                    "text_delta" | "thinking_delta" | "signature_delta" => {
                        let member = kind.trim_end_matches("_delta");
                        block[member] = Value::String(word(&block[member]) + &word(&delta[member]));
                    }
                    other => panic!("a delta of type {other}"),
                }
            }
            "message_delta" => {
                for (name, value) in event["delta"].as_object().unwrap() {
                    message[name] = value.clone();
                }
                for (name, value) in event["usage"].as_object().unwrap() {
                    message["usage"][name] = value.clone();
                }
            }
            // A recording may join the replies of several requests; an answer is over where the first one ends.
            "message_stop" => return message,
            "content_block_stop" | "ping" => {}
            other => panic!("an event of type {other}"),
        }
    }
    message
}

/// Whether a second answer begins inside the first, as when a gateway lost its connection and asked anew.
pub(super) fn is_spliced(exchange: &Exchange) -> bool {
    let (mut open, mut begun) = (Value::Null, false);
    payloads(exchange).iter().any(|event| match event["type"].as_str().unwrap_or_default() {
        "message_start" => {
            let before = std::mem::replace(&mut open, event["message"]["id"].clone());
            std::mem::take(&mut begun) && before != open
        }
        "content_block_start" => {
            begun = true;
            false
        }
        "message_stop" => {
            begun = false;
            false
        }
        _ => false,
    })
}

/// What the JSON says.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let message = message(exchange);
    let blocks = message["content"].as_array().unwrap();
    let joined = |kind: &str, member: &str| {
        blocks
            .iter()
            .filter(|block| block["type"] == kind)
            .map(|block| word(&block[member]))
            .collect::<String>()
    };
    let calls = blocks.iter().filter(|block| block["type"] == "tool_use").map(|block| Call {
        id: Some(word(&block["id"])),
        name: word(&block["name"]),
        arguments: block["input"].clone(),
    });
    let usage = &message["usage"];
    let count = |name: &str| usage[name].as_u64();
    let cache = |name: &str| count(name).unwrap_or_default();
    Reading {
        text: joined("text", "text"),
        reasoning: Some(joined("thinking", "thinking")),
        calls: calls.collect(),
        usage: Some(Tokens {
            input: count("input_tokens")
                .map(|fresh| fresh + cache("cache_read_input_tokens") + cache("cache_creation_input_tokens")),
            output: count("output_tokens"),
            cached: count("cache_read_input_tokens"),
            reasoning: usage["output_tokens_details"]["thinking_tokens"].as_u64(),
        }),
        finish: Some(match message["stop_reason"].as_str().unwrap() {
            "end_turn" | "stop_sequence" => FinishReason::Stop,
            "tool_use" => FinishReason::ToolCalls,
            "max_tokens" => FinishReason::Length,
            "refusal" => FinishReason::Refusal,
            other => FinishReason::Other(other.to_owned()),
        }),
    }
}

/// Every recorded answer, decoded by us and given back in the next request, is block for block what the provider said:
/// signatures, encrypted results of its own tools and citations among them.
#[test]
fn every_recorded_answer_goes_back_as_it_came() {
    let Some(folder) = folder() else { return };
    let model = ModelInfo::new("anthropic", "claude");
    let target = Target {
        model: &model,
        profile: &Profile::FULL,
        quirks: &Quirks::NONE,
        delivery: Delivery::Streamed,
    };
    let (mut answers, mut kinds) = (0, BTreeSet::new());
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::anthropic::NAME || exchange.status != 200 {
            continue;
        }
        let recall = Recall { provider: "anthropic".to_owned(), ..Recall::default() };
        let (events, error, info) = events_of(&*wire, recall, [&*exchange.body]);
        if error.is_some() {
            continue;
        }
        let answer = fold(events, info).message;
        let next = ChatRequest::new([Message::user("x"), answer, Message::user("go on")]);
        let encoded = AnthropicMessages.encode(&next, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let mut expected = message(&exchange)["content"].as_array().unwrap().clone();
        // The API takes no block of blanks, no input that is cut, and does not miss a list without citations.
        expected.retain(|block| block["type"] != "text" || !word(&block["text"]).trim().is_empty());
        for block in &mut expected {
            kinds.insert(word(&block["type"]));
            if block["type"] == "tool_use" && !block["input"].is_object() {
                block["input"] = json!({"arguments": block["input"]});
            }
            if block["citations"].as_array().is_none_or(Vec::is_empty) {
                block.as_object_mut().unwrap().remove("citations");
            }
        }
        if expected.is_empty() {
            continue;
        }
        assert_eq!(body["messages"][1]["content"], Value::Array(expected), "{name}");
        answers += 1;
    }
    say(&format!("{answers} recorded Anthropic answers, given back; blocks: {kinds:?}\n"));
}
