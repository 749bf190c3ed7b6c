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
    wake: Template,
    end: Template,
    remove: Template,
    next: Template,
    due: Template,
    epochs: Template,
    claim: Template,
    #[cfg(feature = "postgres")]
    claim_all: Option<Template>,
    /// Whether epochs come from a sequence.
    numbered: bool,
}

/// The sequence of epochs, where the database has such a thing.
pub(crate) const EPOCHS: &str = "dispatch_epoch";

const ROW: &str = "tenant = :tenant AND kind = ? AND id = ?";

impl DispatchSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let last = "(SELECT last FROM dispatch_epochs)".to_owned();
        // A sequence is asked anew where a row stands, once that is locked: otherwise an epoch could come behind a later
        // one.
        let numbered = dialect.next_number(EPOCHS);
        let (epoch, later) = match numbered.clone() {
            Some(next) => (next.clone(), next),
            None => (last, "excluded.epoch".to_owned()),
        };
        let (woken, woken_later) = match numbered.clone() {
            Some(next) => (next.clone(), next),
            None => ("0".to_owned(), "dispatch.epoch + 1".to_owned()),
        };
        let earlier = dialect.lesser("dispatch.due", "excluded.due");
        let again = dialect.lesser("coalesce(dispatch.again, excluded.due)", "excluded.due");
        let tenant = |source: String| Template::tenant(dialect, &source);
        let platform = |source: &str| Template::platform(dialect, source);
        let moved = format!(
            "due = CASE WHEN dispatch.claim IS NULL THEN {earlier} ELSE dispatch.due END, \
             again = CASE WHEN dispatch.claim IS NULL THEN NULL ELSE {again} END"
        );
        Ok(Self {
            enqueue: tenant(format!(
                "INSERT INTO dispatch (tenant, kind, id, due, epoch) \
                 VALUES (:tenant, ?, ?, ?, {epoch}) \
                 ON CONFLICT (tenant, kind, id) DO UPDATE SET epoch = {later}, {moved} RETURNING epoch"
            ))?,
            // Nobody is told the epoch, so it need not come from the count that all rows share, and rows of many sets
            // become one statement.
            wake: Template::row(
                dialect,
                "INSERT INTO dispatch (tenant, kind, id, due, epoch) VALUES",
                &format!("(:tenant, ?, ?, ?, {woken})"),
                &format!("ON CONFLICT (tenant, kind, id) DO UPDATE SET epoch = {woken_later}, {moved}"),
            )?,
            end: tenant(format!(
                "UPDATE dispatch SET due = coalesce(again, due), claim = NULL, again = NULL \
                 WHERE {ROW} AND claim = ? AND epoch <> ?"
            ))?,
            remove: tenant(format!("DELETE FROM dispatch WHERE {ROW} AND epoch = ?"))?,
            next: platform("SELECT due FROM dispatch WHERE kind = ? ORDER BY due LIMIT 1")?,
            due: platform(&format!(
                "SELECT due, tenant, id FROM dispatch WHERE kind = ? AND due <= ? ORDER BY due, id LIMIT ?{}",
                dialect.held_by_nobody()
            ))?,
            epochs: platform("UPDATE dispatch_epochs SET last = last + ? RETURNING last")?,
            // What was asked for until now is what this claim is about; a later instant outlives it.
            claim: tenant(format!(
                "UPDATE dispatch SET epoch = ?, claim = ?, due = ?, \
                 again = CASE WHEN again > ? THEN again END WHERE {ROW}"
            ))?,
            #[cfg(feature = "postgres")]
            claim_all: match &numbered {
                None => None,
                Some(next) => Some(platform(&format!(
                    "UPDATE dispatch SET epoch = work.epoch, claim = work.epoch, due = ?, \
                     again = CASE WHEN again > ? THEN again END FROM (SELECT tenant, kind, id, place, {next} AS epoch \
                     FROM unnest(?::text::uuid[], ?::text::text[], ?::text::uuid[]) \
                     WITH ORDINALITY AS listed (tenant, kind, id, place) ORDER BY place) AS work \
                     WHERE dispatch.tenant = work.tenant AND dispatch.kind = work.kind AND dispatch.id = work.id \
                     RETURNING work.place, dispatch.epoch"
                ))?),
            },
            numbered: numbered.is_some(),
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
        let enqueue = Step::row(enqueue);
        Ok(if self.numbered { vec![enqueue] } else { vec![Step::row(self.epochs(1)?), enqueue] })
    }

    /// Makes something due whose epoch nobody asks for.
    pub(super) fn wake(
        &self,
        tenant: TenantId,
        kind: &DispatchKind,
        id: Uuid,
        due: Timestamp,
    ) -> Result<Step> {
        Ok(Step::any(self.wake.bind(tenant, [kind.as_str().into(), id.into(), due.into()])?))
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
        // In this order: an enqueue that comes in between finds the row held, or finds the claim ended behind it.
        Ok(vec![Step::any(self.remove.bind(tenant, remove)?), Step::any(self.end.bind(tenant, end)?)])
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

    /// Claims rows that this transaction holds, all at once; gives their places, counted from 1, and epochs. Only where
    /// epochs come from a sequence.
    #[cfg(feature = "postgres")]
    pub(crate) fn claim_all(
        &self,
        dialect: &dyn Dialect,
        rows: &[(TenantId, &DispatchKind, Uuid)],
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Statement> {
        let template = self.claim_all.as_ref().ok_or_else(|| {
            agentforge_core::error::Error::internal(
                "rows are claimed at once where epochs come from a sequence",
            )
        })?;
        let list = |of: &dyn Fn(&(TenantId, &DispatchKind, Uuid)) -> SqlValue| {
            dialect.list(&rows.iter().map(of).collect::<Vec<_>>())
        };
        template.bind_platform([
            until.into(),
            now.into(),
            list(&|(tenant, ..)| (*tenant).into()),
            list(&|(_, kind, _)| kind.as_str().into()),
            list(&|(.., id)| (*id).into()),
        ])
    }
}
