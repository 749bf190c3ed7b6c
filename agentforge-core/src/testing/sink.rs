//! A sink that keeps what it is given.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::{
    context::CallContext,
    error::Result,
    event::{Event, EventSink},
};

/// Keeps every event for the test to look at. Clones share what they keep.
#[derive(Clone, Default)]
pub struct RecordingSink(Arc<Mutex<Vec<Event>>>);

impl RecordingSink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was emitted so far, oldest first.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The kinds of what was emitted so far.
    pub fn kinds(&self) -> Vec<String> {
        self.events().into_iter().map(|event| event.kind).collect()
    }
}

#[async_trait]
impl EventSink for RecordingSink {
    async fn emit(&self, _cx: &CallContext, event: Event) -> Result<()> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event);
        Ok(())
    }
}
