//! Change sets inside a transaction of the host's own, on its own connection to the same file.

use std::path::Path;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::{ChangeSet, Receipt},
};
use sqlx::{Sqlite, SqliteConnection};
use tokio::sync::oneshot;

use super::{SqliteStore, change::Pending, error::translate, migrate::PROGRAM, row, run, transaction};

impl SqliteStore {
    /// Applies a change set inside a transaction that the host began and will end: it happens with the host's own
    /// writes or not at all. A refused set changes nothing and leaves the transaction usable; an id that was applied
    /// before gives the first answer.
    ///
    /// The connection is to this store's file and has `foreign_keys` on, otherwise the call is `invalid_input`. From
    /// here to its end the transaction holds the file's only write lock: begin it with `BEGIN IMMEDIATE`, end it soon,
    /// and call nothing else that writes to the store in between. A file that somebody else keeps locked longer than
    /// the connection's `busy_timeout` is `overloaded`; then roll back and begin again. Dropping the call half-way
    /// leaves the transaction fit only to be rolled back.
    ///
    /// Workers, in this process too, find what became due within 50 ms of the host's commit.
    ///
    /// ```no_run
    /// # use agentforge_store::{sqlite::SqliteStore, sqlx};
    /// # use agentforge_core::{CallContext, Error, store::{Change, ChangeSet}};
    /// # async fn order(store: &SqliteStore, cx: &CallContext, pool: &sqlx::SqlitePool)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    /// sqlx::query("INSERT INTO orders (number) VALUES (?)").bind(17).execute(&mut *transaction).await?;
    /// let input = serde_json::json!({ "order": 17 });
    /// let (key, process) = ("order-17".to_owned(), "fulfil".to_owned());
    /// let set = ChangeSet::new(cx).with(Change::Post { key, process, input, user: None });
    /// store.apply_in(&mut transaction, cx, set).await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn apply_in(
        &self,
        transaction: &mut sqlx::Transaction<'_, Sqlite>,
        cx: &CallContext,
        set: ChangeSet,
    ) -> Result<Receipt> {
        // Answered here, not by the writer.
        let (reply, _) = oneshot::channel();
        let mut pending = Pending::new(&self.shared.sql, cx, set, reply)?;
        cx.check_alive()?;
        let connection: &mut SqliteConnection = transaction;
        check(connection, self.path()).await?;
        // Takes the write lock before anything is read, so that nothing can be stale.
        run::one(connection, self.shared.sql.dispatch.epochs(0)?).await.map_err(translate)?;
        transaction::join(connection, &self.shared.sql, &mut pending).await.map_err(translate)?;
        pending.answer.unwrap_or_else(|| Err(Error::internal("a change set was not answered")))
    }
}

/// Fails unless the connection is to the store's file and keeps references whole.
async fn check(connection: &mut SqliteConnection, path: &Path) -> Result<()> {
    const LOOK: &str = "SELECT (SELECT application_id FROM pragma_application_id), \
                        (SELECT foreign_keys FROM pragma_foreign_keys), \
                        (SELECT file FROM pragma_database_list WHERE name = 'main')";
    let found = sqlx::query(LOOK).fetch_one(connection).await.map_err(translate)?;
    let file = row::text(&found, 2)?;
    let same = |found: &str| match (path.canonicalize(), Path::new(found).canonicalize()) {
        (Ok(path), Ok(found)) => path == found,
        _ => false,
    };
    if row::int(&found, 0)? != i64::from(PROGRAM) || !same(&file) {
        return Err(Error::invalid(format!(
            "the transaction is not on the store's file; open the pool on `{}`",
            path.display()
        )));
    }
    if !row::flag(&found, 1)? {
        return Err(Error::invalid(
            "the transaction's connection has `foreign_keys` off; turn it on when the pool is opened, since SQLite \
             ignores it inside a transaction",
        ));
    }
    Ok(())
}
