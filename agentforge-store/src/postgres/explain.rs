//! An open transaction, as what explains refusals sees it.

use async_trait::async_trait;
use sqlx::{PgConnection, postgres::PgRow};

use super::{change::Stop, error::explained, run};
use crate::sql::{Statements, session::Session, template::Statement};

/// A transaction that runs step by step.
pub(super) struct Looking<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) sql: &'a Statements,
}

impl Looking<'_> {
    fn stop(&self, error: sqlx::Error) -> Stop {
        match Stop::of(self.sql, error) {
            Stop::Broken(_, error) => Stop::Refused(explained(self.sql, error)),
            other => other,
        }
    }
}

#[async_trait]
impl Session for Looking<'_> {
    type Row = PgRow;
    type Refusal = Stop;

    async fn all(&mut self, statement: Statement) -> Result<Vec<PgRow>, Stop> {
        run::all(self.connection, statement).await.map_err(|error| self.stop(error))
    }

    async fn first(&mut self, statement: Statement) -> Result<Option<PgRow>, Stop> {
        run::first(self.connection, statement).await.map_err(|error| self.stop(error))
    }
}
