//! Reads back what is there, through the ports, and applies acknowledged sets once more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::RunId,
    store::{AuditQuery, AuditVerdict, BlobsExt, ClaimRequest, Filter, JournalRow, Payload, Query, Stores},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Options,
    backend::{self, Opened},
    judge::{Found, Report, judge},
    ledger::{Ledger, Place},
    set::{self, Cast, PARTS, Standing},
};

const PAGE: u32 = 1_000;
/// How many acknowledged sets are applied once more.
const REPEATED: usize = 2_000;

/// Opens the store and judges what is in it.
pub(crate) fn take_stock(options: &Options, ledger: &Ledger) -> Result<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no async runtime").caused_by(error))?;
    runtime.block_on(async {
        let cast = Cast::new(options.seed, u64::MAX).await?;
        let opened = Opened::open(&options.url, &cast.system).await?;
        let census = Census::new(opened.stores(), cast, options.seed, ledger.tried());
        let report = census.report(ledger.acknowledged_places()).await;
        opened.close().await?;
        let backend = backend::name(&options.url).to_owned();
        Ok(Report { kills: options.kills, amid: ledger.amid, backend, seed: options.seed, ..report? })
    })
}

/// Reads a store in which so many sets of every writer were tried.
pub(crate) struct Census {
    stores: Stores,
    cast: Cast,
    seed: u64,
    tried: BTreeMap<u64, u64>,
    places: HashMap<Uuid, Place>,
}

impl Census {
    pub(crate) fn new(stores: Stores, cast: Cast, seed: u64, tried: BTreeMap<u64, u64>) -> Self {
        let all = tried.iter().flat_map(|(writer, tried)| (0..*tried).map(|number| (*writer, number)));
        let places = all.map(|place| (set::id(seed, place), place)).collect();
        Self { stores, cast, seed, tried, places }
    }

    /// Judges what is there, repeats what was acknowledged, and looks whether that changed anything.
    pub(crate) async fn report(&self, acknowledged: &BTreeSet<Place>) -> Result<Report> {
        let before = self.look().await?;
        let (repeated, applied) = self.repeat(acknowledged, &before).await?;
        let after = self.look().await?;
        let mut found = after.clone();
        self.claim(&mut found).await?;
        let mut report = judge(acknowledged, &found);
        report.repeated = repeated;
        report.doubled += applied + u64::from(before != after);
        for cx in self.cast.tenants() {
            match self.stores.audit.verify(cx).await? {
                AuditVerdict::Intact { .. } => {}
                broken @ AuditVerdict::Broken { .. } => report.broken_chain = Some(format!("{broken:?}")),
            }
        }
        Ok(report)
    }

    /// Applies acknowledged sets once more, spread over all of them; counts them and those that were applied.
    async fn repeat(&self, acknowledged: &BTreeSet<Place>, found: &Found) -> Result<(u64, u64)> {
        let (mut repeated, mut applied) = (0, 0);
        let step = acknowledged.len().div_ceil(REPEATED).max(1);
        // What is lost would be written anew, and is told anyway.
        let there = acknowledged.iter().step_by(step).filter(|place| found.sets.contains_key(place));
        for place in there {
            let cx = self.cast.of(place.0);
            let set = set::set(cx, self.seed, *place, Standing::default());
            repeated += 1;
            match self.stores.records.apply(cx, set).await {
                Ok(receipt) if receipt.replayed => {}
                // A set that is refused now was not recognised.
                Ok(_) | Err(_) => applied += 1,
            }
        }
        Ok((repeated, applied))
    }

    /// Everything but the work that is due, which can be looked at only once.
    async fn look(&self) -> Result<Found> {
        let mut found = Found::default();
        for cx in self.cast.tenants() {
            self.entries(cx, &mut found).await?;
            self.outbox(cx, &mut found).await?;
            self.audit(cx, &mut found).await?;
        }
        for (writer, tried) in &self.tried {
            self.writer(*writer, *tried, &mut found).await?;
        }
        Ok(found)
    }

    /// Counts a part that names a set.
    fn saw(&self, found: &mut Found, part: &str, id: Option<Uuid>) {
        let place = id.and_then(|id| self.places.get(&id));
        let part = PARTS.iter().position(|known| *known == part);
        let seen = place.map(|place| found.sets.entry(*place).or_default());
        match seen.zip(part).and_then(|(seen, part)| seen.get_mut(part)) {
            Some(times) => *times += 1,
            None => found.strange += 1,
        }
    }

    async fn entries(&self, cx: &CallContext, found: &mut Found) -> Result<()> {
        let mut query = Query::new(Filter::True).limit(PAGE);
        loop {
            let page = self.stores.records.query(cx, set::ENTRIES, &query).await?;
            for record in page.records {
                let place = self.places.get(&record.id);
                let is_right = record.version == 1
                    && place.is_some_and(|place| record.document == set::document(self.seed, *place));
                self.saw(found, "record", Some(record.id).filter(|_| is_right));
            }
            match page.next {
                Some(cursor) => query = query.after(cursor),
                None => return Ok(()),
            }
        }
    }

    async fn outbox(&self, cx: &CallContext, found: &mut Found) -> Result<()> {
        let mut after = None;
        loop {
            let rows = self.stores.outbox.rows(cx, after, PAGE).await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = Some(last.seq);
            for row in &rows {
                self.saw(found, "outbox", told(&row.event.data));
            }
        }
    }

    async fn audit(&self, cx: &CallContext, found: &mut Found) -> Result<()> {
        let mut from = 0;
        loop {
            let query = AuditQuery { from: Some(from), limit: PAGE, ..AuditQuery::default() };
            let entries = self.stores.audit.entries(cx, &query).await?;
            let Some(last) = entries.last() else { return Ok(()) };
            from = last.seq + 1;
            for entry in &entries {
                self.saw(found, "audit", told(&entry.draft.detail));
            }
        }
    }

    async fn writer(&self, writer: u64, tried: u64, found: &mut Found) -> Result<()> {
        let (cx, seed) = (self.cast.of(writer), self.seed);
        let journal = self.journal(cx, set::run(seed, writer), found).await?;
        for mailbox in set::mailboxes(seed, writer, tried) {
            for timer in self.stores.journal.timers(cx, mailbox).await? {
                self.saw(found, "timer", Uuid::try_parse(&timer.key).ok());
            }
            for signal in self.stores.journal.signals(cx, mailbox).await? {
                self.saw(found, "signal", told(&signal.payload));
            }
        }
        let tally = self.stores.records.get_many(cx, set::TALLIES, &[set::tally(seed, writer)]).await?;
        let tally = tally.into_iter().flatten().next().map_or(0, |record| record.version);
        let counters = self.stores.counters.values(cx, &[&set::counter(writer)]).await?;
        let counter = counters.first().map_or(0, |value| value.unsigned_abs());
        let index = set::index(seed, writer);
        let manifest = self.stores.segments.manifest(cx, &index).await?;
        found.tallies.insert(writer, vec![journal, tally, counter, manifest.generation]);
        if tally > 0 {
            for segment in manifest.segments {
                self.stores.segments.segment(cx, &index, segment).await?;
            }
            self.blobs(cx, writer, found).await?;
        }
        Ok(())
    }

    /// Counts the rows of a journal; those are in order and without a gap, or the rest of them is strange.
    async fn journal(&self, cx: &CallContext, run: RunId, found: &mut Found) -> Result<u64> {
        let mut next = 0;
        loop {
            let rows: Vec<JournalRow> = self.stores.journal.rows(cx, run, next, PAGE).await?;
            if rows.is_empty() {
                return Ok(next);
            }
            for row in &rows {
                found.strange += u64::from(row.seq != next);
                next = row.seq + 1;
                let set = match &row.entry.payload {
                    Payload::Inline(payload) => told(payload),
                    Payload::Blob(_) => None,
                };
                self.saw(found, "journal", set);
            }
        }
    }

    /// What sets refer to is there, with the bytes that were put.
    async fn blobs(&self, cx: &CallContext, writer: u64, found: &mut Found) -> Result<()> {
        let numbers = found.sets.keys().filter(|place| place.0 == writer).map(|place| place.1 % set::BLOBS);
        let numbers: BTreeSet<u64> = numbers.collect();
        for number in numbers {
            let bytes = set::blob(self.seed, (writer, number));
            let sha256 = agentforge_core::json::Digest::of_bytes(&bytes);
            let kept = self.stores.blobs.get_bytes(cx, sha256).await?;
            found.strange += u64::from(kept != bytes);
        }
        Ok(())
    }

    /// Claims all work that is due, and keeps it.
    async fn claim(&self, found: &mut Found) -> Result<()> {
        let request = ClaimRequest { kinds: vec![set::work()], hold: Duration::from_hours(24), limit: PAGE };
        loop {
            let claims = self.stores.dispatch.claim(&self.cast.system, &request).await?;
            if claims.is_empty() {
                return Ok(());
            }
            for claim in claims {
                self.saw(found, "dispatch", Some(claim.id));
            }
        }
    }
}

/// The set that a part names.
fn told(payload: &Value) -> Option<Uuid> {
    Uuid::try_parse(payload.get("set")?.as_str()?).ok()
}
