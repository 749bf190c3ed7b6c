//! What is due, in a file that other processes may write to as well.

use std::{pin::pin, time::Duration};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{Claim, ClaimRequest, Dispatch, DispatchKind, check_kinds},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::future::{Either, pending, select};
use sqlx::SqliteConnection;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::{SqliteStore, change::Refusal, row, run, transaction::Errand, writer::Job};
use crate::sql::{Statements, program::Program};

/// How often a wait looks for what other processes wrote. The look is one step down an index and asks the very thing
/// that is waited for, so it needs neither a connection nor a task of its own, as watching the file's version would.
const LOOK: Duration = Duration::from_millis(40);

#[async_trait]
impl Dispatch for SqliteStore {
    async fn claim(&self, cx: &CallContext, request: &ClaimRequest) -> Result<Vec<Claim>> {
        require_platform(cx)?;
        check_kinds(&request.kinds)?;
        // An idle worker never takes the write lock.
        if self.next_due(cx, &request.kinds).await?.is_none_or(|due| due > cx.now()) {
            return Ok(Vec::new());
        }
        let (reply, answer) = oneshot::channel();
        let errand = Claiming { cx: cx.clone(), request: request.clone(), claims: Vec::new(), reply };
        self.write(cx, Job::Errand(Box::new(errand)), answer).await
    }

    async fn wait(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<()> {
        require_platform(cx)?;
        check_kinds(kinds)?;
        let cancelled = pin!(cx.cancellation().cancelled());
        let expired = async {
            match cx.deadline() {
                Some(deadline) => cx.clock().sleep_until(deadline).await,
                None => pending().await,
            }
        };
        let (expired, due) = (pin!(expired), pin!(self.until_due(cx, kinds)));
        match select(select(cancelled, expired), due).await {
            Either::Left(_) => Ok(()),
            Either::Right((due, _)) => due,
        }
    }
}

impl SqliteStore {
    async fn until_due(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<()> {
        loop {
            // Before the look, so that a commit between the look and the wait is not missed.
            let mut written = pin!(self.shared.written.notified());
            written.as_mut().enable();
            let due = self.next_due(cx, kinds).await?;
            if due.is_some_and(|due| due <= cx.now()) {
                return Ok(());
            }
            let reached = async {
                match due {
                    Some(due) => cx.clock().sleep_until(due).await,
                    None => pending().await,
                }
            };
            let (reached, look) = (pin!(reached), pin!(tokio::time::sleep(LOOK)));
            select(written, select(reached, look)).await;
        }
    }

    /// The instant of the earliest row of these kinds.
    async fn next_due(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<Option<Timestamp>> {
        let mut earliest: Option<Timestamp> = None;
        for kind in kinds {
            let found = self.shared.readers.first(cx, self.shared.sql.dispatch.next(kind)?).await?;
            let due = found.map(|found| row::time(&found, 0)).transpose()?;
            earliest = earliest.into_iter().chain(due).min();
        }
        Ok(earliest)
    }
}

fn require_platform(cx: &CallContext) -> Result<()> {
    if cx.scope().is_system() && cx.tenant() == TenantId::PLATFORM {
        return Ok(());
    }
    Err(Error::denied("only the system of the platform looks for work across tenants"))
}

/// A worker that claims.
struct Claiming {
    cx: CallContext,
    request: ClaimRequest,
    claims: Vec<Claim>,
    reply: oneshot::Sender<Result<Vec<Claim>>>,
}

#[async_trait]
impl Errand for Claiming {
    async fn run(&mut self, connection: &mut SqliteConnection, sql: &Statements) -> Result<(), Refusal> {
        let (now, limit) = (self.cx.now(), self.request.limit);
        let mut due: Vec<(Timestamp, Uuid, TenantId, &DispatchKind)> = Vec::new();
        for kind in &self.request.kinds {
            for found in run::all(connection, sql.dispatch.due(kind, now, limit)?).await? {
                let tenant = TenantId::from_uuid(row::id(&found, 1)?);
                due.push((row::time(&found, 0)?, row::id(&found, 2)?, tenant, kind));
            }
        }
        due.sort_by_key(|(due, id, ..)| (*due, *id));
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        if due.is_empty() {
            return Ok(());
        }
        let count = due.len() as u64;
        let last = run::one(connection, sql.dispatch.epochs(count)?).await?.number();
        let before = u64::try_from(last).unwrap_or_default().saturating_sub(count);
        let until = now.after(self.request.hold);
        for (epoch, (_, id, tenant, kind)) in (before.saturating_add(1)..).zip(due) {
            let mut program = Program::default();
            program.push(&sql.dispatch.claim(tenant, kind, id, epoch, until, now)?);
            run::program(connection, program).await?;
            self.claims.push(Claim { tenant, kind: kind.clone(), id, epoch });
        }
        Ok(())
    }

    fn tell(self: Box<Self>, result: Result<()>) {
        let Self { claims, reply, .. } = *self;
        // A worker that went away in between lets the hold end.
        let _ = reply.send(result.map(|()| claims));
    }
}
