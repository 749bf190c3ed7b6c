//! The statements of each table of a tenant, made from what the port says of it.

use agentforge_core::{
    error::{Error, Result},
    id::TenantId,
    json::Digest,
    store::{FieldValue, PortableColumn, PortableKind, PortableRows, PortableTable, decode_bytes},
    time::Timestamp,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::sql::{
    ddl::quoted,
    dialect::Dialect,
    record::BODY,
    template::{Statement, Template},
    value::SqlValue,
};

/// The statements of one table.
pub(super) struct TableSql {
    pub(super) table: PortableTable,
    /// What the order of its rows depends on, and how it is read; it stands behind the columns.
    pub(super) order: Vec<PortableKind>,
    pub(super) count: Template,
    pub(super) first: Template,
    pub(super) after: Template,
    /// Absent where no column of a row tells which it is.
    pub(super) find: Option<Template>,
    /// Absent where a row is not simply inserted.
    pub(super) insert: Option<Template>,
}

impl TableSql {
    pub(super) fn new(dialect: &dyn Dialect, table: PortableTable) -> Result<Self> {
        let name = quoted(table.name);
        let read: Vec<String> = table.columns.iter().map(|column| read_as(&table, column)).collect();
        let read = read.join(", ");
        // Signals and events are read in the order in which they came, which no column of a row tells.
        let (order, kinds) = match table.rows {
            PortableRows::Signals => (vec!["arrival"], vec![PortableKind::Int]),
            PortableRows::Outbox => (vec!["seq"], vec![PortableKind::Int]),
            _ => (table.key.to_vec(), table.key.iter().map(|key| kind_of(&table, key)).collect()),
        };
        let order: Vec<String> = order.iter().map(|column| quoted(column)).collect();
        let marks = vec!["?"; order.len()].join(", ");
        let order = order.join(", ");
        let keyed: Vec<String> = table.key.iter().map(|key| format!("{} = ?", quoted(key))).collect();
        let keyed = keyed.join(" AND ");
        let tenant = |source: String| Template::tenant(dialect, &source);
        let of_tenant = format!("FROM {name} WHERE tenant = :tenant");
        let moves = format!("{of_tenant}{}", only(&table));
        Ok(Self {
            count: tenant(format!("SELECT count(*) {moves}"))?,
            first: tenant(format!("SELECT {read}, {order} {moves} ORDER BY {order} LIMIT ?"))?,
            after: tenant(format!(
                "SELECT {read}, {order} {moves} AND ({order}) > ({marks}) ORDER BY {order} LIMIT ?"
            ))?,
            find: match table.rows {
                PortableRows::Outbox => None,
                _ => Some(tenant(format!("SELECT {read} {of_tenant} AND {keyed}"))?),
            },
            insert: Self::insert(dialect, &table)?,
            order: kinds,
            table,
        })
    }

    fn insert(dialect: &dyn Dialect, table: &PortableTable) -> Result<Option<Template>> {
        let mut columns: Vec<String> =
            table.columns.iter().map(|column| quoted(stored(table, column.name))).collect();
        match table.rows {
            PortableRows::Blobs | PortableRows::Dispatch | PortableRows::Outbox => return Ok(None),
            PortableRows::Records(spec) => {
                columns.extend(spec.fields.iter().map(|field| quoted(field.name)));
            }
            PortableRows::Leases => columns.extend([quoted("owner"), quoted("until")]),
            _ => {}
        }
        let key: Vec<String> = table.key.iter().map(|key| quoted(key)).collect();
        let before = format!("INSERT INTO {} (tenant, {}) VALUES", quoted(table.name), columns.join(", "));
        let row = format!("(:tenant, {})", vec!["?"; columns.len()].join(", "));
        let behind = format!("ON CONFLICT (tenant, {}) DO NOTHING", key.join(", "));
        Template::row(dialect, &before, &row, &behind).map(Some)
    }

    pub(super) fn page(&self, tenant: TenantId, after: Option<&Value>, limit: u32) -> Result<Statement> {
        let Some(after) = after else { return self.first.bind(tenant, [limit.into()]) };
        let wrong =
            || Error::invalid("that is no place in this table; begin from its start").with("field", "after");
        let place = after.as_array().filter(|place| place.len() > self.order.len()).ok_or_else(wrong)?;
        let values = self.order.iter().zip(place).map(|(kind, value)| bound(*kind, value));
        let mut values = values.collect::<Result<Vec<_>>>()?;
        values.push(limit.into());
        self.after.bind(tenant, values)
    }

    /// The values of a row's key.
    pub(super) fn key(&self, row: &Value) -> Result<Vec<SqlValue>> {
        self.table.key.iter().map(|key| bound(kind_of(&self.table, key), member(row, key)?)).collect()
    }

    /// The values of an inserted row, with what is derived from it.
    pub(super) fn values(&self, row: &Value) -> Result<Vec<SqlValue>> {
        let column = |column: &PortableColumn| match row.get(column.name) {
            Some(value) => bound(column.kind, value),
            None if matches!((self.table.rows, column.name), (PortableRows::Inbox, "key" | "process")) => {
                Ok(SqlValue::from(""))
            }
            None => Ok(SqlValue::Null),
        };
        let mut values = self.table.columns.iter().map(column).collect::<Result<Vec<_>>>()?;
        match self.table.rows {
            PortableRows::Records(spec) => {
                let document = member(row, "document")?;
                for field in spec.fields {
                    values.push(FieldValue::extract(spec, field, document)?.into());
                }
            }
            PortableRows::Leases => values.extend([SqlValue::from(""), SqlValue::Int(0)]),
            _ => {}
        }
        Ok(values)
    }
}

/// The column that holds a member of a row.
fn stored(table: &PortableTable, column: &'static str) -> &'static str {
    match table.rows {
        PortableRows::Records(_) if column == "document" => BODY,
        _ => column,
    }
}

/// How a member of a row is read.
fn read_as(table: &PortableTable, column: &PortableColumn) -> String {
    match (table.rows, column.name) {
        // Counted while it is read.
        (PortableRows::Outbox, "place") => "0".to_owned(),
        // Whoever holds the lease is fenced once the row is elsewhere.
        (PortableRows::Leases, "epoch") => "CASE WHEN owner = '' THEN epoch ELSE epoch + 1 END".to_owned(),
        // Nobody goes on with what somebody held, so it is due at once.
        (PortableRows::Dispatch, "due") => "CASE WHEN claim IS NULL AND NOT EXISTS (SELECT 1 FROM leases \
             WHERE tenant = :tenant AND run = dispatch.id AND owner <> '' AND dispatch.kind = 'run') THEN due END"
            .to_owned(),
        // A taken request is remembered by its id alone.
        (PortableRows::Inbox, "key" | "process" | "user_id") => {
            format!("CASE WHEN input IS NOT NULL THEN {} END", quoted(column.name))
        }
        _ => quoted(stored(table, column.name)),
    }
}

/// Which rows stay behind: those that are the same as none.
fn only(table: &PortableTable) -> &'static str {
    match table.rows {
        PortableRows::Blobs => " AND refs > 0",
        PortableRows::Counters => " AND value <> 0",
        _ => "",
    }
}

fn kind_of(table: &PortableTable, column: &str) -> PortableKind {
    let found = table.columns.iter().find(|known| known.name == column);
    found.map_or(PortableKind::Text, |column| column.kind)
}

pub(super) fn member<'a>(row: &'a Value, name: &str) -> Result<&'a Value> {
    row.get(name).ok_or_else(|| Error::invalid(format!("a row lacks `{name}`")).with("column", name))
}

pub(super) fn parsed<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value)
        .map_err(|error| Error::invalid("a row has a value of another form").caused_by(error))
}

/// A value of a kind, to bind.
fn bound(kind: PortableKind, value: &Value) -> Result<SqlValue> {
    Ok(match kind {
        PortableKind::Bool => parsed::<bool>(value)?.into(),
        PortableKind::Int => parsed::<i64>(value)?.into(),
        PortableKind::Text => parsed::<String>(value)?.into(),
        PortableKind::Id => parsed::<Uuid>(value)?.into(),
        PortableKind::Time => parsed::<Timestamp>(value)?.into(),
        PortableKind::Digest => parsed::<Digest>(value)?.into(),
        PortableKind::Bytes => decode_bytes(value)?.into(),
        PortableKind::Json => SqlValue::json(value)?,
    })
}

/// A row of its columns; one that is null is left out.
pub(super) fn assembled(table: &PortableTable, columns: Vec<Option<Value>>) -> Value {
    let named = table.columns.iter().zip(columns);
    let members = named.filter_map(|(column, value)| Some((column.name.to_owned(), value?)));
    Value::Object(members.collect::<Map<_, _>>())
}
