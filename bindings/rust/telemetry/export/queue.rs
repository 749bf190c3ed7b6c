//! Spans that have ended and wait to be sent: bounded, since a receiver that is away must cost a host nothing.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use prost::Message;
use tokio::sync::mpsc;

use super::{message::Span, shipping::Command};

/// How many spans wait at most, and how many bytes they have.
const MOST_SPANS: usize = 8_192;
const MOST_BYTES: usize = 32 * 1024 * 1024;
/// What one request holds; receivers refuse large ones, Langfuse from four megabytes on.
const BATCH_SPANS: usize = 512;
const BATCH_BYTES: usize = 2 * 1024 * 1024;

/// What became of spans so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtlpReport {
    /// How many spans a receiver took.
    pub sent: u64,
    /// How many nobody will receive: there were too many, the receiver refused them, or it was away for too long.
    pub lost: u64,
    /// Why a request failed last, for spans or metrics; none after one that did not.
    pub failure: Option<String>,
}

/// The spans that wait.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    commands: mpsc::Sender<Command>,
}

#[derive(Default)]
struct Waiting {
    spans: VecDeque<(Span, usize)>,
    bytes: usize,
    /// How many were taken and neither received nor given up.
    out: usize,
    report: OtlpReport,
    closed: bool,
}

impl Queue {
    pub(super) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { waiting: Mutex::default(), commands }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a span wait, or counts it as lost when there is no room. Never blocks.
    pub(super) fn push(&self, span: Span) {
        let size = span.encoded_len();
        let many = {
            let mut waiting = self.waiting();
            let full = waiting.spans.len() >= MOST_SPANS || waiting.bytes.saturating_add(size) > MOST_BYTES;
            if full || waiting.closed {
                waiting.report.lost += 1;
                return;
            }
            waiting.bytes += size;
            waiting.spans.push_back((span, size));
            waiting.spans.len() == BATCH_SPANS
        };
        if many {
            // When commands wait already, one of them sends.
            let _ = self.commands.try_send(Command::Wake);
        }
    }

    /// The spans of the next request, oldest first; none when none wait.
    pub(super) fn take(&self) -> Vec<Span> {
        let mut waiting = self.waiting();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH_SPANS && bytes < BATCH_BYTES {
            let Some((span, size)) = waiting.spans.pop_front() else { break };
            waiting.bytes = waiting.bytes.saturating_sub(size);
            bytes += size;
            batch.push(span);
        }
        waiting.out += batch.len();
        batch
    }

    /// A request was taken.
    pub(super) fn succeeded(&self, sent: usize, rejected: u64) {
        let mut waiting = self.waiting();
        waiting.out = waiting.out.saturating_sub(sent);
        waiting.report.sent += (sent as u64).saturating_sub(rejected);
        waiting.report.lost += rejected;
        waiting.report.failure = None;
    }

    /// A request failed, and with it so many spans for good.
    pub(super) fn failed(&self, why: &str, lost: usize) {
        let mut waiting = self.waiting();
        waiting.out = waiting.out.saturating_sub(lost);
        waiting.report.lost += lost as u64;
        waiting.report.failure = Some(why.to_owned());
    }

    /// Nobody sends any more: what comes from now on is lost, and so is what still waits or was on its way.
    pub(super) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        waiting.report.lost += (waiting.spans.len() + waiting.out) as u64;
        (waiting.spans, waiting.bytes, waiting.out) = (VecDeque::new(), 0, 0);
    }

    pub(super) fn report(&self) -> OtlpReport {
        self.waiting().report.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_bounded_in_number_and_size_and_so_is_a_request() {
        let (commands, mut received) = mpsc::channel(1);
        let queue = Queue::new(commands);
        for _ in 0..MOST_SPANS + 7 {
            queue.push(Span::default());
        }
        assert_eq!(queue.report().lost, 7);
        assert!(matches!(received.try_recv(), Ok(Command::Wake)));
        let taken = |count| queue.succeeded(count, 0);
        loop {
            let batch = queue.take().len();
            assert!(batch == BATCH_SPANS || batch == 0, "{batch}");
            taken(batch);
            if batch == 0 {
                break;
            }
        }
        assert_eq!(queue.report().sent, MOST_SPANS as u64);
        for _ in 0..100 {
            queue.push(Span { name: "x".repeat(1024 * 1024), ..Span::default() });
        }
        assert!(queue.report().lost >= 7 + 68, "{:?}", queue.report());
        let on_its_way = queue.take().len();
        assert!((1..=2).contains(&on_its_way));
        queue.close();
        assert_eq!(queue.report().lost, 7 + 100, "and what was on its way is lost too");
    }
}
