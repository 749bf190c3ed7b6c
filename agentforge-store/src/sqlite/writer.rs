//! The one task that writes: it takes whatever waits, commits it in one transaction, and then tells everybody.
//!
//! A caller that goes away after it has queued its work takes nothing with it but the answer. When the connection is
//! lost the waiting work fails, and the next batch opens another.

use std::{pin::pin, sync::Arc};

use agentforge_core::error::Result;
use futures::future::{Either, select};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Notify, mpsc};

use super::{
    change::Pending,
    error::{again, is_busy, translate},
    mover::Mover,
    run,
    transaction::{Errand, Sent, commit},
};
use crate::sql::{Statements, program::Program};

/// How many pieces of work may wait before callers wait to queue theirs.
pub(super) const QUEUE: usize = 1_024;

/// How many pieces of work one transaction takes at most.
const BATCH: usize = 256;

/// How many statements of change sets one transaction takes before it leaves the rest to the next, so that small sets
/// do not wait for many big ones.
const WEIGHT: usize = 2_048;

/// Work for the writer.
pub(super) enum Job {
    Apply(Box<Pending>),
    Errand(Box<dyn Errand>),
    /// Finish what waits, take nothing more, and close the connection.
    Close,
}

/// The writing end of a store.
pub(super) struct Writer {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    sql: Arc<Statements>,
    jobs: mpsc::Receiver<Job>,
    written: Arc<Notify>,
    mover: Mover,
}

impl Writer {
    pub(super) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        sql: Arc<Statements>,
        jobs: mpsc::Receiver<Job>,
        written: Arc<Notify>,
    ) -> Self {
        let mover = Mover::new(options.clone());
        Self { options, connection: Some(connection), sql, jobs, written, mover }
    }

    /// Works until the store is closed or nobody is left who could ask for anything.
    pub(super) async fn work(mut self) {
        let mut waiting = Vec::with_capacity(BATCH);
        while self.receive(&mut waiting).await {
            let (mut sets, mut errands, mut weight) =
                (Vec::with_capacity(waiting.len()), Vec::new(), 0_usize);
            for job in waiting.drain(..) {
                match job {
                    Job::Apply(set) => {
                        weight = weight.saturating_add(set.weight());
                        sets.push(*set);
                    }
                    Job::Errand(errand) => errands.push(Sent { errand, result: Ok(()) }),
                    Job::Close => self.jobs.close(),
                }
                if weight > WEIGHT {
                    weight = 0;
                    self.write(std::mem::take(&mut sets), std::mem::take(&mut errands)).await;
                }
            }
            let many = sets.len() > 1;
            self.write(sets, errands).await;
            if many {
                // Whoever was told now may queue the next set before the next transaction begins.
                tokio::task::yield_now().await;
            }
        }
        self.close().await;
    }

    /// Takes what waits; tells whether there was anything or the end has come.
    async fn receive(&mut self, waiting: &mut Vec<Job>) -> bool {
        loop {
            // The mover first, so that it gets on however much waits.
            let moved = pin!(self.mover.done());
            let received = pin!(self.jobs.recv_many(waiting, BATCH));
            if let Either::Right((received, _)) = select(moved, received).await {
                return received > 0;
            }
        }
    }

    async fn write(&mut self, mut sets: Vec<Pending>, mut errands: Vec<Sent>) {
        for set in &mut sets {
            set.answer = set.cx.check_alive().err().map(Err);
        }
        let (over, mut sets): (Vec<_>, Vec<_>) = sets.into_iter().partition(|set| set.answer.is_some());
        over.into_iter().for_each(Pending::tell);
        if sets.is_empty() && errands.is_empty() {
            return;
        }
        let committed = self.commit(&mut sets, &mut errands).await;
        let statements = sets.iter().map(Pending::weight).sum::<usize>().saturating_add(errands.len());
        if committed.is_ok() && sets.iter().any(Pending::wakes) {
            self.written.notify_waiters();
        }
        for mut set in sets {
            if let Err(error) = &committed {
                set.answer = Some(Err(again(error)));
            }
            set.tell();
        }
        for Sent { errand, result } in errands {
            errand.tell(match &committed {
                Ok(()) => result,
                Err(error) => Err(again(error)),
            });
        }
        self.mover.committed(statements);
    }

    async fn commit(&mut self, sets: &mut [Pending], errands: &mut [Sent]) -> Result<()> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await.map_err(translate)?,
        };
        let committed = commit(&mut connection, &self.sql, sets, errands).await;
        // After anything but a lock in the way, the connection is not trusted any more.
        if committed.as_ref().err().is_none_or(is_busy) {
            self.connection = Some(connection);
        }
        committed.map_err(translate)
    }

    async fn close(self) {
        self.mover.close().await;
        let Some(mut connection) = self.connection else { return };
        let mut program = Program::default();
        // Moves what it can into the file; as the last connection, closing moves the rest.
        program.control("PRAGMA wal_checkpoint(PASSIVE)");
        // Everything acknowledged is in the log already, so a failure here loses nothing.
        let _ = run::program(&mut connection, program).await;
        let _ = connection.close().await;
    }
}
