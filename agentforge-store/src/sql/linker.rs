//! The statements of audit entries that wait for their link, where a linker chains them and not the change set itself.

use agentforge_core::{
    error::Result,
    id::TenantId,
    store::{FieldKind, UnlinkedAuditEntry},
};

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct LinkerSql {
    wait: Template,
    waiting: Template,
    count: Template,
    linked: Template,
    bells: Template,
    silence: Template,
}

impl LinkerSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: &str| Template::tenant(dialect, source);
        let platform = |source: &str| Template::platform(dialect, source);
        let among = dialect.among("arrival", FieldKind::Int);
        Ok(Self {
            wait: Template::row(
                dialect,
                "INSERT INTO audit_pending (tenant, entry) VALUES",
                "(:tenant, ?)",
                "",
            )?,
            waiting: tenant(
                "SELECT arrival, entry FROM audit_pending WHERE tenant = :tenant ORDER BY arrival LIMIT ?",
            )?,
            count: tenant("SELECT count(*) FROM audit_pending WHERE tenant = :tenant")?,
            linked: tenant(&format!("DELETE FROM audit_pending WHERE tenant = :tenant AND {among}"))?,
            bells: platform("SELECT DISTINCT tenant FROM audit_bells LIMIT ?")?,
            silence: platform("DELETE FROM audit_bells WHERE tenant = ?")?,
        })
    }

    /// Leaves an entry that waits.
    pub(crate) fn wait(&self, tenant: TenantId, entry: &UnlinkedAuditEntry) -> Result<Step> {
        Ok(Step::one(self.wait.bind(tenant, [SqlValue::json(entry)?])?))
    }

    /// `arrival, entry` of those that wait, in the order in which they came.
    pub(crate) fn waiting(&self, tenant: TenantId, limit: u32) -> Result<Statement> {
        self.waiting.bind(tenant, [limit.into()])
    }

    /// How many wait.
    pub(crate) fn count(&self, tenant: TenantId) -> Result<Statement> {
        self.count.bind(tenant, Vec::new())
    }

    /// Removes entries that have their place now.
    pub(crate) fn linked(
        &self,
        dialect: &dyn Dialect,
        tenant: TenantId,
        arrivals: &[i64],
    ) -> Result<Statement> {
        let arrivals: Vec<SqlValue> = arrivals.iter().copied().map(SqlValue::from).collect();
        self.linked.bind(tenant, [dialect.list(&arrivals)])
    }

    /// Tenants whose entries wait.
    pub(crate) fn bells(&self, limit: u32) -> Result<Statement> {
        self.bells.bind_platform([limit.into()])
    }

    /// Forgets that a tenant's entries wait.
    pub(crate) fn silence(&self, tenant: TenantId) -> Result<Statement> {
        self.silence.bind_platform([tenant.into()])
    }
}
