//! Everything that a tenant can read, as text, to compare before and after.

use std::{collections::BTreeMap, fmt::Debug};

use uuid::Uuid;

use super::{COLLECTIONS, Failure, check::Outcome};
use crate::{
    context::CallContext,
    error::Result,
    id::RunId,
    json::Digest,
    store::{AuditQuery, BlobsExt, Filter, InboxRow, IndexKey, MAX_PAGE, Query, SegmentId, Stores},
};

/// What there may be to read that has no list of its own.
pub(super) struct Footprint {
    pub(super) records: Vec<Uuid>,
    pub(super) runs: Vec<RunId>,
    pub(super) counters: Vec<String>,
    pub(super) indexes: Vec<(IndexKey, Vec<SegmentId>)>,
    pub(super) blobs: Vec<Digest>,
    pub(super) posts: Vec<String>,
    pub(super) uploads: Vec<Uuid>,
}

/// Sections of what was read, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Snapshot(BTreeMap<String, String>);

impl Snapshot {
    /// Reads everything through every reading method of every port.
    pub(super) async fn take(
        stores: &Stores,
        cx: &CallContext,
        footprint: &Footprint,
    ) -> Result<Self, Failure> {
        let mut sections = BTreeMap::new();
        let mut keep = |name: String, read: String| sections.insert(name, read);
        for spec in COLLECTIONS {
            let mut query = Query::new(Filter::True).limit(MAX_PAGE).counted();
            query.deleted = true;
            keep(format!("{} by query", spec.name), told(stores.records.query(cx, spec, &query).await));
            let by_id = stores.records.get_many(cx, spec, &footprint.records).await;
            keep(format!("{} by id", spec.name), told(by_id));
            for field in spec.search {
                let sought = Query::new(Filter::words(*field, "a")).limit(MAX_PAGE);
                let found = stores.records.query(cx, spec, &sought).await;
                keep(format!("words of {field} of {}", spec.name), told(found));
            }
        }
        for run in &footprint.runs {
            keep(format!("journal of {run}"), told(stores.journal.rows(cx, *run, 0, MAX_PAGE).await));
            keep(format!("lease of {run}"), told(stores.journal.lease(cx, *run).await));
            keep(format!("signals of {run}"), told(stores.journal.signals(cx, *run).await));
            keep(format!("timers of {run}"), told(stores.journal.timers(cx, *run).await));
        }
        let counters: Vec<&str> = footprint.counters.iter().map(String::as_str).collect();
        keep("counters".to_owned(), told(stores.counters.values(cx, &counters).await));
        for (index, segments) in &footprint.indexes {
            let place = format!("index {} {}", index.kind, index.knowledge_base);
            keep(place.clone(), told(stores.segments.manifest(cx, index).await));
            for segment in segments {
                let bytes = stores.segments.segment(cx, index, *segment).await;
                keep(format!("{place} segment {segment}"), told(bytes));
            }
        }
        for sha256 in &footprint.blobs {
            keep(format!("blob {sha256}"), told(stores.blobs.get_bytes(cx, *sha256).await));
            // Not which upload it came from: the same bytes may come from another one in every tenant.
            let size = stores.blobs.entry(cx, *sha256).await.map(|found| found.map(|entry| entry.size));
            keep(format!("size of blob {sha256}"), told(size));
        }
        keep("audit entries".to_owned(), told(stores.audit.entries(cx, &AuditQuery::default()).await));
        let newest = AuditQuery { newest_first: true, success: Some(true), ..AuditQuery::default() };
        keep("newest audit entries".to_owned(), told(stores.audit.entries(cx, &newest).await));
        keep("audit verdict".to_owned(), told(stores.audit.verify(cx).await));
        keep("uploads".to_owned(), told(stores.blobs.registered(cx, &footprint.uploads).await));
        keep("outbox".to_owned(), told(stores.outbox.rows(cx, None, MAX_PAGE).await));
        keep("inbox".to_owned(), told(stores.inbox.rows(cx, MAX_PAGE).await));
        for key in &footprint.posts {
            keep(format!("post {key}"), told(stores.inbox.row(cx, InboxRow::id_of(key)).await));
        }
        Ok(Self(sections))
    }

    /// The same without the sections of which the name begins so.
    pub(super) fn without(mut self, begin: &str) -> Self {
        self.0.retain(|name, _| !name.starts_with(begin));
        self
    }

    /// What was read, by section.
    pub(super) fn into_sections(self) -> BTreeMap<String, String> {
        self.0
    }

    /// Fails on the first section that differs from an earlier snapshot.
    pub(super) fn ensure_same_as(&self, before: &Self) -> Outcome {
        let differing = self.0.iter().find(|(name, read)| before.0.get(*name) != Some(*read));
        match differing {
            None => Ok(()),
            Some((name, read)) => {
                let before = before.0.get(name).map_or("nothing", String::as_str);
                let begin = read.bytes().zip(before.bytes()).take_while(|(a, b)| a == b).count();
                let (now, before) = (excerpt(read, begin), excerpt(before, begin));
                Err(Failure::new(format!("{name} is now {now}, was {before}")))
            }
        }
    }

    /// Fails on the first section that shows a text.
    pub(super) fn ensure_hides(&self, text: &str) -> Outcome {
        match self.0.iter().find_map(|(name, read)| Some((name, read, read.find(text)?))) {
            None => Ok(()),
            Some((name, read, place)) => {
                Err(Failure::new(format!("{name} shows `{text}`: {}", excerpt(read, place))))
            }
        }
    }

    /// Fails unless at least so many sections show a text.
    pub(super) fn ensure_shows(&self, text: &str, sections: usize) -> Outcome {
        let showing: Vec<_> =
            self.0.iter().filter(|(_, read)| read.contains(text)).map(|(name, _)| name).collect();
        let rule = format!("`{text}` stands in {} sections, expected {sections}: {showing:?}", showing.len());
        super::check::ensure(showing.len() >= sections, rule)
    }
}

/// The text around a place.
fn excerpt(text: &str, place: usize) -> String {
    const AROUND: usize = 120;
    text.chars().skip(place.saturating_sub(AROUND)).take(2 * AROUND).collect()
}

/// A reading as text. Of an error only the kind: its message may name what differs between tenants.
fn told<T: Debug>(read: Result<T>) -> String {
    match read {
        Ok(value) => format!("{value:?}"),
        Err(error) => error.kind().code().to_owned(),
    }
}
