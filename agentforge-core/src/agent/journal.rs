//! An agent's events in the run's journal, with large payloads in blobs.

use bytes::Bytes;
use futures::{Stream, TryStreamExt, stream};
use serde_json::Value;

use super::{AgentEvent, AgentState, step};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::RunId,
    json::{check_storable, encoded_len, replace_nul},
    store::{Blobs, BlobsExt, Change, INLINE_PAYLOAD_LIMIT, Journal, JournalEntry, JournalRow, Payload},
    time::Timestamp,
};

/// The version of the events that this release writes.
const EVENT_VERSION: u16 = 1;

/// An event in a form that a store keeps, with its JSON. What models and tools say is foreign: a NUL in it is replaced,
/// and what is nested too deeply ends the run with a typed error.
pub(super) fn storable(event: AgentEvent) -> Result<(AgentEvent, Value)> {
    let written = |event: &AgentEvent| {
        serde_json::to_value(event)
            .map_err(|error| Error::internal("an event of the agent cannot be written").caused_by(error))
    };
    let mut value = written(&event)?;
    if check_storable(&value).is_ok() {
        return Ok((event, value));
    }
    replace_nul(&mut value);
    let cleaned = check_storable(&value).and_then(|()| {
        serde_json::from_value(value.clone())
            .map_err(|error| Error::internal("a cleaned event cannot be read back").caused_by(error))
    });
    match cleaned {
        Ok(event) => Ok((event, value)),
        Err(error) => {
            let stopped = AgentEvent::Stopped { error: error.to_report() };
            let value = written(&stopped)?;
            Ok((stopped, value))
        }
    }
}

/// The entry of an event, and the changes that keep the blobs which it refers to.
pub(super) async fn encode(
    cx: &CallContext,
    blobs: &dyn Blobs,
    event: &AgentEvent,
    value: Value,
) -> Result<(JournalEntry, Vec<Change>)> {
    let place = match event {
        AgentEvent::ToolIntended { call_id } | AgentEvent::ApprovalRequested { call_id, .. } => {
            call_id.clone()
        }
        AgentEvent::ToolAnswered { result } => result.call_id.clone(),
        _ => String::new(),
    };
    let mut retained = Vec::new();
    if let AgentEvent::ToolAnswered { result } = event
        && let Some(blob) = &result.spilled
    {
        retained.push(Change::RetainBlob(blob.clone()));
    }
    let payload = if encoded_len(&value) > INLINE_PAYLOAD_LIMIT {
        let blob = blobs.put_bytes(cx, "application/json", Bytes::from(value.to_string())).await?;
        retained.push(Change::RetainBlob(blob.clone()));
        Payload::Blob(blob)
    } else {
        Payload::Inline(value)
    };
    let entry = JournalEntry {
        payload,
        v: EVENT_VERSION,
        ..JournalEntry::new(event.kind(), serde_json::Value::Null).at(place)
    };
    Ok((entry, retained))
}

async fn decode(cx: &CallContext, blobs: &dyn Blobs, row: JournalRow) -> Result<AgentEvent> {
    let corrupt = |error| {
        Error::new(
            ErrorKind::Corrupt,
            format!("row {} of run {} is none of an agent that this release reads", row.seq, row.run),
        )
        .caused_by(error)
    };
    if row.entry.v > EVENT_VERSION {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("row {} of run {} is of a newer version; upgrade agentforge to go on", row.seq, row.run),
        ));
    }
    match row.entry.payload {
        Payload::Inline(value) => serde_json::from_value(value).map_err(corrupt),
        Payload::Blob(blob) => {
            let body: Vec<Bytes> = blobs.get(cx, blob.sha256).await?.try_collect().await?;
            serde_json::from_slice(&body.concat()).map_err(corrupt)
        }
    }
}

/// A run as its journal tells it.
pub(super) struct Folded {
    /// The state after the last row.
    pub(super) state: AgentState,
    /// The first row.
    pub(super) started: AgentEvent,
    /// The sequence number of the next row.
    pub(super) next_seq: u64,
}

/// The events of a run with their place and instant, oldest first; `not_found` when there are none.
pub(super) fn events<'a>(
    cx: &'a CallContext,
    journal: &'a dyn Journal,
    blobs: &'a dyn Blobs,
    run: RunId,
) -> impl Stream<Item = Result<(u64, Timestamp, AgentEvent)>> + Send + 'a {
    const BATCH: u32 = 500;
    let rows = stream::try_unfold(Some(0), move |from| async move {
        let Some(from) = from else { return Ok(None) };
        let rows = journal.rows(cx, run, from, BATCH).await?;
        if rows.is_empty() && from == 0 {
            return Err(Error::not_found(format!("there is no run {run}")));
        }
        let last = rows.last().filter(|_| rows.len() == BATCH as usize);
        let next = last.map(|row| row.seq.saturating_add(1));
        Ok(Some((stream::iter(rows.into_iter().map(Ok)), next)))
    });
    rows.try_flatten().and_then(move |row| async move {
        let (seq, at) = (row.seq, row.at);
        Ok((seq, at, decode(cx, blobs, row).await?))
    })
}

/// Folds the journal of a run; `not_found` when it has none.
pub(super) async fn fold(
    cx: &CallContext,
    journal: &dyn Journal,
    blobs: &dyn Blobs,
    run: RunId,
) -> Result<Folded> {
    let mut events = std::pin::pin!(events(cx, journal, blobs, run));
    let (mut state, mut started, mut next_seq) = (AgentState::new(), None, 0);
    while let Some((seq, _, event)) = events.try_next().await? {
        next_seq = seq.saturating_add(1);
        if started.is_none() {
            started = Some(event.clone());
        }
        (state, _) = step(state, event)?;
    }
    let started = started.ok_or_else(|| Error::not_found(format!("there is no run {run}")))?;
    Ok(Folded { state, started, next_seq })
}
