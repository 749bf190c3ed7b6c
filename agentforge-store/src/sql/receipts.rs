//! The statements of the answers to change sets.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::{ChangeSetId, TenantId},
    store::Receipt,
};

use super::{
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct ReceiptSql {
    find: Template,
    keep: Template,
}

impl ReceiptSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        Ok(Self {
            find: Template::tenant(
                dialect,
                "SELECT receipt FROM change_sets WHERE tenant = :tenant AND id = ?",
            )?,
            keep: Template::row(
                dialect,
                "INSERT INTO change_sets (tenant, id, receipt, at) VALUES",
                "(:tenant, ?, ?, ?)",
                "",
            )?,
        })
    }

    /// The stored answer to a change set, as JSON.
    pub(crate) fn find(&self, tenant: TenantId, id: ChangeSetId) -> Result<Statement> {
        self.find.bind(tenant, [id.into()])
    }

    /// Keeps the answer; fails on the key when the set was applied before.
    pub(crate) fn keep(&self, cx: &CallContext, id: ChangeSetId, receipt: &Receipt) -> Result<Statement> {
        self.keep.bind(cx.tenant(), [id.into(), SqlValue::json(receipt)?, cx.now().into()])
    }
}
