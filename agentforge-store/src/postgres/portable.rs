//! A tenant's rows on a server as JSON: read on a connection of their own inside one transaction, so that they are as of
//! one moment, and written in one.

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
use sqlx::{PgConnection, Row, ValueRef, postgres::PgRow};

use super::{
    PostgresStore,
    change::Stop,
    error::{explained, translate},
    row, run,
    transaction::Errand,
};
use crate::sql::{
    Statements,
    control::{self, Access},
    explain::{Constraint, unexplained},
    portable::Connection,
    program::pieces,
    template::Statement,
};

/// The connection of a transaction.
struct Connected<'a> {
    connection: &'a mut PgConnection,
    sql: &'a Statements,
}

#[async_trait]
impl Connection for Connected<'_> {
    type Failure = Stop;

    async fn read(
        &mut self,
        statement: Statement,
        columns: &[PortableKind],
    ) -> Result<Vec<Vec<Option<Value>>>, Stop> {
        let rows = run::all(self.connection, statement).await.map_err(|error| Stop::of(self.sql, error))?;
        let decoded = rows.iter().map(|row| {
            columns
                .iter()
                .enumerate()
                .map(|(place, kind)| decode(row, place, *kind))
                .collect::<Result<Vec<_>>>()
        });
        Ok(decoded.collect::<Result<_>>()?)
    }

    async fn write(&mut self, statements: Vec<Statement>) -> Result<u64, Stop> {
        let statements: Vec<&Statement> = statements.iter().collect();
        let mut written = 0_u64;
        for piece in pieces(&statements) {
            let came =
                run::sum(self.connection, piece).await.map_err(|error| match Stop::of(self.sql, error) {
                    Stop::Broken(Constraint::Reference, error) => Stop::Refused(
                        Error::invalid("a row refers to a record that is not there; write that one first")
                            .caused_by(error),
                    ),
                    Stop::Broken(_, error) => Stop::Refused(explained(self.sql, error)),
                    stop => stop,
                })?;
            written = written.saturating_add(came);
        }
        Ok(written)
    }
}

/// A column in the form of its kind.
fn decode(row: &PgRow, place: usize, kind: PortableKind) -> Result<Option<Value>> {
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
fn told(stop: Stop) -> Error {
    match stop {
        Stop::Refused(error) | Stop::Again(error) => error,
        Stop::Broken(_, error) | Stop::Lost(error) | Stop::InDoubt(error) => translate(error),
        Stop::Unexpected => unexplained(),
    }
}

/// A tenant as of the moment in which its transaction began. The server ends it when this is dropped.
struct Reading {
    connection: PgConnection,
    sql: Arc<Statements>,
    cx: CallContext,
}

#[async_trait]
impl PortableReader for Reading {
    async fn count(&mut self, table: &PortableTable) -> Result<u64> {
        let (sql, cx) = (&*self.sql, &self.cx);
        let mut connection = Connected { connection: &mut self.connection, sql };
        let counted = sql.portable.count(&mut connection, cx.tenant(), table);
        cx.run(async { counted.await.map_err(told) }).await
    }

    async fn rows(
        &mut self,
        table: &PortableTable,
        after: Option<&Value>,
        limit: u32,
    ) -> Result<PortablePage> {
        let (sql, cx) = (&*self.sql, &self.cx);
        let mut connection = Connected { connection: &mut self.connection, sql };
        let page = sql.portable.page(&mut connection, cx.tenant(), table, after, limit);
        cx.run(async { page.await.map_err(told) }).await
    }
}

#[async_trait]
impl Portable for PostgresStore {
    fn tables(&self) -> Vec<PortableTable> {
        self.shared.sql.portable.tables()
    }

    async fn reader(&self, cx: &CallContext) -> Result<Box<dyn PortableReader>> {
        require_mover(cx)?;
        // What waits for its place in the chain goes along.
        self.shared.link_what_waits(cx).await?;
        let mut connection = self.shared.pool.own(cx).await?;
        let begin = control::begin(cx.tenant(), Access::Read, false);
        run::control(&mut connection, begin).await.map_err(translate)?;
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
        let writing = Writing { cx: cx.clone(), table: *table, rows };
        cx.run(self.shared.transact(cx.tenant(), &writing)).await
    }
}

struct Writing {
    cx: CallContext,
    table: PortableTable,
    rows: Vec<Value>,
}

#[async_trait]
impl Errand for Writing {
    type Output = PortableWritten;

    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<PortableWritten, Stop> {
        let mut connection = Connected { connection, sql };
        sql.portable.write(&mut connection, sql, &self.cx, &self.table, &self.rows).await
    }
}
