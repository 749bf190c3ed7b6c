//! A plain reading of `generateContent`, and what of an answer goes back.

use std::{collections::BTreeMap, time::Duration};

use agentforge_core::{
    Error, ErrorKind,
    message::{Message, PartContent},
    model::{ChatRequest, FinishReason, ModelInfo},
};
use agentforge_llm::{
    host::{Profile, Quirks},
    recorded::Exchange,
    wire::{self, Delivery, Recall, Target, Wire, gemini::GeminiGenerateContent},
};
use serde_json::{Map, Value, json};

use super::{Call, Case, Reading, Tokens, folder, payloads, say, spoken, word};
use crate::support::{events_of, fold};

/// Puts a value where a path like `$.a[0].b` says; a text grows.
fn put(at: &mut Value, path: &[&str], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *at = match (at.as_str(), value.as_str()) {
            (Some(held), Some(more)) => Value::String(format!("{held}{more}")),
            _ => value,
        };
        return;
    };
    if let Ok(index) = first.parse::<usize>() {
        if !at.is_array() {
            *at = json!([]);
        }
        let items = at.as_array_mut().unwrap();
        while items.len() <= index {
            items.push(Value::Null);
        }
        put(&mut items[index], rest, value);
    } else {
        if !at.is_object() {
            *at = json!({});
        }
        put(&mut at[*first], rest, value);
    }
}

/// The parts of the first candidate as they would have come whole: what a stream cut in pieces is joined, what says
/// nothing is left out.
fn parts(exchange: &Exchange) -> Vec<Value> {
    let mut parts: Vec<Value> = Vec::new();
    // Whether the last part goes on in the next piece of the stream.
    let (mut calling, mut talking) = (false, false);
    for chunk in payloads(exchange) {
        let first = chunk["candidates"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|one| one["index"].as_u64().unwrap_or(0) == 0);
        let pieces = first.and_then(|one| one["content"]["parts"].as_array().cloned()).unwrap_or_default();
        for (place, mut part) in pieces.into_iter().enumerate() {
            if part["thought"] == false {
                part.as_object_mut().unwrap().remove("thought");
            }
            if part["functionCall"].is_object() {
                let call = part["functionCall"].clone();
                let goes_on = calling && call["name"].is_null() && call["args"].is_null();
                if !goes_on {
                    let mut whole = part.clone();
                    let fields = whole["functionCall"].as_object_mut().unwrap();
                    fields.remove("willContinue");
                    fields.remove("partialArgs");
                    fields.entry("args").or_insert_with(|| json!({}));
                    parts.push(whole);
                }
                let arguments = &mut parts.last_mut().unwrap()["functionCall"]["args"];
                for piece in call["partialArgs"].as_array().into_iter().flatten() {
                    let path = word(&piece["jsonPath"]).replace('[', ".").replace(']', "");
                    let path: Vec<&str> = path.split('.').skip(1).collect();
                    let value = piece
                        .as_object()
                        .unwrap()
                        .iter()
                        .find(|(name, _)| name.ends_with("Value"))
                        .unwrap()
                        .1;
                    put(arguments, &path, value.clone());
                }
                calling = call["willContinue"] == true;
                talking = false;
                continue;
            }
            let fields = part.as_object().unwrap();
            let is_plain =
                part["text"].is_string() && fields.keys().all(|name| name == "text" || name == "thought");
            if is_plain && part["text"] == "" {
                continue;
            }
            let last = parts
                .last_mut()
                .filter(|last| talking && place == 0 && is_plain && last["thought"] == part["thought"]);
            match last {
                Some(last) => last["text"] = Value::String(word(&last["text"]) + &word(&part["text"])),
                None => parts.push(part),
            }
            (calling, talking) = (false, is_plain);
        }
    }
    parts
}

/// Whether nobody answered: the request was blocked, or nothing came.
pub(super) fn is_failing(exchange: &Exchange) -> bool {
    let payloads = payloads(exchange);
    let said = |name: &str| payloads.iter().any(|payload| !payload[name].is_null());
    !said("candidates") && (said("promptFeedback") || said("usageMetadata"))
}

/// What the JSON says.
pub(super) fn reading(exchange: &Exchange) -> Reading {
    let parts = parts(exchange);
    let texts = |thought: bool| {
        parts
            .iter()
            .filter(|part| (part["thought"] == true) == thought)
            .map(|part| word(&part["text"]))
            .collect::<String>()
    };
    let calls: Vec<Call> = parts
        .iter()
        .map(|part| &part["functionCall"])
        .filter(|call| call.is_object())
        .map(|call| Call {
            id: call["id"].as_str().map(str::to_owned),
            name: word(&call["name"]),
            arguments: call["args"].clone(),
        })
        .collect();
    let (mut usage, mut reason) = (Tokens::default(), String::new());
    for chunk in payloads(exchange) {
        let counts = &chunk["usageMetadata"];
        let count = |name: &str| counts[name].as_u64();
        if let (Some(prompt), Some(total)) = (count("promptTokenCount"), count("totalTokenCount")) {
            let input = prompt + count("toolUsePromptTokenCount").unwrap_or(0);
            usage = Tokens {
                input: Some(input),
                output: Some(total - input),
                cached: count("cachedContentTokenCount"),
                reasoning: count("thoughtsTokenCount"),
            };
        }
        let told = word(&chunk["candidates"][0]["finishReason"]);
        reason = if told.is_empty() { reason } else { told };
    }
    Reading {
        text: texts(false),
        reasoning: Some(texts(true)),
        usage: Some(usage),
        finish: Some(match reason.as_str() {
            "STOP" if calls.is_empty() => FinishReason::Stop,
            "STOP" => FinishReason::ToolCalls,
            "MAX_TOKENS" => FinishReason::Length,
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" => {
                FinishReason::ContentFilter
            }
            other => FinishReason::Other(other.to_owned()),
        }),
        calls,
    }
}

fn google<'a>(model: &'a ModelInfo, profile: &'a Profile) -> Target<'a> {
    Target { model, profile, quirks: &Quirks::NONE, delivery: Delivery::Streamed }
}

/// Every recorded answer, decoded by us and given back in the next request, is part for part what the provider said:
/// signatures (those of empty texts too), thoughts, code and its output, the provider's own tools.
#[test]
fn every_recorded_answer_goes_back_as_it_came() {
    let Some(folder) = folder() else { return };
    let model = ModelInfo::new("google", "gemini-2.5-flash");
    let profile = Profile { reasoning_budget: true, ..Profile::FULL };
    let mut answers = 0;
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::gemini::NAME || exchange.status != 200 {
            continue;
        }
        let recall = Recall { provider: "google".to_owned(), ..Recall::default() };
        let (events, error, info) = events_of(&*wire, recall, [&*exchange.body]);
        let expected = parts(&exchange);
        if error.is_some() || expected.is_empty() {
            continue;
        }
        let answer = fold(events, info).message;
        // Through the journal and back.
        let answer: Message = serde_json::from_str(&serde_json::to_string(&answer).unwrap()).unwrap();
        let next = ChatRequest::new([Message::user("x"), answer, Message::user("go on")]);
        let encoded = GeminiGenerateContent.encode(&next, &google(&model, &profile)).unwrap();
        assert!(encoded.warnings.is_empty(), "{name}: {:?}", encoded.warnings);
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        for part in &expected {
            let names: Vec<&str> = part.as_object().unwrap().keys().map(String::as_str).collect();
            *kinds.entry(names.join("+")).or_default() += 1;
        }
        assert_eq!(body["contents"][1], json!({"role": "model", "parts": expected}), "{name}");
        answers += 1;
    }
    say(&format!("{answers} recorded Gemini answers, given back; parts: {kinds:?}\n"));
}

/// A recorded failure is the error that its own words say, with the wait that it asks for.
#[test]
fn every_recorded_failure_is_typed() {
    let Some(folder) = folder() else { return };
    let mut failures: BTreeMap<String, usize> = BTreeMap::new();
    for (Case { name, exchange }, wire) in spoken(&folder) {
        let Ok(body) = serde_json::from_slice::<Map<String, Value>>(&exchange.body) else { continue };
        if wire.name() != wire::gemini::NAME || !body.contains_key("error") {
            continue;
        }
        let error: Error = if exchange.status == 200 {
            exchange.decode(&*wire).1.unwrap()
        } else {
            wire.decode_error(&exchange.head(), &exchange.body)
        };
        let said = &body["error"];
        let text = exchange.body.to_vec();
        let text = String::from_utf8(text).unwrap();
        let expected = match said["status"].as_str().unwrap() {
            "INVALID_ARGUMENT" if text.contains("API_KEY_INVALID") => ErrorKind::Unauthenticated,
            "INVALID_ARGUMENT" => ErrorKind::InvalidInput,
            "NOT_FOUND" => ErrorKind::NotFound,
            "PERMISSION_DENIED" => ErrorKind::Denied,
            "RESOURCE_EXHAUSTED" if text.contains("PerDay") => ErrorKind::QuotaExceeded,
            "RESOURCE_EXHAUSTED" => ErrorKind::RateLimited,
            "UNAVAILABLE" => ErrorKind::Overloaded,
            "INTERNAL" => ErrorKind::Transport,
            other => panic!("{name}: {other}"),
        };
        assert_eq!(error.kind(), expected, "{name}: {error}");
        let asked =
            said["details"].as_array().into_iter().flatten().find_map(|detail| detail["retryDelay"].as_str());
        if let (Some(asked), true) = (asked, expected == ErrorKind::RateLimited) {
            let seconds: f64 = asked.trim_end_matches('s').parse().unwrap();
            assert_eq!(error.wait(), Some(Duration::from_secs_f64(seconds)), "{name}");
        }
        *failures.entry(error.kind().to_string()).or_default() += 1;
    }
    say(&format!("recorded Gemini failures: {failures:?}\n"));
}

/// What the provider grounded an answer in comes as citations, each of a source that it named.
#[test]
fn recorded_grounding_becomes_citations() {
    let Some(folder) = folder() else { return };
    let (mut answers, mut citations) = (0, 0);
    for (Case { name, exchange }, wire) in spoken(&folder) {
        if wire.name() != wire::gemini::NAME || exchange.status != 200 {
            continue;
        }
        let chunks = payloads(&exchange);
        let supports: Vec<&Value> = chunks
            .iter()
            .flat_map(|chunk| chunk["candidates"].as_array().into_iter().flatten())
            .flat_map(|one| one["groundingMetadata"]["groundingSupports"].as_array().into_iter().flatten())
            .collect();
        if supports.is_empty() {
            continue;
        }
        let (answer, error) = exchange.decode(&*wire);
        assert!(error.is_none(), "{name}");
        let found: Vec<_> = answer
            .message
            .parts
            .iter()
            .filter_map(|part| match &part.content {
                PartContent::Citation(citation) => Some((citation, part.native.as_ref().unwrap())),
                _ => None,
            })
            .collect();
        let told = String::from_utf8_lossy(&exchange.body).into_owned();
        assert!(!found.is_empty(), "{name}");
        for (citation, native) in &found {
            let chunk = native.item["groundingChunk"].as_object().unwrap().values().next().unwrap();
            assert!(!citation.quote.is_empty(), "{name}");
            assert_eq!(citation.location.as_deref(), chunk["uri"].as_str(), "{name}");
            assert!(citation.source.is_empty() || told.contains(&citation.source), "{name}");
        }
        answers += 1;
        citations += found.len();
    }
    say(&format!("{answers} grounded Gemini answers with {citations} citations\n"));
}
