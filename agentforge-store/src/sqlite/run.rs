//! Binds and runs what the compiler wrote. Nothing here looks into a statement.

use futures::TryStreamExt;
use sqlx::{
    Arguments, Either, Executor, Row, SqlStr, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::sql::{change::Expected, program::Program, template::Statement, value::SqlValue};

/// What one statement of a program came to.
#[derive(Default)]
pub(super) struct Came {
    /// How many rows it wrote.
    pub(super) written: u64,
    /// The first row that it gave back.
    pub(super) row: Option<SqliteRow>,
}

impl Came {
    /// Whether this is what was to be expected.
    pub(super) fn is(&self, expected: Expected) -> bool {
        match expected {
            Expected::Anything => true,
            Expected::OneWritten => self.written == 1,
            Expected::Row => self.row.is_some(),
        }
    }

    /// What each of so many statements came to that ran as this one.
    pub(super) fn of_each(self, statements: usize) -> Vec<Self> {
        if statements == 1 {
            return vec![self];
        }
        // Which of them failed is not known; then none counts as written.
        let written = u64::from(self.written == statements as u64);
        (0..statements).map(|_| Self { written, row: None }).collect()
    }

    /// The integer in the first column of the row.
    pub(super) fn number(&self) -> i64 {
        self.row.as_ref().and_then(|row| row.try_get(0).ok()).unwrap_or_default()
    }
}

/// Every row.
pub(super) async fn all(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let (text, values) = statement.into_parts();
    connection.fetch_all(query(text, values)?).await
}

/// The first row, if there is one.
pub(super) async fn first(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Option<SqliteRow>, sqlx::Error> {
    let (text, values) = statement.into_parts();
    connection.fetch_optional(query(text, values)?).await
}

/// What one statement comes to.
pub(super) async fn one(
    connection: &mut SqliteConnection,
    statement: Statement,
) -> Result<Came, sqlx::Error> {
    let (text, values) = statement.into_parts();
    let came = many(connection, text, values).await?;
    Ok(came.into_iter().next().unwrap_or_default())
}

/// What every statement of a program comes to, in one round trip.
pub(super) async fn program(
    connection: &mut SqliteConnection,
    program: Program,
) -> Result<Vec<Came>, sqlx::Error> {
    let (text, values) = program.into_parts();
    many(connection, text, values).await
}

async fn many(
    connection: &mut SqliteConnection,
    text: SqlStr,
    values: Vec<SqlValue>,
) -> Result<Vec<Came>, sqlx::Error> {
    let mut results = connection.fetch_many(query(text, values)?);
    let (mut came, mut row) = (Vec::new(), None);
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Right(next) => {
                row.get_or_insert(next);
            }
            Either::Left(done) => came.push(Came { written: done.rows_affected(), row: row.take() }),
        }
    }
    Ok(came)
}

fn query(
    text: SqlStr,
    values: Vec<SqlValue>,
) -> Result<Query<'static, Sqlite, SqliteArguments>, sqlx::Error> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            SqlValue::Null => arguments.add(Option::<i64>::None),
            SqlValue::Int(value) => arguments.add(value),
            SqlValue::Text(value) => arguments.add(value),
            SqlValue::Id(value) => arguments.add(value.as_bytes().to_vec()),
            SqlValue::Bytes(value) => arguments.add(Vec::from(value)),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(sqlx::query_with(text, arguments))
}
