//! Sealing and opening, and finding the data key for it.

use std::sync::Arc;

use super::{KeyMaterial, MasterKeys, Place, Secret, WrappedKey, cache::KeyCache, cipher};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{DataKeyId, TenantId},
    record::{DataKeyRecord, DataKeyState, Sealed, WrappedBytes},
    store::{AuditDraft, Change, ChangeSet, Expect, Filter, Query, RecordStore, RecordStoreExt, Stored},
};

/// How many unwrapped keys one vault keeps in memory.
const KEPT: usize = 1_024;

/// How often a lost race is run again. Each loss means that somebody else got on.
pub(super) const ATTEMPTS: usize = 8;

/// Seals values of a tenant and opens them again, in the tenant of each call.
///
/// It asks nobody for permission: whoever gives it a context has decided. The first value of a tenant makes the tenant's
/// first data key.
pub struct Vault {
    pub(super) records: Arc<dyn RecordStore>,
    pub(super) keys: Arc<dyn MasterKeys>,
    pub(super) cache: KeyCache,
}

impl Vault {
    /// A vault whose data keys are in a store and whose master keys are with the host.
    pub fn new(records: Arc<dyn RecordStore>, keys: Arc<dyn MasterKeys>) -> Self {
        Self { records, keys, cache: KeyCache::new(KEPT) }
    }

    /// Seals a value for a place. The same value is sealed differently each time.
    pub async fn seal(&self, cx: &CallContext, place: &Place<'_>, plaintext: &[u8]) -> Result<Sealed> {
        self.sealer(cx).await?.seal(cx, place, plaintext)
    }

    /// Opens what was sealed for exactly this place in the tenant of the call.
    ///
    /// `corrupt` when it was damaged or sealed for anywhere else, `not_found` when its key was destroyed; whatever the
    /// master keys say when they refuse.
    pub async fn open(&self, cx: &CallContext, place: &Place<'_>, sealed: &Sealed) -> Result<Secret> {
        let number = sealed.key();
        match self.find_key(cx, number).await? {
            Found::Key(key) => open_with(&key, cx.tenant(), place, sealed),
            Found::Destroyed => {
                let message =
                    format!("{place} was sealed with data key {number}, which was destroyed; it is gone");
                Err(Error::not_found(message).with("data_key", number))
            }
            Found::Absent => {
                let message = format!("{place} names data key {number}, which its tenant never had");
                Err(Error::new(ErrorKind::Corrupt, message).with("data_key", number))
            }
        }
    }

    /// The number of the tenant's active data key, after making sure that there is one and that it can be unwrapped.
    pub async fn active_key(&self, cx: &CallContext) -> Result<u32> {
        Ok(self.sealer(cx).await?.number)
    }

    /// The active key, ready to seal several values. Which key that is, is read each time: another process may have
    /// rotated or destroyed it.
    pub(super) async fn sealer(&self, cx: &CallContext) -> Result<Sealer> {
        for _ in 0..ATTEMPTS {
            let newest = self.newest(cx).await?.map(|stored| stored.value);
            let last = match newest {
                Some(record) if record.state == DataKeyState::Active => {
                    let key = self.unwrapped(cx, &record).await?;
                    return Ok(Sealer { tenant: cx.tenant(), number: record.number, key });
                }
                newest => newest.map_or(0, |record| record.number),
            };
            let (record, key) = self.fresh_key(cx, last).await?;
            let detail = serde_json::json!({"number": record.number, "master_key": record.master});
            let changes = ChangeSet::new(cx)
                .with(Change::put(&record, Expect::Absent)?)
                .with(Change::Audit(AuditDraft::done("data_key.created", "data_key", record.id, detail)));
            match self.records.apply(cx, changes).await {
                Ok(_) => {
                    self.cache.put(cx.tenant(), record.id, key.clone());
                    return Ok(Sealer { tenant: cx.tenant(), number: record.number, key });
                }
                // Somebody else made the key of this number: theirs is the one.
                Err(error) if error.kind() == ErrorKind::Conflict => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::conflict("number", "the tenant's data keys change all the time; try again"))
    }

    /// The data key of the highest number.
    pub(super) async fn newest(&self, cx: &CallContext) -> Result<Option<Stored<DataKeyRecord>>> {
        let query = Query::new(Filter::True).descending("number").limit(1);
        Ok(self.records.list::<DataKeyRecord>(cx, &query).await?.records.into_iter().next())
    }

    /// The key of a number, if it can still open something.
    pub(super) async fn find_key(&self, cx: &CallContext, number: u32) -> Result<Found> {
        let query = Query::new(Filter::eq("number", i64::from(number))).limit(1);
        let page = self.records.list::<DataKeyRecord>(cx, &query).await?;
        let Some(record) = page.records.into_iter().next().map(|stored| stored.value) else {
            return Ok(Found::Absent);
        };
        if record.state == DataKeyState::Destroyed {
            self.cache.forget(cx.tenant());
            return Ok(Found::Destroyed);
        }
        self.unwrapped(cx, &record).await.map(Found::Key)
    }

    /// The bare key of a record.
    pub(super) async fn unwrapped(
        &self,
        cx: &CallContext,
        record: &DataKeyRecord,
    ) -> Result<Arc<KeyMaterial>> {
        if let Some(key) = self.cache.get(cx.tenant(), record.id) {
            return Ok(key);
        }
        let Some(WrappedBytes(bytes)) = record.wrapped.clone() else {
            let message = format!("data key {} is in use and has no wrapped bytes", record.number);
            return Err(Error::new(ErrorKind::Corrupt, message).with("data_key", record.number));
        };
        let wrapped = WrappedKey { master: record.master.clone(), bytes };
        let associated = wrapping_data(cx.tenant(), record.id, record.number);
        let key = Arc::new(self.keys.unwrap(cx, &wrapped, &associated).await?);
        self.cache.put(cx.tenant(), record.id, key.clone());
        Ok(key)
    }

    /// A new key behind the last number, not stored yet.
    pub(super) async fn fresh_key(
        &self,
        cx: &CallContext,
        last: u32,
    ) -> Result<(DataKeyRecord, Arc<KeyMaterial>)> {
        let number = last.checked_add(1).ok_or_else(|| {
            Error::new(ErrorKind::Corrupt, "the tenant's data keys have run out of numbers")
        })?;
        let (id, key) = (DataKeyId::new(cx), KeyMaterial::generate(cx.random()));
        let WrappedKey { master, bytes } =
            self.keys.wrap(cx, &key, &wrapping_data(cx.tenant(), id, number)).await?;
        let (state, wrapped) = (DataKeyState::Active, Some(WrappedBytes(bytes)));
        Ok((DataKeyRecord { id, number, state, master, wrapped }, Arc::new(key)))
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault")
    }
}

/// What became of a data key.
pub(super) enum Found {
    Key(Arc<KeyMaterial>),
    Destroyed,
    Absent,
}

/// The active key of a tenant.
pub(super) struct Sealer {
    tenant: TenantId,
    pub(super) number: u32,
    key: Arc<KeyMaterial>,
}

impl Sealer {
    pub(super) fn seal(&self, cx: &CallContext, place: &Place<'_>, plaintext: &[u8]) -> Result<Sealed> {
        let nonce = cipher::new_nonce(cx.random());
        let associated = place.associated_data(self.tenant, self.number);
        let ciphertext = cipher::encrypt(&self.key, nonce, &associated, plaintext)?;
        Ok(Sealed::new(self.number, nonce, ciphertext))
    }
}

pub(super) fn open_with(
    key: &KeyMaterial,
    tenant: TenantId,
    place: &Place<'_>,
    sealed: &Sealed,
) -> Result<Secret> {
    let associated = place.associated_data(tenant, sealed.key());
    let opened = cipher::decrypt(key, *sealed.nonce(), &associated, sealed.ciphertext());
    opened.map(Secret::from).ok_or_else(|| {
        let message = format!("{place} was damaged or sealed for another place; restore it from a backup");
        Error::new(ErrorKind::Corrupt, message).with("data_key", sealed.key())
    })
}

/// What binds a wrapped key to its tenant and record.
pub(super) fn wrapping_data(tenant: TenantId, id: DataKeyId, number: u32) -> Vec<u8> {
    cipher::length_prefixed(&[
        b"agentforge.data_key.v1",
        tenant.as_uuid().as_bytes(),
        id.as_uuid().as_bytes(),
        &number.to_be_bytes(),
    ])
}
