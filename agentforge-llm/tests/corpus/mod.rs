//! Recorded traffic of real providers: every exchange in the shared corpus that speaks one of our wires is decoded and
//! compared with a plain reading of its JSON, and every stream is cut everywhere. Files of the same layout may be added
//! to the folder that `AGENTFORGE_CORPORA` names.

mod addresses;
mod anthropic;
mod bedrock;
mod cohere;
mod cuts;
mod gemini;
mod ollama;
mod openai_chat;
mod openai_responses;
mod perplexity;

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use agentforge_core::{
    Error, ErrorKind,
    message::PartContent,
    model::{ChatEvent, ChatResponse, FinishReason},
};
use agentforge_llm::{
    recorded::{Exchange, Recording},
    wire::{self, Wire},
};
use serde_json::{Map, Value};

use crate::support::{events_of, fold, recall};

/// One recorded exchange and where it was found.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) exchange: Exchange,
}

/// What a plain reading of an exchange's JSON says, and what we read. What a plain reading cannot say is `None`.
#[derive(Debug, Clone, PartialEq)]
struct Reading {
    text: String,
    reasoning: Option<String>,
    calls: Vec<Call>,
    usage: Option<Tokens>,
    finish: Option<FinishReason>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq)]
struct Call {
    id: Option<String>,
    name: String,
    arguments: Value,
}

/// Token counts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Tokens {
    input: Option<u64>,
    output: Option<u64>,
    cached: Option<u64>,
    reasoning: Option<u64>,
}

/// The plain reading of a wire; written apart from its decoder, on nothing but JSON.
fn plain_reading(wire: &dyn Wire, exchange: &Exchange) -> Reading {
    match wire.name() {
        wire::openai_chat::NAME => openai_chat::reading(exchange),
        wire::anthropic::NAME => anthropic::reading(exchange),
        wire::bedrock::NAME => bedrock::reading(exchange),
        wire::cohere::NAME => cohere::reading(exchange),
        wire::ollama::NAME => ollama::reading(exchange),
        wire::gemini::NAME => gemini::reading(exchange),
        wire::openai_responses::NAME => openai_responses::reading(exchange),
        other => panic!("there is no plain reading of `{other}`; write one beside the others"),
    }
}

/// The folder of recordings; `None`, said aloud, when there is none.
pub(crate) fn folder() -> Option<PathBuf> {
    corpus("llm", "recorded traffic").filter(|folder| folder.is_dir())
}

/// A file or folder of the corpora; without it the test is skipped, and says so.
pub(crate) fn corpus(name: &str, what: &str) -> Option<PathBuf> {
    let root = std::env::var_os("AGENTFORGE_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    say(&format!("SKIPPED: no {what}; set AGENTFORGE_CORPORA to a folder with `{name}`\n"));
    None
}

/// Writes past the capture of the test harness.
pub(crate) fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

pub(crate) fn cases(folder: &Path) -> Vec<Case> {
    let mut files: Vec<PathBuf> = Vec::new();
    for provider in
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        files.extend(std::fs::read_dir(provider).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.sort();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "json")) {
        let name = file.strip_prefix(folder).unwrap().display().to_string();
        let recording = Recording::read(&std::fs::read(file).unwrap()).unwrap();
        for (number, exchange) in recording.exchanges.into_iter().enumerate() {
            found.push(Case { name: format!("{name}#{number}"), exchange });
        }
    }
    found
}

/// The exchanges that speak one of our wires.
fn spoken(folder: &Path) -> impl Iterator<Item = (Case, Arc<dyn Wire>)> {
    cases(folder).into_iter().filter_map(|case| case.exchange.wire().ok().map(|wire| (case, wire)))
}

fn is_stream(exchange: &Exchange) -> bool {
    !exchange.body.trim_ascii_start().starts_with(b"{")
        || serde_json::from_slice::<serde::de::IgnoredAny>(&exchange.body).is_err()
}

/// The JSON of a body: one document, or the data of every event.
fn payloads(exchange: &Exchange) -> Vec<Value> {
    if exchange.body.first() == Some(&0) {
        return bedrock::messages(exchange);
    }
    if let Ok(pieces) = serde_json::from_slice::<Vec<Value>>(&exchange.body) {
        return pieces;
    }
    if !is_stream(exchange) {
        return vec![serde_json::from_slice(&exchange.body).unwrap()];
    }
    let text = String::from_utf8(exchange.body.to_vec()).unwrap();
    // The data of events, or the values of lines.
    let data = text
        .lines()
        .filter_map(|line| line.strip_prefix("data:").or(Some(line).filter(|line| line.starts_with('{'))))
        .map(str::trim);
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Arguments that came as text: none are an empty object, and what is no JSON stays text.
fn arguments(text: &str) -> Value {
    if matches!(text.trim(), "" | "null") {
        return Value::Object(Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn our_reading(answer: &ChatResponse) -> Reading {
    let thoughts = answer.message.parts.iter().filter_map(|part| match &part.content {
        PartContent::Reasoning(thought) => Some(thought.text.as_str()),
        _ => None,
    });
    let calls = answer.message.tool_calls().map(|call| Call {
        id: Some(call.call_id.clone()),
        name: call.name.clone(),
        arguments: call.arguments.clone(),
    });
    Reading {
        text: answer.message.text(),
        reasoning: Some(thoughts.collect()),
        calls: calls.collect(),
        usage: Some(Tokens {
            input: answer.usage.input,
            output: answer.usage.output,
            cached: answer.usage.cached,
            reasoning: answer.usage.reasoning,
        }),
        finish: answer.finish.clone(),
    }
}

/// Compares, with our word for what the plain reading cannot say.
fn assert_alike(name: &str, ours: &Reading, mut plain: Reading) {
    plain.reasoning = plain.reasoning.or_else(|| ours.reasoning.clone());
    plain.usage = match (plain.usage, ours.usage) {
        // Hosts put these two in many places.
        (Some(plain), Some(ours)) => Some(Tokens {
            cached: plain.cached.or(ours.cached),
            reasoning: plain.reasoning.or(ours.reasoning),
            ..plain
        }),
        (None, ours) => ours,
        (plain, None) => plain,
    };
    plain.finish = plain.finish.or_else(|| ours.finish.clone());
    for (call, own) in plain.calls.iter_mut().zip(&ours.calls) {
        call.id = call.id.take().or_else(|| own.id.clone());
    }
    assert_eq!(*ours, plain, "{name}");
}

/// The API of an exchange that we do not speak, without names of models and ids.
fn api(exchange: &Exchange) -> String {
    let Some(request) = &exchange.request else { return "only the reply was recorded".to_owned() };
    let plain = |part: &&str| {
        !part.contains(|letter: char| letter.is_ascii_digit() || letter == '.') || part.len() < 8
    };
    let parts = request.path.split(['/', ':']).filter(|part| !part.is_empty()).filter(plain);
    parts.collect::<Vec<_>>().join(" ")
}

#[derive(Default)]
struct Row {
    exchanges: usize,
    decoded: usize,
    failed: usize,
    refused: usize,
}

impl Row {
    fn line(&self, name: &str) -> String {
        let Self { exchanges, decoded, failed, refused } = self;
        format!("{name:<22} {exchanges:>9} {decoded:>8} {failed:>18} {refused:>24}\n")
    }
}

#[test]
fn every_recorded_answer_says_what_its_json_says() {
    let Some(folder) = folder() else { return };
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let (mut failures, mut refusals) = (Vec::new(), BTreeMap::<String, usize>::new());
    for Case { name, exchange } in cases(&folder) {
        let row = rows.entry(exchange.provider.clone()).or_default();
        row.exchanges += 1;
        let wire = match exchange.wire() {
            Ok(wire) => wire,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
                *refusals.entry(format!("{}: {}", exchange.provider, api(&exchange))).or_default() += 1;
                row.refused += 1;
                continue;
            }
        };
        if exchange.status != 200 {
            let error = wire.decode_error(&exchange.head(), &exchange.body);
            assert!(!matches!(error.kind(), ErrorKind::Internal | ErrorKind::Decode), "{name}: {error:?}");
            failures.push(format!("{name}: {} {error}", error.kind()));
            row.failed += 1;
            continue;
        }
        let (events, error, info) = events_of(&*wire, recall(), [&*exchange.body]);
        let failing = payloads(&exchange).iter().any(|payload| payload["error"].is_object())
            || anthropic::is_spliced(&exchange)
            || bedrock::is_failing(&exchange)
            || openai_responses::is_failing(&exchange)
            || cohere::is_failing(&exchange)
            || ollama::is_failing(&exchange)
            || (wire.name() == wire::gemini::NAME && gemini::is_failing(&exchange));
        if let Some(error) = error {
            assert!(failing, "{name}: {error:?}");
            failures.push(format!("{name}: {} {error}", error.kind()));
            row.failed += 1;
            continue;
        }
        assert!(!failing, "{name} holds an error that was not reported");
        assert!(matches!(events.last(), Some(ChatEvent::Finish(_))), "{name}");
        let answer = fold(events, info);
        assert_alike(&name, &our_reading(&answer), plain_reading(&*wire, &exchange));
        assert!(!matches!(answer.finish, Some(FinishReason::Other(_))), "{name}: {:?}", answer.finish);
        row.decoded += 1;
    }
    let mut table = format!(
        "\n{:<22} {:>9} {:>8} {:>18} {:>24}\n",
        "provider", "exchanges", "decoded", "failed as recorded", "API that we do not speak"
    );
    let mut total = Row::default();
    for (provider, row) in &rows {
        assert_eq!(row.exchanges, row.decoded + row.failed + row.refused, "{provider}");
        total.exchanges += row.exchanges;
        total.decoded += row.decoded;
        total.failed += row.failed;
        total.refused += row.refused;
        table += &row.line(provider);
    }
    table += &total.line("total");
    let refusals: Vec<String> =
        refusals.into_iter().map(|(reason, count)| format!("{count:>4} × {reason}")).collect();
    say(&format!("{table}\n{}\n\n{}\n", failures.join("\n"), refusals.join("\n")));
}

/// The choice of the wire must not hide what it should find: where a path was recorded, it alone says what is spoken.
#[test]
fn no_recorded_answer_of_our_wires_is_refused() {
    let Some(folder) = folder() else { return };
    let paths = [
        ("/v1/messages", wire::anthropic::NAME),
        ("/chat/completions", wire::openai_chat::NAME),
        ("/converse", wire::bedrock::NAME),
        ("/converse-stream", wire::bedrock::NAME),
        ("/responses", wire::openai_responses::NAME),
        ("/v2/chat", wire::cohere::NAME),
        ("/api/chat", wire::ollama::NAME),
        (":generateContent", wire::gemini::NAME),
        (":streamGenerateContent", wire::gemini::NAME),
    ];
    for Case { name, exchange } in cases(&folder) {
        let path = exchange.request.as_ref().map(|request| request.path.as_str()).unwrap_or_default();
        let spoken = exchange.wire().ok().map(|wire| wire.name());
        for (ending, wire) in paths {
            assert!(!path.ends_with(ending) || spoken == Some(wire), "{name}: {spoken:?}");
        }
        let body = String::from_utf8_lossy(&exchange.body);
        for (mark, wire) in [
            ("\"chat.completion", wire::openai_chat::NAME),
            ("\"type\":\"message_start\"", wire::anthropic::NAME),
            ("\"contentBlockIndex\"", wire::bedrock::NAME),
            ("response.output_item.added\"", wire::openai_responses::NAME),
            ("\"type\":\"message-start\"", wire::cohere::NAME),
            ("\"modelVersion\"", wire::gemini::NAME),
        ] {
            assert!(!body.contains(mark) || spoken == Some(wire), "{name}: {spoken:?}");
        }
    }
}

/// The positions at which a decoder's body is cut in two: all of them in an optimised build up to 64 KiB, else a sample.
/// The frames alone are cut at every byte in any build, see [`cuts`].
fn sampled_cuts(length: usize) -> Vec<usize> {
    let sample = if cfg!(debug_assertions) { 24 } else { 4096 };
    let all = length <= 256 || (!cfg!(debug_assertions) && length <= 64 * 1024);
    if all { (0..=length).collect() } else { (0..=sample).map(|step| step * length / sample).collect() }
}

#[test]
fn every_recorded_stream_gives_the_same_events_wherever_it_is_cut() {
    let Some(folder) = folder() else { return };
    let mut streams: BTreeMap<&'static str, usize> = BTreeMap::new();
    for (Case { name, exchange }, wire) in
        spoken(&folder).filter(|(case, _)| case.exchange.status == 200 && is_stream(&case.exchange))
    {
        let body = &*exchange.body;
        let (whole, failed, _) = events_of(&*wire, recall(), [body]);
        let check = |pieces: &mut dyn Iterator<Item = &[u8]>, what: &str| {
            let (cut, error, _) = events_of(&*wire, recall(), pieces);
            assert_eq!(cut, whole, "{name} {what}");
            assert_eq!(
                error.map(|error| error.to_report()),
                failed.as_ref().map(Error::to_report),
                "{name} {what}",
            );
        };
        for size in [1, 2, 3, 7, 64, 1024, 64 * 1024] {
            check(&mut body.chunks(size), &format!("in pieces of {size}"));
        }
        for at in sampled_cuts(body.len()) {
            let (left, right) = body.split_at(at);
            check(&mut [left, right].into_iter(), &format!("cut at {at}"));
        }
        *streams.entry(wire.name()).or_default() += 1;
    }
    say(&format!("recorded streams, cut: {streams:?}\n"));
}
