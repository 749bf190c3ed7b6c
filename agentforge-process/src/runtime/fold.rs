//! Reads a run's journal and folds it into the state and the open tasks.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::RunId,
    store::{JournalRow, Payload, Stores},
};
use serde_json::Value;

use super::{
    payload,
    rows::{Purpose, Row, RunStarted, read},
    task::{Replay, Stage, Wants},
};
use crate::{
    definition::Compiled,
    engine::{ENGINE_VERSION, Move},
};

/// A run as its journal tells it.
pub(super) struct Folded {
    pub(super) started: RunStarted,
    pub(super) replay: Replay,
    /// The sequence number of the next row.
    pub(super) next_seq: u64,
}

/// Every row of a run with its payload, oldest first.
pub(super) async fn rows(cx: &CallContext, stores: &Stores, run: RunId) -> Result<Vec<(JournalRow, Value)>> {
    const BATCH: u32 = 500;
    let mut all = Vec::new();
    loop {
        let from = all.last().map_or(0, |(row, _): &(JournalRow, Value)| row.seq.saturating_add(1));
        let batch = stores.journal.rows(cx, run, from, BATCH).await?;
        let last = batch.len() < BATCH as usize;
        for mut row in batch {
            let stored = std::mem::replace(&mut row.entry.payload, Payload::Inline(Value::Null));
            let payload = payload::load(cx, &*stores.blobs, stored).await?;
            all.push((row, payload));
        }
        if last {
            return Ok(all);
        }
    }
}

/// How a run began, from its first row.
pub(super) async fn started(
    cx: &CallContext,
    stores: &Stores,
    compiled: &Compiled,
    run: RunId,
) -> Result<RunStarted> {
    let first = stores.journal.rows(cx, run, 0, 1).await?.into_iter().next();
    let row =
        first.ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("the journal of run {run} is empty")))?;
    let payload = payload::load(cx, &*stores.blobs, row.entry.payload.clone()).await?;
    begun(&row, payload, compiled)
}

/// Folds the journal of a run.
pub(super) async fn fold(
    cx: &CallContext,
    stores: &Stores,
    compiled: &Compiled,
    run: RunId,
) -> Result<Folded> {
    let mut replay = Replay::new(compiled);
    let (mut begin, mut next_seq) = (None, 0);
    for (row, payload) in rows(cx, stores, run).await? {
        if row.seq != next_seq {
            return Err(Error::new(ErrorKind::Corrupt, format!("row {next_seq} of run {run} is missing")));
        }
        next_seq = row.seq.saturating_add(1);
        if begin.is_none() {
            begin = Some(begun(&row, payload.clone(), compiled)?);
        }
        take_row(&mut replay, compiled, run, read(&row, payload, compiled)?)?;
    }
    let started =
        begin.ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("the journal of run {run} is empty")))?;
    Ok(Folded { started, replay, next_seq })
}

fn begun(row: &JournalRow, payload: Value, compiled: &Compiled) -> Result<RunStarted> {
    let Row::Started(started) = read(row, payload, compiled)? else {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("the journal of run {} does not begin with its start", row.run),
        ));
    };
    if started.engine > ENGINE_VERSION {
        return Err(Error::new(
            ErrorKind::Unsupported,
            format!("run {} was started by a newer engine; upgrade agentforge to go on with it", row.run),
        ));
    }
    Ok(*started)
}

/// Takes one row into a replay, and gives the moves of the nodes.
pub(super) fn take_row(replay: &mut Replay, compiled: &Compiled, run: RunId, row: Row) -> Result<Vec<Move>> {
    match row {
        Row::Started(started) => {
            return replay.apply(compiled, started.event(run)).map(|applied| applied.moves);
        }
        Row::Event(event) => return replay.apply(compiled, event).map(|applied| applied.moves),
        Row::Intended { at, attempt } => {
            if let Some(task) = replay.tasks.get_mut(&(at, Wants::Effect)) {
                task.stage = Stage::Intended;
                task.attempt = attempt;
            }
        }
        Row::Asked { at, asked } => {
            let wants = match asked.purpose {
                Purpose::Question => Wants::Signal,
                Purpose::Call | Purpose::InDoubt => Wants::Effect,
            };
            replay.set_stage((at, wants), Stage::Asked(asked));
        }
        Row::Decided { at, attempt, decided } => {
            if let Some(task) = replay.tasks.get_mut(&(at, Wants::Effect)) {
                task.stage = Stage::New;
                task.attempt = attempt;
                if decided.permit.is_some() {
                    task.permit = decided.permit;
                }
            }
        }
        Row::TimerSet { at, due } => replay.set_stage((at, Wants::Timer), Stage::Due(due)),
        Row::Emitted => {
            replay.emissions.pop_front();
        }
        Row::Note => {}
    }
    Ok(Vec::new())
}
