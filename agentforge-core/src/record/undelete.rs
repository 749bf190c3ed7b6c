//! Bringing a deleted record back together with the parts that went with it.

use uuid::Uuid;

use crate::{
    context::CallContext,
    error::Result,
    store::{
        Change, ChangeSet, CollectionSpec, Expect, FieldValue, Filter, MAX_PAGE, OnDelete, Query, RawRecord,
        RecordStore, ReferenceSpec, fields_of,
    },
};

/// The changes that write a deleted record anew, then every part that was deleted by the same deletion. A part that
/// also refers to something that is gone stays deleted.
pub(crate) async fn changes(
    cx: &CallContext,
    records: &dyn RecordStore,
    collections: &[&'static CollectionSpec],
    spec: &'static CollectionSpec,
    record: RawRecord,
) -> Result<ChangeSet> {
    let deleted_at = record.deleted_at;
    let mut set = ChangeSet::new(cx);
    let mut back: Vec<(&'static str, Uuid)> = Vec::new();
    let mut open = vec![(spec, record)];
    while let Some((spec, record)) = open.pop() {
        if back.contains(&(spec.name, record.id)) {
            continue;
        }
        back.push((spec.name, record.id));
        for (part, reference) in parts_of(collections, spec) {
            for candidate in deleted(cx, records, part, reference, record.id).await? {
                let with_it = candidate.deleted_at == deleted_at && deleted_at.is_some();
                if with_it && whole(cx, records, collections, part, &candidate, &back).await? {
                    open.push((part, candidate));
                }
            }
        }
        let RawRecord { id, document, .. } = record;
        set.push(Change::Put { spec, id, document, expect: Expect::Absent });
    }
    Ok(set)
}

/// The collections whose deleted records are kept and go with a record of this one.
fn parts_of<'a>(
    collections: &'a [&'static CollectionSpec],
    spec: &'static CollectionSpec,
) -> impl Iterator<Item = (&'static CollectionSpec, &'static ReferenceSpec)> + 'a {
    let kept = collections.iter().filter(|part| part.soft_delete);
    kept.flat_map(move |part| {
        let refers = |reference: &&'static ReferenceSpec| {
            reference.collection == spec.name && reference.on_delete == OnDelete::Cascade
        };
        part.references.iter().filter(refers).map(|reference| (*part, reference)).collect::<Vec<_>>()
    })
}

async fn deleted(
    cx: &CallContext,
    records: &dyn RecordStore,
    spec: &'static CollectionSpec,
    reference: &ReferenceSpec,
    id: Uuid,
) -> Result<Vec<RawRecord>> {
    let filter = Filter::eq(reference.field, id);
    let mut query = Query { deleted: true, ..Query::new(filter).limit(MAX_PAGE) };
    let mut found = Vec::new();
    loop {
        let page = records.query(cx, spec, &query).await?;
        found.extend(page.records.into_iter().filter(|record| record.deleted_at.is_some()));
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(found),
        }
    }
}

/// Whether everything that a part refers to is there, or comes back with it.
async fn whole(
    cx: &CallContext,
    records: &dyn RecordStore,
    collections: &[&'static CollectionSpec],
    spec: &'static CollectionSpec,
    part: &RawRecord,
    back: &[(&'static str, Uuid)],
) -> Result<bool> {
    for reference in spec.references {
        let FieldValue::Id(id) = fields_of(spec, part, reference.field)? else { continue };
        if back.contains(&(reference.collection, id)) {
            continue;
        }
        let target = collections.iter().find(|spec| spec.name == reference.collection);
        let Some(target) = target else { return Ok(false) };
        if records.get_many(cx, target, &[id]).await?.iter().all(Option::is_none) {
            return Ok(false);
        }
    }
    Ok(true)
}
