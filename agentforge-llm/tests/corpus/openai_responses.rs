//! A plain reading of OpenAI responses, and what of an answer goes back.

use std::collections::BTreeMap;

use agentforge_core::{
    message::Message,
    model::{ChatRequest, FinishReason, ModelInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    recorded::Exchange,
    wire::{self, Delivery, Recall, Target, Wire, openai_responses::OpenAiResponses},
};
use serde_json::{Value, json};

use super::{Call, Case, Reading, Tokens, arguments, folder, is_stream, payloads, say, spoken, word};
use crate::support::{events_of, fold};

/// The response as it came whole, or as the last event of its stream says it.
fn response(exchange: &Exchange) -> Value {
    let events = payloads(exchange);
    if !is_stream(exchange) {
        return events[0].clone();
    }
    let kinds = ["response.completed", "response.incomplete", "response.failed"];
    let last = events.iter().find(|event| kinds.contains(&event["type"].as_str().unwrap_or_default()));
    last.unwrap()["response"].clone()
}

/// The items of an answer. Of a stream each as its own end says it: seals are made anew for the last event.
fn items(exchange: &Exchange) -> Vec<Value> {
    if !is_stream(exchange) {
        return response(exchange)["output"].as_array().unwrap().clone();
    }
    let mut done: Vec<(u64, Value)> = payloads(exchange)
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| (event["output_index"].as_u64().unwrap(), event["item"].clone()))
        .collect();
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, item)| item).collect()
}

/// Whether a failure is recorded inside a reply with a status of success.
pub(super) fn is_failing(exchange: &Exchange) -> bool {
    payloads(exchange).iter().any(|event| {
        let kind = event["type"].as_str().unwrap_or_default();
        kind == "response.failed" || kind == "error" && event["message"].is_string()
    })
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

/// What the JSON says.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let (response, items) = (response(exchange), items(exchange));
    let (mut text, mut reasoning, mut refused) = (String::new(), String::new(), false);
    let mut calls = Vec::new();
    for item in &items {
        match item["type"].as_str().unwrap() {
            "message" => {
                for content in list(item, "content") {
                    refused |= content["type"] == "refusal";
                    text += &word(&content["text"]);
                    text += &word(&content["refusal"]);
                }
            }
            "reasoning" => {
                for piece in list(item, "summary").chain(list(item, "content")) {
                    reasoning += &word(&piece["text"]);
                }
            }
            "function_call" | "custom_tool_call" => {
                let said = word(&item["arguments"]) + &word(&item["input"]);
                calls.push(Call {
                    id: Some(word(&item["call_id"])),
                    name: word(&item["name"]),
                    arguments: arguments(&said),
                });
            }
            _ => {}
        }
    }
    let finish =
        match (response["status"].as_str().unwrap(), response["incomplete_details"]["reason"].as_str()) {
            ("incomplete", Some("max_output_tokens")) => FinishReason::Length,
            ("incomplete", Some("content_filter")) => FinishReason::ContentFilter,
            ("completed", _) if !calls.is_empty() => FinishReason::ToolCalls,
            ("completed", _) if refused => FinishReason::Refusal,
            ("completed", _) => FinishReason::Stop,
            (other, _) => FinishReason::Other(other.to_owned()),
        };
    let usage = &response["usage"];
    Reading {
        text,
        reasoning: Some(reasoning),
        calls,
        usage: Some(Tokens {
            input: usage["input_tokens"].as_u64(),
            output: usage["output_tokens"].as_u64(),
            cached: usage["input_tokens_details"]["cached_tokens"].as_u64(),
            reasoning: usage["output_tokens_details"]["reasoning_tokens"].as_u64(),
        }),
        finish: Some(finish),
    }
}

/// Every recorded answer, decoded by us and given back in the next request, is item for item what the provider said:
/// ids, phases, sealed thoughts, citations, and its own tools' calls and pictures among them.
#[test]
fn every_recorded_response_goes_back_as_it_came() {
    let Some(folder) = folder() else { return };
    let model = ModelInfo::new("openai-responses", "gpt");
    let target = Target {
        model: &model,
        profile: &Profile::FULL,
        quirks: &Quirks::NONE,
        delivery: Delivery::Streamed,
    };
    let (mut answers, mut kinds) = (BTreeMap::<String, usize>::new(), BTreeMap::<String, usize>::new());
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::openai_responses::NAME || exchange.status != 200 {
            continue;
        }
        let recall = Recall { provider: "openai-responses".to_owned(), ..Recall::default() };
        let (events, error, info) = events_of(&*wire, recall, [&*exchange.body]);
        if error.is_some() {
            continue;
        }
        let answer = fold(events, info).message;
        // Through storage and back.
        let answer: Message = serde_json::from_value(serde_json::to_value(&answer).unwrap()).unwrap();
        let expected = items(&exchange);
        for item in &expected {
            *kinds.entry(word(&item["type"])).or_default() += 1;
        }
        let input = |store: bool| {
            let mut next = ChatRequest::new([Message::user("x"), answer.clone(), Message::user("go on")]);
            next.extra.insert("openai-responses".to_owned(), json!({ "store": store }));
            let encoded = OpenAiResponses.encode(&next, &target).unwrap();
            assert!(encoded.warnings.is_empty(), "{name}: {:?}", encoded.warnings);
            let body: Value = serde_json::from_slice(&encoded.body).unwrap();
            let input = body["input"].as_array().unwrap();
            input[1..input.len() - 1].to_vec()
        };
        assert_eq!(input(true), expected, "{name}");
        // Where nothing is stored, a thought that is neither sealed nor open is known to nobody.
        let known = |item: &&Value| {
            item["type"] != "reasoning"
                || item["encrypted_content"].is_string()
                || list(item, "content").next().is_some()
        };
        assert_eq!(input(false), expected.iter().filter(known).cloned().collect::<Vec<_>>(), "{name}");
        *answers.entry(exchange.provider.clone()).or_default() += 1;
    }
    say(&format!("recorded responses, given back: {answers:?}; items: {kinds:?}\n"));
}
