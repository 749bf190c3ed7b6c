//! Recorded traffic of real providers: every chat completion in the shared corpus is decoded and compared with a plain
//! reading of its JSON, and every stream is cut everywhere. Files of the same layout may be added to the folder that
//! `AGENTFORGE_CORPORA` names.

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

use agentforge_core::{
    Error, ErrorKind,
    message::PartContent,
    model::{ChatEvent, ChatResponse, FinishReason},
    time::Timestamp,
};
use agentforge_llm::{
    frame::SseFramer,
    transport::Headers,
    wire::{ReplyHead, Wire, openai_chat::OpenAiChat},
};
use serde_json::Value;

use crate::support::{events, fold, recall};

/// One recorded exchange.
struct Exchange {
    name: String,
    provider: String,
    path: Option<String>,
    status: u16,
    headers: Headers,
    body: Option<Vec<u8>>,
}

/// The folder of recordings; `None`, said aloud, when there is none.
fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("AGENTFORGE_CORPORA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"), PathBuf::from);
    let folder = root.join("llm");
    if folder.is_dir() {
        return Some(folder);
    }
    say("SKIPPED: no recorded traffic; set AGENTFORGE_CORPORA to a folder with `llm/<provider>/*.json`\n");
    None
}

/// Writes past the capture of the test harness.
fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

fn exchanges(folder: &Path) -> Vec<Exchange> {
    let mut files: Vec<PathBuf> = Vec::new();
    for provider in
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir())
    {
        files.extend(std::fs::read_dir(provider).unwrap().map(|entry| entry.unwrap().path()));
    }
    files.sort();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "json")) {
        let recording: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
        for (number, exchange) in recording["exchanges"].as_array().unwrap().iter().enumerate() {
            let response = &exchange["response"];
            let headers = response["headers"].as_object().into_iter().flatten();
            found.push(Exchange {
                name: format!("{}#{number}", file.strip_prefix(folder).unwrap().display()),
                provider: recording["provider"].as_str().unwrap_or("unknown").to_owned(),
                path: exchange["request"]["path"].as_str().map(str::to_owned),
                status: u16::try_from(response["status"].as_u64().unwrap()).unwrap(),
                headers: headers
                    .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
                    .collect(),
                body: response["body"].as_str().map(|body| body.as_bytes().to_vec()),
            });
        }
    }
    found
}

impl Exchange {
    /// Whether it speaks chat completions; where only the reply was recorded, the reply says so.
    fn is_chat(&self) -> bool {
        if let Some(path) = &self.path {
            return path.ends_with("/chat/completions");
        }
        let body = String::from_utf8_lossy(self.body());
        body.contains("\"chat.completion") || (body.contains("\"choices\"") && body.contains("\"delta\""))
    }

    fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    fn is_stream(&self) -> bool {
        !self.body().trim_ascii_start().starts_with(b"{")
    }

    fn chunks(&self) -> Vec<Value> {
        if !self.is_stream() {
            return vec![serde_json::from_slice(self.body()).unwrap()];
        }
        let text = String::from_utf8(self.body().to_vec()).unwrap();
        let data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
    }
}

/// What a plain reading of the JSON says: text, refusal, reasoning, names and arguments of calls.
#[derive(Debug, PartialEq)]
struct Reading {
    text: String,
    reasoning: String,
    calls: Vec<(String, Value)>,
    tokens: (Option<u64>, Option<u64>),
}

fn plain_reading(exchange: &Exchange) -> Reading {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut reading =
        Reading { text: String::new(), reasoning: String::new(), calls: Vec::new(), tokens: (None, None) };
    let mut refusal = String::new();
    // A call is known by its index, and by its id where one index serves several.
    let mut calls: Vec<(u64, String, String, String)> = Vec::new();
    let member = if exchange.is_stream() { "delta" } else { "message" };
    for chunk in exchange.chunks() {
        for choice in chunk["choices"].as_array().into_iter().flatten().filter(|choice| choice["index"] == 0)
        {
            let spoken = &choice[member];
            match &spoken["content"] {
                Value::Array(pieces) => {
                    for piece in pieces {
                        reading.text += &word(&piece["text"]);
                        for thought in piece["thinking"].as_array().into_iter().flatten() {
                            reading.reasoning += &word(&thought["text"]);
                        }
                    }
                }
                content => reading.text += &word(content),
            }
            refusal += &word(&spoken["refusal"]);
            reading.reasoning += &word(&spoken["reasoning_content"]);
            reading.reasoning += &word(&spoken["reasoning"]);
            for (place, call) in spoken["tool_calls"].as_array().into_iter().flatten().enumerate() {
                let index = if exchange.is_stream() { call["index"].as_u64().unwrap() } else { place as u64 };
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
        if let Some(usage) = chunk["usage"].as_object() {
            reading.tokens = (usage["prompt_tokens"].as_u64(), usage["completion_tokens"].as_u64());
        }
    }
    reading.text += &refusal;
    reading.calls = calls
        .into_iter()
        .map(|(_, _, name, arguments)| {
            let empty = || Value::Object(serde_json::Map::new());
            let text = arguments.trim();
            let value = if text.is_empty() {
                empty()
            } else {
                serde_json::from_str(text).unwrap_or(Value::String(arguments))
            };
            (name, value)
        })
        .collect();
    reading
}

fn our_reading(answer: &ChatResponse) -> Reading {
    let thoughts = answer.message.parts.iter().filter_map(|part| match &part.content {
        PartContent::Reasoning(thought) => Some(thought.text.as_str()),
        _ => None,
    });
    let calls = answer.message.tool_calls().map(|call| (call.name.clone(), call.arguments.clone()));
    Reading {
        text: answer.message.text(),
        reasoning: thoughts.collect(),
        calls: calls.collect(),
        tokens: (answer.usage.input, answer.usage.output),
    }
}

#[test]
fn every_recorded_chat_completion_says_what_its_json_says() {
    #[derive(Default)]
    struct Row {
        exchanges: usize,
        chat: usize,
        decoded: usize,
        failed_as_recorded: usize,
    }
    let Some(folder) = folder() else { return };
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut notes = Vec::new();
    for exchange in exchanges(&folder) {
        let row = rows.entry(exchange.provider.clone()).or_default();
        row.exchanges += 1;
        if !exchange.is_chat() {
            continue;
        }
        row.chat += 1;
        if exchange.status != 200 {
            let head = ReplyHead {
                provider: exchange.provider.clone(),
                status: exchange.status,
                headers: exchange.headers.clone(),
                at: Timestamp::UNIX_EPOCH,
            };
            let error = OpenAiChat.decode_error(&head, exchange.body());
            assert_ne!(error.kind(), ErrorKind::Internal, "{}", exchange.name);
            notes.push(format!("{}: {} {error}", exchange.name, error.kind()));
            row.failed_as_recorded += 1;
            continue;
        }
        let (events, error, info) = events(recall(), [exchange.body()]);
        let failing = exchange.chunks().iter().any(|chunk| chunk["error"].is_object());
        if let Some(error) = error {
            assert!(failing, "{}: {error:?}", exchange.name);
            notes.push(format!("{}: {} {error}", exchange.name, error.kind()));
            row.failed_as_recorded += 1;
            continue;
        }
        assert!(!failing, "{} holds an error that was not reported", exchange.name);
        assert!(matches!(events.last(), Some(ChatEvent::Finish(_))), "{}", exchange.name);
        let answer = fold(events, info);
        let (ours, mut plain) = (our_reading(&answer), plain_reading(&exchange));
        if ours.tokens != plain.tokens {
            // Counts that stand elsewhere (Groq) or leave reasoning out (xAI) are checked by hand in `usage.rs`.
            assert!(
                exchange.provider.contains("groq")
                    || exchange.provider.contains("xai")
                    || exchange.name.contains("xai"),
                "{}: {ours:?} {plain:?}",
                exchange.name
            );
            plain.tokens = ours.tokens;
        }
        if ours.reasoning != plain.reasoning {
            assert!(plain.reasoning.is_empty(), "{}: {ours:?} {plain:?}", exchange.name);
            plain.reasoning.clone_from(&ours.reasoning);
        }
        assert_eq!(ours, plain, "{}", exchange.name);
        let unknown = matches!(answer.finish, Some(FinishReason::Other(_)));
        assert!(!unknown, "{}: {:?}", exchange.name, answer.finish);
        row.decoded += 1;
    }
    let mut table = format!(
        "\n{:<20} {:>9} {:>5} {:>8} {:>18} {:>10}\n",
        "provider", "exchanges", "chat", "decoded", "failed as recorded", "other APIs"
    );
    let mut total = Row::default();
    for (provider, row) in &rows {
        total.exchanges += row.exchanges;
        total.chat += row.chat;
        total.decoded += row.decoded;
        total.failed_as_recorded += row.failed_as_recorded;
        table += &line(provider, row.exchanges, row.chat, row.decoded, row.failed_as_recorded);
    }
    table += &line("total", total.exchanges, total.chat, total.decoded, total.failed_as_recorded);
    say(&format!("{table}\n{}\n", notes.join("\n")));
    assert_eq!(total.chat, total.decoded + total.failed_as_recorded);
}

fn line(name: &str, exchanges: usize, chat: usize, decoded: usize, failed: usize) -> String {
    format!("{name:<20} {exchanges:>9} {chat:>5} {decoded:>8} {failed:>18} {:>10}\n", exchanges - chat)
}

/// The positions at which a body is cut in two: all of them in an optimised build up to 64 KiB, a sample otherwise.
fn cuts(length: usize) -> Vec<usize> {
    let sample = if cfg!(debug_assertions) { 48 } else { 4096 };
    let all = length <= 1024 || (!cfg!(debug_assertions) && length <= 64 * 1024);
    if all { (0..=length).collect() } else { (0..=sample).map(|step| step * length / sample).collect() }
}

#[test]
fn every_recorded_stream_gives_the_same_events_wherever_it_is_cut() {
    let Some(folder) = folder() else { return };
    let mut streams = 0;
    for exchange in exchanges(&folder).iter().filter(|exchange| exchange.is_chat() && exchange.is_stream()) {
        let body = exchange.body();
        let (whole, failed, _) = events(recall(), [body]);
        let check = |pieces: &mut dyn Iterator<Item = &[u8]>, what: &str| {
            let (cut, error, _) = events(recall(), pieces);
            assert_eq!(cut, whole, "{} {what}", exchange.name);
            assert_eq!(
                error.map(|error| error.to_report()),
                failed.as_ref().map(Error::to_report),
                "{} {what}",
                exchange.name
            );
        };
        for size in [1, 2, 3, 7, 64, 1024, 64 * 1024] {
            check(&mut body.chunks(size), &format!("in pieces of {size}"));
        }
        for at in cuts(body.len()) {
            let (left, right) = body.split_at(at);
            check(&mut [left, right].into_iter(), &format!("cut at {at}"));
        }
        streams += 1;
    }
    say(&format!("{streams} recorded streams of chat completions, cut\n"));
}

/// The framer alone, at really every byte of every recorded event stream of any provider: from each boundary between
/// events, the bytes up to the second next one are cut at each place.
#[test]
fn every_recorded_event_stream_is_framed_alike_at_every_byte() {
    type Seen = Vec<(String, String)>;
    fn feed(framer: &mut SseFramer, bytes: &[u8], seen: &mut Seen) {
        framer
            .feed(bytes, |event| {
                seen.push((event.name.to_owned(), event.data.to_owned()));
                Ok(())
            })
            .unwrap();
    }
    let Some(folder) = folder() else { return };
    let (mut streams, mut places) = (0, 0_usize);
    for exchange in exchanges(&folder) {
        let streamed =
            exchange.headers.get("content-type").is_some_and(|kind| kind.starts_with("text/event-stream"));
        if !streamed || !exchange.is_stream() {
            continue;
        }
        streams += 1;
        let body = exchange.body();
        let step = if body.len() > 64 * 1024 && cfg!(debug_assertions) { 16 } else { 1 };
        let ends: Vec<usize> = memchr::memmem::find_iter(body, b"\n\n").map(|at| at + 2).collect();
        let mut framer = SseFramer::new();
        let mut start = 0;
        for (number, end) in ends.iter().enumerate() {
            let window = &body[start..ends.get(number + 1).copied().unwrap_or(body.len())];
            let mut expected = Seen::new();
            feed(&mut framer.clone(), window, &mut expected);
            for at in (0..end - start).step_by(step) {
                let mut cut = framer.clone();
                let mut seen = Seen::new();
                feed(&mut cut, &window[..at], &mut seen);
                feed(&mut cut, &window[at..], &mut seen);
                assert_eq!(seen, expected, "{} cut at {}", exchange.name, start + at);
                places += 1;
            }
            feed(&mut framer, &body[start..*end], &mut Seen::new());
            start = *end;
        }
    }
    say(&format!("{streams} recorded event streams, cut at {places} places\n"));
}
