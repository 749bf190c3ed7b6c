//! The native evaluator: roles, ownership and delegation to agents, in pure synchronous functions.
//!
//! An agent that acts for someone has the intersection of both permissions. The system may do everything: its context
//! was audited when it was made.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Authorizer, Decision, DenyReason, Permission, PermissionSet, Resource};
use crate::{
    context::{CallContext, Principal},
    error::Result,
    id::UserId,
    store::{CollectionSpec, Filter},
};

/// What a principal was granted in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grants {
    /// Everything that roles grant.
    pub permissions: PermissionSet,
    /// The person behind the principal; owns things.
    pub user: Option<UserId>,
    /// For an agent that acts for someone: the most that the agent itself may do.
    pub ceiling: Option<PermissionSet>,
}

/// What an owner may do to an own thing without any role.
fn owner_may(permission: Permission) -> bool {
    matches!(permission.action(), "read" | "write" | "edit" | "delete" | "execute")
}

/// Whether the grants allow this. No grants at all is an unknown principal.
///
/// ```
/// use agentforge_core::security::{Decision, Grants, Permission, PermissionSet, Resource, decide};
/// let grants = Grants { permissions: PermissionSet::EMPTY, user: None, ceiling: None };
/// assert!(matches!(decide(Some(&grants), Permission::KbRead, &Resource::TENANT), Decision::Deny(_)));
/// ```
pub fn decide(grants: Option<&Grants>, permission: Permission, resource: &Resource) -> Decision {
    let Some(grants) = grants else { return Decision::Deny(DenyReason::UnknownPrincipal) };
    if grants.ceiling.is_some_and(|ceiling| !ceiling.contains(permission)) {
        return Decision::Deny(DenyReason::BeyondAgent);
    }
    let owns = resource.owner.is_some() && resource.owner == grants.user;
    if grants.permissions.contains(permission) || (owns && owner_may(permission)) {
        return Decision::Allow;
    }
    Decision::Deny(DenyReason::NotGranted)
}

/// Which records the grants allow this for: the list that [`decide`] would give record by record.
pub fn visible(grants: Option<&Grants>, permission: Permission, spec: &CollectionSpec) -> Filter {
    let Some(grants) = grants else { return Filter::False };
    if grants.ceiling.is_some_and(|ceiling| !ceiling.contains(permission)) {
        return Filter::False;
    }
    if grants.permissions.contains(permission) {
        return Filter::True;
    }
    match grants.user {
        Some(user) if owner_may(permission) && spec.field("owner").is_some() => Filter::eq("owner", user),
        _ => Filter::False,
    }
}

/// Who is who in a tenant, and what they were granted. An adapter reads it from wherever the host keeps people.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What a person, key or agent was granted in the tenant of the call; none when it is unknown or disabled.
    async fn grants(&self, cx: &CallContext, principal: &Principal) -> Result<Option<Grants>>;
}

/// Decides by the roles that a directory knows.
pub struct NativeAuthorizer {
    directory: Arc<dyn Directory>,
}

impl NativeAuthorizer {
    /// An authoriser over a directory.
    pub fn new(directory: Arc<dyn Directory>) -> Self {
        Self { directory }
    }

    async fn grants(&self, cx: &CallContext) -> Result<Option<Grants>> {
        let scope = cx.scope();
        if scope.is_system() {
            return Ok(Some(Grants { permissions: PermissionSet::all(), user: None, ceiling: None }));
        }
        let Some(for_whom) = scope.on_behalf_of() else {
            return self.directory.grants(cx, scope.principal()).await;
        };
        if matches!(for_whom, Principal::System { .. }) {
            // An agent that the system started is bounded by the agent alone.
            return self.directory.grants(cx, scope.principal()).await;
        }
        let invoker = self.directory.grants(cx, for_whom).await?;
        let agent = self.directory.grants(cx, scope.principal()).await?;
        Ok(match (invoker, agent) {
            (Some(invoker), Some(agent)) => {
                let ceiling =
                    invoker.ceiling.map_or(agent.permissions, |most| most.intersection(agent.permissions));
                Some(Grants { ceiling: Some(ceiling), ..invoker })
            }
            _ => None,
        })
    }
}

#[async_trait]
impl Authorizer for NativeAuthorizer {
    async fn decide(
        &self,
        cx: &CallContext,
        permission: Permission,
        resource: &Resource,
    ) -> Result<Decision> {
        Ok(decide(self.grants(cx).await?.as_ref(), permission, resource))
    }

    async fn filter(
        &self,
        cx: &CallContext,
        permission: Permission,
        spec: &'static CollectionSpec,
    ) -> Result<Filter> {
        Ok(visible(self.grants(cx).await?.as_ref(), permission, spec))
    }
}
