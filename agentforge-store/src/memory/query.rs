//! Pages of records in memory: filter, sort, cut. [`Filter::matches`](agentforge_core::store::Filter::matches) is the
//! filter's meaning itself.

use std::cmp::Ordering;

use agentforge_core::{
    error::Result,
    id::TenantId,
    store::{CollectionSpec, CursorKey, Direction, FieldValue, Page, Position, Query, RawRecord, fields_of},
};

use super::record::Records;

/// One page of what a query finds.
pub(super) fn page(
    records: &Records,
    cursors: &CursorKey,
    tenant: TenantId,
    spec: &'static CollectionSpec,
    query: &Query,
) -> Result<Page> {
    query.check(spec)?;
    let after = match &query.after {
        Some(cursor) => Some(cursors.open(tenant, spec, query, cursor)?),
        None => None,
    };
    let mut found: Vec<_> = records
        .all(tenant, spec.name)
        .filter(|row| (query.deleted || row.deleted_at.is_none()) && matches(spec, query, row))
        .map(|row| (position(spec, query, row), row))
        .collect();
    let total = query.count.then_some(found.len() as u64);
    found.sort_by(|(a, _), (b, _)| compare(query, a, b));
    if let Some(after) = after {
        found.retain(|(position, _)| compare(query, position, &after) == Ordering::Greater);
    }
    let limit = query.limit as usize;
    let last = found.get(limit.saturating_sub(1)).filter(|_| found.len() > limit);
    let next = match last {
        Some((position, _)) => Some(cursors.seal(tenant, spec, query, position.clone())?),
        None => None,
    };
    let records = found.into_iter().take(limit).map(|(_, row)| row.clone()).collect();
    Ok(Page { records, next, total })
}

/// The value of a field. A document was checked against its declaration when it was written, so reading cannot fail.
fn value(spec: &CollectionSpec, row: &RawRecord, field: &str) -> FieldValue {
    fields_of(spec, row, field).unwrap_or(FieldValue::Null)
}

fn matches(spec: &CollectionSpec, query: &Query, row: &RawRecord) -> bool {
    query.filter.matches(&|field| value(spec, row, field))
}

fn position(spec: &CollectionSpec, query: &Query, row: &RawRecord) -> Position {
    Position { values: query.order.iter().map(|by| value(spec, row, &by.field)).collect(), id: row.id }
}

fn compare(query: &Query, a: &Position, b: &Position) -> Ordering {
    let directed = |direction, ordering: Ordering| match direction {
        Direction::Ascending => ordering,
        Direction::Descending => ordering.reverse(),
    };
    let by_keys = query
        .order
        .iter()
        .zip(a.values.iter().zip(&b.values))
        .map(|(by, (a, b))| directed(by.direction, a.cmp(b)))
        .find(|ordering| ordering.is_ne());
    let last = query.order.last().map_or(Direction::Ascending, |by| by.direction);
    by_keys.unwrap_or_else(|| directed(last, a.id.cmp(&b.id)))
}
