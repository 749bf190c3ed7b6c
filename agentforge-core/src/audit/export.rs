//! The trail as JSON lines: what is exported, every entry, and at last how many there were and how they were found.
//!
//! The first line is `{"export": …}`, an [`ExportHead`]; then comes one line for every entry, as
//! [`AuditEntry`](crate::store::AuditEntry) is written; the last is `{"end": …}`, an [`ExportEnd`]. A file without its
//! last line is not whole.

use std::sync::Arc;

use bytes::Bytes;
use futures::{Stream, stream};
use serde::{Deserialize, Serialize};

use super::{Checkpoint, tail::Tail};
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    json::Digest,
    store::{AuditLog, AuditQuery, AuditVerdict},
    time::Timestamp,
};

/// The version of the form that is written today.
pub const EXPORT_VERSION: u16 = 1;

/// The first line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportHead {
    /// The version of this form.
    pub v: u16,
    /// The tenant.
    pub tenant: TenantId,
    /// When the export began.
    pub at: Timestamp,
    /// What was asked for.
    pub query: AuditQuery,
    /// A checkpoint of the trail, to hold the file against.
    pub checkpoint: Option<Checkpoint>,
}

/// The last line of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportEnd {
    /// How many entries stand before this line.
    pub entries: u64,
    /// The root of the Merkle tree over the hashes of these entries.
    pub root: Digest,
    /// How the entries were found while they were read.
    pub verdict: AuditVerdict,
}

#[derive(Serialize, Deserialize)]
pub(super) struct HeadLine {
    pub(super) export: ExportHead,
}

#[derive(Serialize, Deserialize)]
pub(super) struct EndLine {
    pub(super) end: ExportEnd,
}

/// Streams the entries that a query finds as JSON lines, as many at once as one page of the query holds, so that
/// memory stays bounded however long the trail is. The order is always that of the chain.
///
/// The export goes on when an entry turns out to be broken, and the last line says which. An error of the store ends
/// the stream without a last line.
pub fn export(
    cx: &CallContext,
    log: Arc<dyn AuditLog>,
    query: AuditQuery,
    checkpoint: Option<Checkpoint>,
) -> Result<impl Stream<Item = Result<Bytes>> + Send + 'static> {
    query.check()?;
    if query.newest_first {
        let message = "an export has the order of the chain; leave `newest_first` out";
        return Err(Error::invalid(message).with("field", "newest_first"));
    }
    let head = ExportHead { v: EXPORT_VERSION, tenant: cx.tenant(), at: cx.now(), query, checkpoint };
    let state = Exporting {
        cx: cx.clone(),
        log,
        tail: Tail::new(&head),
        next: Some(head.query.clone()),
        head: Some(HeadLine { export: head }),
        ended: false,
    };
    Ok(stream::try_unfold(state, Exporting::step))
}

struct Exporting {
    cx: CallContext,
    log: Arc<dyn AuditLog>,
    tail: Tail,
    /// Until it was written.
    head: Option<HeadLine>,
    next: Option<AuditQuery>,
    ended: bool,
}

impl Exporting {
    /// The next lines.
    async fn step(mut self) -> Result<Option<(Bytes, Self)>> {
        if self.ended {
            return Ok(None);
        }
        let mut lines = Vec::new();
        if let Some(head) = self.head.take() {
            write_line(&mut lines, &head)?;
        }
        if let Some(query) = self.next.take() {
            self.cx.check_alive()?;
            let page = self.log.entries(&self.cx, &query).await?;
            for entry in &page {
                self.tail.push(entry);
                write_line(&mut lines, entry)?;
            }
            self.next = query.behind(&page);
        }
        if self.next.is_none() {
            self.ended = true;
            write_line(&mut lines, &EndLine { end: self.tail.end() })?;
        }
        Ok(Some((lines.into(), self)))
    }
}

fn write_line(lines: &mut Vec<u8>, value: &impl Serialize) -> Result<()> {
    serde_json::to_writer(&mut *lines, value)
        .map_err(|error| Error::internal("a line of an export cannot be written as JSON").caused_by(error))?;
    lines.push(b'\n');
    Ok(())
}
