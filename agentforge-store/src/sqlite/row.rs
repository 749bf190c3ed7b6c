//! Decodes columns by their place. What does not have its form is `corrupt`.

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    json::Digest,
    store::RawRecord,
    time::Timestamp,
};
use serde::de::DeserializeOwned;
use sqlx::{Decode, Row, Sqlite, sqlite::SqliteRow};
use uuid::Uuid;

use super::error::translate;

fn get<'r, T: Decode<'r, Sqlite>>(row: &'r SqliteRow, place: usize) -> Result<T> {
    row.try_get_unchecked(place).map_err(translate)
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a stored value is no {what}; restore the file from a backup"))
}

pub(super) fn text(row: &SqliteRow, place: usize) -> Result<String> {
    get(row, place)
}

pub(super) fn maybe_text(row: &SqliteRow, place: usize) -> Result<Option<String>> {
    get(row, place)
}

pub(super) fn bytes(row: &SqliteRow, place: usize) -> Result<Vec<u8>> {
    get(row, place)
}

pub(super) fn int(row: &SqliteRow, place: usize) -> Result<i64> {
    get(row, place)
}

pub(super) fn flag(row: &SqliteRow, place: usize) -> Result<bool> {
    int(row, place).map(|value| value != 0)
}

/// A count, which is never negative.
pub(super) fn count<T: TryFrom<i64>>(row: &SqliteRow, place: usize) -> Result<T> {
    T::try_from(int(row, place)?).map_err(|_| corrupt("count"))
}

pub(super) fn time(row: &SqliteRow, place: usize) -> Result<Timestamp> {
    Timestamp::from_micros(int(row, place)?).map_err(|_| corrupt("instant"))
}

pub(super) fn id(row: &SqliteRow, place: usize) -> Result<Uuid> {
    Uuid::from_slice(get(row, place)?).map_err(|_| corrupt("id"))
}

pub(super) fn digest(row: &SqliteRow, place: usize) -> Result<Digest> {
    let bytes: &[u8] = get(row, place)?;
    bytes.try_into().map(Digest::from_bytes).map_err(|_| corrupt("hash"))
}

/// So many bytes, or none.
pub(super) fn maybe_array<const N: usize>(row: &SqliteRow, place: usize) -> Result<Option<[u8; N]>> {
    let bytes: Option<&[u8]> = get(row, place)?;
    bytes.map(|bytes| bytes.try_into().map_err(|_| corrupt("salt"))).transpose()
}

pub(super) fn json<T: DeserializeOwned>(row: &SqliteRow, place: usize) -> Result<T> {
    let text: &str = get(row, place)?;
    serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Corrupt, "stored JSON does not have the form that this version reads")
            .caused_by(error)
    })
}

/// A record in the order of the compiler's columns.
pub(super) fn record(row: &SqliteRow) -> Result<RawRecord> {
    let deleted_at: Option<i64> = get(row, 4)?;
    Ok(RawRecord {
        id: id(row, 0)?,
        version: count(row, 1)?,
        created_at: time(row, 2)?,
        updated_at: time(row, 3)?,
        deleted_at: deleted_at.map(Timestamp::from_micros).transpose()?,
        document: json(row, 5)?,
    })
}
