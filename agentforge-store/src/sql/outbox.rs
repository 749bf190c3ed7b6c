//! The statements of events that wait for delivery.

use agentforge_core::{error::Result, event::Event, id::TenantId};

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct OutboxSql {
    rows: Template,
    emit: Template,
}

impl OutboxSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        Ok(Self {
            rows: Template::tenant(
                dialect,
                "SELECT seq, key, event FROM outbox WHERE tenant = :tenant AND seq >= ? ORDER BY seq LIMIT ?",
            )?,
            emit: Template::tenant(
                dialect,
                "INSERT INTO outbox (tenant, seq, key, event) VALUES (:tenant, \
                 coalesce((SELECT max(seq) + 1 FROM outbox WHERE tenant = :tenant), 0), ?, ?)",
            )?,
        })
    }

    /// `seq, key, event` of rows after a place.
    pub(crate) fn rows(&self, tenant: TenantId, after: Option<u64>, limit: u32) -> Result<Statement> {
        let from = after.map_or(0, |seq| seq.saturating_add(1));
        self.rows.bind(tenant, [from.into(), limit.into()])
    }

    /// Adds an event behind the tenant's last one.
    pub(super) fn emit(&self, tenant: TenantId, key: &str, event: &Event) -> Result<Step> {
        Ok(Step::one(self.emit.bind(tenant, [key.into(), SqlValue::json(event)?])?))
    }
}
