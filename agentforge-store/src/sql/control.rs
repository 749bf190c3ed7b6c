//! What begins and ends sessions and transactions of a server, as texts that go out in one round trip.
//!
//! They take no values, so whatever stands in them is a tenant's id, a number, or a name that was checked to be one.

use std::time::Duration;

use agentforge_core::id::TenantId;
use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::schema::BELLS_TABLE;

/// A name in lower-case letters, digits and underscores, which stands in a statement as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name(String);

impl Name {
    /// The name, unless it holds anything else or more than so many bytes.
    pub(crate) fn new(text: &str, longest: usize) -> Option<Self> {
        let first = |letter: char| letter.is_ascii_lowercase() || letter == '_';
        let other = |letter: char| first(letter) || letter.is_ascii_digit();
        (text.len() <= longest && text.starts_with(first) && text.chars().all(other))
            .then(|| Self(text.to_owned()))
    }

    /// The name with something behind it.
    pub(crate) fn followed_by(&self, ending: &'static str) -> Self {
        Self(format!("{}{ending}", self.0))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a transaction writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    Write,
}

/// A text of this module. Safe: see the module.
pub(crate) fn text(text: String) -> SqlStr {
    AssertSqlSafe(text).into_sql_str()
}

/// Makes a new session that of a store: its tables, its role, its patience.
pub(crate) fn begin_session(schema: &Name, role: Option<&Name>, statement_timeout: Duration) -> SqlStr {
    let millis = statement_timeout.as_millis().min(i32::MAX as u128);
    let mut session = format!(
        "SET search_path = \"{}\"; SET statement_timeout = {millis}; \
         SET idle_in_transaction_session_timeout = {millis}; SET default_transaction_isolation = 'read committed'",
        schema.as_str()
    );
    if let Some(role) = role {
        session.push_str(&format!("; SET ROLE \"{}\"", role.as_str()));
    }
    text(session)
}

/// Enters a tenant for the statements that follow on this session.
pub(crate) fn enter(tenant: TenantId) -> SqlStr {
    text(format!("SELECT set_config('agentforge.tenant', '{}', false)", tenant.as_uuid()))
}

/// Begins a transaction inside a tenant. `rings` when it writes audit entries: the linker is told of the tenant.
pub(crate) fn begin(tenant: TenantId, access: Access, rings: bool) -> SqlStr {
    let tenant = tenant.as_uuid();
    let mode = match access {
        Access::Read => " ISOLATION LEVEL REPEATABLE READ READ ONLY",
        Access::Write => "",
    };
    let mut begin = format!("BEGIN{mode}; SELECT set_config('agentforge.tenant', '{tenant}', true)");
    if rings {
        begin.push_str(&format!("; INSERT INTO {BELLS_TABLE} (tenant) VALUES ('{tenant}')"));
    }
    text(begin)
}

/// Makes a session of somebody else's that of a store for the rest of its transaction.
#[cfg(feature = "host-transaction")]
pub(crate) fn take_over(schema: &Name, role: &Name, tenant: TenantId, rings: bool) -> SqlStr {
    let tenant = tenant.as_uuid();
    let mut taken = format!(
        "SET LOCAL search_path = \"{}\"; SET LOCAL ROLE \"{}\"; SET LOCAL agentforge.tenant = '{tenant}'",
        schema.as_str(),
        role.as_str()
    );
    if rings {
        taken.push_str(&format!("; INSERT INTO {BELLS_TABLE} (tenant) VALUES ('{tenant}')"));
    }
    text(taken)
}

/// Waits until nobody else of this database holds the number, and holds it until the transaction ends.
pub(crate) fn hold(number: i64) -> SqlStr {
    text(format!("SELECT pg_advisory_xact_lock({number})"))
}

pub(crate) const PATIENT: &str = "SET idle_in_transaction_session_timeout = 0";
pub(crate) const COMMIT: &str = "COMMIT";
pub(crate) const ROLLBACK: &str = "ROLLBACK";
pub(crate) const SAVEPOINT: &str = "SAVEPOINT agentforge_change";
pub(crate) const ROLLBACK_TO: &str = "ROLLBACK TO SAVEPOINT agentforge_change";
pub(crate) const RELEASE: &str = "RELEASE SAVEPOINT agentforge_change";

#[cfg(feature = "host-transaction")]
pub(crate) const HOST_SAVEPOINT: &str = "SAVEPOINT agentforge_set";
#[cfg(feature = "host-transaction")]
pub(crate) const HOST_ROLLBACK: &str =
    "ROLLBACK TO SAVEPOINT agentforge_set; RELEASE SAVEPOINT agentforge_set";
#[cfg(feature = "host-transaction")]
pub(crate) const HOST_RELEASE: &str = "RELEASE SAVEPOINT agentforge_set";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_stands_in_a_statement() {
        for text in ["agentforge", "a1_b", "_x"] {
            assert!(Name::new(text, 50).is_some(), "{text}");
        }
        for text in ["", "Agent", "a-b", "a\"b", "1a", "a b", "pg;drop", &"a".repeat(51)] {
            assert!(Name::new(text, 50).is_none(), "{text}");
        }
    }
}
