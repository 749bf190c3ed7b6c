//! A tenant's rows as JSON: read as of one moment, and written elsewhere exactly as they were.
//!
//! What a table is called and what its columns hold is decided here and is the same on every backend; how a backend
//! keeps it is not told. Owners and claims do not move: a lease moves as an epoch that nobody holds, and work that
//! somebody held is due at once. What is derived from other rows (promoted fields, words, positions of signals) does
//! not move either; writing makes it anew.

mod tables;

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::CollectionSpec;
use crate::{
    context::CallContext,
    error::{Error, Result},
    json::Digest,
    time::Timestamp,
};

/// What a column holds, and its form in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortableKind {
    /// A boolean.
    Bool,
    /// An integer in the range of `i64`.
    Int,
    /// A string.
    Text,
    /// A UUID, hyphenated.
    Id,
    /// An instant, RFC 3339 in UTC with microseconds.
    Time,
    /// A SHA-256 in hexadecimal digits.
    Digest,
    /// Bytes in base64.
    Bytes,
    /// Any JSON.
    Json,
}

impl PortableKind {
    /// What it is known by in an archive.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Text => "text",
            Self::Id => "id",
            Self::Time => "time",
            Self::Digest => "digest",
            Self::Bytes => "bytes",
            Self::Json => "json",
        }
    }

    fn admits(self, value: &Value) -> bool {
        let text = |fits: fn(&str) -> bool| value.as_str().is_some_and(fits);
        match self {
            Self::Json => crate::json::check_storable(value).is_ok(),
            Self::Bool => value.is_boolean(),
            Self::Int => value.as_i64().is_some(),
            Self::Text => text(|text| !text.contains('\0')),
            Self::Id => text(|text| Uuid::try_parse(text).is_ok()),
            Self::Time => text(|text| text.parse::<Timestamp>().is_ok()),
            Self::Digest => text(|text| text.parse::<Digest>().is_ok()),
            Self::Bytes => text(|text| STANDARD.decode(text).is_ok()),
        }
    }
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortableColumn {
    /// Its name, the member's in a row.
    pub name: &'static str,
    /// What it holds.
    pub kind: PortableKind,
    /// Whether a row may be without it. A member that is not there is null; a member that is JSON null is a value.
    pub optional: bool,
}

/// Which rows a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PortableRows {
    /// The references that blobs are counted by; one without any stays behind. Their bytes go beside the rows, through [`super::Blobs`], and are put
    /// before the row is written.
    Blobs,
    /// The records of a collection, soft-deleted ones too.
    Records(&'static CollectionSpec),
    /// The answers to change sets, so that a repetition stays harmless after a move.
    Receipts,
    /// Journals of runs.
    Journal,
    /// Timers of runs.
    Timers,
    /// Signals that wait, and what is left of consumed ones, in the order in which they came.
    Signals,
    /// Counters that stand at another value than 0.
    Counters,
    /// Index segments.
    Segments,
    /// Which segments make up an index.
    Manifests,
    /// Events that wait for delivery, by their place in the queue. Rows are written in that order, and get new numbers.
    Outbox,
    /// Requests that wait, and what is left of those that were taken.
    Inbox,
    /// The audit trail, with its hashes.
    Audit,
    /// The epochs of leases that nobody holds any more.
    Leases,
    /// What is due. A row without an instant is due when it is written.
    Dispatch,
}

/// A table of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortableTable {
    /// Its name; for records the collection's.
    pub name: &'static str,
    /// Which rows it holds.
    pub rows: PortableRows,
    /// Its columns.
    pub columns: &'static [PortableColumn],
    /// The columns that tell its rows apart.
    pub key: &'static [&'static str],
}

impl PortableTable {
    /// The row with nothing but its columns, each of its kind; an optional one that is null is left out, unless null
    /// is a value of its kind. What has another form is `invalid_input` and names the column.
    pub fn check(&self, row: Value) -> Result<Value> {
        let wrong = |column: &str, why: &str| {
            Error::invalid(format!("a row of `{}` {why} `{column}`", self.name))
                .with("table", self.name)
                .with("column", column)
        };
        let Value::Object(mut given) = row else {
            return Err(Error::invalid(format!("a row of `{}` is no JSON object", self.name)));
        };
        let mut row = Map::new();
        for column in self.columns {
            match given.remove(column.name) {
                Some(Value::Null) if column.optional && column.kind != PortableKind::Json => {}
                Some(value) if column.kind.admits(&value) => {
                    row.insert(column.name.to_owned(), value);
                }
                Some(_) => {
                    let why = format!("does not hold {} in", column.kind.name());
                    return Err(wrong(column.name, &why));
                }
                None if column.optional => {}
                None => return Err(wrong(column.name, "lacks")),
            }
        }
        if let Some(unknown) = given.keys().next() {
            return Err(wrong(unknown, "has the unknown column"));
        }
        if let (PortableRows::Records(spec), Some(document)) = (self.rows, row.get("document")) {
            let id = row.get("id").and_then(Value::as_str).and_then(|id| Uuid::try_parse(id).ok());
            super::change::check_document(spec, id.unwrap_or_default(), document)?;
        }
        Ok(Value::Object(row))
    }

    /// The refusal of a row where another one stands.
    pub fn occupied(&self, row: &Value) -> Error {
        let key: Vec<String> =
            self.key.iter().map(|name| row.get(*name).map_or_else(String::new, shown)).collect();
        let message = format!(
            "`{}` has another row {} than the one that is to be written; use an empty store, or the one that this \
             came from",
            self.name,
            key.join(" ")
        );
        Error::conflict("row", message).with("table", self.name)
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Bytes in the form of [`PortableKind::Bytes`].
pub fn encode_bytes(bytes: &[u8]) -> Value {
    Value::String(STANDARD.encode(bytes))
}

/// The bytes of [`PortableKind::Bytes`].
pub fn decode_bytes(value: &Value) -> Result<Bytes> {
    let text = value.as_str().unwrap_or_default();
    STANDARD
        .decode(text)
        .map(Bytes::from)
        .map_err(|error| Error::invalid("bytes are no base64").caused_by(error))
}

/// Rows, and where the next ones begin.
#[derive(Debug, Clone, PartialEq)]
pub struct PortablePage {
    /// The rows, in the order of the table.
    pub rows: Vec<Value>,
    /// What the next page is asked for with; none at the end.
    pub next: Option<Value>,
}

/// What writing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PortableWritten {
    /// How many rows are new.
    pub written: u64,
    /// How many were there already.
    pub present: u64,
}

/// A tenant as of one moment, whatever is written meanwhile. Dropping it ends it.
#[async_trait]
pub trait PortableReader: Send {
    /// How many rows a table has.
    async fn count(&mut self, table: &PortableTable) -> Result<u64>;

    /// At most `limit` rows of a table, and at least one while there is any, in an order that depends on nothing but
    /// the rows.
    async fn rows(
        &mut self,
        table: &PortableTable,
        after: Option<&Value>,
        limit: u32,
    ) -> Result<PortablePage>;
}

/// Moves a tenant between stores. Only the system may; anybody else is `denied`. The tenant is the context's.
#[async_trait]
pub trait Portable: Send + Sync {
    /// The tables of every tenant, in the order in which their rows can be written.
    fn tables(&self) -> Vec<PortableTable>;

    /// The tenant as of now.
    async fn reader(&self, cx: &CallContext) -> Result<Box<dyn PortableReader>>;

    /// Writes rows exactly as they are: versions, instants, sequence numbers and hashes. All of them or none. A row that
    /// is there already is left alone, and another one in its place is a `conflict`. A record that refers to one that is
    /// not there yet is `invalid_input` where the backend looks.
    async fn write(
        &self,
        cx: &CallContext,
        table: &PortableTable,
        rows: Vec<Value>,
    ) -> Result<PortableWritten>;
}

/// Fails unless the context is the system's; every backend asks this first.
pub fn require_mover(cx: &CallContext) -> Result<()> {
    if cx.scope().is_system() {
        return cx.check_alive();
    }
    Err(Error::denied("only the system moves a tenant between stores"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::store::{FieldKind, FieldSpec, OnDelete, ReferenceSpec};

    const CHILD: &CollectionSpec = &CollectionSpec {
        fields: &[FieldSpec::new("parent", FieldKind::Id)],
        references: &[ReferenceSpec { field: "parent", collection: "parents", on_delete: OnDelete::Cascade }],
        ..CollectionSpec::new("children")
    };
    const PARENT: &CollectionSpec = &CollectionSpec::new("parents");

    #[test]
    fn a_collection_stands_behind_those_it_refers_to() {
        let names: Vec<_> = PortableTable::all(&[CHILD, PARENT]).iter().map(|table| table.name).collect();
        assert_eq!(names.get(..3), Some(&["blobs", "parents", "children"][..]));
        assert_eq!(names.last(), Some(&"dispatch"), "work becomes visible last");
    }

    #[test]
    fn a_row_keeps_its_columns_and_nothing_else() {
        let tables = PortableTable::all(&[]);
        let signals = tables.iter().find(|table| table.name == "signals").unwrap();
        let timers = tables.iter().find(|table| table.name == "timers").unwrap();
        let run = "00000000-0000-0000-0000-000000000001";
        let waiting = json!({ "run": run, "name": "go", "dedup": "1", "payload": null });
        assert_eq!(signals.check(waiting.clone()).unwrap(), waiting, "JSON null is what the signal says");
        let consumed = json!({ "run": run, "name": "go", "dedup": "1" });
        assert_eq!(signals.check(consumed.clone()).unwrap(), consumed);
        for (row, column) in [
            (json!({ "run": run, "key": "k" }), "due"),
            (json!({ "run": "x", "key": "k", "due": "2026-01-01T00:00:00Z" }), "run"),
            (json!({ "run": run, "key": 1, "due": "2026-01-01T00:00:00Z" }), "key"),
            (json!({ "run": run, "key": "k", "due": "soon" }), "due"),
            (json!({ "run": run, "key": "k", "due": "2026-01-01T00:00:00Z", "more": 1 }), "more"),
        ] {
            let error = timers.check(row).unwrap_err();
            assert_eq!(error.get("column").and_then(Value::as_str), Some(column), "{error}");
        }
    }
}
