//! Secrets of a tenant by name: authorised, audited without their values, and written in one change set.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    Place, Secret, SecretRef, Vault,
    service::{ATTEMPTS, Sealer},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::SecretId,
    record::SecretRecord,
    security::{Authorizer, AuthorizerExt, Permission, Resource},
    store::{
        AuditDraft, Change, ChangeSet, Expect, FieldValue, Filter, MAX_PAGE, Ordering, Query, RecordStore,
        RecordStoreExt, Stored,
    },
    time::Timestamp,
};

/// The longest value of a secret. Larger things are documents, not secrets.
const LONGEST: usize = 64 * 1024;

/// How many secrets one change set of a rotation seals anew.
const BATCH: u32 = 100;

/// What may be shown of a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretSummary {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Counts its changes from 1; a rotation counts too.
    pub version: u64,
    /// When it was first put.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a rotation came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The number of the active data key.
    pub key: u32,
    /// How many secrets were sealed anew.
    pub resealed: u64,
    /// The names of secrets that could not be opened, because they are damaged or their key was destroyed. They are as
    /// they were.
    pub unreadable: Vec<String>,
}

/// Puts, reveals, lists, deletes and rotates secrets.
#[derive(Clone)]
pub struct Secrets {
    records: Arc<dyn RecordStore>,
    vault: Arc<Vault>,
    authorizer: Arc<dyn Authorizer>,
}

impl Secrets {
    /// Secrets in a store, sealed by a vault, for whom an authoriser lets.
    pub fn new(records: Arc<dyn RecordStore>, vault: Arc<Vault>, authorizer: Arc<dyn Authorizer>) -> Self {
        Self { records, vault, authorizer }
    }

    /// Puts a secret, or another value in its place, and returns its version. Needs `secrets:write`. At most 64 KiB.
    pub async fn put(&self, cx: &CallContext, name: &str, value: &Secret) -> Result<u64> {
        self.require(cx, Permission::SecretsWrite).await?;
        SecretRef::new(name)?;
        if value.expose().len() > LONGEST {
            return Err(Error::invalid(format!(
                "the secret `{name}` is longer than 64 KiB; store a document"
            )));
        }
        for _ in 0..ATTEMPTS {
            let sealer = self.vault.sealer(cx).await?;
            let found = self.find(cx, name).await?;
            let (record, expect, action) = if let Some(Stored { value: record, version, .. }) = found {
                let record = resealed(cx, &sealer, record, value)?;
                (record, Expect::Version(version), "secret.replaced")
            } else {
                let id = SecretId::new(cx);
                let sealed = sealer.seal(cx, &place(id), value.expose())?;
                let (name, description) = (name.to_owned(), String::new());
                let record = SecretRecord { id, name, description, data_key: sealed.key(), sealed };
                (record, Expect::Absent, "secret.created")
            };
            let changes = ChangeSet::new(cx).with(Change::put(&record, expect)?).with(audit(
                action,
                &record,
                json!({"name": name, "data_key": record.data_key}),
            ));
            match self.records.apply(cx, changes).await {
                Ok(receipt) => {
                    return receipt
                        .version(0)
                        .ok_or_else(|| Error::internal("the store gave no version for a written record"));
                }
                // Somebody else put it at the same moment; the last one stands.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(busy(name))
    }

    /// Says what a secret is for; anybody who may list secrets reads it. Needs `secrets:write`.
    pub async fn describe(&self, cx: &CallContext, name: &str, description: &str) -> Result<()> {
        self.require(cx, Permission::SecretsWrite).await?;
        let Stored { value: mut record, version, .. } = self.get(cx, name).await?;
        description.clone_into(&mut record.description);
        let changes = ChangeSet::new(cx).with(Change::put(&record, Expect::Version(version))?).with(audit(
            "secret.described",
            &record,
            json!({ "name": name }),
        ));
        self.records.apply(cx, changes).await.map(drop)
    }

    /// The value of a secret. Needs `secrets:reveal`; the entry in the audit trail is written before the value is
    /// returned, and without it there is no value.
    pub async fn reveal(&self, cx: &CallContext, name: &str) -> Result<Secret> {
        self.require(cx, Permission::SecretsReveal).await?;
        let record = self.get(cx, name).await?.value;
        let secret = self.vault.open(cx, &place(record.id), &record.sealed).await.map_err(|error| {
            let message = format!("the secret `{name}` cannot be opened: {error}");
            let data_key = error.get("data_key").cloned().unwrap_or_default();
            Error::new(error.kind(), message).with("data_key", data_key).caused_by(error)
        })?;
        let changes = ChangeSet::new(cx).with(audit("secret.revealed", &record, json!({ "name": name })));
        self.records.apply(cx, changes).await?;
        Ok(secret)
    }

    /// All secrets by name, without their values. Needs `secrets:read`.
    pub async fn list(&self, cx: &CallContext) -> Result<Vec<SecretSummary>> {
        self.require(cx, Permission::SecretsRead).await?;
        let mut query = Query::new(Filter::True).ascending("name").limit(MAX_PAGE);
        let mut secrets = Vec::new();
        loop {
            let page = self.records.list::<SecretRecord>(cx, &query).await?;
            secrets.extend(page.records.into_iter().map(summary));
            let Some(next) = page.next else { return Ok(secrets) };
            query = query.after(next);
        }
    }

    /// Deletes a secret. Needs `secrets:delete`.
    pub async fn delete(&self, cx: &CallContext, name: &str) -> Result<()> {
        self.require(cx, Permission::SecretsDelete).await?;
        let Stored { value: record, version, .. } = self.get(cx, name).await?;
        let delete =
            Change::Delete { spec: record_spec(), id: record.id.as_uuid(), expect: Expect::Version(version) };
        let changes =
            ChangeSet::new(cx).with(delete).with(audit("secret.deleted", &record, json!({ "name": name })));
        self.records.apply(cx, changes).await.map(drop)
    }

    /// Makes a new data key and seals every secret with it, while all of them stay readable. Needs `secrets:rotate`. A
    /// rotation that was cut off is finished by [`Secrets::reseal`], or by rotating again.
    pub async fn rotate(&self, cx: &CallContext) -> Result<Rotation> {
        self.require(cx, Permission::SecretsRotate).await?;
        self.vault.rotate_data_key(cx).await?;
        self.reseal(cx).await
    }

    /// Seals with the active data key what still is under an older one, in bounded steps. Needs `secrets:rotate`.
    pub async fn reseal(&self, cx: &CallContext) -> Result<Rotation> {
        self.require(cx, Permission::SecretsRotate).await?;
        let sealer = self.vault.sealer(cx).await?;
        let older =
            Filter::Compare("data_key".to_owned(), Ordering::Less, FieldValue::Int(i64::from(sealer.number)));
        let mut rotation = Rotation { key: sealer.number, resealed: 0, unreadable: Vec::new() };
        let mut query = Query::new(older).limit(BATCH);
        loop {
            let page = self.records.list::<SecretRecord>(cx, &query).await?;
            self.reseal_batch(cx, &sealer, page.records, &mut rotation).await?;
            let Some(next) = page.next else { return Ok(rotation) };
            query = query.after(next);
        }
    }

    /// Destroys the tenant's data keys: all its secrets, and everything else that was sealed in it, are gone for ever.
    /// Needs `security:admin`. Returns how many keys were destroyed. See [`Vault::destroy_keys`] for what remains in
    /// copies.
    pub async fn destroy_keys(&self, cx: &CallContext) -> Result<u32> {
        self.require(cx, Permission::SecurityAdmin).await?;
        self.vault.destroy_keys(cx).await
    }

    async fn reseal_batch(
        &self,
        cx: &CallContext,
        sealer: &Sealer,
        batch: Vec<Stored<SecretRecord>>,
        rotation: &mut Rotation,
    ) -> Result<()> {
        let mut changes = Vec::new();
        for Stored { value: record, version, .. } in batch {
            match self.vault.open(cx, &place(record.id), &record.sealed).await {
                Ok(value) => {
                    let record = resealed(cx, sealer, record, &value)?;
                    changes.push(Change::put(&record, Expect::Version(version))?);
                }
                Err(error) if matches!(error.kind(), ErrorKind::Corrupt | ErrorKind::NotFound) => {
                    rotation.unreadable.push(record.name);
                }
                Err(error) => return Err(error),
            }
        }
        match self.apply_resealed(cx, sealer, changes.clone()).await {
            Err(error) if error.kind() == ErrorKind::Conflict => {}
            applied => {
                rotation.resealed += applied?;
                return Ok(());
            }
        }
        // Somebody put or deleted one of them meanwhile: that one is passed by, it was sealed a moment ago.
        for change in changes {
            match self.apply_resealed(cx, sealer, vec![change]).await {
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                applied => rotation.resealed += applied?,
            }
        }
        Ok(())
    }

    async fn apply_resealed(&self, cx: &CallContext, sealer: &Sealer, puts: Vec<Change>) -> Result<u64> {
        let count = puts.len() as u64;
        if count == 0 {
            return Ok(0);
        }
        let mut changes = ChangeSet::new(cx);
        changes.changes = puts;
        let detail = json!({"secrets": count, "data_key": sealer.number});
        changes.push(Change::Audit(AuditDraft::done("secret.resealed", "secret", cx.tenant(), detail)));
        self.records.apply(cx, changes).await?;
        Ok(count)
    }

    async fn find(&self, cx: &CallContext, name: &str) -> Result<Option<Stored<SecretRecord>>> {
        let query = Query::new(Filter::eq("name", name)).limit(1);
        Ok(self.records.list::<SecretRecord>(cx, &query).await?.records.into_iter().next())
    }

    async fn get(&self, cx: &CallContext, name: &str) -> Result<Stored<SecretRecord>> {
        SecretRef::new(name)?;
        self.find(cx, name).await?.ok_or_else(|| {
            Error::not_found(format!("there is no secret `{name}`; put it first")).with("secret", name)
        })
    }

    async fn require(&self, cx: &CallContext, permission: Permission) -> Result<()> {
        self.authorizer.require(cx, permission, &Resource::TENANT).await
    }
}

/// Where the value of a secret stands.
fn place(id: SecretId) -> Place<'static> {
    Place::new("secrets", "sealed", id)
}

const fn record_spec() -> &'static crate::store::CollectionSpec {
    <SecretRecord as crate::store::Record>::SPEC
}

fn resealed(
    cx: &CallContext,
    sealer: &Sealer,
    mut record: SecretRecord,
    value: &Secret,
) -> Result<SecretRecord> {
    record.sealed = sealer.seal(cx, &place(record.id), value.expose())?;
    record.data_key = record.sealed.key();
    Ok(record)
}

fn audit(action: &str, record: &SecretRecord, detail: Value) -> Change {
    Change::Audit(AuditDraft::done(action, "secret", record.id, detail))
}

fn summary(stored: Stored<SecretRecord>) -> SecretSummary {
    let Stored { value: SecretRecord { name, description, .. }, version, created_at, updated_at } = stored;
    SecretSummary { name, description, version, created_at, updated_at }
}

fn busy(name: &str) -> Error {
    Error::conflict("version", format!("the secret `{name}` is being put all the time; try again"))
}
