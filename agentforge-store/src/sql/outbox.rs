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
    delivered: Template,
}

impl OutboxSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: &str| Template::tenant(dialect, source);
        Ok(Self {
            rows: tenant(
                "SELECT seq, key, event FROM outbox WHERE tenant = :tenant AND seq >= ? ORDER BY seq LIMIT ?",
            )?,
            // The column numbers itself, so that events of many sets become one statement and no number comes twice.
            emit: Template::row(
                dialect,
                "INSERT INTO outbox (tenant, key, event, at) VALUES",
                "(:tenant, ?, ?, ?)",
                "",
            )?,
            delivered: tenant("DELETE FROM outbox WHERE tenant = :tenant AND seq = ?")?,
        })
    }

    /// `seq, key, event` of rows after a place.
    pub(crate) fn rows(&self, tenant: TenantId, after: Option<u64>, limit: u32) -> Result<Statement> {
        let from = after.map_or(0, |seq| seq.saturating_add(1));
        self.rows.bind(tenant, [from.into(), limit.into()])
    }

    /// Adds an event behind every earlier one.
    pub(super) fn emit(&self, tenant: TenantId, key: &str, event: &Event) -> Result<Step> {
        Ok(Step::one(self.emit.bind(tenant, [key.into(), SqlValue::json(event)?, event.at.into()])?))
    }

    /// Removes an event that was delivered.
    pub(super) fn delivered(&self, tenant: TenantId, seq: u64) -> Result<Step> {
        Ok(Step::any(self.delivered.bind(tenant, [seq.into()])?))
    }
}
