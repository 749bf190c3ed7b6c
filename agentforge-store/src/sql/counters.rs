//! The statements of counters.

use agentforge_core::{error::Result, id::TenantId};

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct CounterSql {
    value: Template,
    count: Template,
    count_within: Template,
}

const ADD: &str =
    "ON CONFLICT (tenant, key) DO UPDATE SET value = counters.value + excluded.value RETURNING value";

impl CounterSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        Ok(Self {
            value: Template::tenant(
                dialect,
                "SELECT value FROM counters WHERE tenant = :tenant AND key = ?",
            )?,
            count: Template::tenant(
                dialect,
                &format!("INSERT INTO counters (tenant, key, value) VALUES (:tenant, ?, ?) {ADD}"),
            )?,
            count_within: Template::tenant(
                dialect,
                "INSERT INTO counters (tenant, key, value) SELECT :tenant, ?, ? WHERE ? + \
                 coalesce((SELECT value FROM counters WHERE tenant = :tenant AND key = ?), 0) <= ? \
                 ON CONFLICT (tenant, key) DO UPDATE SET value = counters.value + excluded.value \
                 WHERE counters.value + excluded.value <= ? RETURNING value",
            )?,
        })
    }

    /// The value of a counter.
    pub(crate) fn value(&self, tenant: TenantId, key: &str) -> Result<Statement> {
        self.value.bind(tenant, [key.into()])
    }

    /// Adds to a counter and gives its value. A limit stops only what adds: giving back always works.
    pub(super) fn count(&self, tenant: TenantId, key: &str, delta: i64, limit: Option<i64>) -> Result<Step> {
        let key = SqlValue::from(key);
        let statement = match limit.filter(|_| delta > 0) {
            None => self.count.bind(tenant, [key, delta.into()])?,
            Some(limit) => {
                // Asked twice: of what this statement began with, and of what another one left in between.
                let values = [key.clone(), delta.into(), delta.into(), key, limit.into(), limit.into()];
                self.count_within.bind(tenant, values)?
            }
        };
        Ok(Step::row(statement))
    }
}
