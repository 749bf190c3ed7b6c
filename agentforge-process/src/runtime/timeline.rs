//! The timeline of a run: what happened, when, and how long it took, told by its journal alone.

use std::{collections::BTreeMap, time::Duration};

use agentforge_core::{
    context::CallContext,
    error::Result,
    event::kind,
    id::RunId,
    record::TimelineEntry,
    security::{AuthorizerExt, Permission},
    store::JournalRow,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    Processes,
    announce::decision_kind,
    fold::{rows, take_row},
    parts::owned_by,
    rows::{
        APPROVAL_DECIDED, APPROVAL_REQUESTED, EFFECT_COMPLETED, EFFECT_INTENDED, RUN_STARTED,
        SIGNAL_RECEIVED, TIMER_FIRED, TIMER_SET, read,
    },
    task::{Replay, Wants},
};
use crate::{
    definition::Compiled,
    engine::{Command, Effect, Move, NodeState, Place},
};

impl Processes {
    /// The timeline of a run, for whoever may see the run. The kinds are those of events: `run.started`,
    /// `step.completed`, `approval.requested`, …
    pub async fn timeline(&self, cx: &CallContext, run: RunId) -> Result<Vec<TimelineEntry>> {
        let stored = self.record(cx, run).await?;
        let resource = owned_by(stored.value.owner);
        self.parts.authorizer.require(cx, Permission::ProcessesRead, &resource).await?;
        let compiled = self.pinned(cx, &stored.value).await?;
        let mut teller = Teller::new(&compiled);
        for (row, payload) in rows(cx, &self.parts.stores, run).await? {
            teller.tell(&row, payload)?;
        }
        Ok(teller.told)
    }
}

/// Folds the journal once more and writes down what it sees.
struct Teller<'a> {
    compiled: &'a Compiled,
    replay: Replay,
    /// When what is still open began: the run, a step, a call, a question, a timer.
    begun: BTreeMap<(&'static str, Option<Place>), Timestamp>,
    told: Vec<TimelineEntry>,
}

impl<'a> Teller<'a> {
    fn new(compiled: &'a Compiled) -> Self {
        Self { compiled, replay: Replay::new(compiled), begun: BTreeMap::new(), told: Vec::new() }
    }

    fn tell(&mut self, row: &JournalRow, payload: Value) -> Result<()> {
        let place = self
            .compiled
            .index(&row.entry.node_path)
            .map(|node| Place { node, iteration: row.entry.iteration });
        self.tell_row(row, place, &payload)?;
        let moves = take_row(&mut self.replay, self.compiled, row.run, read(row, payload, self.compiled)?)?;
        for step in moves {
            self.tell_move(row, step)?;
        }
        Ok(())
    }

    fn tell_row(&mut self, row: &JournalRow, place: Option<Place>, payload: &Value) -> Result<()> {
        let said = |key: &str| payload.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let decided = |resolution: Option<&Value>| {
            let text = resolution.and_then(|resolution| resolution.get("state")).and_then(Value::as_str);
            text.unwrap_or("answered").to_owned()
        };
        let kind = row.entry.kind.as_str();
        let (kind, what) = match kind {
            APPROVAL_DECIDED => {
                (decision_kind(payload.get("resolution")), decided(payload.get("resolution")))
            }
            SIGNAL_RECEIVED => (decision_kind(payload.get("payload")), decided(payload.get("payload"))),
            APPROVAL_REQUESTED => (kind, said("title")),
            EFFECT_INTENDED => (kind::TOOL_CALL_STARTED, said("tool")),
            EFFECT_COMPLETED => (kind::TOOL_CALL_COMPLETED, said("outcome")),
            TIMER_SET => (kind, said("due")),
            RUN_STARTED => (kind, self.compiled.definition().title().to_owned()),
            _ => (kind, String::new()),
        };
        let duration = match row.entry.kind.as_str() {
            RUN_STARTED => self.begin("run", None, row.at),
            APPROVAL_REQUESTED => self.begin("approval", place, row.at),
            TIMER_SET => self.begin("timer", place, row.at),
            EFFECT_INTENDED => self.begin("call", place, row.at),
            APPROVAL_DECIDED | SIGNAL_RECEIVED => self.end("approval", place, row.at),
            TIMER_FIRED => self.end("timer", place, row.at),
            // A call that may be repeated has no row of its own; its step begins with it.
            EFFECT_COMPLETED => self.end("call", place, row.at).or_else(|| self.since("step", place, row.at)),
            kind::RUN_COMPLETED | kind::RUN_FAILED | kind::RUN_CANCELLED => self.end("run", None, row.at),
            _ => None,
        };
        self.line(row, kind, place, what, payload.clone(), duration)
    }

    fn tell_move(&mut self, row: &JournalRow, step: Move) -> Result<()> {
        let (kind, at, duration) = match step {
            Move::Entered(at) => (kind::STEP_STARTED, at, self.begin("step", Some(at), row.at)),
            Move::Done(at) => (kind::STEP_COMPLETED, at, self.end("step", Some(at), row.at)),
            Move::Failed(at) => (kind::STEP_FAILED, at, self.end("step", Some(at), row.at)),
        };
        let detail = match (step, self.replay.state.node(at.node)) {
            (Move::Done(_) | Move::Failed(_), Some(NodeState::Done { outcome, output })) => {
                json!({"outcome": outcome, "output": output})
            }
            (_, _) => self.wanted(at),
        };
        let what = detail.get("outcome").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.line(row, kind, Some(at), what, detail, duration)
    }

    /// What a node that was entered wants done.
    fn wanted(&self, at: Place) -> Value {
        match self.replay.tasks.get(&(at, Wants::Effect)).map(|task| &task.command) {
            Some(Command::Effect { effect: Effect::Tool(call), .. }) => {
                json!({"tool": call.tool, "arguments": call.arguments})
            }
            _ => json!({}),
        }
    }

    fn line(
        &mut self,
        row: &JournalRow,
        kind: &str,
        place: Option<Place>,
        what: String,
        detail: Value,
        duration: Option<Duration>,
    ) -> Result<()> {
        let node = place.map(|at| self.compiled.node(at.node)).transpose()?;
        let title = match (node, what.is_empty()) {
            (Some(node), true) => node.title.clone(),
            (Some(node), false) => format!("{}: {what}", node.title),
            (None, _) => what,
        };
        self.told.push(TimelineEntry {
            seq: row.seq,
            at: row.at,
            kind: kind.to_owned(),
            place: node.map(|node| node.id.clone()),
            title,
            detail,
            duration,
            usage: None,
            cost: None,
        });
        Ok(())
    }

    fn begin(&mut self, what: &'static str, place: Option<Place>, at: Timestamp) -> Option<Duration> {
        self.begun.insert((what, place), at);
        None
    }

    fn end(&mut self, what: &'static str, place: Option<Place>, at: Timestamp) -> Option<Duration> {
        self.begun.remove(&(what, place)).map(|begun| at.since(begun))
    }

    fn since(&self, what: &'static str, place: Option<Place>, at: Timestamp) -> Option<Duration> {
        self.begun.get(&(what, place)).map(|begun| at.since(*begun))
    }
}
