//! A store of a few lines that keeps to the contract where these tests look: versions, unique keys, cascades,
//! generations, one tenant after another. The contract suite runs on the real ones.

mod store;

use std::sync::Arc;

use agentforge_core::{
    Result,
    context::{CallContext, Principal},
    id::{TenantId, UserId},
    security::{Directory, Grants, NativeAuthorizer, Permission, PermissionSet},
    testing::{FixedClock, fixed_authority},
};
use async_trait::async_trait;
use uuid::Uuid;

pub(crate) use store::TinyStore;

/// A person in a tenant.
pub(crate) fn person(tenant: u128, user: u128) -> CallContext {
    fixed_authority(&FixedClock::new(), (tenant << 32 | user) as u64)
        .enter(
            TenantId::from_uuid(Uuid::from_u128(tenant)),
            Principal::user(UserId::from_uuid(Uuid::from_u128(user))),
        )
        .unwrap()
}

struct SameForAll(PermissionSet);

#[async_trait]
impl Directory for SameForAll {
    async fn grants(&self, _cx: &CallContext, principal: &Principal) -> Result<Option<Grants>> {
        let user = match principal {
            Principal::User { id } => Some(*id),
            _ => None,
        };
        Ok(Some(Grants { permissions: self.0, user, ceiling: None }))
    }
}

/// Grants everybody the same.
pub(crate) fn granting(permissions: &[Permission]) -> Arc<NativeAuthorizer> {
    Arc::new(NativeAuthorizer::new(Arc::new(SameForAll(permissions.iter().copied().collect()))))
}
