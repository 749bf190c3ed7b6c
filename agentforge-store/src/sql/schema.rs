//! The tables that every store has beside its collections, as data from which every backend's DDL is written.

use std::borrow::Cow;

use agentforge_core::store::OnDelete;

/// The table of what is due. Its rows belong to tenants, and the platform looks across them.
pub(crate) const DISPATCH_TABLE: &str = "dispatch";

/// The table of who has audit entries that wait for their link, where a linker chains them: a row per change set, written
/// and removed without waiting for anybody.
pub(crate) const BELLS_TABLE: &str = "audit_bells";

/// The table of audit entries that wait for their link.
#[cfg(feature = "postgres")]
pub(crate) const PENDING_TABLE: &str = "audit_pending";

/// The tables that belong to no tenant.
pub(crate) const PLATFORM_TABLES: &[&str] =
    &["store_meta", "migrations", "host_collections", "dispatch_epochs", BELLS_TABLE];

/// The type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Bool,
    Int,
    Text,
    Id,
    /// Microseconds since 1970.
    Time,
    /// JSON text.
    Json,
    Bytes,
    /// Numbers rows in the order in which they come, never twice the same, also when rows went since; the key of its
    /// table.
    Arrival,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) kind: ColumnKind,
    pub(crate) nullable: bool,
}

impl Column {
    pub(crate) const fn new(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, nullable: false }
    }

    pub(crate) const fn nullable(name: &'static str, kind: ColumnKind) -> Self {
        Self { name, kind, nullable: true }
    }
}

/// How rows lie in a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// By number, found through an index over the key: for wide rows.
    Heap,
    /// By key: for narrow rows, and for those that are read in the order of the key.
    Clustered,
}

/// An index.
#[derive(Debug, Clone)]
pub(crate) struct Index {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) unique: bool,
    /// Which rows it holds; all when absent.
    pub(crate) only: Option<&'static str>,
}

/// A reference to the key of another table, within the tenant.
#[derive(Debug, Clone)]
pub(crate) struct ForeignKey {
    pub(crate) column: &'static str,
    pub(crate) table: &'static str,
    pub(crate) on_delete: OnDelete,
}

/// A table.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(crate) name: Cow<'static, str>,
    pub(crate) columns: Vec<Column>,
    pub(crate) key: Vec<&'static str>,
    pub(crate) indexes: Vec<Index>,
    pub(crate) foreign_keys: Vec<ForeignKey>,
    pub(crate) layout: Layout,
}

impl Table {
    fn new(name: &'static str, layout: Layout, key: &[&'static str], columns: &[Column]) -> Self {
        Self {
            name: name.into(),
            columns: columns.to_vec(),
            key: key.to_vec(),
            indexes: Vec::new(),
            foreign_keys: Vec::new(),
            layout,
        }
    }

    fn with_index(mut self, columns: &[&'static str], only: Option<&'static str>) -> Self {
        self.indexes.push(Index { columns: columns.to_vec(), unique: false, only });
        self
    }

    fn with_unique(mut self, columns: &[&'static str]) -> Self {
        self.indexes.push(Index { columns: columns.to_vec(), unique: true, only: None });
        self
    }
}

/// The tables of a store whose audit entries a linker chains.
#[cfg(feature = "postgres")]
pub(crate) fn linker_tables() -> Vec<Table> {
    use ColumnKind::{Arrival, Id, Json};
    let of = Column::new;
    let pending = [of("arrival", Arrival), of("tenant", Id), of("entry", Json)];
    let bells = [of("arrival", Arrival), of("tenant", Id)];
    vec![
        Table::new(PENDING_TABLE, Layout::Heap, &["arrival"], &pending)
            .with_index(&["tenant", "arrival"], None),
        Table::new(BELLS_TABLE, Layout::Heap, &["arrival"], &bells).with_index(&["tenant"], None),
    ]
}

/// Every table that is no collection.
pub(crate) fn system_tables() -> Vec<Table> {
    use ColumnKind::{Arrival, Bool, Bytes, Id, Int, Json, Text, Time};
    use Layout::{Clustered, Heap};
    let of = Column::new;
    let maybe = Column::nullable;
    vec![
        Table::new("store_meta", Clustered, &["key"], &[of("key", Text), of("value", Bytes)]),
        Table::new(
            "migrations",
            Clustered,
            &["number"],
            &[of("number", Int), of("name", Text), of("checksum", Bytes), of("at", Time)],
        ),
        Table::new(
            "host_collections",
            Clustered,
            &["name"],
            &[of("name", Text), of("checksum", Bytes), of("at", Time)],
        ),
        Table::new(
            "change_sets",
            Clustered,
            &["tenant", "id"],
            &[of("tenant", Id), of("id", Id), of("receipt", Json), of("at", Time)],
        ),
        Table::new(
            "journal",
            Clustered,
            &["tenant", "run", "seq"],
            &[
                of("tenant", Id),
                of("run", Id),
                of("seq", Int),
                of("epoch", Int),
                of("kind", Text),
                of("node_path", Text),
                of("iteration", Int),
                of("attempt", Int),
                maybe("effect_key", Text),
                of("payload", Json),
                of("at", Time),
                of("v", Int),
            ],
        ),
        Table::new(
            "leases",
            Clustered,
            &["tenant", "run"],
            &[of("tenant", Id), of("run", Id), of("epoch", Int), of("owner", Text), of("until", Time)],
        ),
        Table::new(
            "timers",
            Clustered,
            &["tenant", "run", "key"],
            &[of("tenant", Id), of("run", Id), of("key", Text), of("due", Time)],
        ),
        // A consumed signal keeps its row without a payload, so that a repetition is recognised.
        Table::new(
            "signals",
            Heap,
            &["arrival"],
            &[
                of("arrival", Arrival),
                of("tenant", Id),
                of("run", Id),
                of("name", Text),
                of("dedup", Text),
                maybe("payload", Json),
                maybe("consumed_at", Time),
            ],
        )
        .with_unique(&["tenant", "run", "name", "dedup"])
        .with_index(&["tenant", "run", "arrival"], Some("payload IS NOT NULL"))
        .with_index(&["tenant", "consumed_at"], Some("consumed_at IS NOT NULL")),
        Table::new(
            "counters",
            Clustered,
            &["tenant", "key"],
            &[of("tenant", Id), of("key", Text), of("value", Int)],
        ),
        Table::new(
            "segments",
            Heap,
            &["tenant", "knowledge_base", "kind", "segment"],
            &[
                of("tenant", Id),
                of("knowledge_base", Id),
                of("kind", Text),
                of("segment", Id),
                of("bytes", Bytes),
            ],
        ),
        Table::new(
            "segment_manifests",
            Clustered,
            &["tenant", "knowledge_base", "kind"],
            &[
                of("tenant", Id),
                of("knowledge_base", Id),
                of("kind", Text),
                of("generation", Int),
                of("segments", Json),
            ],
        ),
        // `content` numbers one upload; its chunks are written before the hash is known, or its bytes lie elsewhere.
        Table::new(
            "blobs",
            Clustered,
            &["tenant", "sha256"],
            &[
                of("tenant", Id),
                of("sha256", Bytes),
                of("content", Id),
                of("size", Int),
                of("elsewhere", Bool),
                of("refs", Int),
                maybe("unreferenced_since", Time),
            ],
        )
        .with_index(&["tenant", "content"], None)
        .with_index(&["tenant", "unreferenced_since"], Some("unreferenced_since IS NOT NULL")),
        Table::new(
            "blob_chunks",
            Heap,
            &["tenant", "content", "ordinal"],
            &[of("tenant", Id), of("content", Id), of("ordinal", Int), of("bytes", Bytes)],
        ),
        // While a claim holds a row, `due` is when the hold ends and `again` what was asked for since.
        Table::new(
            DISPATCH_TABLE,
            Clustered,
            &["tenant", "kind", "id"],
            &[
                of("tenant", Id),
                of("kind", Text),
                of("id", Id),
                of("due", Time),
                of("epoch", Int),
                maybe("claim", Int),
                maybe("again", Time),
            ],
        )
        .with_index(&["kind", "due", "id"], None),
        // One row: the last epoch that any dispatch row was given, so that none ever comes twice.
        Table::new("dispatch_epochs", Clustered, &["one"], &[of("one", Bool), of("last", Int)]),
        Table::new(
            "outbox",
            Heap,
            &["seq"],
            &[of("seq", Arrival), of("tenant", Id), of("key", Text), of("event", Json), of("at", Time)],
        )
        .with_index(&["tenant", "seq"], None),
        // A taken request keeps its row without an input, so that a repetition is recognised; `at` is then when.
        Table::new(
            "inbox",
            Heap,
            &["tenant", "id"],
            &[
                of("tenant", Id),
                of("id", Id),
                of("key", Text),
                of("process", Text),
                maybe("input", Json),
                maybe("user_id", Id),
                of("at", Time),
            ],
        )
        .with_index(&["tenant", "at", "id"], Some("input IS NOT NULL")),
        Table::new(
            "audit",
            Clustered,
            &["tenant", "seq"],
            &[
                of("tenant", Id),
                of("seq", Int),
                of("at", Time),
                of("scope", Json),
                of("actor", Text),
                of("correlation", Id),
                of("action", Text),
                of("resource", Text),
                maybe("resource_id", Text),
                of("success", Bool),
                of("detail", Json),
                maybe("salt", Bytes),
                of("detail_digest", Bytes),
                of("prev", Bytes),
                of("hash", Bytes),
            ],
        )
        .with_index(&["tenant", "actor", "seq"], None)
        .with_index(&["tenant", "resource", "resource_id", "seq"], None)
        .with_index(&["tenant", "action", "seq"], None)
        .with_index(&["tenant", "at", "seq"], None),
    ]
}
