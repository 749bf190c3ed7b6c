//! Moving a tenant: what is read is of one moment, what is written is exactly that, and whoever held something does not
//! hold it any more.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::{
    context::CallContext,
    error::ErrorKind,
    json::Digest,
    store::{
        BlobsExt, Change, DispatchKind, JournalEntry, PortableRows, PortableTable, PortableWritten, Stores,
    },
    testkit::{
        Failure,
        check::{Outcome, ensure, present, refused, same},
        life,
        snapshot::Snapshot,
        world::{HOUR, World, claim_runs, run},
    },
};

super::cases! {
    "portable.only_the_system_moves_a_tenant" => only_the_system,
    "portable.a_purged_tenant_comes_back_exactly" => comes_back,
    "portable.writing_again_changes_nothing" => again,
    "portable.another_row_in_its_place_is_a_conflict" => occupied,
    "portable.a_page_is_written_whole_or_not_at_all" => whole_pages,
    "portable.a_reader_sees_one_moment" => one_moment,
    "portable.pages_of_any_size_hold_the_same_rows" => pages,
    "portable.a_tenant_sees_only_its_own_rows" => own_rows,
    "portable.an_old_owner_is_fenced_after_a_move" => fenced,
    "portable.work_that_was_held_is_due_at_once" => due_at_once,
    "portable.a_row_of_another_form_is_refused" => other_form,
}

const ALPHA: &str = "alpha";
const BETA: &str = "beta";

/// A tenant's rows and the bytes of its blobs.
pub(in crate::testkit) struct Pulled {
    rows: Vec<(PortableTable, Vec<Value>)>,
    contents: Vec<Bytes>,
}

impl Pulled {
    fn of(&self, table: PortableRows) -> Outcome<(PortableTable, &[Value])> {
        let found = self.rows.iter().find(|(known, _)| known.rows == table);
        present("a table", found).map(|(table, rows)| (*table, rows.as_slice()))
    }
}

/// Reads everything of a tenant.
pub(in crate::testkit) async fn pull(stores: &Stores, cx: &CallContext, limit: u32) -> Outcome<Pulled> {
    let mut reader = stores.portable.reader(cx).await?;
    let mut pulled = Pulled { rows: Vec::new(), contents: Vec::new() };
    for table in stores.portable.tables() {
        let (mut rows, mut after) = (Vec::new(), None);
        loop {
            let page = reader.rows(&table, after.as_ref(), limit).await?;
            ensure(page.rows.len() <= limit as usize, format!("a page of `{}` is too long", table.name))?;
            rows.extend(page.rows);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        let counted = reader.count(&table).await?;
        same(&format!("the count of `{}`", table.name), counted, rows.len() as u64)?;
        for row in rows.iter().filter(|_| table.rows == PortableRows::Blobs) {
            let sha256 =
                row.get("sha256").and_then(Value::as_str).and_then(|text| text.parse::<Digest>().ok());
            let sha256 = present("the hash of a blob", sha256)?;
            pulled.contents.push(stores.blobs.get_bytes(cx, sha256).await?);
        }
        pulled.rows.push((table, rows));
    }
    Ok(pulled)
}

/// Writes everything of a tenant.
pub(in crate::testkit) async fn push(
    stores: &Stores,
    cx: &CallContext,
    pulled: &Pulled,
) -> Outcome<PortableWritten> {
    for bytes in &pulled.contents {
        stores.blobs.put_bytes(cx, "application/octet-stream", bytes.clone()).await?;
    }
    let mut came = PortableWritten::default();
    for (table, rows) in &pulled.rows {
        for rows in rows.chunks(3) {
            let written = stores.portable.write(cx, table, rows.to_vec()).await;
            let written = written.map_err(|error| Failure::from(error).during(table.name))?;
            came.written = came.written.saturating_add(written.written);
            came.present = came.present.saturating_add(written.present);
        }
    }
    Ok(came)
}

/// What a move must not change: everything but who holds what, the numbers of outbox events, and uploads that nothing
/// refers to.
pub(in crate::testkit) async fn unmoved(stores: &Stores, cx: &CallContext, tag: &str) -> Outcome<Snapshot> {
    let taken = Snapshot::take(stores, cx, &life::footprint(&[tag])).await?;
    Ok(taken.without("lease of").without("outbox").without("uploads"))
}

/// The system inside the first tenant, which is furnished.
async fn furnished(w: &World) -> Outcome<CallContext> {
    life::furnish(&w.stores, &w.a, ALPHA).await?;
    life::furnish(&w.stores, &w.b, BETA).await?;
    Ok(w.system.enter_tenant(w.a.tenant())?)
}

async fn moved(w: &World, mover: &CallContext) -> Outcome<Pulled> {
    let pulled = pull(&w.stores, mover, 100).await?;
    w.stores.upkeep.purge(mover, mover.tenant()).await?;
    push(&w.stores, mover, &pulled).await?;
    Ok(pulled)
}

async fn only_the_system(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let tables = w.stores.portable.tables();
    let first = present("a table", tables.first())?;
    let reader = w.stores.portable.reader(&w.a).await.map(drop);
    refused("a reader for a person", reader, ErrorKind::Denied)?;
    let written = w.stores.portable.write(&w.a, first, Vec::new()).await;
    refused("a write of a person", written, ErrorKind::Denied)?;
    w.stores.portable.write(&mover, first, Vec::new()).await?;
    Ok(())
}

async fn comes_back(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let before = unmoved(&w.stores, &w.a, ALPHA).await?;
    let events = w.stores.outbox.rows(&w.a, None, 100).await?;
    let beta = Snapshot::take(&w.stores, &w.b, &life::footprint(&[BETA])).await?;

    let pulled = pull(&w.stores, &mover, 100).await?;
    w.stores.upkeep.purge(&mover, mover.tenant()).await?;
    let gone = pull(&w.stores, &mover, 100).await?;
    ensure(gone.rows.iter().all(|(_, rows)| rows.is_empty()), "a purged tenant has no rows")?;
    let came = push(&w.stores, &mover, &pulled).await?;
    same("the rows that were there", came.present, 0)?;

    unmoved(&w.stores, &w.a, ALPHA).await?.ensure_same_as(&before)?;
    ensure(w.stores.audit.verify(&w.a).await?.is_intact(), "the audit trail is intact after a move")?;
    let again = w.stores.outbox.rows(&w.a, None, 100).await?;
    let told = |rows: &[crate::store::OutboxRow]| {
        rows.iter().map(|row| (row.key.clone(), row.event.clone())).collect::<Vec<_>>()
    };
    same("the events that wait", told(&again), told(&events))?;
    for set in life::furnishing(&w.a, ALPHA) {
        let receipt = w.stores.records.apply(&w.a, set).await?;
        ensure(receipt.replayed, "a repetition is recognised after a move")?;
    }
    Snapshot::take(&w.stores, &w.b, &life::footprint(&[BETA])).await?.ensure_same_as(&beta)?;
    // Read once more, a moved tenant is what was read before, but for who held what.
    let twice = pull(&w.stores, &mover, 100).await?;
    for ((table, rows), (_, before)) in twice.rows.iter().zip(&pulled.rows) {
        if table.rows != PortableRows::Dispatch {
            same(&format!("the rows of `{}`", table.name), rows, before)?;
        }
    }
    Ok(())
}

async fn again(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let pulled = moved(&w, &mover).await?;
    let before = Snapshot::take(&w.stores, &w.a, &life::footprint(&[ALPHA])).await?;
    let came = push(&w.stores, &mover, &pulled).await?;
    same("the new rows of a repetition", came.written, 0)?;
    let all: usize = pulled.rows.iter().map(|(_, rows)| rows.len()).sum();
    same("the rows that were there", came.present, all as u64)?;
    Snapshot::take(&w.stores, &w.a, &life::footprint(&[ALPHA])).await?.ensure_same_as(&before)
}

async fn occupied(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let pulled = moved(&w, &mover).await?;
    for (rows, column, value) in [
        (PortableRows::Blobs, "refs", json!(99)),
        (PortableRows::Receipts, "receipt", json!({ "applied": [] })),
        (PortableRows::Journal, "kind", json!("another")),
        (PortableRows::Timers, "due", json!("2000-01-01T00:00:00.000000Z")),
        (PortableRows::Signals, "payload", json!(null)),
        (PortableRows::Counters, "value", json!(99)),
        (PortableRows::Segments, "bytes", json!("AAAA")),
        (PortableRows::Manifests, "generation", json!(99)),
        (PortableRows::Outbox, "key", json!("another")),
        (PortableRows::Inbox, "process", json!("another")),
        (PortableRows::Audit, "action", json!("another")),
        (PortableRows::Leases, "epoch", json!(99)),
    ] {
        let (table, found) = pulled.of(rows)?;
        let mut row = present(table.name, found.first())?.clone();
        if let Some(member) = row.get_mut(column) {
            *member = value;
        }
        let written = w.stores.portable.write(&mover, &table, vec![row]).await;
        refused(table.name, written, ErrorKind::Conflict)?;
    }
    for (table, rows) in &pulled.rows {
        let (PortableRows::Records(_), Some(row)) = (table.rows, rows.first()) else { continue };
        let mut row = row.clone();
        if let Some(version) = row.get_mut("version") {
            *version = json!(99);
        }
        refused(table.name, w.stores.portable.write(&mover, table, vec![row]).await, ErrorKind::Conflict)?;
    }
    Ok(())
}

async fn whole_pages(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let pulled = pull(&w.stores, &mover, 100).await?;
    let (table, rows) = pulled.of(PortableRows::Journal)?;
    let mut page = rows.to_vec();
    // The first is new, the second stands where another one does.
    let (Some(new), Some(other)) = (page.first().cloned(), page.get_mut(1)) else {
        return Err(Failure::new("the journal of a furnished tenant has two rows"));
    };
    let mut new = new;
    for (row, seq) in [(&mut new, 77), (other, 1)] {
        for (column, value) in [("seq", json!(seq)), ("kind", json!("another"))] {
            if let Some(member) = row.get_mut(column) {
                *member = value;
            }
        }
    }
    let written = w.stores.portable.write(&mover, &table, vec![new, page.remove(1)]).await;
    refused("a page with a row in another's place", written, ErrorKind::Conflict)?;
    let after = pull(&w.stores, &mover, 100).await?;
    same("the journal after a refused page", after.of(PortableRows::Journal)?.1, rows)
}

async fn one_moment(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let before = pull(&w.stores, &mover, 100).await?;
    let mut reader = w.stores.portable.reader(&mover).await?;
    let outbox = life::first_event(&w.stores, &w.a).await?;
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    let claim = claims.iter().find(|claim| claim.tenant == w.a.tenant() && claim.id == life::due_work());
    for change in life::upheaval(&w.a, ALPHA, present("a claim", claim)?.epoch, outbox) {
        w.apply(&w.a, [change]).await?;
    }
    for (table, rows) in &before.rows {
        let page = reader.rows(table, None, 100).await?;
        same(&format!("the rows of `{}` as they were", table.name), &page.rows, rows)?;
    }
    drop(reader);
    let after = pull(&w.stores, &mover, 100).await?;
    ensure(after.rows != before.rows, "a later reader sees what was written")
}

async fn pages(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let whole = pull(&w.stores, &mover, 1_000).await?;
    for limit in [1, 2] {
        let found = pull(&w.stores, &mover, limit).await?;
        same(&format!("the rows in pages of {limit}"), &found.rows, &whole.rows)?;
    }
    Ok(())
}

async fn own_rows(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let text = |pulled: &Pulled| format!("{:?}", pulled.rows);
    let alpha = text(&pull(&w.stores, &mover, 100).await?);
    let beta = text(&pull(&w.stores, &w.system.enter_tenant(w.b.tenant())?, 100).await?);
    ensure(alpha.contains(ALPHA) && !alpha.contains(BETA), "the first tenant's rows are its own")?;
    ensure(beta.contains(BETA) && !beta.contains(ALPHA), "the second tenant's rows are its own")?;
    let never = w.system.enter_tenant(crate::id::TenantId::new(&w.system))?;
    let never = pull(&w.stores, &never, 100).await?;
    ensure(never.rows.iter().all(|(_, rows)| rows.is_empty()), "a tenant that never was has no rows")
}

async fn fenced(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    moved(&w, &mover).await?;
    let run = life::due_work();
    let run = crate::id::RunId::from_uuid(run);
    let entries = vec![JournalEntry::new("run.suspended", Value::Null)];
    let stale = Change::Append { run, epoch: 1, expected_seq: 2, entries: entries.clone() };
    refused("an append of the old owner", w.apply(&w.a, [stale]).await, ErrorKind::Fenced)?;
    let taken = w.lease(&w.a, run, "somebody else").await?;
    ensure(taken > 2, format!("the new owner's epoch {taken} is beyond the old one's"))?;
    w.apply(&w.a, [Change::Append { run, epoch: taken, expected_seq: 2, entries }]).await?;
    Ok(())
}

async fn due_at_once(w: World) -> Outcome {
    let mover = w.system.enter_tenant(w.a.tenant())?;
    let (led, waits, claimed) = (run(1), run(2), run(3));
    let later = w.a.now().after(HOUR);
    w.lease(&w.a, led, "a worker").await?;
    for (run, due) in [(led, later), (waits, later), (claimed, w.a.now())] {
        w.apply(&w.a, [Change::Enqueue { kind: DispatchKind::RUN, id: run.as_uuid(), due }]).await?;
    }
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    same("the claims before", claims.len(), 1)?;
    moved(&w, &mover).await?;
    let claims = w.stores.dispatch.claim(&w.system, &claim_runs(10)).await?;
    let mut due: Vec<_> = claims.into_iter().map(|claim| claim.id).collect();
    due.sort();
    same("what is due after a move", due, vec![led.as_uuid(), claimed.as_uuid()])
}

async fn other_form(w: World) -> Outcome {
    let mover = furnished(&w).await?;
    let pulled = pull(&w.stores, &mover, 100).await?;
    let (table, rows) = pulled.of(PortableRows::Timers)?;
    let row = present("a timer", rows.first())?;
    for (column, value) in
        [("due", json!("soon")), ("run", json!(1)), ("key", json!("a\0b")), ("more", json!(1))]
    {
        let mut row = row.clone();
        if let Some(row) = row.as_object_mut() {
            row.insert(column.to_owned(), value);
        }
        let written = w.stores.portable.write(&mover, &table, vec![row]).await;
        refused(column, written, ErrorKind::InvalidInput)?;
    }
    Ok(())
}
