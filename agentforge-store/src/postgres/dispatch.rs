//! What is due, on a server that other processes write to as well.

use std::{collections::HashMap, pin::pin, time::Duration};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{Claim, ClaimRequest, Dispatch, DispatchKind, check_kinds},
    time::Timestamp,
};
use async_trait::async_trait;
use futures::future::{Either, pending, select};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{PostgresStore, change::Stop, row, run, transaction::Errand};
use crate::sql::Statements;

/// How often a wait looks for what other processes wrote. The look is one step down an index and asks the very thing
/// that is waited for, so it needs neither a connection nor a task of its own, as watching the file's version would.
const LOOK: Duration = Duration::from_millis(40);

#[async_trait]
impl Dispatch for PostgresStore {
    async fn claim(&self, cx: &CallContext, request: &ClaimRequest) -> Result<Vec<Claim>> {
        require_platform(cx)?;
        check_kinds(&request.kinds)?;
        // An idle worker only looks.
        if self.next_due(cx, &request.kinds).await?.is_none_or(|due| due > cx.now()) {
            return Ok(Vec::new());
        }
        let claiming = Claiming { cx: cx.clone(), request: request.clone() };
        cx.run(self.shared.transact(cx.tenant(), &claiming)).await
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

impl PostgresStore {
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
            let found = self.shared.pool.first(cx, self.shared.sql.dispatch.next(kind)?).await?;
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

/// A worker that claims what is due and what nobody else is claiming just now.
struct Claiming {
    cx: CallContext,
    request: ClaimRequest,
}

#[async_trait]
impl Errand for Claiming {
    type Output = Vec<Claim>;

    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<Vec<Claim>, Stop> {
        let stop = |error| Stop::of(sql, error);
        let (now, limit) = (self.cx.now(), self.request.limit);
        let mut due: Vec<(Timestamp, Uuid, TenantId, &DispatchKind)> = Vec::new();
        for kind in &self.request.kinds {
            for found in run::all(connection, sql.dispatch.due(kind, now, limit)?).await.map_err(stop)? {
                let tenant = TenantId::from_uuid(row::id(&found, 1)?);
                due.push((row::time(&found, 0)?, row::id(&found, 2)?, tenant, kind));
            }
        }
        due.sort_by_key(|(due, id, ..)| (*due, *id));
        due.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<_> = due.into_iter().map(|(_, id, tenant, kind)| (tenant, kind, id)).collect();
        let until = now.after(self.request.hold);
        let claimed = sql.dispatch.claim_all(sql.dialect, &rows, until, now)?;
        let mut epochs = HashMap::with_capacity(rows.len());
        for found in run::all(connection, claimed).await.map_err(stop)? {
            epochs.insert(row::count::<usize>(&found, 0)?, row::count::<u64>(&found, 1)?);
        }
        let claims = (1..).zip(rows).filter_map(|(place, (tenant, kind, id))| {
            Some(Claim { tenant, kind: kind.clone(), id, epoch: *epochs.get(&place)? })
        });
        Ok(claims.collect())
    }
}
