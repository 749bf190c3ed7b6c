//! A plain reading of Cohere's chat, and what of an answer goes back.

use std::collections::BTreeSet;

use agentforge_core::{
    message::{Message, PartContent},
    model::{ChatRequest, FinishReason, ModelInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    recorded::Exchange,
    wire::{self, Delivery, Recall, Target, Wire, cohere::CohereChat},
};
use serde_json::{Map, Value, json};

use super::{Call, Case, Reading, Tokens, arguments, folder, payloads, say, spoken, word};
use crate::support::{events_of, fold};

/// A reply as it would have come whole, its stream merged as the API's documents say.
fn document(exchange: &Exchange) -> Value {
    let (mut whole, mut message) = (json!({}), Map::new());
    let list = |message: &mut Map<String, Value>, name: &str, item: &Value| {
        let items = message.entry(name).or_insert_with(|| json!([])).as_array_mut().unwrap();
        items.push(item.clone());
    };
    for event in payloads(exchange) {
        let place = usize::try_from(event["index"].as_u64().unwrap_or_default()).unwrap();
        let piece = &event["delta"]["message"];
        match event["type"].as_str().unwrap_or_default() {
            "" => return event,
            "message-start" => whole["id"] = event["id"].clone(),
            "content-start" => list(&mut message, "content", &piece["content"]),
            "tool-call-start" => list(&mut message, "tool_calls", &piece["tool_calls"]),
            "citation-start" => list(&mut message, "citations", &piece["citations"]),
            "content-delta" => {
                let block = &mut message["content"][place];
                for (name, more) in piece["content"].as_object().unwrap() {
                    block[name] = Value::String(word(&block[name]) + &word(more));
                }
            }
            "tool-plan-delta" => {
                let plan = message.entry("tool_plan").or_insert_with(|| "".into());
                *plan = Value::String(word(plan) + &word(&piece["tool_plan"]));
            }
            "tool-call-delta" => {
                let said = &mut message["tool_calls"][place]["function"]["arguments"];
                *said = Value::String(word(said) + &word(&piece["tool_calls"]["function"]["arguments"]));
            }
            "message-end" => {
                whole["finish_reason"] = event["delta"]["finish_reason"].clone();
                whole["usage"] = event["delta"]["usage"].clone();
            }
            _ => {}
        }
    }
    whole["message"] = message.into();
    whole
}

/// Whether the model broke off.
pub(super) fn is_failing(exchange: &Exchange) -> bool {
    let failed = |reason: &Value| matches!(reason.as_str(), Some("ERROR" | "TIMEOUT"));
    payloads(exchange)
        .iter()
        .any(|said| failed(&said["finish_reason"]) || failed(&said["delta"]["finish_reason"]))
}

/// What the JSON says. The plan before tool calls is what the model thought.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let document = document(exchange);
    let message = &document["message"];
    let joined = |member: &str| {
        let blocks = message["content"].as_array().into_iter().flatten();
        blocks.map(|block| word(&block[member])).collect::<String>()
    };
    let calls = message["tool_calls"].as_array().into_iter().flatten().map(|call| Call {
        id: Some(word(&call["id"])),
        name: word(&call["function"]["name"]),
        arguments: arguments(&word(&call["function"]["arguments"])),
    });
    let usage = &document["usage"];
    Reading {
        text: joined("text"),
        reasoning: Some(word(&message["tool_plan"]) + &joined("thinking")),
        calls: calls.collect(),
        usage: Some(Tokens {
            input: usage["tokens"]["input_tokens"].as_u64(),
            output: usage["tokens"]["output_tokens"].as_u64(),
            cached: usage["cached_tokens"].as_u64(),
            reasoning: None,
        }),
        finish: Some(match document["finish_reason"].as_str().unwrap() {
            "COMPLETE" | "STOP_SEQUENCE" => FinishReason::Stop,
            "TOOL_CALL" => FinishReason::ToolCalls,
            "MAX_TOKENS" => FinishReason::Length,
            other => FinishReason::Other(other.to_owned()),
        }),
    }
}

/// Every recorded answer, decoded by us and given back in the next request, is what the provider said: its plan, its
/// thoughts, its calls and its citations.
#[test]
fn every_recorded_answer_goes_back_as_it_came() {
    let Some(folder) = folder() else { return };
    let model = ModelInfo::new("cohere", "command");
    let target =
        Target { model: &model, profile: &Profile::FULL, quirks: &Quirks::NONE, delivery: Delivery::Whole };
    let (mut answers, mut members, mut cited) = (0, BTreeSet::new(), 0);
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::cohere::NAME || exchange.status != 200 {
            continue;
        }
        let recall = Recall { provider: "cohere".to_owned(), ..Recall::default() };
        let (events, error, info) = events_of(&*wire, recall, [&*exchange.body]);
        if error.is_some() {
            continue;
        }
        let answer = fold(events, info).message;
        let sources = answer.parts.iter().filter(|part| matches!(part.content, PartContent::Citation(_)));
        cited += sources.count();
        let next = ChatRequest::new([Message::user("x"), answer, Message::user("go on")]);
        let encoded = CohereChat.encode(&next, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let mut expected = document(&exchange)["message"].clone();
        expected["role"] = "assistant".into();
        for call in list_of(&mut expected, "tool_calls") {
            // Arguments are JSON in a text: its blanks are no part of it.
            let said = arguments(&word(&call["function"]["arguments"]));
            call["function"]["arguments"] = said.to_string().into();
        }
        members.extend(expected.as_object().unwrap().keys().cloned());
        assert_eq!(body["messages"][1], expected, "{name}");
        answers += 1;
    }
    say(&format!(
        "{answers} recorded Cohere answers, given back; members: {members:?}; {cited} sources cited\n"
    ));
}

/// The items of a list that may be missing.
fn list_of<'a>(value: &'a mut Value, name: &str) -> impl Iterator<Item = &'a mut Value> {
    value.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}
