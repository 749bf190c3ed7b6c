//! A plain reading of Bedrock converse, and what of an answer goes back.

use std::collections::BTreeMap;

use agentforge_core::{
    message::Message,
    model::{ChatRequest, FinishReason, ModelInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks, ReasoningReplay},
    recorded::Exchange,
    wire::{self, Delivery, Recall, Target, Wire, bedrock::BedrockConverse},
};
use serde_json::{Map, Value, json};

use super::{Call, Case, Reading, Tokens, arguments, folder, is_stream, payloads, say, spoken, word};
use crate::support::{events_of, fold};

/// The messages of a binary stream, each under its name; read apart from the framer, without its checks.
pub(super) fn messages(exchange: &Exchange) -> Vec<Value> {
    let mut rest = &*exchange.body;
    let mut messages = Vec::new();
    while rest.len() >= 16 {
        let number = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().unwrap()) as usize;
        let (whole, headers) = (number(0), number(4));
        let (mut head, payload) = (&rest[12..12 + headers], &rest[12 + headers..whole - 4]);
        let mut name = String::new();
        while let Some((length, more)) = head.split_first() {
            let (key, more) = more.split_at(usize::from(*length));
            assert_eq!(more[0], 7, "a header that is no text");
            let length = usize::from(u16::from_be_bytes([more[1], more[2]]));
            let (value, more) = more[3..].split_at(length);
            if [b":event-type".as_slice(), b":exception-type"].contains(&key) {
                name = String::from_utf8(value.to_vec()).unwrap();
            }
            head = more;
        }
        messages.push(json!({name: serde_json::from_slice::<Value>(payload).unwrap()}));
        rest = &rest[whole..];
    }
    messages
}

/// Whether the exchange holds an exception.
pub(super) fn is_failing(exchange: &Exchange) -> bool {
    let is_exception = |said: &Value| {
        said.as_object().is_some_and(|fields| fields.keys().any(|name| name.ends_with("Exception")))
    };
    is_stream(exchange) && payloads(exchange).iter().any(is_exception)
}

/// The document as it would have come whole, its stream merged as the API's documents say.
fn document(exchange: &Exchange) -> Value {
    let mut blocks: BTreeMap<u64, Value> = BTreeMap::new();
    let mut document = json!({});
    for event in payloads(exchange) {
        if event.get("output").is_some() {
            return event;
        }
        // The same events in another API have numbers about the call beside them.
        let mut members = event.as_object().unwrap().iter();
        let (name, said) = members.find(|(name, _)| !name.starts_with("amazon-bedrock-")).unwrap();
        let index = said["contentBlockIndex"].as_u64().unwrap_or_default();
        match name.as_str() {
            "messageStart" | "contentBlockStop" => {}
            "contentBlockStart" => {
                blocks.insert(index, said["start"].clone());
            }
            "contentBlockDelta" => {
                let (kind, delta) = said["delta"].as_object().unwrap().iter().next().unwrap();
                let block = blocks.entry(index).or_insert_with(|| json!({}));
                let grown = |held: &Value, delta: &Value| Value::String(word(held) + &word(delta));
                match kind.as_str() {
                    "text" => block["text"] = grown(&block["text"], delta),
                    "toolUse" => {
                        block["toolUse"]["input"] = grown(&block["toolUse"]["input"], &delta["input"]);
                    }
                    "reasoningContent" => {
                        let thought = &mut block["reasoningContent"];
                        for member in ["text", "signature"] {
                            if delta[member].is_string() {
                                thought["reasoningText"][member] =
                                    grown(&thought["reasoningText"][member], &delta[member]);
                            }
                        }
                        if delta["redactedContent"].is_string() {
                            assert!(thought["redactedContent"].is_null(), "sealed in pieces");
                            thought["redactedContent"] = delta["redactedContent"].clone();
                        }
                    }
                    other => panic!("a delta of {other}"),
                }
            }
            "messageStop" => document["stopReason"] = said["stopReason"].clone(),
            "metadata" => document["usage"] = said["usage"].clone(),
            other => panic!("an event named {other}"),
        }
    }
    for block in blocks.values_mut().filter(|block| block["toolUse"].is_object()) {
        block["toolUse"]["input"] = arguments(&word(&block["toolUse"]["input"]));
    }
    document["output"]["message"]["content"] = blocks.into_values().collect();
    document
}

/// What the JSON says.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let document = document(exchange);
    let blocks = document["output"]["message"]["content"].as_array().unwrap();
    let calls = blocks.iter().map(|block| &block["toolUse"]).filter(|call| call.is_object());
    let calls = calls.map(|call| Call {
        id: Some(word(&call["toolUseId"])),
        name: word(&call["name"]),
        arguments: call["input"].clone(),
    });
    let usage = &document["usage"];
    let count = |name: &str| usage[name].as_u64();
    let either = |name: &str| count(name).or_else(|| count(&format!("{}Count", name.trim_end_matches('s'))));
    let cached = either("cacheReadInputTokens");
    let heaps = cached.unwrap_or_default() + either("cacheWriteInputTokens").unwrap_or_default();
    Reading {
        text: blocks.iter().map(|block| word(&block["text"])).collect(),
        reasoning: Some(
            blocks.iter().map(|block| word(&block["reasoningContent"]["reasoningText"]["text"])).collect(),
        ),
        calls: calls.collect(),
        usage: Some(Tokens {
            input: count("inputTokens").map(|fresh| fresh + heaps),
            output: count("outputTokens"),
            cached,
            reasoning: None,
        }),
        finish: Some(match document["stopReason"].as_str().unwrap() {
            "end_turn" | "stop_sequence" => FinishReason::Stop,
            "tool_use" => FinishReason::ToolCalls,
            "max_tokens" => FinishReason::Length,
            "guardrail_intervened" => FinishReason::ContentFilter,
            other => FinishReason::Other(other.to_owned()),
        }),
    }
}

/// Every recorded answer, decoded by us and given back in the next request, is block for block what the provider said:
/// signatures and sealed thoughts among them.
#[test]
fn every_recorded_answer_goes_back_as_it_came() {
    let Some(folder) = folder() else { return };
    let model = ModelInfo::new("bedrock", "anthropic.claude");
    // Thoughts without a signature go back only to hosts that take them.
    let quirks = Quirks { reasoning_replay: ReasoningReplay::Reasoning, ..Quirks::NONE };
    let target =
        Target { model: &model, profile: &Profile::FULL, quirks: &quirks, delivery: Delivery::Streamed };
    let (mut answers, mut kinds) = (0, BTreeMap::<String, usize>::new());
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::bedrock::NAME || exchange.status != 200 {
            continue;
        }
        let recall = Recall { provider: "bedrock".to_owned(), ..Recall::default() };
        let (events, error, info) = events_of(&*wire, recall, [&*exchange.body]);
        assert!(error.is_none(), "{name}: {error:?}");
        let answer = fold(events, info).message;
        let next = ChatRequest::new([Message::user("x"), answer, Message::user("go on")]);
        let encoded = BedrockConverse.encode(&next, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let mut expected = Vec::new();
        for block in document(&exchange)["output"]["message"]["content"].as_array().unwrap() {
            let mut fields: Map<String, Value> = block.as_object().unwrap().clone();
            fields.remove("type");
            // The API takes no block of blanks, and no word that a plain call is one.
            if fields.get("text").is_some_and(|text| word(text).trim().is_empty()) {
                continue;
            }
            if let Some(call) = fields.get_mut("toolUse") {
                call.as_object_mut().unwrap().remove("type");
            }
            *kinds.entry(fields.keys().next().unwrap().clone()).or_default() += 1;
            expected.push(Value::Object(fields));
        }
        assert_eq!(body["messages"][1]["content"], Value::Array(expected), "{name}");
        answers += 1;
    }
    say(&format!("{answers} recorded Bedrock answers, given back; blocks: {kinds:?}\n"));
}
