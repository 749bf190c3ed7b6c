//! The statements of the audit trail.

use agentforge_core::{
    error::Result,
    id::TenantId,
    store::{AuditEntry, AuditQuery},
};
use bytes::Bytes;

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct AuditSql {
    /// The whole chain page by page, as it is verified and exported.
    chain: Template,
    last: Template,
    write: Template,
    erase: Template,
    /// What goes before and behind an erasure, where erased bytes would stay in the file otherwise.
    around_erasure: Option<[Template; 2]>,
}

const ENTRY: &str = "seq, at, scope, actor, correlation, action, resource, resource_id, success, detail, salt, \
                     detail_digest, prev, hash";

impl AuditSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: &str| Template::tenant(dialect, source);
        let around_erasure = match dialect.around_erasure() {
            Some([before, behind]) => {
                Some([Template::platform(dialect, before)?, Template::platform(dialect, behind)?])
            }
            None => None,
        };
        Ok(Self {
            chain: tenant(&format!(
                "SELECT {ENTRY} FROM audit WHERE tenant = :tenant AND seq >= ? ORDER BY seq LIMIT ?"
            ))?,
            last: tenant("SELECT seq, hash FROM audit WHERE tenant = :tenant ORDER BY seq DESC LIMIT 1")?,
            write: Template::row(
                dialect,
                &format!("INSERT INTO audit (tenant, {ENTRY}) VALUES"),
                "(:tenant, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                "",
            )?,
            erase: tenant("UPDATE audit SET detail = ?, salt = NULL WHERE tenant = :tenant AND seq = ?")?,
            around_erasure,
        })
    }

    /// The entries that a query finds: `seq, at, scope, actor, correlation, action, resource, resource_id, success,
    /// detail, salt, detail_digest, prev, hash`.
    pub(crate) fn entries(
        &self,
        dialect: &dyn Dialect,
        tenant: TenantId,
        query: &AuditQuery,
    ) -> Result<Statement> {
        if !query.is_filtered() && !query.newest_first {
            let from = query.from.unwrap_or_default();
            return self.chain.bind(tenant, [from.into(), query.page().into()]);
        }
        let (bound, direction) = if query.newest_first { ("seq <= ?", " DESC") } else { ("seq >= ?", "") };
        let text = |value: &String| SqlValue::from(value.as_str());
        let conditions: [(&str, Option<SqlValue>); 8] = [
            ("actor = ?", query.actor.as_ref().map(text)),
            ("action = ?", query.action.as_ref().map(text)),
            ("resource = ?", query.resource.as_ref().map(text)),
            ("resource_id = ?", query.resource_id.as_ref().map(text)),
            ("success = ?", query.success.map(SqlValue::from)),
            ("at >= ?", query.since.map(SqlValue::from)),
            ("at < ?", query.until.map(SqlValue::from)),
            (bound, query.from.map(SqlValue::from)),
        ];
        let by = index(query).map(|index| dialect.by_index(index)).unwrap_or_default();
        let mut source = format!("SELECT {ENTRY} FROM audit{by} WHERE tenant = :tenant");
        let mut values = Vec::new();
        for (condition, value) in conditions {
            let Some(value) = value else { continue };
            source.push_str(" AND ");
            source.push_str(condition);
            values.push(value);
        }
        source.push_str(&format!(" ORDER BY seq{direction} LIMIT ?"));
        values.push(query.page().into());
        Template::tenant(dialect, &source)?.bind(tenant, values)
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
            entry.actor.as_str().into(),
            entry.correlation.as_uuid().into(),
            entry.draft.action.as_str().into(),
            entry.draft.resource.as_str().into(),
            SqlValue::maybe(entry.draft.resource_id.as_deref()),
            entry.draft.success.into(),
            SqlValue::json(&entry.draft.detail)?,
            SqlValue::maybe(entry.salt.map(|salt| Bytes::copy_from_slice(salt.as_bytes()))),
            entry.detail_digest.into(),
            entry.prev.into(),
            entry.hash.into(),
        ];
        Ok(Step::one(self.write.bind(tenant, values)?))
    }

    /// Erases the detail of an entry.
    pub(crate) fn erase(&self, tenant: TenantId, seq: u64) -> Result<Vec<Step>> {
        let values = [SqlValue::json(&serde_json::Value::Null)?, seq.into()];
        let erase = Step::one(self.erase.bind(tenant, values)?);
        let Some([before, behind]) = &self.around_erasure else { return Ok(vec![erase]) };
        let [before, behind] = [before, behind].map(|template| template.bind_platform(Vec::new()));
        Ok(vec![Step::any(before?), erase, Step::any(behind?)])
    }
}

/// The index that a query is answered from; none for the key. The first three come in the order of the chain. The others
/// are sorted, and a page costs as much as there is of that resource or time.
fn index(query: &AuditQuery) -> Option<&'static str> {
    let time = query.since.is_some() || query.until.is_some();
    match query {
        AuditQuery { actor: Some(_), .. } => Some("audit_actor_seq_index"),
        AuditQuery { resource: Some(_), resource_id: Some(_), .. } => Some(BY_RESOURCE),
        AuditQuery { action: Some(_), .. } => Some("audit_action_seq_index"),
        AuditQuery { resource: Some(_), .. } => Some(BY_RESOURCE),
        _ => time.then_some("audit_at_seq_index"),
    }
}

const BY_RESOURCE: &str = "audit_resource_resource_id_seq_index";
