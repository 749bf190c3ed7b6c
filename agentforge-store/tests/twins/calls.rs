//! Two tenants with the same ids, keys and hashes, and one call for every method of every port, made in one of them.
//!
//! **Adding a port method**: one line in [`CALLS`]; the trial that compares them with the ports' source fails until then.

#![allow(
    clippy::panic,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]

use std::{fmt::Debug, sync::Arc, time::Duration};

use agentforge_core::{
    context::{CallContext, Principal},
    error::{ErrorKind, Result},
    event::Event,
    id::{ChangeSetId, KnowledgeBaseId, RunId, TenantId, UserId},
    json::Digest,
    store::{
        AuditDraft, AuditQuery, BlobRef, BlobsExt, Change, ChangeSet, ClaimRequest, CollectionSpec,
        DispatchKind, Expect, FieldKind, Filter, InboxRow, IndexKey, JournalEntry, OnDelete, PortableTable,
        Query, Retention, Signal, Stores, Timer,
    },
    testing::fixed_authority,
    testkit::{COLLECTIONS, Failure, Harness, describe_tenant, furnish_tenant},
};
use bytes::Bytes;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The tenant that must notice nothing, and the one in which everything happens.
const ALPHA: &str = "alpha";
const BETA: &str = "beta";
const YEAR: Duration = Duration::from_hours(365 * 24);

/// What a call may show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    /// What its own tenant wrote, which proves that it reads at all.
    Own,
    /// Nothing that names a tenant.
    Nothing,
    /// A refusal: the call looks across tenants, and a person may not.
    Denied,
}

/// When the other tenant is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code, reason = "each of the two places that include this file needs one")]
pub(crate) enum Watch {
    /// After every call.
    Every,
    /// After those that write.
    Writes,
}

type Call = fn(&Twins) -> BoxFuture<'_, Result<String>>;

/// Makes a call and gives what it says as text.
macro_rules! call {
    ($twins:ident => $answer:expr) => {
        |$twins| async move { Ok(format!("{:?}", $answer?)) }.boxed()
    };
}

/// Every method of every port, by the name of its field in [`Stores`]. Later ones may take away what earlier ones read.
pub(crate) const CALLS: &[(&str, Shows, Call)] = &[
    ("records.get_many", Shows::Own, |twins| twins.every_collection(CollectionCall::GetMany).boxed()),
    ("records.query", Shows::Own, |twins| twins.every_collection(CollectionCall::Query).boxed()),
    ("journal.rows", Shows::Own, call!(t => t.stores.journal.rows(&t.b, run(), 0, 100).await)),
    ("journal.lease", Shows::Own, call!(t => t.stores.journal.lease(&t.b, run()).await)),
    ("journal.signals", Shows::Own, call!(t => t.stores.journal.signals(&t.b, run()).await)),
    ("journal.timers", Shows::Own, call!(t => t.stores.journal.timers(&t.b, run()).await)),
    ("counters.values", Shows::Nothing, |twins| twins.counters().boxed()),
    ("segments.manifest", Shows::Nothing, call!(t => t.stores.segments.manifest(&t.b, &index()).await)),
    ("segments.segment", Shows::Own, call!(t => t.stores.segments.segment(&t.b, &index(), id(1)).await)),
    ("audit.entries", Shows::Own, |twins| twins.audit().boxed()),
    ("audit.verify", Shows::Nothing, call!(t => t.stores.audit.verify(&t.b).await)),
    ("outbox.rows", Shows::Own, call!(t => t.stores.outbox.rows(&t.b, None, 100).await)),
    ("inbox.rows", Shows::Own, call!(t => t.stores.inbox.rows(&t.b, 100).await)),
    ("inbox.row", Shows::Own, call!(t => t.stores.inbox.row(&t.b, InboxRow::id_of("twin")).await)),
    ("blobs.put", Shows::Nothing, |twins| twins.put_what_the_other_has().boxed()),
    ("blobs.get", Shows::Own, call!(t => t.stores.blobs.get_bytes(&t.b, own_blob(BETA).sha256).await)),
    ("blobs.entry", Shows::Nothing, |twins| twins.entries().boxed()),
    ("blobs.register", Shows::Nothing, |twins| twins.register().boxed()),
    ("blobs.registered", Shows::Nothing, |twins| twins.registered().boxed()),
    ("dispatch.claim", Shows::Denied, call!(t => t.stores.dispatch.claim(&t.b, &every_kind()).await)),
    ("dispatch.wait", Shows::Denied, call!(t => t.stores.dispatch.wait(&t.b, &every_kind().kinds).await)),
    (
        "portable.tables",
        Shows::Nothing,
        call!(t => Ok::<_, agentforge_core::Error>(t.stores.portable.tables().len())),
    ),
    ("portable.reader", Shows::Own, |twins| twins.read_rows().boxed()),
    ("records.apply", Shows::Nothing, |twins| twins.upheaval().boxed()),
    ("upkeep.sweep", Shows::Nothing, |twins| twins.sweep().boxed()),
    ("portable.write", Shows::Nothing, |twins| twins.move_away_and_back().boxed()),
    ("upkeep.purge", Shows::Nothing, |twins| twins.purge().boxed()),
];

#[derive(Debug, Clone, Copy)]
enum CollectionCall {
    GetMany,
    Query,
}

/// A store with two tenants that look alike.
pub(crate) struct Twins {
    harness: Arc<dyn Harness>,
    stores: Stores,
    a: CallContext,
    b: CallContext,
    /// The system inside either.
    in_a: CallContext,
    in_b: CallContext,
}

const fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn run() -> RunId {
    RunId::from_uuid(id(0x7_1000))
}

/// A run whose lease has the same epoch in both.
fn second_run() -> RunId {
    RunId::from_uuid(id(0x7_1001))
}

fn index() -> IndexKey {
    IndexKey { knowledge_base: KnowledgeBaseId::from_uuid(id(0x7_2000)), kind: "keyword".to_owned() }
}

fn own_bytes(tag: &str) -> Bytes {
    Bytes::from(format!("bytes of {tag} alone"))
}

fn own_blob(tag: &str) -> BlobRef {
    let bytes = own_bytes(tag);
    let (sha256, size) = (Digest::of_bytes(&bytes), bytes.len() as u64);
    BlobRef { sha256, size, media_type: "text/plain".to_owned(), name: None }
}

fn every_kind() -> ClaimRequest {
    let kinds = ["twin", "inbox", "outbox", "upkeep", "run"].map(DispatchKind::new).to_vec();
    ClaimRequest { kinds, hold: Duration::from_mins(1), limit: 100 }
}

/// The id of the record that stands for a collection.
fn record(name: &str) -> Uuid {
    let place = COLLECTIONS.iter().position(|spec| spec.name == name).unwrap_or_default();
    id(0x7_3000 + place as u128)
}

/// A record of a collection that refers to the records of the collections that it refers to.
fn document(spec: &CollectionSpec, tag: &str) -> Value {
    let mut document = Map::from_iter([("by".to_owned(), json!(tag))]);
    for field in spec.fields {
        let target = spec.references.iter().find(|reference| reference.field == field.name);
        let value = match (field.kind, target) {
            // A member is nobody's follower: two that lead each other could not be deleted.
            (FieldKind::Id, Some(target)) if target.collection == spec.name => continue,
            (FieldKind::Id, Some(target)) => json!(record(target.collection)),
            (FieldKind::Id, None) => json!(id(1)),
            (FieldKind::Text, _) => json!(format!("the same words everywhere, and {tag}")),
            (FieldKind::Int, _) => json!(77),
            (FieldKind::Bool, _) => json!(true),
            (FieldKind::Time, _) => json!("2026-01-01T00:00:00Z"),
        };
        document.insert(field.name.to_owned(), value);
    }
    Value::Object(document)
}

/// The suite's collections, each behind those that it refers to.
fn in_order() -> Vec<&'static CollectionSpec> {
    let mut ordered: Vec<&'static CollectionSpec> = Vec::new();
    while ordered.len() < COLLECTIONS.len() {
        let before = ordered.len();
        for spec in COLLECTIONS {
            let stands = |name: &str| name == spec.name || ordered.iter().any(|done| done.name == name);
            if !ordered.iter().any(|done| done.name == spec.name)
                && spec.references.iter().all(|reference| stands(reference.collection))
            {
                ordered.push(spec);
            }
        }
        assert!(ordered.len() > before, "collections refer to each other in a circle");
    }
    ordered
}

impl Twins {
    /// Furnishes both tenants.
    pub(crate) async fn open(harness: Arc<dyn Harness>) -> Result<Self, Failure> {
        let stores = harness.fresh().await?;
        let clock = harness.clock();
        let system = fixed_authority(&clock, 21).system("the twins").await?;
        let user = Principal::user(UserId::from_uuid(id(0xfeed)));
        let tenant = |number: u128| TenantId::from_uuid(id(0x7e_0000 + number));
        let person = |number: u128, seed| fixed_authority(&clock, seed).enter(tenant(number), user.clone());
        let (a, b) = (person(1, 1)?, person(2, 2)?);
        let (in_a, in_b) = (system.enter_tenant(a.tenant())?, system.enter_tenant(b.tenant())?);
        let twins = Self { harness, stores, a, b, in_a, in_b };
        for (cx, tag) in [(&twins.a, ALPHA), (&twins.b, BETA)] {
            furnish_tenant(&twins.stores, cx, tag).await?;
            twins.furnish(cx, tag).await?;
        }
        Ok(twins)
    }

    /// What the suite does not furnish: a record of every collection, and things whose ids the calls here know.
    async fn furnish(&self, cx: &CallContext, tag: &str) -> Result<()> {
        self.stores.blobs.put_bytes(cx, "text/plain", own_bytes(tag)).await?;
        let mut set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4000)));
        for spec in in_order() {
            let (id, document) = (record(spec.name), document(spec, tag));
            set.push(Change::Put { spec, id, document, expect: Expect::Absent });
        }
        self.stores.records.apply(cx, set).await?;
        let until = cx.now().after(YEAR * 3);
        // What has the same key says something else in each.
        let apart = Duration::from_secs(if tag == BETA { 0 } else { 5 });
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4001)))
            .with(Change::AcquireLease { run: run(), owner: tag.to_owned(), until })
            .with(Change::AcquireLease { run: second_run(), owner: tag.to_owned(), until })
            .with(Change::SetTimer(Timer { run: run(), key: tag.to_owned(), due: until }))
            .with(Change::SetTimer(Timer { run: run(), key: "same".to_owned(), due: until.after(apart) }))
            .with(Change::SetTimer(Timer { run: run(), key: "kept".to_owned(), due: until.after(apart) }))
            .with(signal("same", tag))
            .with(Change::Count {
                key: "twin".to_owned(),
                delta: if tag == BETA { 7 } else { 100 },
                limit: None,
            })
            .with(Change::PutSegment { index: index(), segment: id(1), bytes: Bytes::from(tag.to_owned()) })
            .with(Change::SwapSegments { index: index(), expected: 0, segments: vec![id(1)] })
            .with(Change::RetainBlob(own_blob(tag)))
            .with(Change::Enqueue { kind: DispatchKind::new("twin"), id: id(1), due: until })
            .with(Change::Emit {
                key: "same".to_owned(),
                event: Event::new(cx, "twin.noted", json!({ "by": tag })),
            })
            .with(Change::Post {
                key: "twin".to_owned(),
                process: tag.to_owned(),
                input: json!({ "by": tag }),
                user: None,
            })
            .with(Change::Audit(AuditDraft::done("twin:made", "twin", "same", json!({ "by": tag }))));
        let epoch = self.stores.records.apply(cx, set).await?.epoch(0).unwrap_or_default();
        let epoch = if tag == ALPHA { self.furnish_more().await? } else { epoch };
        let entry = JournalEntry::new("twin.step", json!({ "by": tag })).for_effect("same");
        let entries = vec![entry; if tag == BETA { 1 } else { 3 }];
        let append = Change::Append { run: run(), epoch, expected_seq: 0, entries };
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4002))).with(append);
        self.stores.records.apply(cx, set).await?;
        // A set that is applied with care, since it deletes what others refer to; under one id in both.
        let spec = in_order().into_iter().find(|spec| spec.name == "suite_accounts");
        let Some(spec) = spec else { return Ok(()) };
        let put = |number, document| Change::Put { spec, id: id(number), document, expect: Expect::Absent };
        let spare = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4003)))
            .with(put(0x7_7000, json!({ "by": tag })));
        self.stores.records.apply(cx, spare).await?;
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4004)))
            .with(Change::Delete { spec, id: id(0x7_7000), expect: Expect::Version(1) })
            .with(put(0x7_7001, json!({ "by": tag })));
        let receipt = self.stores.records.apply(cx, set).await?;
        ensure(!receipt.replayed, format!("a set of {tag} passed for the other's")).map(drop)
    }

    /// What only the first tenant has under keys that the other one uses too, so that counts, epochs and generations
    /// differ. Gives the epoch of its lease.
    async fn furnish_more(&self) -> Result<u64> {
        let (a, until) = (&self.a, self.a.now().after(YEAR * 3));
        let lease = || Change::AcquireLease { run: run(), owner: ALPHA.to_owned(), until };
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4005)))
            .with(Change::Count { key: "other".to_owned(), delta: 50, limit: None })
            .with(Change::SwapSegments { index: index(), expected: 1, segments: vec![id(1)] })
            .with(signal("more", ALPHA))
            .with(Change::Emit {
                key: "same".to_owned(),
                event: Event::new(a, "twin.noted", json!({ "by": ALPHA })),
            })
            .with(lease())
            .with(lease());
        let receipt = self.stores.records.apply(a, set).await?;
        let mut set = ChangeSet::new(a);
        for spec in in_order() {
            set.push(Change::Put { spec, id: id(0x7_6000), document: json!({}), expect: Expect::Absent });
        }
        self.stores.records.apply(a, set).await?;
        Ok(receipt.epoch(5).unwrap_or_default())
    }

    /// Makes every call and fails on the first that shows the other tenant's or changes it.
    pub(crate) async fn meet(&self, watch: Watch) -> Result<(), Failure> {
        let alpha = self.alpha().await?;
        if !alpha.contains(ALPHA) || alpha.contains(BETA) {
            return Err(Failure::new("the first tenant does not see its own and nothing else"));
        }
        for (name, shows, call) in CALLS {
            let during = |failure: Failure| failure.during(name);
            match (shows, call(self).await) {
                (Shows::Denied, Err(error)) if error.kind() == ErrorKind::Denied => {}
                (Shows::Denied, answer) => {
                    return Err(during(Failure::new(format!("a person is not denied it: {answer:?}"))));
                }
                (_, Err(error)) => return Err(during(error.into())),
                (shows, Ok(said)) => {
                    if said.contains(ALPHA) || (*shows == Shows::Own && !said.contains(BETA)) {
                        let said: String = said.chars().take(2_000).collect();
                        return Err(during(Failure::new(format!("it shows {said}"))));
                    }
                }
            }
            if watch == Watch::Writes && *shows == Shows::Own {
                continue;
            }
            let now = self.alpha().await.map_err(during)?;
            if now != alpha {
                let at = now.bytes().zip(alpha.bytes()).take_while(|(now, before)| now == before).count();
                let around =
                    |text: &str| text.chars().skip(at.saturating_sub(200)).take(400).collect::<String>();
                let (now, before) = (around(&now), around(&alpha));
                return Err(during(Failure::new(format!(
                    "it changed the other tenant: {now}; it was {before}"
                ))));
            }
        }
        Ok(())
    }

    /// Closes the store.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        self.harness.close().await
    }

    /// Everything that the other tenant can read, and every row that it has in any table.
    async fn alpha(&self) -> Result<String, Failure> {
        let mut all = format!("{:?}", describe_tenant(&self.stores, &self.a, ALPHA).await?);
        all.push_str(&format!("{:?}", self.rows(&self.in_a, 100).await?));
        for spec in COLLECTIONS {
            for field in spec.search {
                let query = Query::new(Filter::Words((*field).to_owned(), format!("same {ALPHA}")));
                all.push_str(&told(self.stores.records.query(&self.a, spec, &query).await?));
            }
        }
        let counters = self.stores.counters.values(&self.a, &["twin", "other"]).await?;
        let blob = self.stores.blobs.entry(&self.a, own_blob(ALPHA).sha256).await?;
        all.push_str(&format!("{counters:?} {:?}", blob.map(|blob| blob.size)));
        Ok(all)
    }

    /// Every row that a tenant has in any table.
    async fn rows(&self, mover: &CallContext, limit: u32) -> Result<Vec<(PortableTable, Vec<Value>)>> {
        let mut reader = self.stores.portable.reader(mover).await?;
        let mut all = Vec::new();
        for table in self.stores.portable.tables() {
            let (mut rows, mut after) = (Vec::new(), None);
            loop {
                let page = reader.rows(&table, after.as_ref(), limit).await?;
                rows.extend(page.rows);
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            let count = reader.count(&table).await?;
            rows.push(json!(count));
            all.push((table, rows));
        }
        Ok(all)
    }

    async fn read_rows(&self) -> Result<String> {
        // Page by page, so that the statement for later ones runs too.
        let rows = told(self.rows(&self.in_b, 1).await?);
        ensure(rows == told(self.rows(&self.in_b, 100).await?), "pages differ with their length".to_owned())?;
        Ok(rows)
    }

    async fn every_collection(&self, call: CollectionCall) -> Result<String> {
        let mut said = String::new();
        for spec in COLLECTIONS {
            let part = match call {
                CollectionCall::GetMany => {
                    // One alone and one among others, which may be two statements.
                    let alone = self.stores.records.get_many(&self.b, spec, &[record(spec.name)]).await?;
                    ensure(told(&alone).contains(BETA), format!("`{}` alone is {alone:?}", spec.name))?;
                    let ids = [record(spec.name), id(0x7_9999)];
                    told(self.stores.records.get_many(&self.b, spec, &ids).await?)
                }
                CollectionCall::Query => self.queries(spec).await?,
            };
            // Each of them, and not only some.
            if !part.contains(BETA) {
                return Err(agentforge_core::Error::internal(format!(
                    "`{}` shows nothing: {part}",
                    spec.name
                )));
            }
            said.push_str(&part);
        }
        Ok(said)
    }

    async fn queries(&self, spec: &'static CollectionSpec) -> Result<String> {
        let mut filters = vec![Filter::True];
        for field in spec.search {
            filters.push(Filter::Words((*field).to_owned(), "same wor".to_owned()));
        }
        let mut said = String::new();
        for filter in filters {
            let mut query = Query::new(filter).limit(1).counted();
            query.deleted = true;
            loop {
                let page = self.stores.records.query(&self.b, spec, &query).await?;
                let part = told(&page.records);
                ensure(part.contains(BETA), format!("{:?} finds {part}", query.filter))?;
                said.push_str(&part);
                said.push_str(&told(page.total));
                match page.next {
                    Some(next) => query = query.after(next),
                    None => break,
                }
            }
        }
        Ok(said)
    }

    async fn counters(&self) -> Result<String> {
        let values = self.stores.counters.values(&self.b, &["twin"]).await?;
        ensure(values == [7], format!("the counter shows {values:?}"))
    }

    async fn audit(&self) -> Result<String> {
        let mut said = told(self.stores.audit.entries(&self.b, &AuditQuery::default()).await?);
        for newest_first in [false, true] {
            let query = AuditQuery {
                action: Some("twin:made".to_owned()),
                resource: Some("twin".to_owned()),
                resource_id: Some("same".to_owned()),
                success: Some(true),
                newest_first,
                ..AuditQuery::default()
            };
            said.push_str(&told(self.stores.audit.entries(&self.b, &query).await?));
        }
        Ok(said)
    }

    /// Puts the bytes that only the other one has; until then they are not found.
    async fn put_what_the_other_has(&self) -> Result<String> {
        let sha256 = own_blob(ALPHA).sha256;
        let before = self.stores.blobs.get(&self.b, sha256).await.map(drop);
        if !before.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return ensure(false, format!("a blob of the other tenant is {before:?}"));
        }
        let body = futures::stream::once(async { Ok(own_bytes(ALPHA)) }).boxed();
        self.stores.blobs.put(&self.b, "text/plain", None, body).await?;
        let set = ChangeSet::new(&self.b).with(Change::RetainBlob(own_blob(ALPHA)));
        self.stores.records.apply(&self.b, set).await?;
        let set = ChangeSet::new(&self.b).with(Change::ReleaseBlob(own_blob(ALPHA)));
        self.stores.records.apply(&self.b, set).await.map(told)
    }

    async fn entries(&self) -> Result<String> {
        let own = self.stores.blobs.entry(&self.b, own_blob(BETA).sha256).await?;
        let nobodys = self.stores.blobs.entry(&self.b, Digest::of_bytes(b"nobody's")).await?;
        let others = self.stores.blobs.entry(&self.a, own_blob(BETA).sha256).await?;
        ensure(
            own.is_some() && nobodys.is_none() && others.is_none(),
            format!("{own:?} {nobodys:?} {others:?}"),
        )
    }

    /// Registers what lies elsewhere, under the same upload and the same hash in both.
    async fn register(&self) -> Result<String> {
        let sha256 = Digest::of_bytes(b"elsewhere");
        let entry = self.stores.blobs.register(&self.b, sha256, 9, id(0x7_5000)).await?;
        let others = self.stores.blobs.entry(&self.a, sha256).await?;
        ensure(others.is_none(), format!("the other tenant has {others:?} too")).map(|_| told(entry))
    }

    async fn registered(&self) -> Result<String> {
        let own = self.stores.blobs.registered(&self.b, &[id(0x7_5000)]).await?;
        let others = self.stores.blobs.registered(&self.a, &[id(0x7_5000)]).await?;
        ensure(own == [id(0x7_5000)] && others.is_empty(), format!("{own:?} {others:?}"))
    }

    /// Every collection through every expectation, alone and refused, and everything else that the furniture has.
    async fn upheaval(&self) -> Result<String> {
        let b = &self.b;
        let put = |spec: &'static CollectionSpec, expect| Change::Put {
            spec,
            id: record(spec.name),
            document: document(spec, BETA),
            expect,
        };
        let delete =
            |spec: &'static CollectionSpec, expect| Change::Delete { spec, id: record(spec.name), expect };
        for spec in in_order() {
            for expect in [Expect::Version(1), Expect::Anything, Expect::Version(3)] {
                self.apply(put(spec, expect)).await?;
            }
            // A refusal looks at what is there; the other tenant's is at version 1.
            for expect in [Expect::Absent, Expect::Version(1)] {
                let error = self.apply(put(spec, expect)).await.err();
                let current = error.as_ref().and_then(|error| error.get("current_version")).cloned();
                ensure(current == Some(json!(4)), format!("`{}` was refused by {error:?}", spec.name))?;
            }
        }
        // The other tenant's keys and records are none of this one's.
        for spec in in_order() {
            let free = id(0x7_6000);
            let change = Change::Put { spec, id: free, document: json!({}), expect: Expect::Absent };
            self.apply(change).await?;
            self.apply(Change::Delete { spec, id: free, expect: Expect::Version(1) }).await?;
        }
        for expect in [Expect::Version(4), Expect::Anything] {
            for spec in in_order().into_iter().rev() {
                self.apply(delete(spec, expect)).await?;
            }
            for spec in in_order() {
                self.apply(put(spec, Expect::Absent)).await?;
            }
        }
        // What refers to it goes along, or keeps it.
        for spec in in_order().into_iter().filter(|spec| spec.references.is_empty()) {
            let kept = COLLECTIONS.iter().flat_map(|other| other.references).any(|reference| {
                reference.collection == spec.name && reference.on_delete == OnDelete::Restrict
            });
            let done = self.apply(delete(spec, Expect::Anything)).await;
            ensure(done.is_err() == kept, format!("deleting from `{}` came to {done:?}", spec.name))?;
        }
        let lease = self.stores.journal.lease(b, run()).await?;
        let epoch = lease.map_or(0, |lease| lease.epoch);
        let until = b.now().after(YEAR * 2);
        let entries = vec![JournalEntry::new("twin.step", json!({ "by": BETA }))];
        // The other tenant's lease and the length of its journal are none of this one's.
        let append = |epoch, expected_seq| Change::Append {
            run: run(),
            epoch,
            expected_seq,
            entries: entries.clone(),
        };
        let others = self.stores.journal.lease(&self.a, run()).await?.map_or(0, |lease| lease.epoch);
        let fenced = self.apply(append(others, 1)).await.err();
        ensure(
            others != epoch && fenced.as_ref().is_some_and(|error| error.kind() == ErrorKind::Fenced),
            format!("under the other tenant's epoch {others} it came to {fenced:?}"),
        )?;
        let moved = self.apply(append(epoch, 9)).await.err();
        let current = moved.as_ref().and_then(|error| error.get("current_seq")).cloned();
        ensure(current == Some(json!(1)), format!("a wrong place in the journal came to {moved:?}"))?;
        let first = self.stores.outbox.rows(b, None, 1).await?.first().map_or(0, |row| row.seq);
        for change in [
            Change::RenewLease { run: run(), epoch, until },
            append(epoch, 1),
            Change::ReleaseLease { run: run(), epoch },
            Change::AcquireLease { run: run(), owner: BETA.to_owned(), until },
            Change::ReleaseLease { run: second_run(), epoch: 1 },
            Change::CancelTimer { run: run(), key: "same".to_owned() },
            signal("same", BETA),
            Change::ConsumeSignal { run: run(), name: "same".to_owned(), dedup: "same".to_owned() },
            signal("other", BETA),
            Change::Count { key: "twin".to_owned(), delta: 1, limit: Some(8) },
            Change::Count { key: "twin".to_owned(), delta: -2, limit: None },
            Change::PutSegment { index: index(), segment: id(2), bytes: Bytes::from_static(b"beta") },
            Change::SwapSegments { index: index(), expected: 1, segments: vec![id(2)] },
            Change::ReleaseBlob(own_blob(BETA)),
            Change::Enqueue { kind: DispatchKind::new("twin"), id: id(1), due: b.now() },
            Change::TakeInbox { key: "twin".to_owned() },
            Change::Delivered { seq: first },
            Change::EraseAuditDetail { seq: 0 },
        ] {
            let kind = format!("{change:?}");
            self.apply(change).await.map_err(|error| {
                agentforge_core::Error::internal(format!("{kind} was refused")).caused_by(error)
            })?;
        }
        Ok(String::new())
    }

    async fn apply(&self, change: Change) -> Result<()> {
        self.stores.records.apply(&self.b, ChangeSet::new(&self.b).with(change)).await.map(drop)
    }

    /// A year later nothing of this tenant is young any more; of the other one nothing is swept.
    async fn sweep(&self) -> Result<String> {
        self.harness.clock().advance(YEAR);
        let swept = self.stores.upkeep.sweep(&self.b, &Retention::default()).await?;
        ensure(swept.deleted > 0 && swept.receipts > 0 && swept.blobs > 0, format!("{swept:?}"))
    }

    /// Takes this tenant's rows away and writes them again.
    async fn move_away_and_back(&self) -> Result<String> {
        // The id of a set of the other tenant, which counted something else.
        let set = ChangeSet::repeatable(ChangeSetId::from_uuid(id(0x7_4005))).with(Change::Count {
            key: "other".to_owned(),
            delta: 1,
            limit: None,
        });
        self.stores.records.apply(&self.b, set).await?;
        let mut pulled = self.rows(&self.in_b, 1).await?;
        let mut contents = Vec::new();
        for (table, rows) in &mut pulled {
            // The count at the end.
            rows.pop();
            for row in rows.iter().filter(|_| table.name == "blobs") {
                let sha256 = row.get("sha256").and_then(Value::as_str).and_then(|text| text.parse().ok());
                if let Some(sha256) = sha256 {
                    contents.push(self.stores.blobs.get_bytes(&self.in_b, sha256).await?);
                }
            }
        }
        self.stores.upkeep.purge(&self.in_b, self.b.tenant()).await?;
        for bytes in contents {
            self.stores.blobs.put_bytes(&self.in_b, "text/plain", bytes).await?;
        }
        let (mut written, mut present) = (0, 0);
        for _ in 0..2 {
            for (table, rows) in &pulled {
                let came = self.stores.portable.write(&self.in_b, table, rows.clone()).await?;
                (written, present) = (written + came.written, present + came.present);
            }
        }
        let mut moved = self.rows(&self.in_b, 100).await?;
        for (_, rows) in &mut moved {
            rows.pop();
        }
        for ((table, before), (_, now)) in pulled.iter().zip(&moved) {
            // What does not move as it was: the place of an event, and when work that was held is due.
            let exact = !["outbox", "dispatch"].contains(&table.name);
            let is_same = if exact { before == now } else { before.len() == now.len() };
            ensure(is_same, format!("`{}` came back as {now:?}, was {before:?}", table.name))?;
        }
        ensure(written > 30 && present > 0, format!("{written} written, {present} present"))
    }

    async fn purge(&self) -> Result<String> {
        let gone = self.stores.upkeep.purge(&self.in_b, self.b.tenant()).await?;
        let left: u64 = self
            .rows(&self.in_b, 100)
            .await?
            .iter()
            .map(|(_, rows)| rows.last().and_then(Value::as_u64).unwrap_or_default())
            .sum();
        ensure(gone > 30 && left == 0, format!("{gone} gone, {left} left"))
    }
}

fn signal(dedup: &str, tag: &str) -> Change {
    let (run, name, dedup) = (run(), "same".to_owned(), dedup.to_owned());
    Change::Signal(Signal { run, name, dedup, payload: json!({ "by": tag }) })
}

fn told<T: Debug>(value: T) -> String {
    format!("{value:?}")
}

fn ensure(holds: bool, rule: String) -> Result<String> {
    if holds { Ok(String::new()) } else { Err(agentforge_core::Error::internal(rule)) }
}
