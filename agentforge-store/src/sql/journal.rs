//! The statements of journals, leases, timers and signals.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::{RunId, TenantId},
    store::{JournalEntry, Signal, Timer},
    time::Timestamp,
};

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct JournalSql {
    rows: Template,
    next: Template,
    lease: Template,
    signals: Template,
    timers: Template,
    acquire: Template,
    renew: Template,
    release: Template,
    append_nothing: Template,
    append_first: Template,
    append_more: Template,
    set_timer: Template,
    cancel_timer: Template,
    signal: Template,
    consume_signal: Template,
}

const ROW: &str = "seq, epoch, kind, node_path, iteration, attempt, effect_key, payload, at, v";

/// The lease is this owner's and alive, and stays so; and the journal ends where the owner believes.
fn held(dialect: &dyn Dialect) -> String {
    format!(
        "EXISTS (SELECT 1 FROM leases WHERE tenant = :tenant AND run = ? AND epoch = ? \
         AND owner <> '' AND until > ?{}) \
         AND ? = coalesce((SELECT max(seq) + 1 FROM journal WHERE tenant = :tenant AND run = ?), 0)",
        dialect.held()
    )
}

impl JournalSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: &str| Template::tenant(dialect, source);
        let held = held(dialect);
        let insert = format!("INSERT INTO journal (tenant, run, {ROW})");
        Ok(Self {
            rows: tenant(&format!(
                "SELECT {ROW} FROM journal WHERE tenant = :tenant AND run = ? AND seq >= ? ORDER BY seq LIMIT ?"
            ))?,
            next: tenant("SELECT coalesce(max(seq) + 1, 0) FROM journal WHERE tenant = :tenant AND run = ?")?,
            lease: tenant("SELECT epoch, owner, until FROM leases WHERE tenant = :tenant AND run = ?")?,
            signals: tenant(
                "SELECT name, dedup, payload FROM signals \
                 WHERE tenant = :tenant AND run = ? AND payload IS NOT NULL ORDER BY arrival",
            )?,
            timers: tenant(
                "SELECT key, due FROM timers WHERE tenant = :tenant AND run = ? ORDER BY due, key",
            )?,
            acquire: tenant(
                "INSERT INTO leases (tenant, run, epoch, owner, until) VALUES (:tenant, ?, 1, ?, ?) \
                 ON CONFLICT (tenant, run) DO UPDATE \
                 SET epoch = leases.epoch + 1, owner = excluded.owner, until = excluded.until \
                 WHERE leases.owner = '' OR leases.owner = excluded.owner OR leases.until <= ? \
                 RETURNING epoch",
            )?,
            renew: tenant(
                "UPDATE leases SET until = ? WHERE tenant = :tenant AND run = ? AND epoch = ? AND owner <> ''",
            )?,
            release: tenant(
                "UPDATE leases SET owner = '' WHERE tenant = :tenant AND run = ? AND epoch = ? AND owner <> ''",
            )?,
            append_nothing: tenant(&format!("SELECT 1 WHERE {held}"))?,
            append_first: tenant(&format!(
                "{insert} SELECT :tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? WHERE {held}"
            ))?,
            append_more: Template::row(
                dialect,
                &format!("{insert} VALUES"),
                "(:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            )?,
            set_timer: Template::row(
                dialect,
                "INSERT INTO timers (tenant, run, key, due) VALUES",
                "(:tenant, ?, ?, ?)",
                "ON CONFLICT (tenant, run, key) DO UPDATE SET due = excluded.due",
            )?,
            cancel_timer: tenant("DELETE FROM timers WHERE tenant = :tenant AND run = ? AND key = ?")?,
            signal: Template::row(
                dialect,
                "INSERT INTO signals (tenant, run, name, dedup, payload) VALUES",
                "(:tenant, ?, ?, ?, ?)",
                "ON CONFLICT (tenant, run, name, dedup) DO NOTHING",
            )?,
            consume_signal: tenant(
                "UPDATE signals SET payload = NULL, consumed_at = ? WHERE tenant = :tenant AND run = ? AND name = ? \
                 AND dedup = ? AND payload IS NOT NULL",
            )?,
        })
    }

    /// `seq, epoch, kind, node_path, iteration, attempt, effect_key, payload, at, v` of rows from one on.
    pub(crate) fn rows(&self, tenant: TenantId, run: RunId, from: u64, limit: u32) -> Result<Statement> {
        self.rows.bind(tenant, [run.into(), from.into(), limit.into()])
    }

    /// The sequence number that the next row will get.
    pub(crate) fn next(&self, tenant: TenantId, run: RunId) -> Result<Statement> {
        self.next.bind(tenant, [run.into()])
    }

    /// `epoch, owner, until` of a run's lease.
    pub(crate) fn lease(&self, tenant: TenantId, run: RunId) -> Result<Statement> {
        self.lease.bind(tenant, [run.into()])
    }

    /// `name, dedup, payload` of the signals that wait.
    pub(crate) fn signals(&self, tenant: TenantId, run: RunId) -> Result<Statement> {
        self.signals.bind(tenant, [run.into()])
    }

    /// `key, due` of a run's timers.
    pub(crate) fn timers(&self, tenant: TenantId, run: RunId) -> Result<Statement> {
        self.timers.bind(tenant, [run.into()])
    }

    /// Takes a lease that is free, expired or this owner's own; gives the epoch.
    pub(super) fn acquire(
        &self,
        cx: &CallContext,
        run: RunId,
        owner: &str,
        until: Timestamp,
    ) -> Result<Step> {
        let values = [run.into(), owner.into(), until.into(), cx.now().into()];
        Ok(Step::row(self.acquire.bind(cx.tenant(), values)?))
    }

    pub(super) fn renew(&self, tenant: TenantId, run: RunId, epoch: u64, until: Timestamp) -> Result<Step> {
        Ok(Step::one(self.renew.bind(tenant, [until.into(), run.into(), epoch.into()])?))
    }

    pub(super) fn release(&self, tenant: TenantId, run: RunId, epoch: u64) -> Result<Step> {
        Ok(Step::one(self.release.bind(tenant, [run.into(), epoch.into()])?))
    }

    /// The first entry is guarded; the others only follow it.
    pub(super) fn append(
        &self,
        cx: &CallContext,
        run: RunId,
        epoch: u64,
        first: u64,
        entries: &[JournalEntry],
    ) -> Result<Vec<Step>> {
        let (tenant, now) = (cx.tenant(), cx.now());
        let held: [SqlValue; 5] = [run.into(), epoch.into(), now.into(), first.into(), run.into()];
        let mut steps = Vec::with_capacity(entries.len().max(1));
        if entries.is_empty() {
            steps.push(Step::row(self.append_nothing.bind(tenant, held.clone())?));
        }
        for (place, entry) in entries.iter().enumerate() {
            let seq = first.saturating_add(place as u64);
            let mut values: Vec<SqlValue> = vec![
                run.into(),
                seq.into(),
                epoch.into(),
                entry.kind.as_str().into(),
                entry.node_path.as_str().into(),
                entry.iteration.into(),
                entry.attempt.into(),
                SqlValue::maybe(entry.effect_key.as_deref()),
                SqlValue::json(&entry.payload)?,
                now.into(),
                entry.v.into(),
            ];
            let template = if place == 0 {
                values.extend(held.iter().cloned());
                &self.append_first
            } else {
                &self.append_more
            };
            steps.push(Step::one(template.bind(tenant, values)?));
        }
        Ok(steps)
    }

    pub(super) fn set_timer(&self, tenant: TenantId, timer: &Timer) -> Result<Step> {
        let values = [timer.run.into(), timer.key.as_str().into(), timer.due.into()];
        Ok(Step::any(self.set_timer.bind(tenant, values)?))
    }

    pub(super) fn cancel_timer(&self, tenant: TenantId, run: RunId, key: &str) -> Result<Step> {
        Ok(Step::any(self.cancel_timer.bind(tenant, [run.into(), key.into()])?))
    }

    pub(super) fn signal(&self, tenant: TenantId, signal: &Signal) -> Result<Step> {
        let values = [
            signal.run.into(),
            signal.name.as_str().into(),
            signal.dedup.as_str().into(),
            SqlValue::json(&signal.payload)?,
        ];
        Ok(Step::any(self.signal.bind(tenant, values)?))
    }

    pub(super) fn consume_signal(
        &self,
        cx: &CallContext,
        run: RunId,
        name: &str,
        dedup: &str,
    ) -> Result<Step> {
        let values = [cx.now().into(), run.into(), name.into(), dedup.into()];
        Ok(Step::any(self.consume_signal.bind(cx.tenant(), values)?))
    }
}
