//! The statements of requests that wait for a worker to start a process.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::{TenantId, UserId},
    store::{DispatchKind, InboxRow},
};
use serde_json::Value;
use uuid::Uuid;

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct InboxSql {
    rows: Template,
    row: Template,
    post: Template,
    wake: Template,
    take: Template,
}

const ROW: &str = "key, process, input, user_id, at";

impl InboxSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: &str| Template::tenant(dialect, source);
        Ok(Self {
            rows: tenant(&format!(
                "SELECT {ROW} FROM inbox WHERE tenant = :tenant AND input IS NOT NULL ORDER BY at, id LIMIT ?"
            ))?,
            row: tenant(&format!(
                "SELECT {ROW} FROM inbox WHERE tenant = :tenant AND id = ? AND input IS NOT NULL"
            ))?,
            post: Template::row(
                dialect,
                &format!("INSERT INTO inbox (tenant, id, {ROW}) VALUES"),
                "(:tenant, ?, ?, ?, ?, ?, ?)",
                "ON CONFLICT (tenant, id) DO NOTHING",
            )?,
            wake: tenant(
                "INSERT INTO dispatch (tenant, kind, id, due, epoch) SELECT :tenant, ?, ?, ?, 0 WHERE EXISTS \
                 (SELECT 1 FROM inbox WHERE tenant = :tenant AND id = ? AND input IS NOT NULL) \
                 ON CONFLICT (tenant, kind, id) DO NOTHING",
            )?,
            take: tenant(
                "UPDATE inbox SET input = NULL, at = ? WHERE tenant = :tenant AND id = ? AND input IS NOT NULL",
            )?,
        })
    }

    /// `key, process, input, user_id, at` of the rows that wait, oldest first.
    pub(crate) fn rows(&self, tenant: TenantId, limit: u32) -> Result<Statement> {
        self.rows.bind(tenant, [limit.into()])
    }

    /// The same of one row.
    pub(crate) fn row(&self, tenant: TenantId, id: Uuid) -> Result<Statement> {
        self.row.bind(tenant, [id.into()])
    }

    /// Puts a request in unless its key came before. While a request waits it has a dispatch row.
    pub(super) fn post(
        &self,
        cx: &CallContext,
        key: &str,
        process: &str,
        input: &Value,
        user: Option<UserId>,
    ) -> Result<Vec<Step>> {
        let (tenant, id, now) = (cx.tenant(), InboxRow::id_of(key), SqlValue::from(cx.now()));
        let row = [
            id.into(),
            key.into(),
            process.into(),
            SqlValue::json(input)?,
            SqlValue::maybe(user.map(UserId::as_uuid)),
            now.clone(),
        ];
        let wake = [DispatchKind::INBOX.as_str().into(), id.into(), now, id.into()];
        Ok(vec![Step::any(self.post.bind(tenant, row)?), Step::any(self.wake.bind(tenant, wake)?)])
    }

    /// Takes a request out. What is left of it recognises a repetition.
    pub(super) fn take(&self, cx: &CallContext, key: &str) -> Result<Step> {
        Ok(Step::any(self.take.bind(cx.tenant(), [cx.now().into(), InboxRow::id_of(key).into()])?))
    }
}
