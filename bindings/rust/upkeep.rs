//! Upkeep: the worker sweeps every tenant a few times a day, and removes archived tenants whose time has passed.

use std::time::Duration;

use agentforge_core::{
    context::CallContext,
    error::{ErrorKind, Result},
    event::{Event, EventSink},
    id::TenantId,
    record::TenantRecord,
    store::{
        AuditDraft, Change, ChangeSet, Claim, ClaimRequest, DispatchKind, Expect, FieldValue, Filter,
        MAX_PAGE, Ordering, Query, RecordStoreExt, Retention, Stored, Stores, Swept,
    },
};
use serde_json::json;

use crate::{Forge, ForgeBuilder};

/// How often a tenant is swept.
const EVERY: Duration = Duration::from_hours(6);

/// How long nobody else sweeps a claimed tenant. Two sweeps at once do no harm.
const HOLD: Duration = Duration::from_mins(10);

/// How many tenants one look takes.
const AT_ONCE: u32 = 4;

/// How a record says that its tenant is archived.
const ARCHIVED: &str = "archived";

/// A tenant could not be swept; it is tried again once the hold ends.
const SWEEP_FAILED: &str = "upkeep.failed";

impl ForgeBuilder {
    /// How long what nobody needs any more is kept; see [`Retention`](crate::store::Retention) for the defaults.
    ///
    /// ```
    /// # let work = async {
    /// use agentforge::{Forge, store::Retention};
    /// use std::time::Duration;
    ///
    /// let year = Duration::from_hours(365 * 24);
    /// let forge = Forge::builder("memory:").retention(Retention { deleted: year, ..Retention::default() });
    /// forge.open().await?.close().await?;
    /// # Ok::<(), agentforge::Error>(())
    /// # };
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
    /// ```
    #[must_use]
    pub const fn retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }
}

impl Forge {
    /// Sweeps the platform and every tenant now, removes archived tenants whose time has passed, and says how many rows
    /// the sweeps removed. The worker does this a few times a day; hosts without it call this, for example at night.
    pub async fn sweep_now(&self) -> Result<Swept> {
        let sweeps = self.sweeps();
        let mut swept = sweeps.sweep(TenantId::PLATFORM).await?;
        sweeps.remove_expired().await?;
        let mut query = Query::new(Filter::True).limit(MAX_PAGE);
        loop {
            let page = self.0.stores.records.list::<TenantRecord>(&self.0.system, &query).await?;
            for tenant in page.records {
                swept += sweeps.sweep(tenant.value.id).await?;
            }
            query.after = page.next;
            if query.after.is_none() {
                return Ok(swept);
            }
        }
    }

    fn sweeps(&self) -> Sweeps<'_> {
        let inner = &*self.0;
        let (stores, events, system) = (&inner.stores, &*inner.events, &inner.system);
        Sweeps { stores, events, system, retention: &inner.retention }
    }
}

/// Makes sure that the platform's own rows are swept; a tenant's are from its creation on.
pub(crate) async fn begin(system: &CallContext, stores: &Stores) -> Result<()> {
    let due = system.now().after(EVERY);
    let row = Change::Enqueue { kind: DispatchKind::UPKEEP, id: TenantId::PLATFORM.as_uuid(), due };
    stores.records.apply(system, ChangeSet::new(system).with(row)).await.map(drop)
}

/// What sweeps tenants.
pub(crate) struct Sweeps<'a> {
    pub(crate) stores: &'a Stores,
    pub(crate) events: &'a dyn EventSink,
    /// The system of the platform.
    pub(crate) system: &'a CallContext,
    pub(crate) retention: &'a Retention,
}

impl Sweeps<'_> {
    /// Sweeps the tenants that are due, and says how many there were.
    pub(crate) async fn work_once(&self) -> Result<usize> {
        let request = ClaimRequest { kinds: vec![DispatchKind::UPKEEP], hold: HOLD, limit: AT_ONCE };
        let claims = self.stores.dispatch.claim(self.system, &request).await?;
        for claim in &claims {
            match self.serve(claim).await {
                Err(error) if error.kind() != ErrorKind::Cancelled => {
                    let cx = self.system.enter_tenant(claim.tenant)?;
                    let data = json!({ "error": error.to_report() });
                    self.events.emit(&cx, Event::new(&cx, SWEEP_FAILED, data)).await?;
                }
                done => done?,
            }
        }
        Ok(claims.len())
    }

    async fn serve(&self, claim: &Claim) -> Result<()> {
        self.sweep(claim.tenant).await?;
        if claim.tenant == TenantId::PLATFORM {
            self.remove_expired().await?;
        }
        let cx = self.system.enter_tenant(claim.tenant)?;
        let (kind, id, due) = (claim.kind.clone(), claim.id, cx.now().after(EVERY));
        // Asked for before the claim ends, so that the row is never gone.
        let again = ChangeSet::new(&cx)
            .with(Change::Enqueue { kind: kind.clone(), id, due })
            .with(Change::Dequeue { kind, id, epoch: claim.epoch });
        self.stores.records.apply(&cx, again).await.map(drop)
    }

    async fn sweep(&self, tenant: TenantId) -> Result<Swept> {
        self.stores.upkeep.sweep(&self.system.enter_tenant(tenant)?, self.retention).await
    }

    /// Removes archived tenants that need not be kept any longer. Their rows go first: as long as the tenant stands in
    /// the list, whoever comes next goes on.
    async fn remove_expired(&self) -> Result<()> {
        let expired = Filter::eq("status", ARCHIVED).and(Filter::Compare(
            "retain_until".to_owned(),
            Ordering::LessOrEqual,
            FieldValue::Time(self.system.now()),
        ));
        loop {
            let page =
                self.stores.records.list::<TenantRecord>(self.system, &Query::new(expired.clone())).await?;
            if page.records.is_empty() {
                return Ok(());
            }
            for tenant in page.records {
                self.remove(tenant).await?;
            }
        }
    }

    async fn remove(&self, tenant: Stored<TenantRecord>) -> Result<()> {
        let id = tenant.value.id;
        let rows = self.stores.upkeep.purge(&self.system.enter_tenant(id)?, id).await?;
        let detail = json!({ "slug": tenant.value.slug, "rows": rows });
        let (spec, expect) = (<TenantRecord as crate::store::Record>::SPEC, Expect::Version(tenant.version));
        let set = ChangeSet::new(self.system)
            .with(Change::Delete { spec, id: id.as_uuid(), expect })
            .with(Change::Audit(AuditDraft::done("tenant.purged", "tenant", id, detail)));
        self.stores.records.apply(self.system, set).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use agentforge_core::{
        record::{TenantStatus, UserRecord},
        store::{BlobsExt, RawRecord},
    };
    use bytes::Bytes;

    use super::*;

    const NOW: Retention = Retention {
        receipts: Duration::ZERO,
        signals: Duration::ZERO,
        outbox: Duration::ZERO,
        inbox: Duration::ZERO,
        blobs: Duration::ZERO,
        deleted: Duration::ZERO,
    };

    async fn users(forge: &Forge, tenant: TenantId) -> Vec<RawRecord> {
        let inside = forge.0.system.enter_tenant(tenant).unwrap();
        let spec = <UserRecord as crate::store::Record>::SPEC;
        forge.0.stores.records.query(&inside, spec, &Query::new(Filter::True)).await.unwrap().records
    }

    async fn make_due(forge: &Forge, tenant: TenantId) {
        let inside = forge.0.system.enter_tenant(tenant).unwrap();
        let row = Change::Enqueue { kind: DispatchKind::UPKEEP, id: tenant.as_uuid(), due: inside.now() };
        forge.0.stores.records.apply(&inside, ChangeSet::new(&inside).with(row)).await.unwrap();
    }

    #[tokio::test]
    async fn a_host_without_a_worker_sweeps_every_tenant_at_once() {
        let forge = Forge::builder("memory:").without_worker().retention(NOW).open().await.unwrap();
        let (other, _) = forge.create_tenant("Other", "other").await.unwrap();
        let inside = forge.0.system.enter_tenant(other).unwrap();
        forge.0.stores.blobs.put_bytes(&inside, "text/plain", Bytes::from_static(b"x")).await.unwrap();
        let swept = forge.sweep_now().await.unwrap();
        assert!(swept.blobs == 1 && swept.receipts >= 3, "{swept:?}");
        assert_eq!(forge.sweep_now().await.unwrap(), Swept::default());
        assert_eq!(users(&forge, other).await.len(), 1);
        forge.close().await.unwrap();
    }

    #[tokio::test]
    async fn the_worker_sweeps_what_is_due_and_comes_again() {
        let forge = Forge::builder("memory:").without_worker().retention(NOW).open().await.unwrap();
        let tenant = forge.workspace().context().tenant();
        let inside = forge.0.system.enter_tenant(tenant).unwrap();
        forge.work().await.unwrap();
        forge.0.stores.blobs.put_bytes(&inside, "text/plain", Bytes::from_static(b"x")).await.unwrap();
        assert_eq!(forge.work().await.unwrap(), 0, "nothing is due in the first hours");
        make_due(&forge, tenant).await;
        assert_eq!(forge.work().await.unwrap(), 1);
        assert_eq!(forge.work().await.unwrap(), 0, "it comes again later, and not at once");
        let blob = agentforge_core::json::Digest::of_bytes(b"x");
        assert_eq!(forge.0.stores.blobs.entry(&inside, blob).await.unwrap(), None);
        make_due(&forge, tenant).await;
        assert_eq!(forge.work().await.unwrap(), 1, "the row is still there and its claim has ended");
        forge.close().await.unwrap();
    }

    #[tokio::test]
    async fn an_archived_tenant_is_removed_once_it_need_not_be_kept() {
        let forge = Forge::builder("memory:").without_worker().open().await.unwrap();
        let mut tenants = Vec::new();
        for slug in ["gone", "kept", "forever", "open"] {
            tenants.push(forge.create_tenant(slug, slug).await.unwrap().0);
        }
        let (records, system) = (&forge.0.stores.records, &forge.0.system);
        let past = agentforge_core::time::Timestamp::UNIX_EPOCH;
        let future = system.now().after(EVERY);
        for (tenant, retain_until) in [(0, Some(past)), (1, Some(future)), (2, None)] {
            let stored = records.get::<TenantRecord>(system, tenants[tenant]).await.unwrap();
            let archived = TenantRecord { status: TenantStatus::Archived, retain_until, ..stored.value };
            records.put(system, &archived, Expect::Version(stored.version)).await.unwrap();
        }
        make_due(&forge, TenantId::PLATFORM).await;
        forge.work().await.unwrap();
        for (place, tenant) in tenants.iter().enumerate() {
            let there = usize::from(place != 0);
            assert_eq!(users(&forge, *tenant).await.len(), there, "the people of tenant {place}");
            let record = records.find::<TenantRecord>(system, *tenant).await.unwrap();
            assert_eq!(usize::from(record.is_some()), there, "the record of tenant {place}");
        }
        let trail = forge.0.stores.audit.entries(system, &crate::store::AuditQuery::default()).await.unwrap();
        let told = |entry: &crate::store::AuditEntry| {
            entry.draft.action == "tenant.purged"
                && entry.draft.resource_id.as_deref() == Some(&*tenants[0].to_string())
        };
        assert_eq!(trail.iter().filter(|entry| told(entry)).count(), 1);
        forge.close().await.unwrap();
    }
}
