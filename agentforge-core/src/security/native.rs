//! The native evaluator: roles, ownership, access lists and delegation to agents, in pure synchronous functions.
//!
//! Roles and ownership decide first; access lists are read only where those do not allow. An agent that acts for someone has the intersection of both permissions. The system may do everything: its context
//! was audited when it was made.

use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Authorizer, Decision, DenyReason, Permission, PermissionSet, Resource, Shared, Thing, whole_of};
use crate::{
    context::{CallContext, Principal},
    error::Result,
    id::UserId,
    store::{CollectionSpec, FieldKind, Filter, MAX_LISTED},
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

/// Whether the grants, or what access lists share for this permission, allow this. No grants at all is an unknown
/// principal.
///
/// ```
/// use agentforge_core::security::{Decision, Grants, Permission, PermissionSet, Resource, Shared, decide};
/// let grants = Grants { permissions: PermissionSet::EMPTY, user: None, ceiling: None };
/// let decision = decide(Some(&grants), Permission::KbRead, &Resource::TENANT, &Shared::NOTHING);
/// assert!(matches!(decision, Decision::Deny(_)));
/// ```
pub fn decide(
    grants: Option<&Grants>,
    permission: Permission,
    resource: &Resource,
    shared: &Shared,
) -> Decision {
    let Some(grants) = grants else { return Decision::Deny(DenyReason::UnknownPrincipal) };
    if grants.ceiling.is_some_and(|ceiling| !ceiling.contains(permission)) {
        return Decision::Deny(DenyReason::BeyondAgent);
    }
    let owns = resource.owner.is_some() && resource.owner == grants.user;
    let listed = |thing: Option<Thing>| thing.is_some_and(|thing| shared.contains(thing));
    if grants.permissions.contains(permission)
        || (owns && owner_may(permission))
        || listed(resource.thing)
        || listed(resource.whole)
    {
        return Decision::Allow;
    }
    Decision::Deny(DenyReason::NotGranted)
}

/// Which records the grants allow this for: the list that [`decide`] would give record by record.
pub fn visible(
    grants: Option<&Grants>,
    permission: Permission,
    spec: &CollectionSpec,
    shared: &Shared,
) -> Filter {
    let Some(grants) = grants else { return Filter::False };
    if grants.ceiling.is_some_and(|ceiling| !ceiling.contains(permission)) {
        return Filter::False;
    }
    if grants.permissions.contains(permission) {
        return Filter::True;
    }
    let mut ways = Vec::new();
    let has_owner = spec.field("owner").is_some_and(|field| field.kind == FieldKind::Id);
    if let Some(user) = grants.user.filter(|_| has_owner && owner_may(permission)) {
        ways.push(Filter::eq("owner", user));
    }
    let mut open = |field: &str, things: Vec<Uuid>| {
        ways.extend(things.chunks(MAX_LISTED).map(|ids| Filter::is_in(field, ids.iter().copied())));
    };
    open("id", shared.of(spec.name).collect());
    if let Some(reference) = whole_of(spec) {
        open(reference.field, shared.of(reference.collection).collect());
    }
    match (ways.pop(), ways.is_empty()) {
        (None, _) => Filter::False,
        (Some(way), true) => way,
        (Some(way), false) => {
            ways.push(way);
            Filter::Any(ways)
        }
    }
}

/// Which access lists are asked for.
#[derive(Debug, Clone, Copy)]
pub enum AccessLists<'a> {
    /// Those of these things.
    Of(&'a [Thing]),
    /// Those of everything in these collections.
    In(&'a [&'static str]),
}

/// Who is who in a tenant, and what they were granted. An adapter reads it from wherever the host keeps people.
#[async_trait]
pub trait Directory: Send + Sync {
    /// What a person, key or agent was granted in the tenant of the call; none when it is unknown or disabled.
    async fn grants(&self, cx: &CallContext, principal: &Principal) -> Result<Option<Grants>>;

    /// The things whose access lists permit this to a principal: by name, by a team, or by a role. A directory without
    /// access lists shares nothing.
    async fn shared(
        &self,
        _cx: &CallContext,
        _principal: &Principal,
        _permission: Permission,
        _lists: AccessLists<'_>,
    ) -> Result<Shared> {
        Ok(Shared::NOTHING)
    }
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
        let grants = self.grants(cx).await?;
        let decision = decide(grants.as_ref(), permission, resource, &Shared::NOTHING);
        if decision != Decision::Deny(DenyReason::NotGranted) {
            return Ok(decision);
        }
        let things: Vec<Thing> = [resource.thing, resource.whole].into_iter().flatten().collect();
        if things.is_empty() {
            return Ok(decision);
        }
        let lists = AccessLists::Of(&things);
        let shared = self.directory.shared(cx, cx.scope().invoker(), permission, lists).await?;
        Ok(decide(grants.as_ref(), permission, resource, &shared))
    }

    async fn filter(
        &self,
        cx: &CallContext,
        permission: Permission,
        spec: &'static CollectionSpec,
    ) -> Result<Filter> {
        let grants = self.grants(cx).await?;
        let without_lists = visible(grants.as_ref(), permission, spec, &Shared::NOTHING);
        let bounded =
            grants.is_none_or(|grants| grants.ceiling.is_some_and(|most| !most.contains(permission)));
        if without_lists == Filter::True || bounded {
            return Ok(without_lists);
        }
        let collections: Vec<&'static str> =
            std::iter::once(spec.name).chain(whole_of(spec).map(|whole| whole.collection)).collect();
        let lists = AccessLists::In(&collections);
        let shared = self.directory.shared(cx, cx.scope().invoker(), permission, lists).await?;
        Ok(visible(grants.as_ref(), permission, spec, &shared))
    }
}
