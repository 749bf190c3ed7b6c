//! The identity service of a call: people, teams, roles, access lists and the tenant itself, for one principal.

use std::sync::Arc;

use super::{StoreDirectory, Tenants};
use crate::{
    context::{CallContext, Principal},
    error::{Error, Result},
    record::{Governed, Records},
    security::{Authorizer, AuthorizerExt, Permission, Resource},
    store::{ChangeSet, CollectionSpec, RecordStore},
};

/// What the identity service works with.
#[derive(Clone)]
pub struct IdentityParts {
    /// Where everything is kept.
    pub records: Arc<dyn RecordStore>,
    /// Who decides.
    pub authorizer: Arc<dyn Authorizer>,
    /// Who knows the roles.
    pub directory: Arc<StoreDirectory>,
    /// The list of tenants.
    pub tenants: Tenants,
    /// Every collection that the store has a table for.
    pub collections: Arc<[&'static CollectionSpec]>,
}

/// People, teams, roles, access lists and the tenant itself, as the principal of a call may see and change them.
///
/// Nobody gives away a permission that they do not have, and nobody manages a user whose highest role stands at or
/// above their own.
#[derive(Clone)]
pub struct Identity {
    pub(super) cx: CallContext,
    pub(super) parts: IdentityParts,
}

impl Identity {
    /// The service for a call.
    pub const fn new(cx: CallContext, parts: IdentityParts) -> Self {
        Self { cx, parts }
    }

    /// Records of a type as the same principal may use them.
    pub(super) fn records_of<T: Governed>(&self) -> Records<T> {
        let IdentityParts { records, authorizer, collections, .. } = &self.parts;
        Records::new(self.cx.clone(), records.clone(), authorizer.clone(), collections.clone())
    }

    pub(super) async fn require(&self, permission: Permission) -> Result<()> {
        self.parts.authorizer.require(&self.cx, permission, &Resource::TENANT).await
    }

    /// Commits a set with what it is remembered by.
    pub(super) async fn commit(
        &self,
        set: ChangeSet,
        noun: &str,
        verb: &str,
        id: impl ToString,
        detail: serde_json::Value,
    ) -> Result<crate::store::Receipt> {
        let set = crate::record::tell(&self.cx, set, noun, verb, &id.to_string(), detail);
        self.parts.records.apply(&self.cx, set).await
    }

    /// The level of the roles of whoever acts; the system stands above everybody.
    pub(super) async fn own_level(&self) -> Result<u32> {
        if self.cx.scope().is_system() {
            return Ok(u32::MAX);
        }
        // An agent stands where its invoker stands: its permissions are bounded elsewhere.
        let Principal::User { id } = self.cx.scope().invoker() else { return Ok(0) };
        let Some(user) = self.parts.directory.user(&self.cx, *id).await? else { return Ok(0) };
        self.level_of(&user.roles).await
    }

    pub(super) async fn level_of(&self, roles: &[String]) -> Result<u32> {
        let catalogue = self.parts.directory.catalogue(&self.cx).await?;
        Ok(u32::from(catalogue.level(roles.iter().map(String::as_str))))
    }

    /// Fails unless whoever acts stands above a level.
    pub(super) async fn require_above(&self, level: u32, what: &str) -> Result<()> {
        if self.own_level().await? > level {
            return Ok(());
        }
        Err(Error::denied(format!("{what} stands at or above you; somebody with a higher role must do this")))
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Identity").field("cx", &self.cx).finish_non_exhaustive()
    }
}
