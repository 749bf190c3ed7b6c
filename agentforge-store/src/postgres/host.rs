//! Change sets inside a transaction of the host's own, on its own connection to the same database.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::{ChangeSet, Receipt},
};
use sqlx::{PgConnection, Postgres};

use super::{
    PostgresStore, Shared,
    change::{Job, Stop},
    error::translate,
    row, run,
    transaction::{Manner, inside},
};
use crate::sql::{Statements, control, explain::unexplained};

/// What the session is set to, so that it can be put back: schemas, role, tenant.
const SETTINGS: &str = "SELECT current_setting('search_path'), current_setting('role'), \
                        coalesce(current_setting('agentforge.tenant', true), '')";
const PUT_BACK: &str = "SELECT set_config('search_path', $1, true), set_config('role', $2, true), \
                        set_config('agentforge.tenant', $3, true)";

impl PostgresStore {
    /// Applies a change set inside a transaction that the host began and will end: it happens with the host's own
    /// writes or not at all. A refused set changes nothing and leaves the transaction usable; an id that was applied
    /// before gives the first answer.
    ///
    /// The connection is to this store's database, and its user may take the store's role: the user of the store's own
    /// URL may, for another one run `GRANT agentforge_tenant TO other`. The schema search path, the role and the tenant
    /// are the host's again when the call returns. Dropping the call half-way leaves the transaction fit only to be
    /// rolled back. A set that meets others in its way (`overloaded`) is for the host to repeat, with its transaction.
    ///
    /// Workers, in this process too, find what became due within 50 ms of the host's commit.
    ///
    /// ```no_run
    /// # use agentforge_store::{postgres::PostgresStore, sqlx};
    /// # use agentforge_core::{CallContext, store::{Change, ChangeSet}};
    /// # async fn order(store: &PostgresStore, cx: &CallContext, pool: &sqlx::PgPool)
    /// # -> Result<(), Box<dyn std::error::Error>> {
    /// let mut transaction = pool.begin().await?;
    /// sqlx::query("INSERT INTO orders (number) VALUES ($1)").bind(17).execute(&mut *transaction).await?;
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
        transaction: &mut sqlx::Transaction<'_, Postgres>,
        cx: &CallContext,
        set: ChangeSet,
    ) -> Result<Receipt> {
        let job = Job::new(&self.shared.sql, cx, &set)?;
        cx.check_alive()?;
        if job.needs_links() {
            self.shared.link(cx.tenant()).await?;
        }
        let connection: &mut PgConnection = transaction;
        let settings = sqlx::query(SETTINGS).fetch_one(&mut *connection).await.map_err(translate)?;
        let mut manner = if job.is_plain() { Manner::AtOnce } else { Manner::StepByStep };
        loop {
            run::control(connection, control::HOST_SAVEPOINT).await.map_err(translate)?;
            let stop = match self.shared.join(connection, &job, manner).await {
                Ok(receipt) => {
                    let back = sqlx::query(PUT_BACK)
                        .bind(row::text(&settings, 0)?)
                        .bind(row::text(&settings, 1)?)
                        .bind(row::text(&settings, 2)?);
                    back.execute(&mut *connection).await.map_err(translate)?;
                    run::control(connection, control::HOST_RELEASE).await.map_err(translate)?;
                    return Ok(receipt);
                }
                Err(stop) => stop,
            };
            // With the savepoint go the settings that were made behind it.
            run::control(connection, control::HOST_ROLLBACK).await.map_err(translate)?;
            match stop {
                Stop::Unexpected | Stop::Broken(..) if manner == Manner::AtOnce => {
                    manner = Manner::StepByStep;
                }
                stop => return Err(told(&self.shared.sql, stop)),
            }
        }
    }
}

fn told(sql: &Statements, stop: Stop) -> Error {
    match stop {
        Stop::Refused(error) | Stop::Again(error) => error,
        Stop::Broken(_, error) => super::error::explained(sql, error),
        Stop::Lost(error) | Stop::InDoubt(error) => translate(error),
        Stop::Unexpected => unexplained(),
    }
}

impl Shared {
    /// Writes a set inside a transaction that is not the store's own.
    async fn join(
        &self,
        connection: &mut PgConnection,
        job: &Job<'_>,
        manner: Manner,
    ) -> Result<Receipt, Stop> {
        let (tenant, rings) = (job.cx.tenant(), job.is_audited());
        let take = control::take_over(&self.schema, &self.role, tenant, rings);
        run::control(connection, take).await.map_err(|error| Stop::of(&self.sql, error))?;
        inside(connection, &self.sql, job, manner).await
    }
}
