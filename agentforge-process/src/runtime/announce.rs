//! Which events a host sees while a run moves.

use agentforge_core::event::{Event, kind};
use serde_json::{Value, json};

use super::{
    drive::Drive,
    rows::{
        APPROVAL_DECIDED, APPROVAL_REQUESTED, EFFECT_COMPLETED, NewRow, RUN_CANCELLED, RUN_COMPLETED,
        RUN_FAILED, RUN_RESUMED, RUN_STARTED, RUN_SUSPENDED, SIGNAL_RECEIVED,
    },
};
use crate::{
    definition::Compiled,
    engine::{Move, Place},
};

/// The event that a row tells, if it tells one.
pub(super) fn of_row(compiled: &Compiled, row: &NewRow) -> Option<(&'static str, Value)> {
    let node = row.at.and_then(|at| compiled.node(at.node).ok()).map(|node| node.id.as_str());
    let kind = match row.kind {
        RUN_STARTED => kind::RUN_STARTED,
        RUN_SUSPENDED => kind::RUN_SUSPENDED,
        RUN_RESUMED => kind::RUN_RESUMED,
        RUN_COMPLETED => kind::RUN_COMPLETED,
        RUN_FAILED => kind::RUN_FAILED,
        RUN_CANCELLED => kind::RUN_CANCELLED,
        EFFECT_COMPLETED => kind::TOOL_CALL_COMPLETED,
        APPROVAL_REQUESTED => kind::APPROVAL_REQUESTED,
        APPROVAL_DECIDED => decision_kind(row.payload.get("resolution")),
        SIGNAL_RECEIVED => decision_kind(row.payload.get("payload")),
        _ => return None,
    };
    Some((kind, json!({"node": node, "detail": row.payload})))
}

/// An expired approval is told differently from a decided one.
pub(super) fn decision_kind(resolution: Option<&Value>) -> &'static str {
    let state = resolution.and_then(|resolution| resolution.get("state")).and_then(Value::as_str);
    if state == Some("expired") { kind::APPROVAL_EXPIRED } else { kind::APPROVAL_DECIDED }
}

impl Drive<'_> {
    /// Tells an event once the batch is committed.
    pub(super) fn announce_at(&mut self, seq: u64, kind: &str, data: Value) {
        let event = Event::new(&self.cx, kind, data).in_run(self.record.id, seq);
        self.batch.events.push(event);
    }

    /// Tells an event that belongs to the last row.
    pub(super) fn announce(&mut self, kind: &str, data: Value) {
        self.announce_at(self.last_seq(), kind, data);
    }

    /// The place of the last row, written or about to be.
    pub(super) fn last_seq(&self) -> u64 {
        self.next_seq.saturating_add(self.batch.entries.len() as u64).saturating_sub(1)
    }

    /// Tells what the nodes did.
    pub(super) fn announce_moves(&mut self, moves: &[Move]) {
        for step in moves {
            let (kind, at): (_, Place) = match step {
                Move::Entered(at) => (kind::STEP_STARTED, *at),
                Move::Done(at) => (kind::STEP_COMPLETED, *at),
                Move::Failed(at) => (kind::STEP_FAILED, *at),
            };
            let Ok(node) = self.compiled.node(at.node) else { continue };
            let data = json!({"node": node.id, "title": node.title, "iteration": at.iteration});
            self.announce(kind, data);
        }
    }
}
