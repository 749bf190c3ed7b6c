//! The one translation of what the server and the driver say.

use agentforge_core::error::{Error, ErrorKind};
use sqlx::postgres::PgDatabaseError;

use crate::sql::{Statements, ddl, explain::Constraint, refusal};

mod code {
    //! Error codes of PostgreSQL; the first two letters are the class.
    pub(super) const UNIQUE: &str = "23505";
    pub(super) const FOREIGN_KEY: &str = "23503";
    pub(super) const RESTRICT: &str = "23001";
    /// A number that no longer fits.
    pub(super) const OUT_OF_RANGE: &str = "22003";
    /// One statement would write the same row twice.
    pub(super) const TWICE: &str = "21000";
    pub(super) const SERIALIZATION: &str = "40001";
    pub(super) const DEADLOCK: &str = "40P01";
    pub(super) const LOCK_TIMEOUT: &str = "55P03";
    pub(super) const CANCELLED: &str = "57014";
    pub(super) const DISK_FULL: &str = "53100";
    pub(super) const TOO_MANY_CONNECTIONS: &str = "53300";
    pub(super) const NO_PRIVILEGE: &str = "42501";
    pub(super) const NO_DATABASE: &str = "3D000";
    /// The server is starting, or stops.
    pub(super) const CANNOT_CONNECT_NOW: &str = "57P03";
    /// A value is too large for an index or a field.
    pub(super) const TOO_LARGE: &str = "54000";
    /// A prepared statement whose tables were changed since.
    pub(super) const CACHED_PLAN: &str = "0A000";
}

fn answer(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref()
}

fn result_code(error: &sqlx::Error) -> Option<&str> {
    Some(answer(error)?.code())
}

/// Whether the connection is gone, or goes: what ran on it may have happened or not.
pub(super) fn is_lost(error: &sqlx::Error) -> bool {
    match result_code(error) {
        Some(code) => code.starts_with("57P") || code.starts_with("08"),
        None => matches!(
            error,
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Tls(_)
        ),
    }
}

/// Whether the server may be there in a moment.
pub(super) fn is_starting(error: &sqlx::Error) -> bool {
    match result_code(error) {
        Some(code) => code == code::CANNOT_CONNECT_NOW || code == code::TOO_MANY_CONNECTIONS,
        None => matches!(error, sqlx::Error::Io(_)) && !is_unprotected(error),
    }
}

/// Whether the connection cannot be protected as it has to be.
pub(super) fn is_unprotected(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Tls(_) => true,
        // A certificate that is refused comes as data that is not as it should be.
        sqlx::Error::Io(error) => error.kind() == std::io::ErrorKind::InvalidData,
        _ => false,
    }
}

/// Whether the same transaction may well succeed when it runs again.
pub(super) fn is_transient(error: &sqlx::Error) -> bool {
    match result_code(error) {
        Some(code::SERIALIZATION | code::DEADLOCK | code::LOCK_TIMEOUT) => true,
        Some(code::CACHED_PLAN) => {
            answer(error).is_some_and(|answer| answer.message().contains("cached plan"))
        }
        _ => false,
    }
}

/// The rule of the schema that a statement broke; none when it failed for another reason.
pub(super) fn constraint(sql: &Statements, error: &sqlx::Error) -> Option<Constraint> {
    let answer = answer(error)?;
    match answer.code() {
        code::UNIQUE => {
            let (table, name) = (answer.table()?, answer.constraint()?);
            Some(Constraint::Unique { table: table.to_owned(), fields: fields(sql, table, name) })
        }
        code::FOREIGN_KEY | code::RESTRICT => Some(Constraint::Reference),
        code::OUT_OF_RANGE | code::TWICE => Some(Constraint::Other),
        code if code.starts_with("23") => Some(Constraint::Other),
        _ => None,
    }
}

/// The fields of a unique key by its name: the server does not show them where rows are walled off.
fn fields(sql: &Statements, table: &str, name: &str) -> String {
    let unique = sql.catalog.named(table).map_or(&[][..], |collection| collection.spec.unique);
    let named = unique.iter().find(|unique| ddl::unique_name(sql.dialect, table, unique.fields) == name);
    named.map_or_else(|| "id".to_owned(), |unique| unique.fields.join(","))
}

/// The error of the platform for an error of a statement.
pub(super) fn explained(sql: &Statements, error: sqlx::Error) -> Error {
    match constraint(sql, &error) {
        Some(Constraint::Unique { table, fields }) => refusal::taken(&table, &fields).caused_by(error),
        _ => translate(error),
    }
}

/// The error of the platform for an error of the driver.
pub(super) fn translate(error: sqlx::Error) -> Error {
    let made = |kind, message: &str| Error::new(kind, message);
    let lost = is_lost(&error);
    let translated = match result_code(&error) {
        Some(code::SERIALIZATION | code::DEADLOCK | code::LOCK_TIMEOUT) => made(
            ErrorKind::Overloaded,
            "others write the same rows of the database all the time; try again in a moment",
        ),
        Some(code::CANCELLED) => made(
            ErrorKind::Timeout,
            "the database took too long for a statement; ask for less, or raise `statement_timeout`",
        ),
        Some(code::TOO_MANY_CONNECTIONS) => made(
            ErrorKind::Overloaded,
            "the database server takes no more connections; lower `pool_size`, or raise its `max_connections`",
        ),
        Some(code::DISK_FULL) => made(
            ErrorKind::Transport,
            "the disk of the database server is full; free some space, then repeat the call",
        )
        .never_retry(),
        Some(code::NO_PRIVILEGE) => made(
            ErrorKind::Internal,
            "the database refuses a statement of the store; open it again so that its rights are checked",
        ),
        Some(code::NO_DATABASE) => {
            made(ErrorKind::InvalidInput, "there is no such database on the server; create it first")
        }
        Some(code) if code.starts_with("28") => made(
            ErrorKind::InvalidInput,
            "the database server refuses the user or its password; check the URL and `pg_hba.conf`",
        ),
        Some(code::TOO_LARGE) => made(ErrorKind::InvalidInput, "a value is too big to be stored"),
        Some(code) if code.starts_with("23") || code == code::OUT_OF_RANGE => {
            made(ErrorKind::Conflict, "a write breaks a rule of the database")
        }
        Some(code) if code.starts_with("XX") => {
            made(ErrorKind::Corrupt, "the database is damaged; look into the server's log")
        }
        _ if lost => made(ErrorKind::Transport, "the connection to the database server was lost"),
        Some(_) => made(ErrorKind::Internal, "the database refused a statement"),
        None => match &error {
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                made(ErrorKind::Corrupt, "a stored value does not have the form that this version reads")
            }
            sqlx::Error::Configuration(_) => {
                made(ErrorKind::InvalidInput, "the settings of the connection to the database are wrong")
            }
            _ => made(ErrorKind::Internal, "the database driver failed"),
        },
    };
    translated.caused_by(error)
}

/// What everybody is told who still calls a store that was closed.
pub(super) fn closed() -> Error {
    Error::invalid("the store was closed; open it again")
}
