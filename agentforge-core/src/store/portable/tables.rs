//! Which tables a tenant has, in the order in which their rows can be written, and the columns of each.

use super::{PortableColumn, PortableKind, PortableRows, PortableTable};
use crate::store::CollectionSpec;

const fn column(name: &'static str, kind: PortableKind) -> PortableColumn {
    PortableColumn { name, kind, optional: false }
}

const fn optional(name: &'static str, kind: PortableKind) -> PortableColumn {
    PortableColumn { name, kind, optional: true }
}

const fn table(
    name: &'static str,
    rows: PortableRows,
    key: &'static [&'static str],
    columns: &'static [PortableColumn],
) -> PortableTable {
    PortableTable { name, rows, columns, key }
}

use PortableKind as Kind;

const BLOBS: PortableTable = table(
    "blobs",
    PortableRows::Blobs,
    &["sha256"],
    &[column("sha256", Kind::Digest), column("size", Kind::Int), column("refs", Kind::Int)],
);

/// The tables behind the records, those that make work visible last.
const BEHIND_RECORDS: &[PortableTable] = &[
    table(
        "change_sets",
        PortableRows::Receipts,
        &["id"],
        &[column("id", Kind::Id), column("receipt", Kind::Json), column("at", Kind::Time)],
    ),
    table(
        "journal",
        PortableRows::Journal,
        &["run", "seq"],
        &[
            column("run", Kind::Id),
            column("seq", Kind::Int),
            column("epoch", Kind::Int),
            column("kind", Kind::Text),
            column("node_path", Kind::Text),
            column("iteration", Kind::Int),
            column("attempt", Kind::Int),
            optional("effect_key", Kind::Text),
            column("payload", Kind::Json),
            column("at", Kind::Time),
            column("v", Kind::Int),
        ],
    ),
    table(
        "timers",
        PortableRows::Timers,
        &["run", "key"],
        &[column("run", Kind::Id), column("key", Kind::Text), column("due", Kind::Time)],
    ),
    table(
        "signals",
        PortableRows::Signals,
        &["run", "name", "dedup"],
        &[
            column("run", Kind::Id),
            column("name", Kind::Text),
            column("dedup", Kind::Text),
            optional("payload", Kind::Json),
            optional("consumed_at", Kind::Time),
        ],
    ),
    table(
        "counters",
        PortableRows::Counters,
        &["key"],
        &[column("key", Kind::Text), column("value", Kind::Int)],
    ),
    table(
        "segments",
        PortableRows::Segments,
        &["knowledge_base", "kind", "segment"],
        &[
            column("knowledge_base", Kind::Id),
            column("kind", Kind::Text),
            column("segment", Kind::Id),
            column("bytes", Kind::Bytes),
        ],
    ),
    table(
        "segment_manifests",
        PortableRows::Manifests,
        &["knowledge_base", "kind"],
        &[
            column("knowledge_base", Kind::Id),
            column("kind", Kind::Text),
            column("generation", Kind::Int),
            column("segments", Kind::Json),
        ],
    ),
    table(
        "outbox",
        PortableRows::Outbox,
        &["place"],
        &[column("place", Kind::Int), column("key", Kind::Text), column("event", Kind::Json)],
    ),
    table(
        "inbox",
        PortableRows::Inbox,
        &["id"],
        &[
            column("id", Kind::Id),
            optional("key", Kind::Text),
            optional("process", Kind::Text),
            optional("input", Kind::Json),
            optional("user_id", Kind::Id),
            column("at", Kind::Time),
        ],
    ),
    table(
        "audit",
        PortableRows::Audit,
        &["seq"],
        &[
            column("seq", Kind::Int),
            column("at", Kind::Time),
            column("scope", Kind::Json),
            column("actor", Kind::Text),
            column("correlation", Kind::Id),
            column("action", Kind::Text),
            column("resource", Kind::Text),
            optional("resource_id", Kind::Text),
            column("success", Kind::Bool),
            column("detail", Kind::Json),
            optional("salt", Kind::Bytes),
            column("detail_digest", Kind::Digest),
            column("prev", Kind::Digest),
            column("hash", Kind::Digest),
        ],
    ),
    table("leases", PortableRows::Leases, &["run"], &[column("run", Kind::Id), column("epoch", Kind::Int)]),
    table(
        "dispatch",
        PortableRows::Dispatch,
        &["kind", "id"],
        &[column("kind", Kind::Text), column("id", Kind::Id), optional("due", Kind::Time)],
    ),
];

const RECORD_COLUMNS: &[PortableColumn] = &[
    column("id", Kind::Id),
    column("version", Kind::Int),
    column("created_at", Kind::Time),
    column("updated_at", Kind::Time),
    optional("deleted_at", Kind::Time),
    column("document", Kind::Json),
];

impl PortableTable {
    /// Every table of a store with these collections, in the order in which rows are written: contents first, then
    /// records, each collection behind those that it refers to, and what becomes due last.
    pub fn all(collections: &[&'static CollectionSpec]) -> Vec<PortableTable> {
        let mut tables = vec![BLOBS];
        tables.extend(in_order(collections).into_iter().map(Self::of_records));
        tables.extend_from_slice(BEHIND_RECORDS);
        tables
    }

    const fn of_records(spec: &'static CollectionSpec) -> Self {
        table(spec.name, PortableRows::Records(spec), &["id"], RECORD_COLUMNS)
    }
}

/// Collections behind those that they refer to. Those that refer to each other stay as they are; writing them takes
/// more than one pass.
fn in_order(collections: &[&'static CollectionSpec]) -> Vec<&'static CollectionSpec> {
    let mut rest = collections.to_vec();
    let mut ordered = Vec::with_capacity(rest.len());
    while !rest.is_empty() {
        let stands = |spec: &&CollectionSpec| {
            spec.references.iter().all(|reference| {
                reference.collection == spec.name
                    || !rest.iter().any(|other| other.name == reference.collection)
            })
        };
        let place = rest.iter().position(stands).unwrap_or(0);
        ordered.push(rest.remove(place));
    }
    ordered
}
