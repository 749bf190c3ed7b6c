//! The statements of what is due. Change sets write a tenant's rows; the platform alone looks across tenants.

use agentforge_core::{error::Result, id::TenantId, store::DispatchKind, time::Timestamp};
use uuid::Uuid;

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct DispatchSql {
    enqueue: Template,
    end: Template,
    remove: Template,
    next: Template,
    due: Template,
    epochs: Template,
    claim: Template,
}

const ROW: &str = "tenant = :tenant AND kind = ? AND id = ?";

impl DispatchSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let earlier = dialect.lesser("dispatch.due", "excluded.due");
        let again = dialect.lesser("coalesce(dispatch.again, excluded.due)", "excluded.due");
        let tenant = |source: String| Template::tenant(dialect, &source);
        let platform = |source: &str| Template::platform(dialect, source);
        Ok(Self {
            enqueue: tenant(format!(
                "INSERT INTO dispatch (tenant, kind, id, due, epoch) \
                 VALUES (:tenant, ?, ?, ?, (SELECT last FROM dispatch_epochs)) \
                 ON CONFLICT (tenant, kind, id) DO UPDATE SET epoch = excluded.epoch, \
                 due = CASE WHEN dispatch.claim IS NULL THEN {earlier} ELSE dispatch.due END, \
                 again = CASE WHEN dispatch.claim IS NULL THEN NULL ELSE {again} END RETURNING epoch"
            ))?,
            end: tenant(format!(
                "UPDATE dispatch SET due = coalesce(again, due), claim = NULL, again = NULL \
                 WHERE {ROW} AND claim = ? AND epoch <> ?"
            ))?,
            remove: tenant(format!("DELETE FROM dispatch WHERE {ROW} AND epoch = ?"))?,
            next: platform("SELECT due FROM dispatch WHERE kind = ? ORDER BY due LIMIT 1")?,
            due: platform(
                "SELECT due, tenant, id FROM dispatch WHERE kind = ? AND due <= ? ORDER BY due, id LIMIT ?",
            )?,
            epochs: platform("UPDATE dispatch_epochs SET last = last + ? RETURNING last")?,
            // What was asked for until now is what this claim is about; a later instant outlives it.
            claim: tenant(format!(
                "UPDATE dispatch SET epoch = ?, claim = ?, due = ?, \
                 again = CASE WHEN again > ? THEN again END WHERE {ROW}"
            ))?,
        })
    }

    /// Makes something due and gives the row's epoch. During a claim this is remembered and not shown, so that the hold
    /// stays exclusive.
    pub(super) fn enqueue(
        &self,
        tenant: TenantId,
        kind: &DispatchKind,
        id: Uuid,
        due: Timestamp,
    ) -> Result<Vec<Step>> {
        let enqueue = self.enqueue.bind(tenant, [kind.as_str().into(), id.into(), due.into()])?;
        Ok(vec![Step::row(self.epochs(1)?), Step::row(enqueue)])
    }

    /// Removes a row to which nothing happened since this epoch; ends the claim of this epoch when something was
    /// enqueued since.
    pub(super) fn dequeue(
        &self,
        tenant: TenantId,
        kind: &DispatchKind,
        id: Uuid,
        epoch: u64,
    ) -> Result<Vec<Step>> {
        let (kind, id): (SqlValue, SqlValue) = (kind.as_str().into(), id.into());
        let end = [kind.clone(), id.clone(), epoch.into(), epoch.into()];
        let remove = [kind, id, epoch.into()];
        Ok(vec![Step::any(self.end.bind(tenant, end)?), Step::any(self.remove.bind(tenant, remove)?)])
    }

    /// The earliest instant of a kind's rows.
    pub(crate) fn next(&self, kind: &DispatchKind) -> Result<Statement> {
        self.next.bind_platform([kind.as_str().into()])
    }

    /// `due, tenant, id` of a kind's rows that are due, earliest first.
    pub(crate) fn due(&self, kind: &DispatchKind, now: Timestamp, limit: u32) -> Result<Statement> {
        self.due.bind_platform([kind.as_str().into(), now.into(), limit.into()])
    }

    /// Takes epochs that no row ever had and gives the last of them.
    pub(crate) fn epochs(&self, count: u64) -> Result<Statement> {
        self.epochs.bind_platform([count.into()])
    }

    /// Claims one row for a while.
    pub(crate) fn claim(
        &self,
        tenant: TenantId,
        kind: &DispatchKind,
        id: Uuid,
        epoch: u64,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Statement> {
        let values = [epoch.into(), epoch.into(), until.into(), now.into(), kind.as_str().into(), id.into()];
        self.claim.bind(tenant, values)
    }
}
