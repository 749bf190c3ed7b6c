//! Tenants: the platform's list of them, and what their own people may do with theirs.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::Identity;
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::{TenantId, UserId},
    record::{Branding, Contact, TenantRecord, TenantStatus, UserRecord},
    security::Permission,
    store::{
        Change, ChangeSet, DispatchKind, Expect, Filter, Page, Query, RecordStore, RecordStoreExt, Stored,
    },
    time::Timestamp,
};

/// The platform's list of tenants. Whoever holds it acts as the platform: a host keeps it from its users.
#[derive(Clone)]
pub struct Tenants {
    system: CallContext,
    records: Arc<dyn RecordStore>,
}

impl Tenants {
    /// The list in a store, in the name of a system context of the platform; any other is `denied`.
    pub fn new(system: CallContext, records: Arc<dyn RecordStore>) -> Result<Self> {
        if !system.scope().is_system() || system.tenant() != TenantId::PLATFORM {
            return Err(Error::denied("only the system of the platform keeps the list of tenants"));
        }
        Ok(Self { system, records })
    }

    /// Creates a tenant with its owner. The slug and the domain are unique; a taken one is a `conflict`.
    pub async fn create(&self, name: &str, slug: &str) -> Result<(TenantId, UserId)> {
        self.create_with(name, slug, |_| {}).await
    }

    /// Creates a tenant with more than a name: a domain, a plan, limits.
    pub async fn create_with(
        &self,
        name: &str,
        slug: &str,
        describe: impl FnOnce(&mut TenantRecord) + Send,
    ) -> Result<(TenantId, UserId)> {
        let (id, owner) = (TenantId::new(&self.system), UserId::new(&self.system));
        let mut tenant = TenantRecord::new(id, name, slug, owner);
        describe(&mut tenant);
        (tenant.id, tenant.owner) = (id, owner);
        tenant.check()?;
        // The owner is written first: a crash between the two leaves a user of a tenant that nobody can enter.
        let inside = self.system.enter_tenant(id)?;
        let user = UserRecord::new(owner, "owner", ["owner"]);
        let set = ChangeSet::new(&inside).with(Change::put(&user, Expect::Absent)?).with(upkeep(&inside));
        let detail = json!({ "name": user.name, "roles": user.roles });
        let set = crate::record::tell(&inside, set, "user", "created", &owner.to_string(), detail);
        self.records.apply(&inside, set).await?;
        let set = ChangeSet::new(&self.system).with(Change::put(&tenant, Expect::Absent)?);
        self.commit(set, "created", id, json!({ "name": name, "slug": slug })).await?;
        Ok((id, owner))
    }

    /// A tenant; `not_found` when there is none.
    pub async fn get(&self, id: TenantId) -> Result<Stored<TenantRecord>> {
        self.find(id).await?.ok_or_else(|| {
            Error::not_found(format!("there is no tenant {id}")).with("tenant", id.to_string())
        })
    }

    /// A tenant, if there is one.
    pub async fn find(&self, id: TenantId) -> Result<Option<Stored<TenantRecord>>> {
        self.records.find(&self.system, id).await
    }

    /// The tenant whose people come under a domain.
    pub async fn by_domain(&self, domain: &str) -> Result<Option<Stored<TenantRecord>>> {
        let query = Query::new(Filter::eq("domain", domain.to_lowercase())).limit(1);
        Ok(self.list(&query).await?.records.into_iter().next())
    }

    /// One page of tenants.
    pub async fn list(&self, query: &Query) -> Result<Page<Stored<TenantRecord>>> {
        self.records.list(&self.system, query).await
    }

    /// Changes what a tenant says about itself and how much it may have. Whether it may be entered, its owner and its
    /// id stay.
    pub async fn update(
        &self,
        id: TenantId,
        version: u64,
        change: impl FnOnce(&mut TenantRecord) + Send,
    ) -> Result<u64> {
        let before = self.get(id).await?.value;
        let mut tenant = before.clone();
        change(&mut tenant);
        let kept = |tenant: &TenantRecord| {
            let TenantRecord { id, owner, default, status, archived_at, retain_until, .. } = tenant;
            (*id, *owner, *default, *status, *archived_at, *retain_until)
        };
        if kept(&before) != kept(&tenant) {
            return Err(Error::invalid(
                "a tenant keeps its id, its owner and whether it may be entered; suspend or archive it",
            ));
        }
        self.put(&tenant, version, "updated", json!({ "name": tenant.name, "slug": tenant.slug })).await
    }

    /// Lets nobody enter a tenant for a while. Workspaces that are open already go on until they are dropped.
    pub async fn suspend(&self, id: TenantId, reason: &str) -> Result<()> {
        self.set(id, "suspended", json!({ "reason": reason }), |tenant| {
            tenant.status = TenantStatus::Suspended;
        })
        .await
    }

    /// Lets people enter a suspended tenant again; an archived one stays archived.
    pub async fn resume(&self, id: TenantId) -> Result<()> {
        if self.get(id).await?.value.status == TenantStatus::Archived {
            return Err(Error::conflict("status", format!("tenant {id} is archived; unarchive it")));
        }
        self.set(id, "resumed", Value::Null, |tenant| tenant.status = TenantStatus::Active).await
    }

    /// Closes a tenant and keeps its data until an instant, or for ever.
    pub async fn archive(&self, id: TenantId, retain_until: Option<Timestamp>) -> Result<()> {
        let now = self.system.now();
        if retain_until.is_some_and(|until| until <= now) {
            return Err(
                Error::invalid("data is kept until an instant in the future").with("field", "retain_until")
            );
        }
        self.set(id, "archived", json!({ "retain_until": retain_until }), |tenant| {
            tenant.status = TenantStatus::Archived;
            tenant.archived_at = Some(now);
            tenant.retain_until = retain_until;
        })
        .await
    }

    /// Opens an archived tenant again.
    pub async fn unarchive(&self, id: TenantId) -> Result<()> {
        self.set(id, "unarchived", Value::Null, |tenant| {
            tenant.status = TenantStatus::Active;
            tenant.archived_at = None;
            tenant.retain_until = None;
        })
        .await
    }

    /// Fails unless people may enter a tenant: `not_found` when there is none, `denied` when it is closed.
    pub async fn require_open(&self, id: TenantId) -> Result<()> {
        let tenant = self.get(id).await?.value;
        match tenant.status {
            TenantStatus::Active => Ok(()),
            TenantStatus::Suspended => {
                Err(Error::denied(format!("tenant {id} is suspended; the operator can resume it"))
                    .with("status", "suspended"))
            }
            TenantStatus::Archived => {
                Err(Error::denied(format!("tenant {id} is archived; the operator can unarchive it"))
                    .with("status", "archived"))
            }
        }
    }

    async fn set(
        &self,
        id: TenantId,
        verb: &str,
        detail: Value,
        change: impl FnOnce(&mut TenantRecord) + Send,
    ) -> Result<()> {
        let Stored { value: mut tenant, version, .. } = self.get(id).await?;
        if tenant.default {
            return Err(Error::invalid("the default tenant is always open; use another tenant"));
        }
        change(&mut tenant);
        self.put(&tenant, version, verb, detail).await.map(drop)
    }

    async fn put(&self, tenant: &TenantRecord, version: u64, verb: &str, detail: Value) -> Result<u64> {
        tenant.check()?;
        let set = ChangeSet::new(&self.system).with(Change::put(tenant, Expect::Version(version))?);
        let receipt = self.commit(set, verb, tenant.id, detail).await?;
        receipt.version(0).ok_or_else(|| Error::internal("the store gave no version for a written record"))
    }

    async fn commit(
        &self,
        set: ChangeSet,
        verb: &str,
        id: TenantId,
        detail: Value,
    ) -> Result<crate::store::Receipt> {
        let set = crate::record::tell(&self.system, set, "tenant", verb, &id.to_string(), detail);
        self.records.apply(&self.system, set).await
    }
}

/// From now on the tenant is swept. Nothing of it can be old enough in its first hour.
fn upkeep(cx: &CallContext) -> Change {
    let due = cx.now().after(Duration::from_hours(1));
    Change::Enqueue { kind: DispatchKind::UPKEEP, id: cx.tenant().as_uuid(), due }
}

impl std::fmt::Debug for Tenants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tenants")
    }
}

/// What a tenant's own people may change about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantProfile {
    /// What people call it.
    pub name: String,
    /// Whom the operator writes to.
    pub contact: Contact,
    /// How it looks.
    pub branding: Branding,
}

impl Identity {
    /// The tenant of the call. Needs `settings:read`.
    pub async fn tenant(&self) -> Result<Stored<TenantRecord>> {
        self.require(Permission::SettingsRead).await?;
        self.parts.tenants.get(self.cx.tenant()).await
    }

    /// Changes name, contact and branding of the tenant of the call. Needs `settings:write`. The tenant's trail says who
    /// asked, before the platform's says what was done.
    pub async fn set_tenant_profile(&self, version: u64, profile: TenantProfile) -> Result<u64> {
        self.require(Permission::SettingsWrite).await?;
        let TenantProfile { name, contact, branding } = profile;
        self.asked("update_requested", json!({ "name": name })).await?;
        self.parts
            .tenants
            .update(self.cx.tenant(), version, |tenant| {
                (tenant.name, tenant.contact, tenant.branding) = (name, contact, branding);
            })
            .await
    }

    /// Closes the tenant of the call. Needs `security:admin`; only the operator opens it again.
    pub async fn archive_tenant(&self, retain_until: Option<Timestamp>) -> Result<()> {
        self.require(Permission::SecurityAdmin).await?;
        self.asked("archive_requested", json!({ "retain_until": retain_until })).await?;
        self.parts.tenants.archive(self.cx.tenant(), retain_until).await
    }

    async fn asked(&self, verb: &str, detail: Value) -> Result<()> {
        let tenant = self.cx.tenant();
        self.commit(ChangeSet::new(&self.cx), "tenant", verb, tenant, detail).await.map(drop)
    }
}
