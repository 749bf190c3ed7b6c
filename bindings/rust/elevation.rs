//! The sink that audits every elevation to the system before it happens.

use std::sync::{Arc, Mutex, PoisonError};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    event::{Event, EventSink},
    store::{AuditDraft, Change, ChangeSet, RecordStore},
};
use async_trait::async_trait;

/// Writes elevations into the platform's audit trail. The one that opens the store comes before there is a trail: it
/// waits here and is written as the first thing once the store stands.
#[derive(Default)]
pub(crate) struct Elevations(Mutex<State>);

#[derive(Default)]
struct State {
    records: Option<Arc<dyn RecordStore>>,
    waiting: Vec<Event>,
}

impl Elevations {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waited, and from now on everything at once.
    pub(crate) async fn attach(&self, cx: &CallContext, records: Arc<dyn RecordStore>) -> Result<()> {
        let waiting = {
            let mut state = self.state();
            state.records = Some(records.clone());
            std::mem::take(&mut state.waiting)
        };
        write(cx, &*records, waiting).await
    }
}

async fn write(cx: &CallContext, records: &dyn RecordStore, events: Vec<Event>) -> Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut changes = ChangeSet::new(cx);
    for event in events {
        changes.push(Change::Audit(AuditDraft::done(event.kind, "system", event.id, event.data)));
    }
    records.apply(cx, changes).await.map(drop)
}

#[async_trait]
impl EventSink for Elevations {
    async fn emit(&self, cx: &CallContext, event: Event) -> Result<()> {
        let records = {
            let mut state = self.state();
            let records = state.records.clone();
            if records.is_none() {
                state.waiting.push(event.clone());
            }
            records
        };
        match records {
            Some(records) => write(cx, &*records, vec![event]).await.map_err(|error| {
                Error::denied("acting as the system could not be audited, so it is refused").caused_by(error)
            }),
            None => Ok(()),
        }
    }
}
