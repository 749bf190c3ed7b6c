//! What happens to data keys over the years: rotation, rewrapping under another master key, destruction. Each step is one
//! change set that repeats harmlessly, so whatever a crash cut off is finished by calling again.

use serde_json::json;

use super::{
    Vault, WrappedKey,
    service::{ATTEMPTS, wrapping_data},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    record::{DataKeyRecord, DataKeyState, WrappedBytes},
    store::{AuditDraft, Change, ChangeSet, Expect, Filter, MAX_PAGE, Query, RecordStoreExt, Stored},
};

/// How many keys one change set touches.
const BATCH: usize = 100;

impl Vault {
    /// Makes a new data key the active one and returns its number. The one before still opens what it sealed. When two
    /// rotate at once they make one new key.
    pub async fn rotate_data_key(&self, cx: &CallContext) -> Result<u32> {
        let Some(newest) = self.newest(cx).await?.filter(|it| it.value.state == DataKeyState::Active) else {
            return self.active_key(cx).await;
        };
        let Stored { value: mut retired, version, .. } = newest;
        retired.state = DataKeyState::Retired;
        let (active, _) = self.fresh_key(cx, retired.number).await?;
        let detail = json!({"number": active.number, "master_key": active.master, "retired": retired.number});
        let changes = ChangeSet::new(cx)
            .with(Change::put(&retired, Expect::Version(version))?)
            .with(Change::put(&active, Expect::Absent)?)
            .with(Change::Audit(AuditDraft::done("data_key.rotated", "data_key", active.id, detail)));
        match self.records.apply(cx, changes).await {
            Ok(_) => {
                self.cache.forget(cx.tenant());
                Ok(active.number)
            }
            // Another rotation, or a rewrapping, came in between.
            Err(error) if error.kind() == ErrorKind::Conflict => match self.active_key(cx).await? {
                number if number > retired.number => Ok(number),
                _ => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Wraps all data keys of the tenant with the current master key and returns how many were not. No sealed value is
    /// touched. Afterwards, and once every process holds the current key, older master keys can be taken away.
    pub async fn rotate_master(&self, cx: &CallContext) -> Result<u32> {
        let mut count = 0;
        for _ in 0..ATTEMPTS {
            let living = self.living_keys(cx).await?;
            if living.is_empty() {
                return Ok(count);
            }
            let current = self.keys.current(cx).await?;
            let mut rewrapped = Vec::new();
            for Stored { value: mut record, version, .. } in living {
                if record.master != current {
                    let associated = wrapping_data(cx.tenant(), record.id, record.number);
                    let key = self.unwrapped(cx, &record).await?;
                    let WrappedKey { master, bytes } = self.keys.wrap(cx, &key, &associated).await?;
                    (record.master, record.wrapped) = (master, Some(WrappedBytes(bytes)));
                    rewrapped.push((record, version));
                }
            }
            if self.write_keys(cx, "data_key.rewrapped", rewrapped, &mut count).await? {
                return Ok(count);
            }
        }
        Err(busy())
    }

    /// Destroys all data keys of the tenant and returns how many: everything that was sealed in it is gone for ever, in
    /// this database. What is sealed afterwards gets a new key, with a number that was never used.
    ///
    /// Copies of the database still hold the wrapped keys, and so do pages that the database has freed and not yet
    /// overwritten. To reach them too, rewrap the other tenants' keys and destroy the master key.
    pub async fn destroy_keys(&self, cx: &CallContext) -> Result<u32> {
        let mut count = 0;
        for _ in 0..ATTEMPTS {
            let living = self.living_keys(cx).await?.into_iter();
            let destroyed = living.map(|Stored { value, version, .. }| {
                (DataKeyRecord { state: DataKeyState::Destroyed, wrapped: None, ..value }, version)
            });
            let done = self.write_keys(cx, "data_key.destroyed", destroyed.collect(), &mut count).await?;
            self.cache.forget(cx.tenant());
            if done {
                return Ok(count);
            }
        }
        Err(busy())
    }

    /// The tenant's keys that still open something, in their order.
    async fn living_keys(&self, cx: &CallContext) -> Result<Vec<Stored<DataKeyRecord>>> {
        let mut query = Query::new(Filter::True).ascending("number").limit(MAX_PAGE);
        let mut living = Vec::new();
        loop {
            let page = self.records.list::<DataKeyRecord>(cx, &query).await?;
            living.extend(page.records.into_iter().filter(|it| it.value.state != DataKeyState::Destroyed));
            let Some(next) = page.next else { return Ok(living) };
            query = query.after(next);
        }
    }

    /// Writes keys in bounded change sets and counts them; false when somebody else changed one of them first, so that
    /// they must be read again.
    async fn write_keys(
        &self,
        cx: &CallContext,
        action: &str,
        keys: Vec<(DataKeyRecord, u64)>,
        count: &mut u32,
    ) -> Result<bool> {
        for batch in keys.chunks(BATCH) {
            let mut changes = ChangeSet::new(cx);
            for (record, version) in batch {
                changes.push(Change::put(record, Expect::Version(*version))?);
                let detail = json!({"number": record.number, "master_key": record.master});
                changes.push(Change::Audit(AuditDraft::done(action, "data_key", record.id, detail)));
            }
            match self.records.apply(cx, changes).await {
                Ok(_) => *count = count.saturating_add(u32::try_from(batch.len()).unwrap_or(u32::MAX)),
                Err(error) if error.kind() == ErrorKind::Conflict => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

fn busy() -> Error {
    Error::conflict("version", "the tenant's data keys change all the time; try again")
}
