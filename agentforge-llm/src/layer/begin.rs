//! What layers share that wait for an answer to begin: its first event, and chance.

use agentforge_core::{CallContext, Result, model::ChatStream};
use futures::{StreamExt, stream};

/// A stream whose first event is there. A stream that begins with its failure is a failure.
pub(super) async fn begin(started: Result<ChatStream>) -> Result<ChatStream> {
    let mut events = started?;
    let (info, warnings) = (events.info().clone(), events.warnings().to_vec());
    let first = match events.next().await {
        Some(Err(error)) => return Err(error),
        Some(Ok(event)) => Some(Ok(event)),
        None => None,
    };
    Ok(ChatStream::new(stream::iter(first).chain(events)).with_info(info).with_warnings(warnings))
}

/// A number from zero to one.
pub(super) fn chance(cx: &CallContext) -> f64 {
    let mut bytes = [0; 4];
    cx.random().fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
