//! How fast the framers take the streams of the mock server, in this process, against the least that anyone must do with
//! the bytes.

use std::hint::black_box;

use agentforge::models::frame::{EventStreamFramer, LineFramer, SseFramer};
use agentforge_benches::{
    figure::{Bound, Figure, Held, Unit, median},
    probe::{Failure, cpu},
};

use crate::{bare::Bare, child::Provider, plan::Plan};

const GROUP: &str = "framing";
const SSE: &str = "server-sent events";
const LINES: &str = "lines of JSON";
const MESSAGES: &str = "binary event stream";

/// As much as a connection gives at once.
const PIECE: usize = 16 * 1024;
/// What is framed in one round.
const TOTAL: usize = 32 * 1024 * 1024;
/// What a framer is to take in a second.
const GOAL: f64 = 1e9;

pub(crate) async fn measure(plan: &Plan) -> Result<(), Failure> {
    if !plan.wants_any(GROUP, &[SSE, LINES, MESSAGES]) {
        return Ok(());
    }
    let provider = Provider::start()?;
    let bare = Bare::new(&provider.address)?;
    let stream = async |wire| Ok::<_, Failure>(bare.pieces(wire, "tokens-5000").await?.concat());
    let ends = |bytes: &[u8]| memchr::memchr_iter(b'\n', bytes).count();
    let sse = stream("openai_chat").await?;
    compare(plan, SSE, "finding the line ends", &sse, ends, |bytes| {
        let (mut framer, mut seen) = (SseFramer::new(), 0);
        for piece in bytes.chunks(PIECE) {
            framer.feed(piece, |event| {
                seen += event.data.len();
                Ok(())
            })?;
        }
        Ok(seen)
    })?;
    let lines = stream("ollama_chat").await?;
    compare(plan, LINES, "finding the line ends", &lines, ends, |bytes| {
        let (mut framer, mut seen) = (LineFramer::new(), 0);
        for piece in bytes.chunks(PIECE) {
            framer.feed(piece, |line| {
                seen += line.len();
                Ok(())
            })?;
        }
        Ok(seen)
    })?;
    let messages = stream("bedrock_converse").await?;
    let checksum = |bytes: &[u8]| crc32fast::hash(bytes) as usize;
    compare(plan, MESSAGES, "the checksum alone", &messages, checksum, |bytes| {
        let (mut framer, mut seen) = (EventStreamFramer::new(), 0);
        for piece in bytes.chunks(PIECE) {
            framer.feed(piece, |message| {
                seen += message.payload.len();
                Ok(())
            })?;
        }
        Ok(seen)
    })
}

fn compare(
    plan: &Plan,
    name: &str,
    against: &str,
    bytes: &[u8],
    other: impl Fn(&[u8]) -> usize,
    ours: impl Fn(&[u8]) -> agentforge::Result<usize>,
) -> Result<(), Failure> {
    if !plan.wants(GROUP, name) {
        return Ok(());
    }
    let times = TOTAL / bytes.len() + 1;
    let (mut of_ours, mut of_other) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        let began = cpu();
        for _ in 0..times {
            black_box(ours(black_box(bytes))?);
        }
        let between = cpu();
        for _ in 0..times {
            black_box(other(black_box(bytes)));
        }
        #[allow(clippy::cast_precision_loss)]
        let throughput = |spent: std::time::Duration| (times * bytes.len()) as f64 / spent.as_secs_f64();
        of_ours.push(throughput(between - began));
        of_other.push(throughput(cpu() - between));
    }
    let (unit, bound) = (Unit::BytesPerSecond, Some(Bound::AtLeast(GOAL)));
    let (ours, other) = (median(of_ours), median(of_other));
    Figure { group: GROUP, name, against, unit, ours, other, held: Held::Ours, bound }.print();
    Ok(())
}
