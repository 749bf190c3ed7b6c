//! Binds and runs what the compiler wrote. Nothing here looks into a statement.

use futures::TryStreamExt;
use sqlx::{
    Arguments, Either, Encode, Executor, PgConnection, Postgres, Row, SqlSafeStr, SqlStr, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgArguments, PgRow, PgTypeInfo, types::Oid},
    query::Query,
};

use crate::sql::{change::Expected, program::Program, template::Statement, value::SqlValue};

/// What one statement came to.
#[derive(Debug, Default)]
pub(super) struct Came {
    /// How many rows it wrote.
    pub(super) written: u64,
    /// The first row that it gave back.
    pub(super) row: Option<PgRow>,
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
    connection: &mut PgConnection,
    statement: Statement,
) -> Result<Vec<PgRow>, sqlx::Error> {
    let (text, values) = statement.into_parts();
    connection.fetch_all(query(text, values)?).await
}

/// The first row, if there is one.
pub(super) async fn first(
    connection: &mut PgConnection,
    statement: Statement,
) -> Result<Option<PgRow>, sqlx::Error> {
    let (text, values) = statement.into_parts();
    connection.fetch_optional(query(text, values)?).await
}

/// What one statement comes to.
pub(super) async fn one(connection: &mut PgConnection, statement: Statement) -> Result<Came, sqlx::Error> {
    let (text, values) = statement.into_parts();
    came(connection, text, values).await
}

/// What each of the statements of a piece comes to, which run as one.
pub(super) async fn piece(
    connection: &mut PgConnection,
    piece: &[&Statement],
) -> Result<Vec<Came>, sqlx::Error> {
    if let [statement] = piece {
        return Ok(vec![one(connection, (*statement).clone()).await?]);
    }
    let mut program = Program::default();
    program.push_piece(piece);
    let (text, values) = program.into_parts();
    Ok(came(connection, text, values).await?.of_each(piece.len()))
}

/// How many rows a piece writes.
pub(super) async fn sum(connection: &mut PgConnection, piece: &[&Statement]) -> Result<u64, sqlx::Error> {
    let mut program = Program::default();
    program.push_piece(piece);
    let (text, values) = program.into_parts();
    Ok(came(connection, text, values).await?.written)
}

/// Runs statements without values, which are not prepared, in one round trip.
pub(super) async fn control(connection: &mut PgConnection, text: impl SqlSafeStr) -> Result<(), sqlx::Error> {
    connection.execute(sqlx::raw_sql(text.into_sql_str())).await.map(drop)
}

async fn came(
    connection: &mut PgConnection,
    text: SqlStr,
    values: Vec<SqlValue>,
) -> Result<Came, sqlx::Error> {
    let mut results = connection.fetch_many(query(text, values)?);
    let mut came = Came::default();
    while let Some(result) = results.try_next().await? {
        match result {
            Either::Right(row) => {
                came.row.get_or_insert(row);
            }
            Either::Left(done) => came.written = done.rows_affected(),
        }
    }
    Ok(came)
}

fn query(text: SqlStr, values: Vec<SqlValue>) -> Result<Query<'static, Postgres, PgArguments>, sqlx::Error> {
    let mut arguments = PgArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        match value {
            SqlValue::Null => arguments.add(Untyped(None)),
            SqlValue::Int(value) => arguments.add(value),
            SqlValue::Text(value) => arguments.add(Untyped(Some(&value))),
            SqlValue::Id(value) => arguments.add(value),
            SqlValue::Bytes(value) => arguments.add(&value[..]),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(sqlx::query_with(text, arguments))
}

/// What the server plans for a statement.
#[cfg(test)]
#[cfg(feature = "testkit")]
pub(super) async fn explained(
    connection: &mut PgConnection,
    text: String,
    values: Vec<SqlValue>,
) -> Result<Vec<PgRow>, sqlx::Error> {
    connection.fetch_all(query(crate::sql::control::text(text), values)?).await
}

/// Text, or nothing, whose type the server finds out from where it stands: text and JSON are sent alike.
struct Untyped<'a>(Option<&'a str>);

impl Type<Postgres> for Untyped<'_> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let Some(text) = self.0 else { return Ok(IsNull::Yes) };
        buffer.extend_from_slice(text.as_bytes());
        Ok(IsNull::No)
    }
}
