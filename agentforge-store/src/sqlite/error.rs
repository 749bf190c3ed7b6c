//! The one translation of what the driver says.

use agentforge_core::error::{Error, ErrorKind};

use crate::sql::{explain::Constraint, refusal};

mod code {
    //! Result codes of SQLite; the lower byte is the primary one.
    pub(super) const BUSY: i32 = 5;
    pub(super) const LOCKED: i32 = 6;
    pub(super) const READONLY: i32 = 8;
    pub(super) const IOERR: i32 = 10;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const CANTOPEN: i32 = 14;
    pub(super) const TOOBIG: i32 = 18;
    pub(super) const CONSTRAINT: i32 = 19;
    pub(super) const NOTADB: i32 = 26;
    pub(super) const CONSTRAINT_FOREIGNKEY: i32 = 787;
    pub(super) const CONSTRAINT_PRIMARYKEY: i32 = 1555;
    pub(super) const CONSTRAINT_TRIGGER: i32 = 1811;
    pub(super) const CONSTRAINT_UNIQUE: i32 = 2067;
}

/// The extended result code, when the database itself answered.
fn result_code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Whether another connection holds the lock.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(result_code(error).map(|code| code & 0xff), Some(code::BUSY | code::LOCKED))
}

/// Whether the file or its folder cannot be opened or written.
pub(super) fn is_unwritable(error: &sqlx::Error) -> bool {
    matches!(result_code(error).map(|code| code & 0xff), Some(code::CANTOPEN | code::READONLY))
}

/// Whether the file is something else than a database.
pub(super) fn is_no_database(error: &sqlx::Error) -> bool {
    result_code(error).is_some_and(|code| code & 0xff == code::NOTADB)
}

/// The rule of the schema that a statement broke; none when it failed for another reason.
pub(super) fn constraint(error: &sqlx::Error) -> Option<Constraint> {
    let code = result_code(error)?;
    if code & 0xff != code::CONSTRAINT {
        return None;
    }
    Some(match code {
        code::CONSTRAINT_UNIQUE | code::CONSTRAINT_PRIMARYKEY => unique(error.as_database_error()?.message()),
        // A foreign key that restricts is a trigger inside SQLite.
        code::CONSTRAINT_FOREIGNKEY | code::CONSTRAINT_TRIGGER => Constraint::Reference,
        _ => Constraint::Other,
    })
}

/// Reads `UNIQUE constraint failed: users.tenant, users.name`.
fn unique(message: &str) -> Constraint {
    let columns = message.rsplit(": ").next().unwrap_or_default();
    let mut table = String::new();
    let mut fields = Vec::new();
    for (of, column) in columns.split(", ").filter_map(|column| column.split_once('.')) {
        of.clone_into(&mut table);
        if column != "tenant" {
            fields.push(column);
        }
    }
    Constraint::Unique { table, fields: fields.join(",") }
}

/// The error of the platform for an error of the driver.
pub(super) fn translate(error: sqlx::Error) -> Error {
    if let Some(Constraint::Unique { table, fields }) = constraint(&error) {
        return refusal::taken(&table, &fields).caused_by(error);
    }
    let made = |kind, message: &str| Error::new(kind, message);
    let translated = match result_code(&error).map(|code| code & 0xff) {
        Some(code::BUSY | code::LOCKED) => made(
            ErrorKind::Overloaded,
            "another process keeps the database file locked; try again in a moment",
        ),
        Some(code::FULL) => made(
            ErrorKind::Transport,
            "the disk of the database file is full; free some space, then repeat the call",
        )
        .never_retry(),
        Some(code::READONLY | code::CANTOPEN) => made(
            ErrorKind::Transport,
            "the database file cannot be written; check that the file and its folder still exist and are writable",
        )
        .never_retry(),
        Some(code::IOERR) => made(ErrorKind::Transport, "the disk of the database file failed"),
        Some(code::CORRUPT | code::NOTADB) => made(
            ErrorKind::Corrupt,
            "the database file is damaged; restore it from a backup",
        ),
        Some(code::TOOBIG) => made(ErrorKind::InvalidInput, "a value is too big to be stored"),
        Some(code::CONSTRAINT) => made(ErrorKind::Conflict, "a write breaks a rule of the database"),
        Some(_) => made(ErrorKind::Internal, "the database refused a statement"),
        None => match &error {
            sqlx::Error::Io(_) => made(ErrorKind::Transport, "the disk of the database file failed"),
            sqlx::Error::WorkerCrashed | sqlx::Error::PoolClosed => {
                made(ErrorKind::Transport, "the connection to the database file was lost")
            }
            sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
                made(ErrorKind::Corrupt, "a stored value does not have the form that this version reads")
            }
            _ => made(ErrorKind::Internal, "the database driver failed"),
        },
    };
    translated.caused_by(error)
}

/// The same error for another caller.
pub(super) fn again(error: &Error) -> Error {
    Error::from(error.to_report())
}

/// What everybody is told who still calls a store that was closed.
pub(super) fn closed() -> Error {
    Error::invalid("the store was closed; open it again")
}

#[cfg(test)]
mod tests {
    use std::{borrow::Cow, fmt};

    use sqlx::error::{DatabaseError, ErrorKind as DatabaseErrorKind};

    use super::*;

    #[derive(Debug)]
    struct Answer(i32, &'static str);

    impl fmt::Display for Answer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.1)
        }
    }

    impl std::error::Error for Answer {}

    impl DatabaseError for Answer {
        fn message(&self) -> &str {
            self.1
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.to_string().into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> DatabaseErrorKind {
            DatabaseErrorKind::Other
        }
    }

    #[test]
    fn every_code_has_its_kind_and_its_advice() {
        let cases = [
            (5, ErrorKind::Overloaded, true),
            (261, ErrorKind::Overloaded, true),
            (517, ErrorKind::Overloaded, true),
            (6, ErrorKind::Overloaded, true),
            (8, ErrorKind::Transport, false),
            (1_544, ErrorKind::Transport, false),
            (10, ErrorKind::Transport, true),
            (1_034, ErrorKind::Transport, true),
            (11, ErrorKind::Corrupt, false),
            (13, ErrorKind::Transport, false),
            (14, ErrorKind::Transport, false),
            (26, ErrorKind::Corrupt, false),
            (787, ErrorKind::Conflict, false),
            (1, ErrorKind::Internal, false),
        ];
        for (code, kind, retryable) in cases {
            let error = translate(sqlx::Error::Database(Box::new(Answer(code, "?"))));
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "code {code}");
        }
    }

    #[test]
    fn a_taken_unique_key_names_its_fields() {
        let answer =
            Answer(2_067, "UNIQUE constraint failed: processes.tenant, processes.name, processes.number");
        let error = translate(sqlx::Error::Database(Box::new(answer)));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert_eq!(error.get("field").and_then(|field| field.as_str()), Some("name,number"));
        assert_eq!(error.get("collection").and_then(|name| name.as_str()), Some("processes"));
    }
}
