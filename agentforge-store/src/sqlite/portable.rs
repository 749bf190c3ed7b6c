//! A tenant's rows of a file as JSON: read on a connection of their own inside one transaction, so that they are as of
//! one moment, and written by the writer like anything else.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::{
        Portable, PortableKind, PortablePage, PortableReader, PortableTable, PortableWritten, encode_bytes,
        require_mover,
    },
};
use async_trait::async_trait;
use serde_json::Value;
use sqlx::{Row, SqliteConnection, ValueRef, sqlite::SqliteRow};
use tokio::sync::oneshot;

use super::{
    SqliteStore,
    change::Refusal,
    error::{constraint, translate},
    row, run,
    transaction::Errand,
    writer::Job,
};
use crate::sql::{
    Statements,
    explain::Constraint,
    portable::Connection,
    program::{PROGRAM_LIMIT, Program, pieces},
    template::Statement,
};

/// The connection of a transaction.
struct Connected<'a>(&'a mut SqliteConnection);

#[async_trait]
impl Connection for Connected<'_> {
    type Failure = Refusal;

    async fn read(
        &mut self,
        statement: Statement,
        columns: &[PortableKind],
    ) -> Result<Vec<Vec<Option<Value>>>, Refusal> {
        let rows = run::all(self.0, statement).await?;
        let decoded = rows.iter().map(|row| {
            columns
                .iter()
                .enumerate()
                .map(|(place, kind)| decode(row, place, *kind))
                .collect::<Result<Vec<_>>>()
        });
        Ok(decoded.collect::<Result<_>>()?)
    }

    async fn write(&mut self, statements: Vec<Statement>) -> Result<u64, Refusal> {
        let statements: Vec<&Statement> = statements.iter().collect();
        let mut written = 0_u64;
        for pieces in pieces(&statements).chunks(PROGRAM_LIMIT) {
            let mut program = Program::default();
            for piece in pieces {
                program.push_piece(piece);
            }
            let came = run::program(self.0, program).await.map_err(|error| match constraint(&error) {
                Some(Constraint::Reference) => Refusal::Refused(
                    Error::invalid("a row refers to a record that is not there; write that one first")
                        .caused_by(error),
                ),
                _ => Refusal::from(error),
            })?;
            written = came.iter().fold(written, |sum, came| sum.saturating_add(came.written));
        }
        Ok(written)
    }
}

/// A column in the form of its kind.
fn decode(row: &SqliteRow, place: usize, kind: PortableKind) -> Result<Option<Value>> {
    if row.try_get_raw(place).map_err(translate)?.is_null() {
        return Ok(None);
    }
    Ok(Some(match kind {
        PortableKind::Bool => row::flag(row, place)?.into(),
        PortableKind::Int => row::int(row, place)?.into(),
        PortableKind::Text => row::text(row, place)?.into(),
        PortableKind::Id => row::id(row, place)?.to_string().into(),
        PortableKind::Time => row::time(row, place)?.to_string().into(),
        PortableKind::Digest => row::digest(row, place)?.to_string().into(),
        PortableKind::Bytes => encode_bytes(&row::bytes(row, place)?),
        PortableKind::Json => row::json(row, place)?,
    }))
}

/// What a failed read is to whoever moves a tenant.
fn told(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Refused(error) => error,
        Refusal::Broken(error) => translate(error),
    }
}

/// A tenant as of the moment in which its transaction began. The driver ends it when this is dropped.
struct Reading {
    connection: SqliteConnection,
    sql: Arc<Statements>,
    cx: CallContext,
}

#[async_trait]
impl PortableReader for Reading {
    async fn count(&mut self, table: &PortableTable) -> Result<u64> {
        let (sql, tenant) = (&self.sql.portable, self.cx.tenant());
        let mut connection = Connected(&mut self.connection);
        let counted = sql.count(&mut connection, tenant, table);
        self.cx.run(async { counted.await.map_err(told) }).await
    }

    async fn rows(
        &mut self,
        table: &PortableTable,
        after: Option<&Value>,
        limit: u32,
    ) -> Result<PortablePage> {
        let (sql, tenant) = (&self.sql.portable, self.cx.tenant());
        let mut connection = Connected(&mut self.connection);
        let page = sql.page(&mut connection, tenant, table, after, limit);
        self.cx.run(async { page.await.map_err(told) }).await
    }
}

#[async_trait]
impl Portable for SqliteStore {
    fn tables(&self) -> Vec<PortableTable> {
        self.shared.sql.portable.tables()
    }

    async fn reader(&self, cx: &CallContext) -> Result<Box<dyn PortableReader>> {
        require_mover(cx)?;
        let mut connection = self.shared.readers.own(cx).await?;
        let mut program = Program::default();
        program.control("BEGIN");
        // The first read fixes the moment.
        program.control("SELECT count(*) FROM sqlite_schema");
        run::program(&mut connection, program).await.map_err(translate)?;
        Ok(Box::new(Reading { connection, sql: self.shared.sql.clone(), cx: cx.clone() }))
    }

    async fn write(
        &self,
        cx: &CallContext,
        table: &PortableTable,
        rows: Vec<Value>,
    ) -> Result<PortableWritten> {
        require_mover(cx)?;
        let rows = rows.into_iter().map(|row| table.check(row)).collect::<Result<_>>()?;
        let (reply, answer) = oneshot::channel();
        let errand =
            WriteErrand { cx: cx.clone(), table: *table, rows, came: PortableWritten::default(), reply };
        self.write(cx, Job::Errand(Box::new(errand)), answer).await
    }
}

struct WriteErrand {
    cx: CallContext,
    table: PortableTable,
    rows: Vec<Value>,
    came: PortableWritten,
    reply: oneshot::Sender<Result<PortableWritten>>,
}

#[async_trait]
impl Errand for WriteErrand {
    async fn run(&mut self, connection: &mut SqliteConnection, sql: &Statements) -> Result<(), Refusal> {
        let mut connection = Connected(connection);
        self.came = sql.portable.write(&mut connection, sql, &self.cx, &self.table, &self.rows).await?;
        Ok(())
    }

    fn tell(self: Box<Self>, result: Result<()>) {
        // A mover that went away writes the same rows again.
        let _ = self.reply.send(result.map(|()| self.came));
    }
}
