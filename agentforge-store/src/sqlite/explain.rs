//! Finds out why a change was refused, and deletes by hand what foreign keys do not.

use std::collections::HashSet;

use agentforge_core::{
    context::CallContext,
    error::Error,
    id::RunId,
    store::{Change, CollectionSpec, Expect, Lease, OnDelete},
};
use serde_json::Value;
use sqlx::SqliteConnection;
use uuid::Uuid;

use super::{change::Refusal, error::Constraint, journal::lease, row, run};
use crate::sql::{Statements, catalog::Collection, change::referred, refusal, value::SqlValue};

/// Why a change was refused, read from what stands there. `broken` is the rule that its statement broke, if it did.
pub(super) async fn explain(
    connection: &mut SqliteConnection,
    sql: &Statements,
    cx: &CallContext,
    change: &Change,
    broken: Option<Constraint>,
) -> Refusal {
    match reason(connection, sql, cx, change, broken).await {
        Ok(error) => Refusal::Refused(error),
        Err(refusal) => refusal,
    }
}

async fn reason(
    connection: &mut SqliteConnection,
    sql: &Statements,
    cx: &CallContext,
    change: &Change,
    broken: Option<Constraint>,
) -> Result<Error, Refusal> {
    let tenant = cx.tenant();
    if let Some(Constraint::Unique { table, fields }) = &broken {
        return Ok(refusal::taken(table, fields));
    }
    Ok(match change {
        Change::Put { spec, id, document, expect } => {
            let record = Written { spec, id: *id, document, expect: *expect };
            return put(connection, sql, cx, &record).await;
        }
        Change::Delete { .. } => {
            // By hand it fails at the record that foreign keys only hint at.
            bury(connection, sql, cx, change).await?;
            unexplained()
        }
        Change::AcquireLease { run, .. } => match lease_of(connection, sql, cx, *run).await? {
            Some(lease) => refusal::leased(&lease),
            None => unexplained(),
        },
        Change::RenewLease { run, epoch, .. } | Change::ReleaseLease { run, epoch } => {
            refusal::fenced(*run, *epoch, lease_of(connection, sql, cx, *run).await?.as_ref())
        }
        Change::Append { run, epoch, expected_seq, .. } => {
            let lease = lease_of(connection, sql, cx, *run).await?;
            let held =
                |lease: &Lease| lease.epoch == *epoch && !lease.owner.is_empty() && lease.until > cx.now();
            if lease.as_ref().is_some_and(held) {
                let next = run::one(connection, sql.journal.next(tenant, *run)?).await?.number();
                refusal::moved(*run, u64::try_from(next).unwrap_or_default(), *expected_seq)
            } else {
                refusal::fenced(*run, *epoch, lease.as_ref())
            }
        }
        Change::Count { key, delta, limit } => {
            let current = run::one(connection, sql.counters.value(tenant, key)?).await?.number();
            refusal::counted_out(key, current, *delta, limit.filter(|_| *delta > 0))
        }
        Change::PutSegment { segment, .. } => refusal::segment_changed(*segment),
        Change::SwapSegments { index, expected, segments } => {
            let manifest = run::first(connection, sql.segments.manifest(tenant, index)?).await?;
            let generation = manifest.map(|row| row::count(&row, 0)).transpose()?.unwrap_or_default();
            if generation != *expected {
                return Ok(refusal::generation_moved(index, generation, *expected));
            }
            let stored = sql.segments.stored(sql.dialect, tenant, index, segments)?;
            let stored = run::all(connection, stored).await?;
            let stored = stored.iter().map(|found| row::id(found, 0)).collect::<Result<HashSet<_>, _>>()?;
            match segments.iter().find(|segment| !stored.contains(segment)) {
                Some(segment) => refusal::segment_unknown(index, *segment),
                None => unexplained(),
            }
        }
        Change::RetainBlob(blob) => refusal::missing_blob(blob.sha256),
        _ => unexplained(),
    })
}

fn unexplained() -> Error {
    Error::internal("the database refused a change for a reason that it no longer shows; report this")
}

async fn lease_of(
    connection: &mut SqliteConnection,
    sql: &Statements,
    cx: &CallContext,
    run: RunId,
) -> Result<Option<Lease>, Refusal> {
    let found = run::first(connection, sql.journal.lease(cx.tenant(), run)?).await?;
    Ok(found.map(|found| lease(run, &found)).transpose()?)
}

/// A record that was to be written.
struct Written<'a> {
    spec: &'static CollectionSpec,
    id: Uuid,
    document: &'a Value,
    expect: Expect,
}

async fn put(
    connection: &mut SqliteConnection,
    sql: &Statements,
    cx: &CallContext,
    record: &Written<'_>,
) -> Result<Error, Refusal> {
    let collection = sql.catalog.of(record.spec)?;
    let present = version(connection, collection, cx, record.id).await?;
    if let Some(error) = refusal::unexpected_version(record.spec, record.id, present, record.expect) {
        return Ok(error);
    }
    for reference in record.spec.references {
        let Some(id) = referred(record.spec, reference.field, record.document)? else { continue };
        let itself = reference.collection == record.spec.name && id == record.id;
        let Some(target) = sql.catalog.named(reference.collection) else { continue };
        if !itself && version(connection, target, cx, id).await?.is_none() {
            return Ok(refusal::dangling(record.spec, reference.field, reference.collection, id));
        }
    }
    Ok(unexplained())
}

/// The version of a record that is there and not hidden.
async fn version(
    connection: &mut SqliteConnection,
    collection: &Collection,
    cx: &CallContext,
    id: Uuid,
) -> Result<Option<u64>, Refusal> {
    let statement = collection.sql.version.bind(cx.tenant(), [id.into()])?;
    let found = run::first(connection, statement).await?;
    Ok(found.map(|found| row::count(&found, 0)).transpose()?)
}

/// Deletes a record and, collection by collection, everything that refers to it by a cascade.
pub(super) async fn bury(
    connection: &mut SqliteConnection,
    sql: &Statements,
    cx: &CallContext,
    change: &Change,
) -> Result<(), Refusal> {
    let Change::Delete { spec, id, expect } = change else { return Ok(()) };
    let collection = sql.catalog.of(spec)?;
    match (version(connection, collection, cx, *id).await?, expect) {
        (None, Expect::Anything) => return Ok(()),
        (None, _) => return Err(refusal::missing_record(spec, *id).into()),
        (Some(present), expect) => {
            if let Some(error) = refusal::unexpected_version(spec, *id, Some(present), *expect) {
                return Err(error.into());
            }
        }
    }
    let mut doomed = vec![(collection, vec![*id])];
    let mut seen: HashSet<(&str, Uuid)> = HashSet::from([(spec.name, *id)]);
    let mut next = 0;
    while let Some((target, ids)) = doomed.get(next).cloned() {
        next += 1;
        let listed: Vec<SqlValue> = ids.iter().copied().map(SqlValue::from).collect();
        for referrer in &target.referrers {
            let Some(from) = sql.catalog.named(referrer.spec.name) else { continue };
            let Some(referring) = from.sql.referring.get(referrer.place) else { continue };
            let statement = referring.bind(cx.tenant(), [sql.dialect.list(&listed)])?;
            let mut found = Vec::new();
            for row in run::all(connection, statement).await? {
                let id = row::id(&row, 0)?;
                if seen.insert((from.spec.name, id)) {
                    found.push(id);
                }
            }
            match (referrer.reference.on_delete, found.is_empty()) {
                (_, true) => {}
                (OnDelete::Cascade, false) => doomed.push((from, found)),
                (OnDelete::Restrict, false) => {
                    let blocked = ids.first().copied().unwrap_or(*id);
                    let field = referrer.reference.field;
                    return Err(refusal::restricted(target.spec, blocked, from.spec, field).into());
                }
            }
        }
    }
    // What refers goes before what it refers to.
    for (collection, ids) in doomed.into_iter().rev() {
        let listed: Vec<SqlValue> = ids.into_iter().map(SqlValue::from).collect();
        let mut values = Vec::new();
        if collection.spec.soft_delete {
            values.extend([cx.now().into(), cx.now().into()]);
        }
        values.push(sql.dialect.list(&listed));
        run::one(connection, collection.sql.bury.bind(cx.tenant(), values)?).await?;
    }
    Ok(())
}
