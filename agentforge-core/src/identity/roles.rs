//! The tenant's own roles.

use serde_json::json;

use super::Identity;
use crate::{
    error::{Error, Result},
    id::RoleId,
    record::{RoleRecord, UserRecord, check_name, every},
    security::{Permission, Role, RoleCatalogue},
    store::{Change, ChangeSet, Expect, Filter, Query, Record, RecordStoreExt, Stored},
};

impl Identity {
    /// The built-in roles and the tenant's own. Needs `roles:read`.
    pub async fn roles(&self) -> Result<Vec<Role>> {
        self.require(Permission::RolesRead).await?;
        Ok(self.parts.directory.catalogue(&self.cx).await?.iter().cloned().collect())
    }

    /// Makes a role. Needs `roles:write`; the role must stand below one's own and permit nothing that one may not do.
    /// A built-in name, an unknown parent and a circle are invalid input.
    pub async fn create_role(&self, role: Role) -> Result<RoleId> {
        self.require(Permission::RolesWrite).await?;
        self.check_role(&role, None).await?;
        let record = RoleRecord::new(RoleId::new(&self.cx), role);
        let detail = json!({ "name": record.name, "level": record.level, "permissions": record.permissions });
        let set = ChangeSet::new(&self.cx).with(Change::put(&record, Expect::Absent)?);
        self.commit(set, "role", "created", record.id, detail).await?;
        Ok(record.id)
    }

    /// Changes a role; who holds it has what it permits from the next decision on. Its name stays.
    pub async fn update_role(&self, role: Role) -> Result<()> {
        self.require(Permission::RolesWrite).await?;
        let stored = self.own_role(&role.name).await?;
        self.require_above(u32::from(stored.value.level), "the role").await?;
        self.check_role(&role, Some(&stored.value.name)).await?;
        let record = RoleRecord::new(stored.value.id, role);
        let detail = json!({ "name": record.name, "level": record.level, "permissions": record.permissions });
        let set = ChangeSet::new(&self.cx).with(Change::put(&record, Expect::Version(stored.version))?);
        self.commit(set, "role", "updated", record.id, detail).await.map(drop)
    }

    /// Deletes a role that nobody holds and no other role inherits. Needs `roles:delete`.
    pub async fn delete_role(&self, name: &str) -> Result<()> {
        self.require(Permission::RolesDelete).await?;
        let stored = self.own_role(name).await?;
        self.require_above(u32::from(stored.value.level), "the role").await?;
        let users = every::<UserRecord>(&*self.parts.records, &self.cx, Query::new(Filter::True)).await?;
        let holders = users.iter().filter(|user| user.value.roles.iter().any(|held| held == name)).count();
        if holders > 0 {
            return Err(Error::conflict("role", format!("{holders} users hold the role `{name}`")));
        }
        let catalogue = self.parts.directory.catalogue(&self.cx).await?;
        if let Some(heir) = catalogue.iter().find(|role| role.inherits.iter().any(|parent| parent == name)) {
            return Err(Error::conflict("role", format!("the role `{}` inherits `{name}`", heir.name)));
        }
        let (spec, id) = (RoleRecord::SPEC, stored.value.id.as_uuid());
        let expect = Expect::Version(stored.version);
        let set = ChangeSet::new(&self.cx).with(Change::Delete { spec, id, expect });
        self.commit(set, "role", "deleted", stored.value.id, json!({ "name": name })).await.map(drop)
    }

    async fn own_role(&self, name: &str) -> Result<Stored<RoleRecord>> {
        let query = Query::new(Filter::eq("name", name)).limit(1);
        let page = self.parts.records.list::<RoleRecord>(&self.cx, &query).await?;
        page.records.into_iter().next().ok_or_else(|| {
            Error::not_found(format!("the tenant has no role `{name}` of its own")).with("role", name)
        })
    }

    async fn check_role(&self, role: &Role, replaces: Option<&str>) -> Result<()> {
        check_name("role", &role.name)?;
        let directory = &self.parts.directory;
        if directory.roles().role(&role.name).is_some() {
            return Err(Error::invalid(format!("`{}` is a built-in role; choose another name", role.name))
                .with("field", "name"));
        }
        self.require_above(u32::from(role.level), "the role").await?;
        let present = directory.catalogue(&self.cx).await?;
        let others = present.iter().filter(|other| Some(other.name.as_str()) != replaces).cloned();
        if replaces.is_none() && present.role(&role.name).is_some() {
            return Err(Error::conflict("name", format!("there is a role `{}` already", role.name)));
        }
        let with_it = RoleCatalogue::new(others.chain([role.clone()]))?;
        for permission in with_it.permissions([role.name.as_str()]).iter() {
            self.require(permission).await?;
        }
        Ok(())
    }
}
