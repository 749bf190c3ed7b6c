//! A plain reading of Ollama's own chat, and what of an answer goes back.

use agentforge_core::{
    message::Message,
    model::{ChatRequest, FinishReason, ModelInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    recorded::Exchange,
    wire::{self, Delivery, Recall, Target, Wire, ollama::OllamaChat},
};
use serde_json::{Value, json};

use super::{Call, Case, Reading, Tokens, folder, payloads, say, spoken, word};
use crate::support::{events_of, fold};

/// The message as it would have come whole.
fn message(exchange: &Exchange) -> Value {
    let mut whole = json!({"role": "assistant", "content": ""});
    for piece in payloads(exchange).iter().map(|line| &line["message"]) {
        for member in ["content", "thinking"] {
            if !word(&piece[member]).is_empty() {
                whole[member] = Value::String(word(&whole[member]) + &word(&piece[member]));
            }
        }
        for call in piece["tool_calls"].as_array().into_iter().flatten() {
            if !whole["tool_calls"].is_array() {
                whole["tool_calls"] = json!([]);
            }
            whole["tool_calls"].as_array_mut().unwrap().push(call.clone());
        }
    }
    whole
}

/// Whether a line says that something went wrong.
pub(super) fn is_failing(exchange: &Exchange) -> bool {
    payloads(exchange).iter().any(|line| line["error"].is_string())
}

/// What the JSON says.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let message = message(exchange);
    let last = payloads(exchange).pop().unwrap();
    let calls: Vec<Call> = message["tool_calls"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|call| Call {
            id: Some(word(&call["id"])).filter(|id| !id.is_empty()),
            name: word(&call["function"]["name"]),
            arguments: call["function"]["arguments"].clone(),
        })
        .collect();
    Reading {
        text: word(&message["content"]),
        reasoning: Some(word(&message["thinking"])),
        usage: Some(Tokens {
            input: last["prompt_eval_count"].as_u64(),
            output: last["eval_count"].as_u64(),
            ..Tokens::default()
        }),
        finish: Some(match last["done_reason"].as_str() {
            Some("length") => FinishReason::Length,
            _ if !calls.is_empty() => FinishReason::ToolCalls,
            _ => FinishReason::Stop,
        }),
        calls,
    }
}

/// Every recorded answer, decoded by us and given back in the next request, is what the server said.
#[test]
fn every_recorded_answer_goes_back_as_it_came() {
    let Some(folder) = folder() else { return };
    let model = ModelInfo::new("ollama-native", "llama");
    let target = Target {
        model: &model,
        profile: &Profile::FULL,
        quirks: &Quirks::NONE,
        delivery: Delivery::Streamed,
    };
    let (mut answers, mut calls, mut thoughts) = (0, 0, 0);
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::ollama::NAME || exchange.status != 200 || is_failing(&exchange) {
            continue;
        }
        let recall = Recall { provider: "ollama-native".to_owned(), ..Recall::default() };
        let (events, error, info) = events_of(&*wire, recall, [&*exchange.body]);
        assert!(error.is_none(), "{name}: {error:?}");
        let answer = fold(events, info).message;
        let next = ChatRequest::new([Message::user("x"), answer, Message::user("go on")]);
        let encoded = OllamaChat.encode(&next, &target).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let mut expected = message(&exchange);
        let asked = expected.get_mut("tool_calls").and_then(Value::as_array_mut).into_iter().flatten();
        for (call, own) in asked.zip(body["messages"][1]["tool_calls"].as_array().into_iter().flatten()) {
            calls += 1;
            // Older servers give none, and a result must name its call.
            if call["id"].is_null() {
                call["id"] = own["id"].clone();
            }
        }
        thoughts += usize::from(expected["thinking"].is_string());
        assert_eq!(body["messages"][1], expected, "{name}");
        answers += 1;
    }
    say(&format!("{answers} recorded Ollama answers, given back; {calls} calls, {thoughts} with thoughts\n"));
}
