//! Counts of tokens: known counts of known words, what is exact and what is not, and what providers billed.

use std::collections::BTreeMap;

use agentforge_core::{
    message::{Message, Part},
    model::{ChatRequest, ModelInfo, ToolDefinition},
};
use agentforge_llm::{
    layer::estimate,
    tokens::{Counter, Exactness, TokenCount},
    wire,
};
use serde_json::{Value, json};

use crate::{
    corpus,
    support::{events_of, fold, recall},
};

fn model(name: &str) -> ModelInfo {
    ModelInfo::new("openai", name)
}

/// Counts that OpenAI's own tokenizer page and cookbook show.
#[test]
fn known_words_have_their_known_counts() {
    let counter = Counter::new();
    for (name, text, tokens) in [
        ("gpt-4o", "hello world", 2),
        ("gpt-4", "hello world", 2),
        ("gpt-4o", "", 0),
        ("gpt-4", "tiktoken is great!", 6),
        ("gpt-4o", "tiktoken is great!", 6),
        ("gpt-4", "antidisestablishmentarianism", 6),
        ("gpt-4o", "antidisestablishmentarianism", 6),
        ("gpt-4", "2 + 2 = 4", 7),
        ("gpt-4o", "2 + 2 = 4", 7),
        ("gpt-4", "お誕生日おめでとう", 9),
        ("gpt-4o", "お誕生日おめでとう", 8),
        ("text-embedding-3-small", "お誕生日おめでとう", 9),
    ] {
        assert_eq!(counter.count_text(&model(name), text), TokenCount::exact(tokens), "{name}: {text}");
    }
    // What means something to the model alone is plain text here: no text of a stranger is counted as one token.
    let control = counter.count_text(&model("gpt-4o"), "<|endoftext|>");
    assert!(control.is_exact() && control.tokens > 1, "{control:?}");
    assert!(counter.load(&model("gpt-4o")) && !counter.load(&model("gemini-2.5-pro")));
}

/// The splitting rules would give up with a panic on a megabyte of blanks, and a heap over one word of a megabyte costs
/// more than its length. What is checked is the count: the time shows in a test that does not end.
#[test]
fn a_megabyte_of_one_character_is_counted_in_pieces() {
    let counter = Counter::new();
    for (text, expected) in [(" ", 8_192), ("a", 131_072)] {
        let count = counter.count_text(&model("gpt-4o"), &text.repeat(1 << 20));
        assert_eq!((count.tokens, count.exactness), (expected, Exactness::Estimated), "{text:?}");
    }
    let prose = "The quick brown fox jumps over the lazy dog. ".repeat(4_000);
    let count = counter.count_text(&model("gpt-4o"), &prose);
    assert_eq!(count, TokenCount::exact(40_001));
}

#[test]
fn a_conversation_of_texts_is_exact_and_everything_else_makes_an_estimate() {
    let counter = Counter::new();
    let plain = ChatRequest::new([Message::user("hello world")]);
    assert_eq!(counter.count(&model("gpt-4o"), &plain), TokenCount::exact(9));
    assert_eq!(counter.count(&model("gpt-3.5-turbo"), &plain), TokenCount::exact(9));
    assert_eq!(counter.count(&model("gpt-5-mini"), &plain), TokenCount::exact(8));
    assert!(!counter.count(&model("gpt-oss-20b"), &plain).is_exact(), "its chat format is another");

    let two = Message::new(plain.messages[0].role, vec![Part::text("hello"), Part::text(" world")]);
    let tool = ToolDefinition {
        name: "find".to_owned(),
        description: "Finds.".to_owned(),
        parameters: serde_json::from_value(json!({"type": "object"})).unwrap(),
    };
    for request in [
        ChatRequest::new([two]),
        ChatRequest { tools: vec![tool], ..plain.clone() },
        ChatRequest { extra: BTreeMap::from([("openai".to_owned(), json!({"n": 2}))]), ..plain.clone() },
    ] {
        let count = counter.count(&model("gpt-4o"), &request);
        assert!(!count.is_exact() && count.tokens >= 9, "{count:?}");
    }

    let elsewhere = ModelInfo::new("anthropic", "claude-sonnet-4-5");
    let guess = counter.count(&elsewhere, &plain);
    assert_eq!(guess, TokenCount::estimated(estimate(&plain, &elsewhere).input.unwrap()));
}

#[test]
fn a_budget_takes_the_count_in_place_of_the_guess() {
    let counted = Counter::new().for_budget();
    let mut request = ChatRequest::new([Message::user("hello world")]);
    request.settings.max_tokens = Some(50);
    let usage = counted(&request, &model("gpt-4o"));
    assert_eq!((usage.input, usage.output, usage.cache_written), (Some(9), Some(50), None));
    let guess = estimate(&request, &model("gpt-4o"));
    assert_eq!(guess.input, Some(11));
}

/// The text-only requests among the recorded ones, as the provider read them.
fn conversation(body: &Value) -> Option<ChatRequest> {
    let odd = ["tools", "response_format", "functions", "text", "previous_response_id", "conversation", "n"];
    if odd.iter().any(|member| body.get(member).is_some_and(|it| !it.is_null())) {
        return None;
    }
    // Several attempts behind one request, all of which are billed.
    if body["reasoning"].get("mode").is_some() {
        return None;
    }
    let said = body.get("messages").or_else(|| body.get("input"))?;
    let instructions = body.get("instructions").and_then(Value::as_str).map(Message::system);
    let of = |message: &Value| {
        let members = message.as_object()?;
        if members.keys().any(|name| !matches!(name.as_str(), "role" | "content" | "type")) {
            return None;
        }
        let text = match &message["content"] {
            Value::String(text) => text.as_str(),
            Value::Array(parts) => match parts.as_slice() {
                [part] => part["text"].as_str()?,
                _ => return None,
            },
            _ => return None,
        };
        Some(match message["role"].as_str()? {
            "system" | "developer" => Message::system(text),
            "user" => Message::user(text),
            "assistant" => Message::assistant(text),
            _ => return None,
        })
    };
    let messages: Vec<Message> = match said {
        Value::String(text) => vec![Message::user(text)],
        Value::Array(messages) => messages.iter().map(of).collect::<Option<_>>()?,
        _ => return None,
    };
    Some(ChatRequest::new(instructions.into_iter().chain(messages)))
}

/// Every count that calls itself exact is what OpenAI billed.
#[test]
fn an_exact_count_is_what_the_provider_billed() {
    let Some(folder) = corpus::folder() else { return };
    let counter = Counter::new();
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    for case in corpus::cases(&folder) {
        let exchange = &case.exchange;
        let openai = exchange.request.as_ref().and_then(|request| request.host.as_deref());
        let (Some("api.openai.com"), Ok(wire), 200) = (openai, exchange.wire(), exchange.status) else {
            continue;
        };
        if !matches!(wire.name(), wire::openai_chat::NAME | wire::openai_responses::NAME) {
            continue;
        }
        let body = exchange.request.as_ref().map(|request| &request.body);
        let Some(body) = body.and_then(|body| serde_json::from_slice::<Value>(body).ok()) else { continue };
        let (Some(request), Some(name)) = (conversation(&body), body["model"].as_str()) else { continue };
        let (events, None, info) = events_of(&*wire, recall(), [&*exchange.body]) else { continue };
        let (count, Some(billed)) = (counter.count(&model(name), &request), fold(events, info).usage.input)
        else {
            continue;
        };
        if count.is_exact() {
            assert_eq!(count.tokens, billed, "{} of {name}", case.name);
            *held.entry(name.to_owned()).or_default() += 1;
        }
    }
    corpus::say(&format!("exact counts that were billed: {held:?}\n"));
    assert!(held.values().sum::<usize>() > 0, "no recorded request was counted");
}
