//! The port that decides.

use async_trait::async_trait;

use super::{Permission, Resource};
use crate::{
    context::CallContext,
    error::{Error, Result},
    store::{CollectionSpec, Filter},
};

/// The outcome of a decision. Exhaustive on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a decision that nobody looks at protects nothing"]
pub enum Decision {
    /// Go on.
    Allow,
    /// Stop.
    Deny(DenyReason),
}

/// Why a decision denies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DenyReason {
    /// The principal is unknown in the tenant, or was disabled.
    UnknownPrincipal,
    /// No role, no ownership and no access list grants it.
    NotGranted,
    /// The agent's own permissions do not include it, whatever its invoker may do.
    BeyondAgent,
    /// A policy could not be evaluated.
    Undecidable,
}

impl DenyReason {
    /// The reason in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnknownPrincipal => "the principal is unknown in this tenant or disabled",
            Self::NotGranted => "neither a role nor an access list grants it",
            Self::BeyondAgent => "the agent itself is not permitted it",
            Self::Undecidable => "a policy could not be evaluated",
        }
    }
}

/// Decides who may do what. An adapter that cannot decide returns [`Decision::Deny`] or an error, never an allowance.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Whether the principal of the call may do this to that resource of its tenant.
    async fn decide(&self, cx: &CallContext, permission: Permission, resource: &Resource)
    -> Result<Decision>;

    /// Which records of a collection the principal may do this to. A check of each record gives the same answer.
    async fn filter(
        &self,
        cx: &CallContext,
        permission: Permission,
        spec: &'static CollectionSpec,
    ) -> Result<Filter>;
}

/// Sugar over [`Authorizer`].
#[async_trait]
pub trait AuthorizerExt: Authorizer {
    /// Fails with `denied` unless the decision allows.
    async fn require(&self, cx: &CallContext, permission: Permission, resource: &Resource) -> Result<()> {
        match self.decide(cx, permission, resource).await? {
            Decision::Allow => Ok(()),
            Decision::Deny(reason) => Err(Error::denied(format!(
                "{} may not `{permission}`: {}",
                cx.scope().principal(),
                reason.as_str()
            ))
            .with("permission", permission.as_str())),
        }
    }
}

impl<A: Authorizer + ?Sized> AuthorizerExt for A {}
