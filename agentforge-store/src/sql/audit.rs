//! The statements of the audit trail.

use agentforge_core::{
    error::Result,
    id::TenantId,
    store::{AuditEntry, AuditQuery},
};

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct AuditSql {
    entries: Template,
    last: Template,
    write: Template,
}

const ENTRY: &str = "seq, at, scope, correlation, action, resource, resource_id, success, detail, \
                     detail_digest, prev, hash";

/// How many entries a query that names no limit gets.
const DEFAULT_LIMIT: u32 = 1_000;

impl AuditSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: String| Template::tenant(dialect, &source);
        Ok(Self {
            entries: tenant(format!(
                "SELECT {ENTRY} FROM audit WHERE tenant = :tenant AND seq >= ? ORDER BY seq LIMIT ?"
            ))?,
            last: tenant(
                "SELECT seq, hash FROM audit WHERE tenant = :tenant ORDER BY seq DESC LIMIT 1".to_owned(),
            )?,
            write: Template::row(
                dialect,
                &format!("INSERT INTO audit (tenant, {ENTRY}) VALUES"),
                "(:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            )?,
        })
    }

    /// `seq, at, scope, correlation, action, resource, resource_id, success, detail, detail_digest, prev, hash`.
    pub(crate) fn entries(&self, tenant: TenantId, query: &AuditQuery) -> Result<Statement> {
        let limit = if query.limit == 0 { DEFAULT_LIMIT } else { query.limit };
        self.entries.bind(tenant, [query.from.into(), limit.into()])
    }

    /// `seq, hash` of the last entry.
    pub(crate) fn last(&self, tenant: TenantId) -> Result<Statement> {
        self.last.bind(tenant, Vec::new())
    }

    /// Writes an entry that was linked to the last one.
    pub(crate) fn write(&self, tenant: TenantId, entry: &AuditEntry) -> Result<Step> {
        let values: Vec<SqlValue> = vec![
            entry.seq.into(),
            entry.at.into(),
            SqlValue::json(&entry.scope)?,
            entry.correlation.as_uuid().into(),
            entry.draft.action.as_str().into(),
            entry.draft.resource.as_str().into(),
            SqlValue::maybe(entry.draft.resource_id.as_deref()),
            entry.draft.success.into(),
            SqlValue::json(&entry.draft.detail)?,
            entry.detail_digest.into(),
            entry.prev.into(),
            entry.hash.into(),
        ];
        Ok(Step::one(self.write.bind(tenant, values)?))
    }
}
