//! Moves pages from the log to the file on a connection of its own, so that no commit waits for it.
//!
//! SQLite would do so inside of the commit that makes the log long, which then takes as long as dozens of others. The
//! driver runs each connection on its own thread, so a move goes on while the writer writes. Where moves fail or cannot
//! keep up, the writer's connection does it as SQLite does, at a greater length.

use futures::{FutureExt, future::BoxFuture};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};

use super::run;
use crate::sql::program::Program;

/// How many pages are written between two moves, about.
const PAGES: usize = 1_000;
/// How many pages a commit writes beside those of its statements, about: receipts, indexes, the root of a table.
const COMMIT: usize = 4;

/// What moves.
pub(super) struct Mover {
    options: SqliteConnectOptions,
    /// Pages since the last move began, about.
    written: usize,
    state: State,
}

enum State {
    Idle(Option<SqliteConnection>),
    Moving(BoxFuture<'static, Option<SqliteConnection>>),
}

impl Mover {
    pub(super) fn new(options: SqliteConnectOptions) -> Self {
        Self { options, written: 0, state: State::Idle(None) }
    }

    /// Counts a commit of so many statements, and begins to move when it is time.
    pub(super) fn committed(&mut self, statements: usize) {
        self.written = self.written.saturating_add(statements).saturating_add(COMMIT);
        if self.written < PAGES {
            return;
        }
        if let State::Idle(connection) = &mut self.state {
            self.written = 0;
            let mut moving = moved(self.options.clone(), connection.take()).boxed();
            // The first look hands the work to the driver's thread; only `done` needs the rest.
            self.state = match (&mut moving).now_or_never() {
                Some(connection) => State::Idle(connection),
                None => State::Moving(moving),
            };
        }
    }

    /// Waits for the end of a move; for ever when there is none. May be dropped and asked again.
    pub(super) async fn done(&mut self) {
        match &mut self.state {
            State::Idle(_) => futures::future::pending().await,
            State::Moving(moving) => {
                let connection = moving.await;
                self.state = State::Idle(connection);
            }
        }
    }

    /// Finishes a move and closes.
    pub(super) async fn close(self) {
        let connection = match self.state {
            State::Idle(connection) => connection,
            State::Moving(moving) => moving.await,
        };
        if let Some(connection) = connection {
            // Nothing was written through it that is not in the log as well.
            let _ = connection.close().await;
        }
    }
}

/// Moves what no reader needs; gives the connection back while it can be trusted.
async fn moved(
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
) -> Option<SqliteConnection> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => options.connect().await.ok()?,
    };
    let mut program = Program::default();
    program.control("PRAGMA wal_checkpoint(PASSIVE)");
    run::program(&mut connection, program).await.is_ok().then_some(connection)
}

#[cfg(test)]
mod tests {
    use sqlx::sqlite::SqliteJournalMode;

    use super::*;

    /// Commits as much as a move takes, and waits for its end unless it has ended already.
    async fn move_all(mover: &mut Mover) {
        mover.committed(PAGES);
        if matches!(mover.state, State::Moving(_)) {
            mover.done().await;
        }
    }

    #[tokio::test]
    async fn what_was_committed_goes_to_the_file_without_the_writers_connection() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.db");
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .pragma("wal_autocheckpoint", "0");
        let mut writer = options.connect().await.unwrap();
        sqlx::query("CREATE TABLE t AS SELECT zeroblob(100000) AS b").execute(&mut writer).await.unwrap();
        let size = || std::fs::metadata(&path).unwrap().len();
        assert!(size() < 100_000, "all is in the log");
        let mut mover = Mover::new(options);
        mover.committed(1);
        assert!(matches!(mover.state, State::Idle(None)), "a small commit moves nothing");
        move_all(&mut mover).await;
        assert!(size() > 100_000, "{} bytes", size());
        mover.close().await;
        let (kept,): (i64,) = sqlx::query_as("SELECT length(b) FROM t").fetch_one(&mut writer).await.unwrap();
        assert_eq!(kept, 100_000);
    }

    #[tokio::test]
    async fn a_move_that_fails_is_tried_again_at_its_next_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gone.db");
        let mut mover = Mover::new(SqliteConnectOptions::new().filename(&path).create_if_missing(false));
        for _ in 0..2 {
            move_all(&mut mover).await;
            assert!(matches!(mover.state, State::Idle(None)));
        }
        mover.close().await;
        assert!(!path.exists());
    }
}
