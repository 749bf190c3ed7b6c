//! That no path is quadratic: the same bytes in large and small pieces, and long and short lines and arguments, cost the
//! same per byte.

use std::collections::VecDeque;

use agentforge::{
    model::ChatEvent,
    models::wire::{self, Recall, Wire},
    serde_json::json,
};
use agentforge_benches::{
    figure::{Bound, Figure, Held, Unit, median},
    probe::{Failure, cpu},
};

use crate::{bare::Bare, child::Provider, plan::Plan};

const GROUP: &str = "linear";
const PIECES: [(&str, &str); 3] = [
    ("openai_chat", "server-sent events in pieces of 64 KiB"),
    ("ollama_chat", "lines of JSON in pieces of 64 KiB"),
    ("bedrock_converse", "binary event stream in pieces of 64 KiB"),
];
const LINE: &str = "one event of 1 MiB in pieces of 1 KiB";
const OPENAI: &str = "arguments of 1 MiB in tokens, OpenAI chat";
const ANTHROPIC: &str = "arguments of 1 MiB in tokens, Anthropic";

const SMALL: usize = 64 * 1024;
const LARGE: usize = 1024 * 1024;
/// Measurements disturb one another by a few of a hundred; what is quadratic costs many times as much.
const GOAL: f64 = 1.25;
/// A megabyte that is copied as one does not stay in the nearest cache; what is quadratic costs sixteen times as much.
const GOAL_OF_LINE: f64 = 2.0;

/// One side of a comparison: a stream, and how it is cut.
struct Side<'a> {
    stream: &'a [u8],
    piece: usize,
}

pub(crate) async fn measure(plan: &Plan) -> Result<(), Failure> {
    let names = PIECES.map(|(_, name)| name);
    if plan.wants_any(GROUP, &names) {
        let provider = Provider::start()?;
        let bare = Bare::new(&provider.address)?;
        for (wire, name) in PIECES {
            let stream = bare.pieces(wire, "tokens-10000").await?.concat();
            let side = |piece| Side { stream: &stream, piece };
            compare(plan, wire, name, "in pieces of 1 KiB", [side(64 * 1024), side(1024)])?;
        }
    }
    let (long, short) = (openai(1, LARGE), openai(1, SMALL));
    let side = |stream| Side { stream, piece: 1024 };
    compare(plan, "openai_chat", LINE, "one of 64 KiB", [side(&long), side(&short)])?;
    let sides = |of: fn(usize, usize) -> Vec<u8>| (of(LARGE / 16, 16), of(SMALL / 16, 16));
    for (wire, name, of) in [
        ("openai_chat", OPENAI, openai as fn(usize, usize) -> Vec<u8>),
        ("anthropic_messages", ANTHROPIC, anthropic),
    ] {
        let (long, short) = sides(of);
        let side = |stream| Side { stream, piece: 16 * 1024 };
        compare(plan, wire, name, "of 64 KiB", [side(&long), side(&short)])?;
    }
    Ok(())
}

/// A call whose arguments come in so many pieces of so many bytes.
fn openai(pieces: usize, bytes: usize) -> Vec<u8> {
    let chunk = |arguments: &str| {
        let call = json!({"index": 0, "id": "call_1", "function": {"name": "write", "arguments": arguments}});
        json!({"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"tool_calls": [call]}}]})
    };
    let mut stream = format!("data: {}\n\n", chunk("{\"text\":\""));
    let piece = format!("data: {}\n\n", chunk(&"x".repeat(bytes)));
    stream.push_str(&piece.repeat(pieces));
    stream.push_str(&format!("data: {}\n\ndata: [DONE]\n\n", chunk("\"}")));
    stream.into_bytes()
}

/// The same in another wire.
fn anthropic(pieces: usize, bytes: usize) -> Vec<u8> {
    let event = |data: agentforge::serde_json::Value| format!("data: {data}\n\n");
    let delta = |json: &str| {
        let delta = json!({"type": "input_json_delta", "partial_json": json});
        event(json!({"type": "content_block_delta", "index": 0, "delta": delta}))
    };
    let block = json!({"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}});
    let mut stream = event(json!({"type": "message_start", "message": {"id": "1", "model": "m"}}));
    stream.push_str(&event(json!({"type": "content_block_start", "index": 0, "content_block": block})));
    stream.push_str(&delta("{\"text\":\""));
    stream.push_str(&delta(&"x".repeat(bytes)).repeat(pieces));
    stream.push_str(&delta("\"}"));
    stream.push_str(&event(json!({"type": "content_block_stop", "index": 0})));
    stream.push_str(&event(json!({"type": "message_delta", "delta": {"stop_reason": "tool_use"}})));
    stream.push_str(&event(json!({"type": "message_stop"})));
    stream.into_bytes()
}

fn compare(plan: &Plan, wire: &str, name: &str, against: &str, sides: [Side<'_>; 2]) -> Result<(), Failure> {
    if !plan.wants(GROUP, name) {
        return Ok(());
    }
    let wires = wire::builtin();
    let wire = wires.iter().find(|known| known.name() == wire).ok_or("no such wire")?;
    let mut rounds = Vec::new();
    for _ in 0..plan.rounds {
        let [ours, other] = &sides;
        rounds.push((per_byte(wire.as_ref(), ours)?, per_byte(wire.as_ref(), other)?));
    }
    let middle = |of: fn(&(f64, f64)) -> f64| median(rounds.iter().map(of).collect());
    // A thousand bytes at a time, since one takes less than a nanosecond.
    let (ours, other) = (middle(|round| round.0 * 1e3), middle(|round| round.1 * 1e3));
    let limit = if name == LINE { GOAL_OF_LINE } else { GOAL };
    let (held, bound) = (Held::Ratio(middle(|round| round.0 / round.1)), Some(Bound::AtMost(limit)));
    Figure { group: GROUP, name, against, unit: Unit::Nanoseconds, ours, other, held, bound }.print();
    Ok(())
}

/// Nanoseconds that one byte takes, with answers enough to be told from the clock's own steps.
fn per_byte(wire: &dyn Wire, side: &Side<'_>) -> Result<f64, Failure> {
    const ENOUGH: usize = 4 * LARGE;
    let times = ENOUGH / side.stream.len() + 1;
    let mut events: VecDeque<ChatEvent> = VecDeque::new();
    let began = cpu();
    for _ in 0..times {
        let mut decoder = wire.decoder(Recall::default());
        for piece in side.stream.chunks(side.piece) {
            decoder.feed(piece, &mut events)?;
            events.clear();
        }
        decoder.finish(&mut events)?;
        events.clear();
    }
    let spent = cpu() - began;
    #[allow(clippy::cast_precision_loss)]
    Ok(spent.as_secs_f64() * 1e9 / (times * side.stream.len()) as f64)
}
