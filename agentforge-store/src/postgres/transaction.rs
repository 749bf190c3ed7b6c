//! One transaction for one change set.
//!
//! First its statements run one behind the other, rows of one kind together, and nothing is read. When one of them comes
//! to something unexpected, the transaction starts over step by step, which finds out why and says it in the words of
//! every backend. What other transactions or a lost connection got in the way of is tried again; INVARIANT: a set is
//! applied again only when its receipt says that it was not applied before.

use std::time::Duration;

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::TenantId,
    store::{ChangeSet, Receipt},
};
use async_trait::async_trait;
use sqlx::PgConnection;
use tokio::time::sleep;

use super::{
    Shared,
    change::{Job, Stop},
    error::translate,
    explain::Looking,
    lock_number,
    pool::Lent,
    row,
    run::{self, Came},
};
use crate::sql::{
    Statements,
    change::Step,
    control::{self, Access},
    explain::{bury, explain, unexplained},
    program::pieces,
    template::Statement,
};

/// How often a set is tried again when others are in its way or its connection is lost.
const TRIES: u32 = 8;
/// How long the first of these waits at most; each later one waits twice as long.
const PAUSE: Duration = Duration::from_millis(4);

/// Whether a look may stand between the statements of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    AtOnce,
    StepByStep,
}

/// Commits all changes of a set or none.
pub(super) async fn apply(shared: &Shared, cx: &CallContext, set: &ChangeSet) -> Result<Receipt> {
    let job = Job::new(&shared.sql, cx, set)?;
    if job.needs_links() {
        shared.link(cx.tenant()).await?;
    }
    let mut manner = if job.is_plain() { Manner::AtOnce } else { Manner::StepByStep };
    let mut tries = 0_u32;
    let receipt = loop {
        cx.check_alive()?;
        let mut lent = shared.pool.lend(cx.tenant()).await?;
        let stop = match attempt(&mut lent, &shared.sql, &job, manner, tries).await {
            Ok(receipt) => {
                lent.give_back();
                break receipt;
            }
            Err(stop) => stop,
        };
        let error = match stop {
            Stop::Refused(error) => {
                roll_back(lent).await;
                return Err(error);
            }
            Stop::Unexpected | Stop::Broken(..) if manner == Manner::AtOnce => {
                roll_back(lent).await;
                manner = Manner::StepByStep;
                continue;
            }
            Stop::Unexpected => {
                roll_back(lent).await;
                unexplained()
            }
            Stop::Broken(_, error) => {
                roll_back(lent).await;
                translate(error)
            }
            Stop::Again(error) => {
                roll_back(lent).await;
                error
            }
            Stop::Lost(error) => {
                shared.pool.suspect();
                translate(error)
            }
            Stop::InDoubt(error) => {
                drop(lent);
                shared.pool.suspect();
                // The step-by-step way begins with a look for the receipt, and waits for the transaction in doubt when
                // the server is still at it.
                let found = shared.pool.first(cx, shared.sql.receipts.find(cx.tenant(), set.id)?).await?;
                if let Some(found) = found {
                    break row::json(&found, 0)?;
                }
                manner = Manner::StepByStep;
                translate(error)
            }
        };
        tries += 1;
        if tries > TRIES {
            return Err(error);
        }
        sleep(pause(cx, tries)).await;
    };
    if job.wakes() && !receipt.replayed {
        shared.written.notify_waiters();
    }
    Ok(receipt)
}

/// A different pause for everybody, so that those who met do not meet again.
fn pause(cx: &CallContext, tries: u32) -> Duration {
    let mut random = [0; 1];
    cx.random().fill(&mut random);
    let longest = PAUSE.saturating_mul(1 << tries.min(6));
    longest.saturating_mul(u32::from(random[0])) / 255
}

/// Leaves no transaction open; a connection on which that fails is closed.
pub(super) async fn roll_back(mut lent: Lent<'_>) {
    if run::control(&mut lent, control::ROLLBACK).await.is_ok() {
        lent.give_back();
    }
}

async fn attempt(
    connection: &mut PgConnection,
    sql: &Statements,
    job: &Job<'_>,
    manner: Manner,
    tries: u32,
) -> Result<Receipt, Stop> {
    let begin = control::begin(job.cx.tenant(), Access::Write, job.is_audited());
    run::control(connection, begin).await.map_err(|error| Stop::of(sql, error))?;
    if tries > 0 {
        // Those who met go one behind the other, so that they do not meet again.
        let queue = lock_number(&[b"agentforge.again", job.cx.tenant().as_uuid().as_bytes()]);
        run::control(connection, control::hold(queue)).await.map_err(|error| Stop::of(sql, error))?;
    }
    let receipt = inside(connection, sql, job, manner).await?;
    run::control(connection, control::COMMIT).await.map_err(|error| match Stop::of(sql, error) {
        Stop::Lost(error) => Stop::InDoubt(error),
        other => other,
    })?;
    Ok(receipt)
}

/// Writes a set inside a transaction that was begun, and its receipt.
pub(super) async fn inside(
    connection: &mut PgConnection,
    sql: &Statements,
    job: &Job<'_>,
    manner: Manner,
) -> Result<Receipt, Stop> {
    let receipt = match manner {
        Manner::AtOnce => at_once(connection, sql, job).await?,
        Manner::StepByStep => match step_by_step(connection, sql, job).await? {
            receipt if receipt.replayed => return Ok(receipt),
            receipt => receipt,
        },
    };
    let keep = sql.receipts.keep(job.cx, job.set.id, &receipt)?;
    run::one(connection, keep).await.map_err(|error| Stop::of(sql, error))?;
    Ok(receipt)
}

async fn at_once(connection: &mut PgConnection, sql: &Statements, job: &Job<'_>) -> Result<Receipt, Stop> {
    let steps: Vec<&Step> = job.planned().flat_map(|(plan, _)| &plan.steps).collect();
    let statements: Vec<&Statement> = steps.iter().map(|step| &step.statement).collect();
    let mut came: Vec<Came> = Vec::with_capacity(statements.len());
    for piece in pieces(&statements) {
        let now = run::piece(connection, piece).await.map_err(|error| Stop::of(sql, error))?;
        let expected = steps.iter().skip(came.len());
        if !expected.zip(&now).all(|(step, came)| came.is(step.expected)) {
            return Err(Stop::Unexpected);
        }
        came.extend(now);
    }
    job.receipt(&came).ok_or(Stop::Unexpected)
}

/// Runs a set step by step, up to the step that is refused and the reason why.
async fn step_by_step(
    connection: &mut PgConnection,
    sql: &Statements,
    job: &Job<'_>,
) -> Result<Receipt, Stop> {
    let control = |error| Stop::of(sql, error);
    let find = sql.receipts.find(job.cx.tenant(), job.set.id)?;
    if let Some(before) = run::first(connection, find).await.map_err(control)? {
        return Ok(Receipt { replayed: true, ..row::json(&before, 0)? });
    }
    let mut applied = Vec::with_capacity(job.set.changes.len());
    for (plan, change) in job.planned() {
        let (mut came, mut broken) = (Vec::with_capacity(plan.steps.len()), None);
        run::control(connection, control::SAVEPOINT).await.map_err(control)?;
        for step in &plan.steps {
            match run::one(connection, step.statement.clone()).await.map_err(control) {
                Ok(one) => came.push(one),
                Err(Stop::Broken(rule, _)) => {
                    run::control(connection, control::ROLLBACK_TO).await.map_err(control)?;
                    broken = Some(rule);
                    break;
                }
                Err(stop) => return Err(stop),
            }
        }
        let mut looking = Looking { connection: &mut *connection, sql };
        if plan.looks {
            bury(&mut looking, sql, job.cx, change).await?;
        }
        match plan.applied(&came) {
            Some(done) if broken.is_none() => applied.push(done),
            _ => {
                let reason = explain(&mut looking, sql, job.cx, change, broken).await?;
                return Err(reason.map_or_else(|| Stop::Again(unexplained()), Stop::Refused));
            }
        }
        run::control(connection, control::RELEASE).await.map_err(control)?;
    }
    Ok(Receipt { applied, replayed: false })
}

/// Something besides a change set that is done inside a transaction. It does nothing beyond the database, and doing it
/// twice does no harm.
#[async_trait]
pub(super) trait Errand: Send + Sync {
    /// What it comes to.
    type Output: Send;

    /// Does it.
    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<Self::Output, Stop>;
}

impl Shared {
    /// Runs an errand in a transaction of a tenant, again when others are in its way.
    pub(super) async fn transact<E: Errand>(&self, tenant: TenantId, errand: &E) -> Result<E::Output> {
        let mut tries = 0_u32;
        loop {
            let mut lent = self.pool.lend(tenant).await?;
            let error = match self.once(&mut lent, tenant, errand).await {
                Ok(done) => {
                    lent.give_back();
                    return Ok(done);
                }
                Err(Stop::Lost(error) | Stop::InDoubt(error)) => {
                    self.pool.suspect();
                    translate(error)
                }
                Err(stop) => {
                    roll_back(lent).await;
                    match stop {
                        Stop::Again(error) => error,
                        Stop::Refused(error) => return Err(error),
                        Stop::Broken(_, error) | Stop::Lost(error) | Stop::InDoubt(error) => {
                            return Err(translate(error));
                        }
                        Stop::Unexpected => return Err(unexplained()),
                    }
                }
            };
            tries = tries.saturating_add(1);
            if tries > TRIES {
                return Err(error);
            }
            sleep(PAUSE.saturating_mul(tries)).await;
        }
    }

    async fn once<E: Errand>(
        &self,
        connection: &mut PgConnection,
        tenant: TenantId,
        errand: &E,
    ) -> Result<E::Output, Stop> {
        let stop = |error| Stop::of(&self.sql, error);
        run::control(connection, control::begin(tenant, Access::Write, false)).await.map_err(stop)?;
        let done = errand.run(connection, &self.sql).await?;
        run::control(connection, control::COMMIT).await.map_err(stop)?;
        Ok(done)
    }
}
