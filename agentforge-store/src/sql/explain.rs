//! Finds out why a change was refused, and deletes by hand what foreign keys do not.

use std::collections::HashSet;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result as CoreResult},
    id::RunId,
    store::{Change, CollectionSpec, Expect, Lease, OnDelete},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    Statements,
    catalog::Collection,
    change::referred,
    refusal,
    session::{Columns, Session},
    template::Template,
    value::SqlValue,
};

/// What a statement broke, as far as the caller of a change can be told which.
#[derive(Debug, Clone)]
pub(crate) enum Constraint {
    /// A unique key of a table, by its fields.
    Unique { table: String, fields: String },
    /// A reference, in either direction.
    Reference,
    /// Another rule, for example a number that no longer fits.
    Other,
}

/// What is said when nothing shows why a change was refused.
pub(crate) fn unexplained() -> Error {
    Error::internal("the database refused a change for a reason that it no longer shows; report this")
}

/// Why a change was refused, read from what stands there; none when it shows no longer, because somebody else wrote in
/// between. `broken` is the rule that its statement broke, if it did.
pub(crate) async fn explain<S: Session>(
    session: &mut S,
    sql: &Statements,
    cx: &CallContext,
    change: &Change,
    broken: Option<Constraint>,
) -> Result<Option<Error>, S::Refusal> {
    let tenant = cx.tenant();
    if let Some(Constraint::Unique { table, fields }) = &broken {
        return Ok(Some(refusal::taken(table, fields)));
    }
    Ok(match change {
        Change::Put { spec, id, document, expect } => {
            let record = Written { spec, id: *id, document, expect: *expect };
            put(session, sql, cx, &record).await?
        }
        Change::Delete { .. } => {
            // By hand it fails at the record that foreign keys only hint at.
            bury(session, sql, cx, change).await?;
            None
        }
        Change::AcquireLease { run, owner, .. } => {
            let lease = lease_of(session, sql, cx, *run).await?;
            let stands =
                |lease: &Lease| !lease.owner.is_empty() && lease.owner != *owner && lease.until > cx.now();
            lease.filter(stands).map(|lease| refusal::leased(&lease))
        }
        Change::RenewLease { run, epoch, .. } | Change::ReleaseLease { run, epoch } => {
            Some(refusal::fenced(*run, *epoch, lease_of(session, sql, cx, *run).await?.as_ref()))
        }
        Change::Append { run, epoch, expected_seq, .. } => {
            let lease = lease_of(session, sql, cx, *run).await?;
            let held =
                |lease: &Lease| lease.epoch == *epoch && !lease.owner.is_empty() && lease.until > cx.now();
            if lease.as_ref().is_some_and(held) {
                let next = session.first(sql.journal.next(tenant, *run)?).await?;
                let next = next.map_or(Ok(0), |next| next.count(0))?;
                (next != *expected_seq).then(|| refusal::moved(*run, next, *expected_seq))
            } else {
                Some(refusal::fenced(*run, *epoch, lease.as_ref()))
            }
        }
        Change::Count { key, delta, limit } => {
            let current = session.first(sql.counters.value(tenant, key)?).await?;
            let current = current.map_or(Ok(0), |current| current.int(0))?;
            let limit = limit.filter(|_| *delta > 0);
            let fits = current.checked_add(*delta).is_some_and(|sum| limit.is_none_or(|limit| sum <= limit));
            (!fits).then(|| refusal::counted_out(key, current, *delta, limit))
        }
        Change::PutSegment { segment, .. } => Some(refusal::segment_changed(*segment)),
        Change::SwapSegments { index, expected, segments } => {
            let manifest = session.first(sql.segments.manifest(tenant, index)?).await?;
            let generation = manifest.map_or(Ok(0), |manifest| manifest.count(0))?;
            if generation != *expected {
                return Ok(Some(refusal::generation_moved(index, generation, *expected)));
            }
            let stored = sql.segments.stored(sql.dialect, tenant, index, segments)?;
            let stored = session.all(stored).await?;
            let stored = stored.iter().map(|found| found.id(0)).collect::<CoreResult<HashSet<_>>>()?;
            let unknown = segments.iter().find(|segment| !stored.contains(segment));
            unknown.map(|segment| refusal::segment_unknown(index, *segment))
        }
        Change::RetainBlob(blob) => {
            let found = session.first(sql.blobs.find(tenant, blob.sha256)?).await?;
            found.is_none().then(|| refusal::missing_blob(blob.sha256))
        }
        Change::EraseAuditDetail { seq } => Some(refusal::missing_entry(*seq)),
        _ => None,
    })
}

async fn lease_of<S: Session>(
    session: &mut S,
    sql: &Statements,
    cx: &CallContext,
    run: RunId,
) -> Result<Option<Lease>, S::Refusal> {
    let found = session.first(sql.journal.lease(cx.tenant(), run)?).await?;
    let lease = |found: S::Row| {
        Ok::<_, Error>(Lease { run, epoch: found.count(0)?, owner: found.text(1)?, until: found.time(2)? })
    };
    Ok(found.map(lease).transpose()?)
}

/// A record that was to be written.
struct Written<'a> {
    spec: &'static CollectionSpec,
    id: Uuid,
    document: &'a Value,
    expect: Expect,
}

async fn put<S: Session>(
    session: &mut S,
    sql: &Statements,
    cx: &CallContext,
    record: &Written<'_>,
) -> Result<Option<Error>, S::Refusal> {
    let collection = sql.catalog.of(record.spec)?;
    let present = version(session, &collection.sql.version, cx, record.id).await?;
    if let Some(error) = refusal::unexpected_version(record.spec, record.id, present, record.expect) {
        return Ok(Some(error));
    }
    for reference in record.spec.references {
        let Some(id) = referred(record.spec, reference.field, record.document)? else { continue };
        let itself = reference.collection == record.spec.name && id == record.id;
        let Some(target) = sql.catalog.named(reference.collection) else { continue };
        if !itself && version(session, &target.sql.version, cx, id).await?.is_none() {
            let error = refusal::dangling(record.spec, reference.field, reference.collection, id);
            return Ok(Some(error));
        }
    }
    Ok(None)
}

/// The version of a record that is there and not hidden.
async fn version<S: Session>(
    session: &mut S,
    template: &Template,
    cx: &CallContext,
    id: Uuid,
) -> Result<Option<u64>, S::Refusal> {
    let found = session.first(template.bind(cx.tenant(), [id.into()])?).await?;
    Ok(found.map(|found| found.count(0)).transpose()?)
}

/// Deletes a record and, collection by collection, everything that refers to it by a cascade. Each is held before it is
/// asked who refers to it, so that nobody refers to it in between.
pub(crate) async fn bury<S: Session>(
    session: &mut S,
    sql: &Statements,
    cx: &CallContext,
    change: &Change,
) -> Result<(), S::Refusal> {
    let Change::Delete { spec, id, expect } = change else { return Ok(()) };
    let collection = sql.catalog.of(spec)?;
    match (version(session, &collection.sql.version_to_delete, cx, *id).await?, expect) {
        (None, Expect::Anything) => return Ok(()),
        (None, _) => return Err(refusal::missing_record(spec, *id).into()),
        (Some(present), expect) => {
            if let Some(error) = refusal::unexpected_version(spec, *id, Some(present), *expect) {
                return Err(error.into());
            }
        }
    }
    let mut doomed: Vec<(&Collection, Vec<Uuid>)> = vec![(collection, vec![*id])];
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
            for row in session.all(statement).await? {
                let id = row.id(0)?;
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
    // What goes together is known by its instant when it is brought back.
    let now = cx.now();
    // What refers goes before what it refers to.
    for (collection, ids) in doomed.into_iter().rev() {
        let listed: Vec<SqlValue> = ids.into_iter().map(SqlValue::from).collect();
        let mut values = Vec::new();
        if collection.spec.soft_delete {
            values.extend([now.into(), now.into()]);
        }
        values.push(sql.dialect.list(&listed));
        session.first(collection.sql.bury.bind(cx.tenant(), values)?).await?;
    }
    Ok(())
}
