//! The directory over the tenant's own user records.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;

use crate::{
    approval::RoleCheck,
    context::{CallContext, Principal},
    error::Result,
    id::{AgentId, UserId},
    record::UserRecord,
    security::{Directory, Grants, PermissionSet, RoleCatalogue},
    store::{RecordStore, RecordStoreExt},
};

/// Reads grants from user records and a catalogue of roles; agents are registered by whoever builds them.
pub struct StoreDirectory {
    records: Arc<dyn RecordStore>,
    roles: RoleCatalogue,
    agents: RwLock<BTreeMap<AgentId, PermissionSet>>,
}

impl StoreDirectory {
    /// A directory over a store with a catalogue of roles.
    pub fn new(records: Arc<dyn RecordStore>, roles: RoleCatalogue) -> Self {
        Self { records, roles, agents: RwLock::new(BTreeMap::new()) }
    }

    /// The roles.
    pub const fn roles(&self) -> &RoleCatalogue {
        &self.roles
    }

    /// Says what an agent itself may do at most. An agent that nobody registered may do nothing.
    pub fn register_agent(&self, agent: AgentId, most: PermissionSet) {
        self.agents.write().unwrap_or_else(PoisonError::into_inner).insert(agent, most);
    }

    async fn user(&self, cx: &CallContext, id: UserId) -> Result<Option<UserRecord>> {
        let user = self.records.find::<UserRecord>(cx, id).await?;
        Ok(user.map(|stored| stored.value).filter(|user| user.active))
    }
}

#[async_trait]
impl Directory for StoreDirectory {
    async fn grants(&self, cx: &CallContext, principal: &Principal) -> Result<Option<Grants>> {
        match principal {
            Principal::User { id } => Ok(self.user(cx, *id).await?.map(|user| Grants {
                permissions: self.roles.permissions(user.roles.iter().map(String::as_str)),
                user: Some(user.id),
                ceiling: None,
            })),
            Principal::Agent { id } => {
                let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
                Ok(agents.get(id).map(|most| Grants { permissions: *most, user: None, ceiling: None }))
            }
            // Keys come with the identity service; until then an unknown key is nobody.
            Principal::ApiKey { .. } | Principal::System { .. } => Ok(None),
        }
    }
}

#[async_trait]
impl RoleCheck for StoreDirectory {
    async fn holds(&self, cx: &CallContext, role: &str) -> Result<bool> {
        let Principal::User { id } = cx.scope().principal() else { return Ok(false) };
        let user = self.user(cx, *id).await?;
        Ok(user.is_some_and(|user| user.roles.iter().any(|held| held == role)))
    }
}
