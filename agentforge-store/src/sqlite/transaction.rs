//! One transaction for everything that waits.
//!
//! First all plain change sets run together, as few programs of many statements. When one of them comes to something
//! unexpected the transaction starts over and every set runs alone, inside a savepoint: the one at fault is rolled
//! back and told why, the others commit. INVARIANT: nobody is answered here; answers are told after the commit.

use std::collections::BTreeSet;

use agentforge_core::{error::Error, id::TenantId, store::Receipt};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use super::{
    alike::{Alike, alike, change_by_change, copies},
    audit::Chains,
    change::{Pending, Refusal, Unfolded, unfold},
    error::constraint,
    row,
    run::{self, Came},
};
use crate::sql::{
    Statements,
    change::Plan,
    explain::{bury, explain, unexplained},
    program::{PROGRAM_LIMIT, Program, pieces},
    template::Statement,
};

/// Something besides change sets that the writer does inside its transaction.
#[async_trait]
pub(super) trait Errand: Send {
    /// Does it, inside a savepoint of its own.
    async fn run(&mut self, connection: &mut SqliteConnection, sql: &Statements) -> Result<(), Refusal>;

    /// Tells whoever waits, once the transaction was committed or lost.
    fn tell(self: Box<Self>, result: Result<(), Error>);
}

/// An errand and what it came to.
pub(super) struct Sent {
    pub(super) errand: Box<dyn Errand>,
    pub(super) result: Result<(), Error>,
}

/// Runs sets and errands in one transaction and commits. Every set then has its answer and every errand its result;
/// on an error nothing was committed.
pub(super) async fn commit(
    connection: &mut SqliteConnection,
    sql: &Statements,
    sets: &mut [Pending],
    errands: &mut [Sent],
) -> Result<(), sqlx::Error> {
    let result = attempt(connection, sql, sets, errands).await;
    if result.is_err() {
        roll_back(connection).await;
    }
    result
}

/// Runs one set in a transaction that somebody else began and will end; the set then has its answer. On an error
/// nothing of it is left, and the transaction is as usable as the connection.
#[cfg(feature = "host-transaction")]
pub(super) async fn join(
    connection: &mut SqliteConnection,
    sql: &Statements,
    set: &mut Pending,
) -> Result<(), sqlx::Error> {
    let mut transaction = Transaction { connection, sql, chains: Chains::default(), begun: true };
    let done = transaction.alone(set).await;
    if done.is_err() {
        // There is no savepoint when the database rolled back on its own, which is not worth a word.
        let _ = transaction.control(&["ROLLBACK TO alone", "RELEASE alone"]).await;
    }
    done
}

async fn attempt(
    connection: &mut SqliteConnection,
    sql: &Statements,
    sets: &mut [Pending],
    errands: &mut [Sent],
) -> Result<(), sqlx::Error> {
    let (mut plain, mut careful): (Vec<_>, Vec<_>) = sets.iter_mut().partition(|set| set.is_plain());
    let end = if careful.is_empty() && errands.is_empty() { End::Commit } else { End::GoOn };
    let mut transaction = Transaction { connection, sql, chains: Chains::default(), begun: false };
    match transaction.together(&mut plain, end).await {
        Ok(()) if end == End::Commit => return Ok(()),
        Ok(()) => {}
        Err(Refusal::Broken(error)) => return Err(error),
        Err(Refusal::Refused(_)) => {
            roll_back(transaction.connection).await;
            transaction.begun = false;
            transaction.chains = Chains::default();
            careful.append(&mut plain);
        }
    }
    for set in careful {
        transaction.alone(set).await?;
    }
    for sent in errands {
        sent.result = transaction.errand(&mut *sent.errand).await?;
    }
    transaction.control(&["COMMIT"]).await
}

/// Leaves no transaction open. There is none when the database rolled back on its own, which is not worth a word.
async fn roll_back(connection: &mut SqliteConnection) {
    let mut program = Program::default();
    program.control("ROLLBACK");
    let _ = run::program(connection, program).await;
}

/// What follows the sets that run together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Commit,
    GoOn,
}

struct Transaction<'a> {
    connection: &'a mut SqliteConnection,
    sql: &'a Statements,
    chains: Chains,
    begun: bool,
}

impl Transaction<'_> {
    /// Runs a program, as the first one behind the statement that takes the write lock.
    async fn run(&mut self, program: Program) -> Result<Vec<Came>, sqlx::Error> {
        if self.begun {
            return run::program(self.connection, program).await;
        }
        let mut came = run::program(self.connection, program.behind("BEGIN IMMEDIATE")).await?;
        self.begun = true;
        came.remove(0);
        Ok(came)
    }

    async fn control(&mut self, statements: &[&'static str]) -> Result<(), sqlx::Error> {
        let mut program = Program::default();
        for statement in statements {
            program.control(statement);
        }
        self.run(program).await.map(drop)
    }

    /// Runs statements in as few round trips as is good, the last of them in front of a closing one, and gives what
    /// each came to.
    async fn statements(
        &mut self,
        statements: &[&Statement],
        close: Option<&'static str>,
    ) -> Result<Vec<Came>, sqlx::Error> {
        let mut came = Vec::with_capacity(statements.len());
        let pieces = pieces(statements);
        let mut programs = pieces.chunks(PROGRAM_LIMIT).peekable();
        while let Some(pieces) = programs.next() {
            let mut program = Program::default();
            for piece in pieces {
                program.push_piece(piece);
            }
            if let Some(close) = close.filter(|_| programs.peek().is_none()) {
                program.control(close);
            }
            for (piece, one) in pieces.iter().zip(self.run(program).await?) {
                came.extend(one.of_each(piece.len()));
            }
        }
        Ok(came)
    }

    /// Reads the ends of chains that are not known yet.
    async fn learn_chains(&mut self, tenants: BTreeSet<TenantId>) -> Result<(), Refusal> {
        let unknown: Vec<TenantId> =
            tenants.into_iter().filter(|tenant| !self.chains.knows(*tenant)).collect();
        let mut rest = unknown.as_slice();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(copies(rest.len(), 0, 1));
            rest = later;
            let lasts = now.iter().map(|tenant| self.sql.audit.last(*tenant));
            let lasts = lasts.collect::<Result<Vec<_>, _>>()?;
            let came = self.statements(&lasts.iter().collect::<Vec<_>>(), None).await?;
            for (tenant, came) in now.iter().zip(came) {
                self.chains.learn(*tenant, came.row.as_ref())?;
            }
        }
        Ok(())
    }

    /// Runs plain sets without savepoints. Refused when any of them comes to something unexpected.
    async fn together(&mut self, sets: &mut [&mut Pending], end: End) -> Result<(), Refusal> {
        if sets.is_empty() {
            return Ok(());
        }
        let audited = sets.iter().filter(|set| set.is_audited()).map(|set| set.cx.tenant());
        self.learn_chains(audited.collect()).await?;
        let mut unfolded = Vec::with_capacity(sets.len());
        for set in sets.iter() {
            unfolded.push(set.unfold(self.sql, &mut self.chains)?);
        }
        let mut receipts = Vec::with_capacity(sets.len());
        for alike in alike(&unfolded) {
            let mut rest = alike.as_slice();
            while let Some(first) = rest.first() {
                let rows = first.steps().filter(|step| step.statement.is_row()).count();
                let others = first.steps().count().saturating_sub(rows);
                let (now, later) = rest.split_at(copies(rest.len(), rows, others));
                rest = later;
                let (places, statements): (Vec<usize>, Vec<&Statement>) =
                    change_by_change(now).into_iter().unzip();
                let came = self.statements(&statements, None).await?;
                for (place, set) in now.iter().enumerate() {
                    let own = places.iter().zip(&came).filter(|(of, _)| **of == place);
                    let came: Vec<&Came> = own.map(|(_, came)| came).collect();
                    let receipt = set.receipt(&came).ok_or_else(unexpected)?;
                    let Some(pending) = sets.get_mut(set.place) else { continue };
                    receipts.push(pending.keep_receipt(self.sql, &receipt)?);
                    pending.answer = Some(Ok(receipt));
                }
            }
        }
        let receipts: Vec<&Statement> = receipts.iter().collect();
        self.statements(&receipts, (end == End::Commit).then_some("COMMIT")).await?;
        Ok(())
    }

    /// Runs one set inside a savepoint and notes its answer.
    async fn alone(&mut self, set: &mut Pending) -> Result<(), sqlx::Error> {
        let answer = match self.begin_alone(set).await {
            Err(Refusal::Refused(_)) => self.one_by_one(set).await,
            other => other,
        };
        set.answer = Some(match answer {
            Ok(receipt) => Ok(receipt),
            Err(Refusal::Broken(error)) => return Err(error),
            Err(Refusal::Refused(error)) => {
                self.control(&["ROLLBACK TO alone"]).await?;
                Err(error)
            }
        });
        self.control(&["RELEASE alone"]).await
    }

    /// Sets the savepoint and runs all of a set's steps at once. Refused when they come to something unexpected, or
    /// are not known beforehand.
    async fn begin_alone(&mut self, set: &Pending) -> Result<Receipt, Refusal> {
        let tenant = set.cx.tenant();
        let mut program = Program::default();
        program.control("SAVEPOINT alone");
        program.push(&self.sql.receipts.find(tenant, set.set.id)?);
        let begun = self.run(program).await?;
        if let Some(before) = begun.last().and_then(|find| find.row.as_ref()) {
            return Ok(Receipt { replayed: true, ..row::json(before, 0)? });
        }
        if set.is_audited() {
            self.learn_chains(BTreeSet::from([tenant])).await?;
        }
        if !set.is_plain() {
            return Err(unexpected());
        }
        let end = self.chains.end(tenant);
        let unfolded = set.unfold(self.sql, &mut self.chains)?;
        let done = self.at_once(set, &unfolded).await;
        if done.is_err() {
            self.chains.restore(tenant, end);
        }
        done
    }

    async fn at_once(&mut self, set: &Pending, unfolded: &[Unfolded]) -> Result<Receipt, Refusal> {
        let alone = Alike::new(0, unfolded);
        let statements: Vec<&Statement> = alone.steps().map(|step| &step.statement).collect();
        let came = self.statements(&statements, None).await?;
        let receipt = alone.receipt(&came.iter().collect::<Vec<_>>()).ok_or_else(unexpected)?;
        run::one(self.connection, set.keep_receipt(self.sql, &receipt)?).await?;
        Ok(receipt)
    }

    /// Runs a set step by step, from its savepoint on, up to the step that is refused and the reason why.
    async fn one_by_one(&mut self, set: &Pending) -> Result<Receipt, Refusal> {
        self.control(&["ROLLBACK TO alone"]).await?;
        let end = self.chains.end(set.cx.tenant());
        let done = self.every_change(set).await;
        if done.is_err() {
            self.chains.restore(set.cx.tenant(), end);
        }
        done
    }

    async fn every_change(&mut self, set: &Pending) -> Result<Receipt, Refusal> {
        let mut applied = Vec::with_capacity(set.set.changes.len());
        for (plan, change) in set.planned() {
            let unfolded = unfold(self.sql, &set.cx, plan, &mut self.chains)?;
            let (mut came, mut broken) = (Vec::with_capacity(unfolded.steps.len()), None);
            for step in &unfolded.steps {
                match run::one(self.connection, step.statement.clone()).await {
                    Ok(one) => came.push(one),
                    Err(error) => {
                        broken = Some(constraint(&error).ok_or(error)?);
                        break;
                    }
                }
            }
            if matches!(plan, Plan::Bury) {
                bury(&mut *self.connection, self.sql, &set.cx, change).await?;
            }
            let Some(done) = unfolded.applied(&came.iter().collect::<Vec<_>>()) else {
                let reason = explain(&mut *self.connection, self.sql, &set.cx, change, broken).await?;
                return Err(reason.unwrap_or_else(unexplained).into());
            };
            applied.push(done);
        }
        let receipt = Receipt { applied, replayed: false };
        run::one(self.connection, set.keep_receipt(self.sql, &receipt)?).await?;
        Ok(receipt)
    }

    /// Runs an errand inside a savepoint.
    async fn errand(&mut self, errand: &mut dyn Errand) -> Result<Result<(), Error>, sqlx::Error> {
        self.control(&["SAVEPOINT errand"]).await?;
        let result = match errand.run(self.connection, self.sql).await {
            Ok(()) => Ok(()),
            Err(Refusal::Broken(error)) => return Err(error),
            Err(Refusal::Refused(error)) => {
                self.control(&["ROLLBACK TO errand"]).await?;
                Err(error)
            }
        };
        self.control(&["RELEASE errand"]).await?;
        Ok(result)
    }
}

fn unexpected() -> Refusal {
    Refusal::Refused(Error::internal("a statement came to something unexpected"))
}
