//! Chains audit entries that wait, per tenant and in the order in which they came.
//!
//! Change sets only add rows, so that a tenant's writers do not wait for each other at the end of the chain. Whoever
//! links holds the tenant's chain for one transaction; every process links, and none twice.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use agentforge_core::{context::CallContext, error::Result, id::TenantId, store::UnlinkedAuditEntry};
use async_trait::async_trait;
use sqlx::PgConnection;
use tokio::{sync::Notify, time::timeout};

use super::{Shared, change::Stop, row, run, transaction::Errand};
use crate::sql::{Statements, control, program::pieces, template::Statement};

/// How often the linker looks for what waits.
const LOOK: Duration = Duration::from_millis(250);
/// How many entries one transaction links at most.
const BATCH: u32 = 512;
/// How many tenants one look finds at most.
const TENANTS: u32 = 256;

/// Links what waits until the store is closed or nobody is left who could write.
pub(super) async fn work(shared: Weak<Shared>, stop: Arc<Notify>, system: CallContext) {
    while timeout(LOOK, stop.notified()).await.is_err() {
        let Some(shared) = shared.upgrade() else { return };
        // What fails now is found again by the next look.
        let _ = link_all(&shared, &system).await;
        shared.pool.prune();
    }
}

async fn link_all(shared: &Shared, system: &CallContext) -> Result<()> {
    for found in shared.pool.all(system, shared.sql.linker.bells(TENANTS)?).await? {
        shared.link(TenantId::from_uuid(row::id(&found, 0)?)).await?;
    }
    Ok(())
}

impl Shared {
    /// Links the entries of the context's tenant, if any wait.
    pub(super) async fn link_what_waits(&self, cx: &CallContext) -> Result<()> {
        let waiting = self.pool.first(cx, self.sql.linker.waiting(cx.tenant(), 1)?).await?;
        if waiting.is_some() { self.link(cx.tenant()).await } else { Ok(()) }
    }

    /// Links every entry of a tenant that waits by now.
    pub(super) async fn link(&self, tenant: TenantId) -> Result<()> {
        while self.transact(tenant, &Linking(tenant)).await? {}
        Ok(())
    }
}

/// A batch of a tenant's entries; tells whether there may be more.
struct Linking(TenantId);

#[async_trait]
impl Errand for Linking {
    type Output = bool;

    async fn run(&self, connection: &mut PgConnection, sql: &Statements) -> Result<bool, Stop> {
        let tenant = self.0;
        let stop = |error| Stop::of(sql, error);
        run::control(connection, control::hold(chain(tenant))).await.map_err(stop)?;
        // Before the look: a bell that rings later stands for entries that this look may not see.
        run::one(connection, sql.linker.silence(tenant)?).await.map_err(stop)?;
        let waiting = run::all(connection, sql.linker.waiting(tenant, BATCH)?).await.map_err(stop)?;
        if waiting.is_empty() {
            return Ok(false);
        }
        let end = run::first(connection, sql.audit.last(tenant)?).await.map_err(stop)?;
        let mut end = match end {
            Some(end) => Some((row::count(&end, 0)?, row::digest(&end, 1)?)),
            None => None,
        };
        let (mut arrivals, mut writes) =
            (Vec::with_capacity(waiting.len()), Vec::with_capacity(waiting.len()));
        for found in &waiting {
            arrivals.push(row::int(found, 0)?);
            let entry = row::json::<UnlinkedAuditEntry>(found, 1)?.link(end);
            end = Some((entry.seq, entry.hash));
            writes.push(sql.audit.write(tenant, &entry)?.statement);
        }
        let writes: Vec<&Statement> = writes.iter().collect();
        for piece in pieces(&writes) {
            run::piece(connection, piece).await.map_err(stop)?;
        }
        run::one(connection, sql.linker.linked(sql.dialect, tenant, &arrivals)?).await.map_err(stop)?;
        Ok(waiting.len() == BATCH as usize)
    }
}

/// The number that stands for a tenant's chain among the locks of the database. Two chains of one number wait for each
/// other, and nothing worse.
fn chain(tenant: TenantId) -> i64 {
    super::lock_number(&[b"agentforge.audit.chain", tenant.as_uuid().as_bytes()])
}
