//! The directory over the tenant's own records: users, teams, roles and access lists.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use async_trait::async_trait;

use crate::{
    approval::RoleCheck,
    context::{CallContext, Principal},
    error::{Error, ErrorKind, Result},
    id::{AgentId, UserId},
    record::{AccessRecord, AccessSubject, MembershipRecord, RoleRecord, UserRecord, every},
    security::{
        AccessLists, Directory, Grants, Permission, PermissionSet, Role, RoleCatalogue, Shared, Thing,
    },
    store::{Filter, MAX_LISTED, Ordering, Query, RecordStore, RecordStoreExt},
};

/// Reads grants from the tenant's records and a catalogue of built-in roles; agents are registered by whoever builds
/// them. Nothing is cached: what one process grants or takes away holds in every other from the next decision on.
pub struct StoreDirectory {
    records: Arc<dyn RecordStore>,
    built_in: RoleCatalogue,
    agents: RwLock<BTreeMap<AgentId, PermissionSet>>,
}

impl StoreDirectory {
    /// A directory over a store with a catalogue of built-in roles.
    pub fn new(records: Arc<dyn RecordStore>, roles: RoleCatalogue) -> Self {
        Self { records, built_in: roles, agents: RwLock::new(BTreeMap::new()) }
    }

    /// The built-in roles.
    pub const fn roles(&self) -> &RoleCatalogue {
        &self.built_in
    }

    /// The built-in roles and those of the tenant of the call.
    pub async fn catalogue(&self, cx: &CallContext) -> Result<RoleCatalogue> {
        let own: Vec<Role> = self.own_roles(cx).await?;
        RoleCatalogue::new(self.built_in.iter().cloned().chain(own))
    }

    /// Says what an agent itself may do at most. An agent that nobody registered may do nothing.
    pub fn register_agent(&self, agent: AgentId, most: PermissionSet) {
        self.agents.write().unwrap_or_else(PoisonError::into_inner).insert(agent, most);
    }

    /// The tenant's own roles. A name that a later release made a built-in role means that one.
    async fn own_roles(&self, cx: &CallContext) -> Result<Vec<Role>> {
        let stored = every::<RoleRecord>(&*self.records, cx, Query::new(Filter::True)).await?;
        let roles = stored.into_iter().map(|stored| stored.value.role());
        Ok(roles.filter(|role| self.built_in.role(&role.name).is_none()).collect())
    }

    /// The catalogue in which these roles are looked up; who holds built-in ones only costs no look at the tenant's.
    async fn catalogue_for(&self, cx: &CallContext, roles: &[String]) -> Result<Cow<'_, RoleCatalogue>> {
        if roles.iter().all(|role| self.built_in.role(role).is_some()) {
            return Ok(Cow::Borrowed(&self.built_in));
        }
        self.catalogue(cx).await.map(Cow::Owned)
    }

    pub(super) async fn user(&self, cx: &CallContext, id: UserId) -> Result<Option<UserRecord>> {
        let user = self.records.find::<UserRecord>(cx, id).await?;
        Ok(user.map(|stored| stored.value).filter(UserRecord::is_active))
    }

    /// Whom access lists may name to mean a user: the person, the teams, and the roles with what they inherit.
    async fn subjects(&self, cx: &CallContext, user: &UserRecord) -> Result<Vec<AccessSubject>> {
        let in_teams = Query::new(Filter::eq("user", user.id));
        let teams = every::<MembershipRecord>(&*self.records, cx, in_teams).await?;
        let catalogue = self.catalogue_for(cx, &user.roles).await?;
        let roles = catalogue.with_inherited(user.roles.iter().map(String::as_str));
        Ok(std::iter::once(AccessSubject::User(user.id))
            .chain(teams.into_iter().map(|stored| AccessSubject::Team(stored.value.team)))
            .chain(roles.into_iter().map(AccessSubject::Role))
            .collect())
    }
}

#[async_trait]
impl Directory for StoreDirectory {
    async fn grants(&self, cx: &CallContext, principal: &Principal) -> Result<Option<Grants>> {
        match principal {
            Principal::User { id } => {
                let Some(user) = self.user(cx, *id).await? else { return Ok(None) };
                let catalogue = self.catalogue_for(cx, &user.roles).await?;
                let permissions = catalogue.permissions(user.roles.iter().map(String::as_str));
                Ok(Some(Grants { permissions, user: Some(user.id), ceiling: None }))
            }
            Principal::Agent { id } => {
                let agents = self.agents.read().unwrap_or_else(PoisonError::into_inner);
                Ok(agents.get(id).map(|most| Grants { permissions: *most, user: None, ceiling: None }))
            }
            // Keys come with the identity service; until then an unknown key is nobody.
            Principal::ApiKey { .. } | Principal::System { .. } => Ok(None),
        }
    }

    async fn shared(
        &self,
        cx: &CallContext,
        principal: &Principal,
        permission: Permission,
        lists: AccessLists<'_>,
    ) -> Result<Shared> {
        let Principal::User { id } = principal else { return Ok(Shared::NOTHING) };
        let asked = match lists {
            AccessLists::Of(things) => Filter::is_in("resource_id", things.iter().map(|thing| thing.id)),
            AccessLists::In(collections) => Filter::is_in("resource", collections.iter().copied()),
        };
        // A thing without a list is the common case, and is found out by one look.
        if let AccessLists::Of(_) = lists {
            let any = self.records.query(cx, spec(), &Query::new(asked.clone()).limit(1)).await?;
            if any.records.is_empty() {
                return Ok(Shared::NOTHING);
            }
        }
        let Some(user) = self.user(cx, *id).await? else { return Ok(Shared::NOTHING) };
        let subjects = self.subjects(cx, &user).await?;
        let named = Filter::is_in("subject", subjects.iter().map(ToString::to_string));
        let alive = Filter::any([
            Filter::IsNull("expires_at".to_owned()),
            Filter::Compare("expires_at".to_owned(), Ordering::Greater, cx.now().into()),
        ]);
        let entries =
            every::<AccessRecord>(&*self.records, cx, Query::new(Filter::all([named, asked, alive]))).await?;
        if entries.len() > MAX_LISTED {
            return Err(Error::new(
                ErrorKind::QuotaExceeded,
                format!("more than {MAX_LISTED} access lists name one person; grant a role instead"),
            ));
        }
        let permitted = entries.into_iter().map(|stored| stored.value);
        let permitted = permitted.filter(|entry| entry.permissions.contains(&permission));
        Ok(permitted.filter_map(|entry| thing_of(lists, &entry)).collect())
    }
}

fn spec() -> &'static crate::store::CollectionSpec {
    <AccessRecord as crate::store::Record>::SPEC
}

/// The thing that an entry is about, if it was asked for.
fn thing_of(lists: AccessLists<'_>, entry: &AccessRecord) -> Option<Thing> {
    match lists {
        AccessLists::Of(things) => things
            .iter()
            .find(|thing| thing.id == entry.resource_id && thing.collection == entry.resource)
            .copied(),
        AccessLists::In(collections) => collections
            .iter()
            .find(|collection| **collection == entry.resource)
            .map(|collection| Thing { collection, id: entry.resource_id }),
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
