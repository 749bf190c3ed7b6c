//! The transaction of the writer, as what explains refusals sees it.

use agentforge_core::error::Result as CoreResult;
use async_trait::async_trait;
use sqlx::{SqliteConnection, sqlite::SqliteRow};
use uuid::Uuid;

use super::{change::Refusal, row, run};
use crate::sql::{
    session::{Columns, Session},
    template::Statement,
};

#[async_trait]
impl Session for SqliteConnection {
    type Row = SqliteRow;
    type Refusal = Refusal;

    async fn all(&mut self, statement: Statement) -> Result<Vec<SqliteRow>, Refusal> {
        Ok(run::all(self, statement).await?)
    }

    async fn first(&mut self, statement: Statement) -> Result<Option<SqliteRow>, Refusal> {
        Ok(run::first(self, statement).await?)
    }
}

impl Columns for SqliteRow {
    fn int(&self, place: usize) -> CoreResult<i64> {
        row::int(self, place)
    }

    fn text(&self, place: usize) -> CoreResult<String> {
        row::text(self, place)
    }

    fn id(&self, place: usize) -> CoreResult<Uuid> {
        row::id(self, place)
    }
}
