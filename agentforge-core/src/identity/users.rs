//! Users: adding, changing, deactivating, deleting.

use serde_json::json;

use super::Identity;
use crate::{
    error::{Error, ErrorKind, Result},
    id::UserId,
    record::{Tags, UserRecord, UserStatus, check_name, undelete},
    security::Permission,
    store::{Change, ChangeSet, Expect, Filter, Query, Record, RecordStoreExt, Stored},
};

/// A person to be added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    /// What the person is called in the tenant; unique there.
    pub name: String,
    /// What the person may do, by names of roles.
    pub roles: Vec<String>,
    /// How the person is shown and reached.
    pub profile: UserProfile,
    /// Whether the person may act at once.
    pub status: UserStatus,
}

/// How a person is shown, reached and found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UserProfile {
    /// What others read, when it is not the name.
    pub display_name: Option<String>,
    /// Where mail reaches the person; kept in lower case.
    pub email: Option<String>,
    /// Words that administrators find the person by.
    pub tags: Tags,
}

impl Identity {
    /// Adds a person with roles. See [`Identity::create_user`].
    pub async fn add_user(&self, name: &str, roles: &[&str]) -> Result<UserId> {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        self.create_user(NewUser { name: name.to_owned(), roles, ..NewUser::default() }).await
    }

    /// Adds a person. Needs `users:write` and, since roles are given away, `roles:write`. A role that does not exist is
    /// invalid input, a taken name or address a `conflict`, and nobody gives away a permission that they do not have.
    pub async fn create_user(&self, new: NewUser) -> Result<UserId> {
        self.require(Permission::UsersWrite).await?;
        self.require(Permission::RolesWrite).await?;
        self.check_roles(&new.roles).await?;
        self.check_limit().await?;
        let mut user = UserRecord::new(UserId::new(&self.cx), new.name, new.roles);
        user.status = new.status;
        show(&mut user, new.profile)?;
        let detail = json!({ "name": user.name, "roles": user.roles, "status": user.status });
        let set = ChangeSet::new(&self.cx).with(Change::put(&user, Expect::Absent)?);
        self.commit(set, "user", "created", user.id, detail).await?;
        Ok(user.id)
    }

    /// Changes how a person is shown and reached. Needs `users:write`, except for oneself.
    pub async fn set_profile(&self, user: UserId, profile: UserProfile) -> Result<()> {
        let stored = if self.cx.scope().principal() == &crate::context::Principal::user(user) {
            self.stored(user).await?
        } else {
            self.managed(Permission::UsersWrite, user).await?
        };
        self.change_user(stored, "updated", json!({ "fields": ["profile"] }), |user| show(user, profile))
            .await
    }

    /// Gives a person other roles. Needs `roles:write`; the roles that the person had and those that come must stand
    /// below one's own.
    pub async fn set_roles(&self, user: UserId, roles: &[&str]) -> Result<()> {
        let stored = self.managed(Permission::RolesWrite, user).await?;
        let roles: Vec<String> = roles.iter().map(|role| (*role).to_owned()).collect();
        self.check_roles(&roles).await?;
        let detail = json!({ "roles": roles, "before": stored.value.roles });
        self.change_user(stored, "roles_changed", detail, |user| {
            user.roles = roles;
            Ok(())
        })
        .await
    }

    /// Lets a person do nothing any more: from the next decision on, in every process. Needs `users:write`.
    pub async fn deactivate(&self, user: UserId) -> Result<()> {
        self.set_status(user, UserStatus::Deactivated, "deactivated").await
    }

    /// Lets a person act, again or for the first time. Needs `users:write`.
    pub async fn activate(&self, user: UserId) -> Result<()> {
        self.set_status(user, UserStatus::Active, "activated").await
    }

    /// Lets a person do nothing for a while. Needs `users:write`.
    pub async fn suspend(&self, user: UserId) -> Result<()> {
        self.set_status(user, UserStatus::Suspended, "suspended").await
    }

    /// Deletes a person with the places in teams; the record is kept, hidden, until a purge. Needs `users:delete`.
    pub async fn delete_user(&self, user: UserId) -> Result<()> {
        let stored = self.managed(Permission::UsersDelete, user).await?;
        let (spec, id) = (UserRecord::SPEC, user.as_uuid());
        let expect = Expect::Version(stored.version);
        let set = ChangeSet::new(&self.cx).with(Change::Delete { spec, id, expect });
        self.commit(set, "user", "deleted", user, json!({ "name": stored.value.name })).await.map(drop)
    }

    /// Brings a deleted person back with the places in teams. Needs `users:delete`, and to stand above the person.
    pub async fn restore_user(&self, user: UserId) -> Result<()> {
        self.require(Permission::UsersDelete).await?;
        let query = Query { deleted: true, ..Query::new(Filter::eq("id", user.as_uuid())).limit(1) };
        let page = self.parts.records.query(&self.cx, UserRecord::SPEC, &query).await?;
        let deleted = page.records.into_iter().next().filter(|raw| raw.deleted_at.is_some());
        let raw = deleted.ok_or_else(|| Error::not_found(format!("there is no deleted user {user}")))?;
        let person: Stored<UserRecord> = raw.clone().typed()?;
        self.require_above(self.level_of(&person.value.roles).await?, "the user").await?;
        self.check_limit().await?;
        let (records, collections) = (&*self.parts.records, &self.parts.collections);
        let set = undelete::changes(&self.cx, records, collections, UserRecord::SPEC, raw).await?;
        self.commit(set, "user", "restored", user, json!({ "name": person.value.name })).await.map(drop)
    }

    async fn set_status(&self, user: UserId, status: UserStatus, verb: &str) -> Result<()> {
        let stored = self.managed(Permission::UsersWrite, user).await?;
        let detail = json!({ "status": status, "before": stored.value.status });
        self.change_user(stored, verb, detail, |user| {
            user.status = status;
            Ok(())
        })
        .await
    }

    async fn change_user(
        &self,
        stored: Stored<UserRecord>,
        verb: &str,
        detail: serde_json::Value,
        change: impl FnOnce(&mut UserRecord) -> Result<()> + Send,
    ) -> Result<()> {
        let Stored { value: mut user, version, .. } = stored;
        change(&mut user)?;
        let set = ChangeSet::new(&self.cx).with(Change::put(&user, Expect::Version(version))?);
        self.commit(set, "user", verb, user.id, detail).await.map(drop)
    }

    /// A user that whoever acts may manage: with the permission, and from above.
    async fn managed(&self, permission: Permission, user: UserId) -> Result<Stored<UserRecord>> {
        self.require(permission).await?;
        let stored = self.stored(user).await?;
        self.require_above(self.level_of(&stored.value.roles).await?, "the user").await?;
        Ok(stored)
    }

    async fn stored(&self, user: UserId) -> Result<Stored<UserRecord>> {
        let found = self.parts.records.find::<UserRecord>(&self.cx, user).await?;
        found.ok_or_else(|| {
            Error::not_found(format!("there is no user {user}")).with("user", user.to_string())
        })
    }

    /// Fails when a role does not exist or permits what whoever acts is not permitted.
    async fn check_roles(&self, roles: &[String]) -> Result<()> {
        let catalogue = self.parts.directory.catalogue(&self.cx).await?;
        if let Some(unknown) = roles.iter().find(|role| catalogue.role(role).is_none()) {
            return Err(
                Error::invalid(format!("there is no role `{unknown}`")).with("role", unknown.as_str())
            );
        }
        for permission in catalogue.permissions(roles.iter().map(String::as_str)).iter() {
            self.require(permission).await?;
        }
        Ok(())
    }

    /// Fails when the tenant has as many users as it may.
    async fn check_limit(&self) -> Result<()> {
        let tenant = self.parts.tenants.find(self.cx.tenant()).await?;
        let Some(most) = tenant.and_then(|tenant| tenant.value.limits.users) else { return Ok(()) };
        let query = Query::new(Filter::True).limit(1).counted();
        let present = self.parts.records.query(&self.cx, UserRecord::SPEC, &query).await?.total.unwrap_or(0);
        if present < most {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::QuotaExceeded,
            format!("the tenant may have {most} users and has {present}"),
        )
        .with("limit", most))
    }
}

fn show(user: &mut UserRecord, profile: UserProfile) -> Result<()> {
    user.display_name = profile.display_name;
    user.email = profile.email.map(|email| email.trim().to_lowercase());
    user.tags = profile.tags;
    check_name("user", &user.name)?;
    let is_address = |email: &String| {
        email.len() <= 254
            && !email.contains(|letter: char| letter.is_whitespace() || letter.is_control())
            && email.split_once('@').is_some_and(|(local, domain)| {
                !local.is_empty() && !domain.is_empty() && !domain.contains('@')
            })
    };
    if let Some(wrong) = user.email.as_ref().filter(|email| !is_address(email)) {
        return Err(Error::invalid(format!("`{wrong}` is no address for mail")).with("field", "email"));
    }
    Ok(())
}
