//! Framers: from bytes as the network cuts them to events as the protocol means them.
//!
//! Each is linear in its input, copies only what a cut leaves over, holds at most its limit, and gives the same events
//! wherever the bytes are cut. A framer knows nothing of what the events say.
//!
//! **Adding a framer** is one file here with the same two methods, `feed` and `finish`.

pub(crate) mod event_message;
mod event_stream;
mod lines;
mod sse;

pub use event_stream::{EventMessage, EventStreamFramer};
pub use lines::LineFramer;
pub use sse::{SseEvent, SseFramer};

use agentforge_core::{Error, ErrorKind, Result};

/// The most bytes that one line or event may have: images come as one event, so this is generous.
pub const MAX_EVENT: usize = 32 * 1024 * 1024;

/// Fails when one more piece would pass the limit.
pub(crate) fn guard(held: usize, more: usize, limit: usize) -> Result<()> {
    if held.saturating_add(more) <= limit {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Decode, format!("one event of the stream is larger than {limit} bytes"))
        .with("limit", limit as u64))
}
