//! Who acts, and inside which tenant.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    id::{AgentId, ApiKeyId, TenantId, UserId},
};

/// Who acts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Principal {
    /// A person.
    User {
        /// The person.
        id: UserId,
    },
    /// A program with a key of its own; its permissions are the key's and at most its owner's.
    ApiKey {
        /// The key.
        id: ApiKeyId,
        /// The person who made the key.
        owner: UserId,
    },
    /// An agent; whoever started it stands in [`Scope::on_behalf_of`].
    Agent {
        /// The agent.
        id: AgentId,
    },
    /// The platform itself, for a reason that was audited.
    System {
        /// Why.
        reason: String,
    },
}

impl Principal {
    /// A person.
    pub const fn user(id: UserId) -> Self {
        Principal::User { id }
    }
}

impl std::fmt::Display for Principal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Principal::User { id } => write!(f, "user:{id}"),
            Principal::ApiKey { id, .. } => write!(f, "api_key:{id}"),
            Principal::Agent { id } => write!(f, "agent:{id}"),
            Principal::System { .. } => f.write_str("system"),
        }
    }
}

/// A tenant and who acts in it. Cannot be built outside this crate; see [`super::Authority`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Scope {
    tenant: TenantId,
    principal: Principal,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<Principal>,
}

impl Scope {
    pub(super) const fn new(tenant: TenantId, principal: Principal) -> Self {
        Self { tenant, principal, on_behalf_of: None }
    }

    /// The tenant.
    pub const fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Who acts.
    pub const fn principal(&self) -> &Principal {
        &self.principal
    }

    /// For whom an agent acts.
    pub const fn on_behalf_of(&self) -> Option<&Principal> {
        self.on_behalf_of.as_ref()
    }

    /// The person, key or system at the root of the call: never an agent that acts for someone.
    pub fn invoker(&self) -> &Principal {
        self.on_behalf_of.as_ref().unwrap_or(&self.principal)
    }

    /// The person at the root of the call, who owns what it makes: the user, or the owner of the key.
    pub fn person(&self) -> Option<UserId> {
        match self.invoker() {
            Principal::User { id } | Principal::ApiKey { owner: id, .. } => Some(*id),
            Principal::Agent { .. } | Principal::System { .. } => None,
        }
    }

    /// Whether the platform itself acts.
    pub const fn is_system(&self) -> bool {
        matches!(self.principal, Principal::System { .. })
    }

    pub(super) fn delegated_to(&self, agent: AgentId) -> Self {
        Self {
            tenant: self.tenant,
            principal: Principal::Agent { id: agent },
            on_behalf_of: Some(self.invoker().clone()),
        }
    }

    pub(super) fn resumed_as(&self, principal: Principal, on_behalf_of: Option<Principal>) -> Result<Self> {
        let names_system = |principal: &Principal| matches!(principal, Principal::System { .. });
        if self.is_system() && self.tenant != TenantId::PLATFORM {
            if names_system(&principal) || on_behalf_of.as_ref().is_some_and(names_system) {
                return Ok(self.clone());
            }
            return Ok(Self { tenant: self.tenant, principal, on_behalf_of });
        }
        Err(Error::denied("only the system, inside a tenant, continues what another principal started"))
    }

    pub(super) fn entered(&self, tenant: TenantId) -> Result<Self> {
        if self.is_system() && self.tenant == TenantId::PLATFORM {
            return Ok(Self { tenant, ..self.clone() });
        }
        Err(Error::denied("only the system of the platform enters a tenant"))
    }
}
