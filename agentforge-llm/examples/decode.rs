//! Decodes recorded traffic: one JSON line for each exchange of each file.
//!
//! `cargo run -q -p agentforge-llm --example decode -- FILE...`

// A program for people and scripts: its output is what it is for.
#![allow(clippy::print_stdout)]

use agentforge_core::{
    Error, Result,
    message::PartContent,
    model::{ChatResponse, FinishReason},
};
use agentforge_llm::recorded::{Exchange, Recording};
use serde_json::{Value, json};

fn main() {
    for file in std::env::args().skip(1) {
        match read(&file) {
            Ok(recording) => {
                for (number, exchange) in recording.exchanges.iter().enumerate() {
                    println!("{}", line(&file, number, exchange));
                }
            }
            Err(error) => println!("{}", failed(&file, None, None, &error)),
        }
    }
}

fn read(file: &str) -> Result<Recording> {
    let bytes =
        std::fs::read(file).map_err(|error| Error::invalid(format!("cannot read the file: {error}")))?;
    Recording::read(&bytes)
}

fn line(file: &str, number: usize, exchange: &Exchange) -> Value {
    let wire = match exchange.wire() {
        Ok(wire) => wire,
        Err(error) => return failed(file, Some(number), None, &error),
    };
    let (answer, error) = exchange.decode(&*wire);
    if let (true, Some(error)) = (answer.message.parts.is_empty(), &error) {
        return failed(file, Some(number), Some(wire.name()), error);
    }
    let reasoning: String = answer
        .message
        .parts
        .iter()
        .filter_map(|part| match &part.content {
            PartContent::Reasoning(thought) => Some(thought.text.as_str()),
            _ => None,
        })
        .collect();
    let calls: Vec<Value> = answer
        .message
        .tool_calls()
        .map(|call| json!({"id": call.call_id, "name": call.name, "arguments": call.arguments}))
        .collect();
    json!({
        "file": file,
        "exchange": number,
        "wire": wire.name(),
        "text": some(answer.message.text()),
        "reasoning": some(reasoning),
        "tool_calls": calls,
        "usage": {
            "input": answer.usage.input,
            "output": answer.usage.output,
            "cached": answer.usage.cached,
            "reasoning": answer.usage.reasoning,
        },
        "finish": finish(&answer),
        "error": error.as_ref().map(say),
    })
}

/// A line that holds nothing but an error.
fn failed(file: &str, exchange: Option<usize>, wire: Option<&str>, error: &Error) -> Value {
    json!({
        "file": file,
        "exchange": exchange,
        "wire": wire,
        "text": null,
        "reasoning": null,
        "tool_calls": [],
        "usage": {"input": null, "output": null, "cached": null, "reasoning": null},
        "finish": null,
        "error": say(error),
    })
}

fn say(error: &Error) -> String {
    format!("{}: {}", error.kind(), error.message())
}

fn some(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn finish(answer: &ChatResponse) -> Value {
    match &answer.finish {
        Some(FinishReason::Other(reason)) => reason.clone().into(),
        Some(reason) => json!(reason),
        None => Value::Null,
    }
}
