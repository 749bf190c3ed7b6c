//! Access lists: what a user, a team or a role may do to one thing.

use serde_json::json;
use uuid::Uuid;

use super::Identity;
use crate::{
    context::Principal,
    error::{Error, Result},
    record::{AccessRecord, AccessSubject, Governed, TeamRecord, UserRecord, every},
    security::{AuthorizerExt, Permission, Resource},
    store::{Change, ChangeSet, Expect, Filter, Query, Record, RecordStoreExt},
    time::Timestamp,
};

impl Identity {
    /// Lets somebody do something to one thing, until an instant or for ever, in the place of what the list said of them
    /// before.
    ///
    /// The thing's owner may do this, and whoever has `roles:write`; nobody gives more than they may do to the
    /// thing themselves.
    pub async fn grant<T: Governed>(
        &self,
        thing: impl Into<Uuid>,
        subject: AccessSubject,
        permissions: &[Permission],
        until: Option<Timestamp>,
    ) -> Result<()> {
        let resource = self.shareable::<T>(thing.into()).await?;
        let thing = resource.thing.map_or(Uuid::nil(), |thing| thing.id);
        if permissions.is_empty() {
            return Err(Error::invalid("an access list permits something; revoke to take it away")
                .with("field", "permissions"));
        }
        for permission in permissions {
            self.parts.authorizer.require(&self.cx, *permission, &resource).await?;
        }
        self.check_subject(&subject).await?;
        let permissions = permissions.iter().copied();
        let mut entry = AccessRecord::new(&self.cx, T::SPEC, thing, subject, permissions);
        entry.expires_at = until;
        let detail = json!({
            "resource": entry.resource,
            "resource_id": thing,
            "subject": entry.subject,
            "permissions": entry.permissions,
            "expires_at": until,
        });
        let set = ChangeSet::new(&self.cx).with(Change::put(&entry, Expect::Anything)?);
        self.commit(set, "access", "granted", entry.id, detail).await.map(drop)
    }

    /// Takes away what the list of a thing gave somebody; nothing is fine.
    pub async fn revoke<T: Governed>(&self, thing: impl Into<Uuid>, subject: &AccessSubject) -> Result<()> {
        let thing = thing.into();
        self.shareable::<T>(thing).await?;
        let id = AccessRecord::id_of(T::SPEC.name, thing, subject);
        if self.parts.records.find::<AccessRecord>(&self.cx, id).await?.is_none() {
            return Ok(());
        }
        let change = Change::Delete { spec: AccessRecord::SPEC, id: id.as_uuid(), expect: Expect::Anything };
        let detail = json!({ "resource": T::SPEC.name, "resource_id": thing, "subject": subject });
        self.commit(ChangeSet::new(&self.cx).with(change), "access", "revoked", id, detail).await.map(drop)
    }

    /// The access list of a thing, for whoever may change it.
    pub async fn access_list<T: Governed>(&self, thing: impl Into<Uuid>) -> Result<Vec<AccessRecord>> {
        let thing = thing.into();
        self.shareable::<T>(thing).await?;
        let query =
            Query::new(Filter::all([Filter::eq("resource_id", thing), Filter::eq("resource", T::SPEC.name)]));
        let entries = every::<AccessRecord>(&*self.parts.records, &self.cx, query).await?;
        Ok(entries.into_iter().map(|stored| stored.value).collect())
    }

    /// A thing whose access list whoever acts may change; `not_found` when they may not even see it.
    async fn shareable<T: Governed>(&self, thing: Uuid) -> Result<Resource> {
        self.records_of::<T>().get(thing).await?;
        let raw =
            self.parts.records.get_many(&self.cx, T::SPEC, &[thing]).await?.into_iter().flatten().next();
        let raw = raw.ok_or_else(|| Error::not_found(format!("there is no {} {thing}", T::NOUN)))?;
        let resource = Resource::of_record(T::SPEC, thing, &raw.document)?;
        let owns =
            matches!(self.cx.scope().principal(), Principal::User { id } if resource.owner == Some(*id));
        if !owns {
            self.require(Permission::RolesWrite).await?;
        }
        Ok(resource)
    }

    async fn check_subject(&self, subject: &AccessSubject) -> Result<()> {
        let known = match subject {
            AccessSubject::User(id) => self.parts.records.find::<UserRecord>(&self.cx, *id).await?.is_some(),
            AccessSubject::Team(id) => self.parts.records.find::<TeamRecord>(&self.cx, *id).await?.is_some(),
            AccessSubject::Role(name) => self.parts.directory.catalogue(&self.cx).await?.role(name).is_some(),
        };
        if known {
            return Ok(());
        }
        Err(Error::invalid(format!("`{subject}` names nobody in the tenant")).with("field", "subject"))
    }
}
