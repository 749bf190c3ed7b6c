//! The people of the cases and what their roles grant.

use std::collections::BTreeMap;

use agentforge_core::{
    approval::RoleCheck,
    context::{CallContext, Principal},
    error::Result,
    id::UserId,
    security::{Directory, Grants, RoleCatalogue},
};
use async_trait::async_trait;

/// Everybody of one tenant, by id, with one role each.
pub(super) struct People {
    catalogue: RoleCatalogue,
    roles: BTreeMap<UserId, &'static str>,
}

impl People {
    pub(super) fn new(roles: impl IntoIterator<Item = (UserId, &'static str)>) -> Result<Self> {
        Ok(Self { catalogue: RoleCatalogue::built_in()?, roles: roles.into_iter().collect() })
    }

    fn role(&self, principal: &Principal) -> Option<(UserId, &'static str)> {
        let Principal::User { id } = principal else { return None };
        self.roles.get(id).map(|role| (*id, *role))
    }
}

#[async_trait]
impl Directory for People {
    async fn grants(&self, _cx: &CallContext, principal: &Principal) -> Result<Option<Grants>> {
        Ok(self.role(principal).map(|(user, role)| Grants {
            permissions: self.catalogue.permissions([role]),
            user: Some(user),
            ceiling: None,
        }))
    }
}

#[async_trait]
impl RoleCheck for People {
    async fn holds(&self, cx: &CallContext, role: &str) -> Result<bool> {
        Ok(self.role(cx.scope().principal()).is_some_and(|(_, held)| held == role))
    }
}
