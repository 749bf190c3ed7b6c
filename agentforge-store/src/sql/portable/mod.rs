//! The statements that read and write a tenant's rows as JSON, made from the tables of the port and nothing else, and
//! what writing does when a row is there already. A backend decodes columns and runs statements.

mod tables;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
    json::Digest,
    record::COLLECTIONS,
    store::{
        CollectionSpec, DispatchKind, PortableKind, PortablePage, PortableRows, PortableTable,
        PortableWritten,
    },
    time::Timestamp,
};
use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use self::tables::{TableSql, assembled, member, parsed};
use super::{
    Statements,
    dialect::Dialect,
    refusal,
    template::{Statement, Template},
};

/// How many rows one round trip writes.
const CHUNK: usize = 64;

/// The statements of every table, in the order of the port.
pub(crate) struct PortableSql {
    tables: Vec<TableSql>,
    queued: Template,
    retain: Template,
}

/// Runs statements on a connection, inside the transaction of whoever calls.
#[async_trait]
pub(crate) trait Connection: Send {
    /// Why a statement did not run.
    type Failure: From<Error> + Send;

    /// The rows of a statement, each column in the form of its kind and none where it is null.
    async fn read(
        &mut self,
        statement: Statement,
        columns: &[PortableKind],
    ) -> Result<Vec<Vec<Option<Value>>>, Self::Failure>;

    /// Runs statements in order and gives how many rows all of them wrote.
    async fn write(&mut self, statements: Vec<Statement>) -> Result<u64, Self::Failure>;
}

impl PortableSql {
    pub(super) fn new(dialect: &dyn Dialect, host: &[&'static CollectionSpec]) -> Result<Self> {
        let collections: Vec<&'static CollectionSpec> = COLLECTIONS.iter().chain(host).copied().collect();
        let tables = PortableTable::all(&collections);
        Ok(Self {
            tables: tables.into_iter().map(|table| TableSql::new(dialect, table)).collect::<Result<_>>()?,
            queued: Template::tenant(
                dialect,
                "SELECT key, event FROM outbox WHERE tenant = :tenant ORDER BY seq LIMIT ? OFFSET ?",
            )?,
            retain: Template::tenant(
                dialect,
                "UPDATE blobs SET refs = ?, unreferenced_since = NULL \
                 WHERE tenant = :tenant AND sha256 = ? AND refs = 0",
            )?,
        })
    }

    /// Every table, in the order in which rows are written.
    pub(crate) fn tables(&self) -> Vec<PortableTable> {
        self.tables.iter().map(|sql| sql.table).collect()
    }

    fn of(&self, table: &PortableTable) -> Result<&TableSql> {
        self.tables.iter().find(|sql| sql.table == *table).ok_or_else(|| {
            Error::new(
                ErrorKind::Unsupported,
                format!(
                    "this store has no table `{}` of this form; name its collection when opening",
                    table.name
                ),
            )
            .with("table", table.name)
        })
    }

    /// How many rows a table has.
    pub(crate) async fn count<C: Connection>(
        &self,
        connection: &mut C,
        tenant: TenantId,
        table: &PortableTable,
    ) -> Result<u64, C::Failure> {
        let statement = self.of(table)?.count.bind(tenant, Vec::new())?;
        let rows = connection.read(statement, &[PortableKind::Int]).await?;
        let count = rows.into_iter().flatten().flatten().next();
        Ok(count.and_then(|count| count.as_u64()).unwrap_or_default())
    }

    /// One page of a table.
    pub(crate) async fn page<C: Connection>(
        &self,
        connection: &mut C,
        tenant: TenantId,
        table: &PortableTable,
        after: Option<&Value>,
        limit: u32,
    ) -> Result<PortablePage, C::Failure> {
        let sql = self.of(table)?;
        let mut kinds: Vec<PortableKind> = table.columns.iter().map(|column| column.kind).collect();
        kinds.extend(&sql.order);
        let rows = connection.read(sql.page(tenant, after, limit)?, &kinds).await?;
        let full = rows.len() >= limit as usize;
        let mut page = PortablePage { rows: Vec::with_capacity(rows.len()), next: None };
        let begin =
            after.and_then(|after| after.get(sql.order.len())).and_then(Value::as_u64).unwrap_or_default();
        for (mut row, number) in rows.into_iter().zip(begin..) {
            let mut place: Vec<Value> = row.split_off(table.columns.len()).into_iter().flatten().collect();
            place.push(number.saturating_add(1).into());
            let mut row = assembled(table, row);
            if let (PortableRows::Outbox, Some(place)) = (table.rows, row.get_mut("place")) {
                *place = number.into();
            }
            page.rows.push(row);
            page.next = full.then_some(Value::Array(place));
        }
        Ok(page)
    }

    /// Writes rows that were checked.
    pub(crate) async fn write<C: Connection>(
        &self,
        connection: &mut C,
        statements: &Statements,
        cx: &CallContext,
        table: &PortableTable,
        rows: &[Value],
    ) -> Result<PortableWritten, C::Failure> {
        let sql = self.of(table)?;
        let mut came = PortableWritten::default();
        for rows in rows.chunks(CHUNK) {
            if table.rows == PortableRows::Outbox {
                let present = self.write_outbox(connection, statements, sql, cx.tenant(), rows).await?;
                came.present = came.present.saturating_add(present);
                came.written = came.written.saturating_add((rows.len() as u64).saturating_sub(present));
                continue;
            }
            let Some(insert) = &sql.insert else {
                for row in rows {
                    let new = match table.rows {
                        PortableRows::Blobs => self.write_blob(connection, sql, cx, row).await?,
                        _ => write_dispatch(connection, statements, sql, cx, row).await?,
                    };
                    came.written = came.written.saturating_add(u64::from(new));
                    came.present = came.present.saturating_add(u64::from(!new));
                }
                continue;
            };
            let inserts = rows.iter().map(|row| insert.bind(cx.tenant(), sql.values(row)?));
            let written = connection.write(inserts.collect::<Result<_>>()?).await?;
            if let PortableRows::Records(spec) = table.rows {
                connection.write(words_of(statements, cx.tenant(), spec, rows)?).await?;
            }
            if written < rows.len() as u64 {
                for row in rows {
                    let there = found(connection, sql, cx.tenant(), row).await?;
                    if there.as_ref() != Some(row) {
                        return Err(table.occupied(row).into());
                    }
                }
            }
            if let (PortableRows::Records(spec), true) = (table.rows, written > 0) {
                connection.write(words(statements, cx.tenant(), spec, rows)?).await?;
            }
            came.written = came.written.saturating_add(written);
            came.present = came.present.saturating_add((rows.len() as u64).saturating_sub(written));
        }
        Ok(came)
    }

    /// Queues events behind those that wait, and says how many of them wait already: the queue of a tenant that nobody
    /// works in yet is as long as what was written of it.
    async fn write_outbox<C: Connection>(
        &self,
        connection: &mut C,
        statements: &Statements,
        sql: &TableSql,
        tenant: TenantId,
        rows: &[Value],
    ) -> Result<u64, C::Failure> {
        let waiting = self.count(connection, tenant, &sql.table).await?;
        let place = |row: &Value| row.get("place").and_then(Value::as_u64).unwrap_or_default();
        let (there, new): (Vec<_>, Vec<_>) = rows.iter().partition(|row| place(row) < waiting);
        if let Some(first) = there.first() {
            let queued = self.queued.bind(tenant, [(there.len() as u64).into(), place(first).into()])?;
            let queued = connection.read(queued, &[PortableKind::Text, PortableKind::Json]).await?;
            for (row, queued) in there.iter().zip(queued) {
                let [key, event] = [row.get("key").cloned(), row.get("event").cloned()];
                if queued != [key, event] {
                    return Err(sql.table.occupied(row).into());
                }
            }
        }
        let mut emits = Vec::with_capacity(new.len());
        for (row, expected) in new.iter().zip(waiting..) {
            if place(row) != expected {
                let message = format!("the outbox goes on at place {expected}, not at {}", place(row));
                return Err(Error::invalid(message).with("table", "outbox").into());
            }
            let key: String = parsed(member(row, "key")?)?;
            emits.push(statements.outbox.emit(tenant, &key, &parsed(member(row, "event")?)?)?.statement);
        }
        connection.write(emits).await?;
        Ok(there.len() as u64)
    }

    /// Gives bytes that were put before the references that they had; says whether that is new.
    async fn write_blob<C: Connection>(
        &self,
        connection: &mut C,
        sql: &TableSql,
        cx: &CallContext,
        row: &Value,
    ) -> Result<bool, C::Failure> {
        let sha256: Digest = parsed(member(row, "sha256")?)?;
        let there =
            found(connection, sql, cx.tenant(), row).await?.ok_or_else(|| refusal::missing_blob(sha256))?;
        if there == *row {
            return Ok(false);
        }
        let same_size = there.get("size") == row.get("size");
        if !same_size || there.get("refs").and_then(Value::as_i64) != Some(0) {
            return Err(sql.table.occupied(row).into());
        }
        let refs = member(row, "refs")?.as_i64().unwrap_or_default();
        let retain = self.retain.bind(cx.tenant(), [refs.into(), sha256.into()])?;
        connection.write(vec![retain]).await.map(|written| written > 0)
    }
}

/// What keeps the words of written records.
fn words(
    statements: &Statements,
    tenant: TenantId,
    spec: &'static CollectionSpec,
    rows: &[Value],
) -> Result<Vec<Statement>> {
    let mut kept = Vec::new();
    for words in &statements.catalog.of(spec)?.sql.words {
        for row in rows {
            let id: Uuid = parsed(member(row, "id")?)?;
            let text = member(row, "document")?.get(words.field()).and_then(Value::as_str);
            let steps = words.steps(statements.dialect, tenant, id, text)?;
            kept.extend(steps.into_iter().map(|step| step.statement));
        }
    }
    Ok(kept)
}

/// Makes work due, unless it is known already; says whether it was not.
async fn write_dispatch<C: Connection>(
    connection: &mut C,
    statements: &Statements,
    sql: &TableSql,
    cx: &CallContext,
    row: &Value,
) -> Result<bool, C::Failure> {
    if found(connection, sql, cx.tenant(), row).await?.is_some() {
        return Ok(false);
    }
    let due = match row.get("due") {
        Some(due) => parsed::<Timestamp>(due)?,
        None => cx.now(),
    };
    let kind = DispatchKind::new(parsed::<String>(member(row, "kind")?)?);
    let id = parsed::<Uuid>(member(row, "id")?)?;
    let steps = statements.dispatch.enqueue(cx.tenant(), &kind, id, due)?;
    connection.write(steps.into_iter().map(|step| step.statement).collect()).await?;
    Ok(true)
}

/// The statements that keep the words of records.
fn words_of(
    statements: &Statements,
    tenant: TenantId,
    spec: &'static CollectionSpec,
    rows: &[Value],
) -> Result<Vec<Statement>> {
    let mut kept = Vec::new();
    for words in &statements.catalog.of(spec)?.sql.words {
        for row in rows {
            let text = member(row, "document")?.get(words.field()).and_then(Value::as_str);
            let id = parsed::<Uuid>(member(row, "id")?)?;
            let steps = words.steps(statements.dialect, tenant, id, text)?;
            kept.extend(steps.into_iter().map(|step| step.statement));
        }
    }
    Ok(kept)
}

async fn found<C: Connection>(
    connection: &mut C,
    sql: &TableSql,
    tenant: TenantId,
    row: &Value,
) -> Result<Option<Value>, C::Failure> {
    let Some(find) = &sql.find else { return Ok(None) };
    let kinds: Vec<PortableKind> = sql.table.columns.iter().map(|column| column.kind).collect();
    let rows = connection.read(find.bind(tenant, sql.key(row)?)?, &kinds).await?;
    Ok(rows.into_iter().next().map(|row| assembled(&sql.table, row)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::schema::{PLATFORM_TABLES, system_tables};

    /// Columns that are left behind or made anew.
    const LEFT: &[(&str, &str)] = &[
        ("signals", "arrival"),
        ("leases", "owner"),
        ("leases", "until"),
        ("blobs", "content"),
        ("blobs", "unreferenced_since"),
        ("blobs", "elsewhere"),
        ("blobs", "elsewhere"),
        ("outbox", "at"),
        ("dispatch", "epoch"),
        ("dispatch", "claim"),
        ("dispatch", "again"),
        ("outbox", "seq"),
    ];

    #[test]
    fn every_table_and_column_of_a_tenant_moves_or_is_known_not_to() {
        let portable = PortableTable::all(COLLECTIONS);
        for table in system_tables() {
            // The bytes of blobs go beside the rows.
            if PLATFORM_TABLES.contains(&&*table.name) || table.name == "blob_chunks" {
                continue;
            }
            let found = portable.iter().find(|known| known.name == table.name);
            let found = found.unwrap_or_else(|| panic!("`{}` does not move", table.name));
            for column in &table.columns {
                let moves = found.columns.iter().any(|known| known.name == column.name);
                let left = column.name == "tenant" || LEFT.contains(&(&*table.name, column.name));
                assert!(moves != left, "`{}` of `{}` moves: {moves}", column.name, table.name);
            }
        }
    }
}
