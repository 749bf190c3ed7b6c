//! Where the master keys of a store come from: the host gives them, or a file beside the database does.

use std::{path::PathBuf, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    record::DataKeyRecord,
    runtime::OffloadExt,
    store::{Filter, Query, RecordStore, RecordStoreExt},
    vault::{KeyMaterial, LocalKeys, MasterKeys, Vault, WrappedKey},
};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use crate::{
    location::Location,
    tokio_runtime::{SystemRandom, TokioOffload},
};

/// What the host said about master keys.
#[derive(Default)]
pub(crate) enum KeySource {
    /// Nothing: what suits the store.
    #[default]
    Fitting,
    /// These.
    Given(Arc<dyn MasterKeys>),
    /// Those in this file.
    File(PathBuf),
}

impl KeySource {
    /// Whether a store has keys: whoever has none keeps no secrets.
    pub(crate) const fn suffices(&self, location: &Location) -> bool {
        !matches!((self, location), (Self::Fitting, Location::Postgres(_)))
    }

    /// The keys for a store. Nothing is read or made yet, so that a host without secrets needs none.
    pub(crate) fn keys(
        self,
        location: &Location,
        records: &Arc<dyn RecordStore>,
        system: &CallContext,
    ) -> Arc<dyn MasterKeys> {
        let file = |path| Arc::new(FileKeys::new(path, records.clone(), system.clone()));
        match (self, location) {
            (Self::Given(keys), _) => keys,
            (Self::File(path), _) => file(path),
            (Self::Fitting, Location::Memory) => Arc::new(LocalKeys::generate(&SystemRandom)),
            (Self::Fitting, Location::Sqlite(database)) => {
                let mut path = database.clone().into_os_string();
                path.push(".key");
                file(path.into())
            }
            (Self::Fitting, Location::Postgres(_)) => Arc::new(NoKeys),
        }
    }
}

/// The keys of a file that is made with the first secret and must be there ever after.
struct FileKeys {
    path: PathBuf,
    records: Arc<dyn RecordStore>,
    /// Acts for the platform, whose own data key remembers which master key this database began with.
    system: CallContext,
    keys: OnceCell<Arc<LocalKeys>>,
}

impl FileKeys {
    fn new(path: PathBuf, records: Arc<dyn RecordStore>, system: CallContext) -> Self {
        Self { path, records, system, keys: OnceCell::new() }
    }

    async fn keys(&self) -> Result<&Arc<LocalKeys>> {
        self.keys.get_or_try_init(|| self.read()).await
    }

    /// Reads the file. It is made only while the platform has no data key: a database that was sealed with a lost file
    /// says so instead of going on with another.
    async fn read(&self) -> Result<Arc<LocalKeys>> {
        let any = Query::new(Filter::True).limit(1);
        let begun = !self.records.list::<DataKeyRecord>(&self.system, &any).await?.records.is_empty();
        let path = self.path.clone();
        let read = move || {
            if begun { LocalKeys::from_file(path) } else { LocalKeys::open_or_create(path, &SystemRandom) }
        };
        let keys = Arc::new(TokioOffload.value(read).await??);
        let anchor = Vault::new(self.records.clone(), keys.clone());
        anchor.active_key(&self.system).await.map_err(|error| {
            let path = self.path.display().to_string();
            let message = format!("the key file `{path}` does not fit this database: {error}");
            Error::new(error.kind(), message).with("path", path).caused_by(error)
        })?;
        Ok(keys)
    }
}

#[async_trait]
impl MasterKeys for FileKeys {
    async fn current(&self, cx: &CallContext) -> Result<String> {
        self.keys().await?.current(cx).await
    }

    async fn wrap(&self, cx: &CallContext, key: &KeyMaterial, associated: &[u8]) -> Result<WrappedKey> {
        self.keys().await?.wrap(cx, key, associated).await
    }

    async fn unwrap(&self, cx: &CallContext, wrapped: &WrappedKey, associated: &[u8]) -> Result<KeyMaterial> {
        self.keys().await?.unwrap(cx, wrapped, associated).await
    }
}

/// A database that many hosts share has no place for a key file that all of them find.
struct NoKeys;

impl NoKeys {
    fn refuse<T>() -> Result<T> {
        Err(Error::new(
            ErrorKind::Unsupported,
            "this store keeps no master keys, so it takes no secrets; give keys with `Forge::builder(..).keys(..)` \
             or `.key_file(..)`",
        ))
    }
}

#[async_trait]
impl MasterKeys for NoKeys {
    async fn current(&self, _cx: &CallContext) -> Result<String> {
        Self::refuse()
    }

    async fn wrap(&self, _cx: &CallContext, _key: &KeyMaterial, _associated: &[u8]) -> Result<WrappedKey> {
        Self::refuse()
    }

    async fn unwrap(
        &self,
        _cx: &CallContext,
        _wrapped: &WrappedKey,
        _associated: &[u8],
    ) -> Result<KeyMaterial> {
        Self::refuse()
    }
}

#[cfg(test)]
mod tests {
    use agentforge_core::testing::{FixedClock, fixed_system_context};
    use agentforge_store::memory::MemoryStore;

    use super::*;
    use crate::location::ServerUrl;

    #[tokio::test]
    async fn a_server_without_keys_takes_no_secrets_and_names_the_mend() {
        let system = fixed_system_context(&FixedClock::new());
        let records = MemoryStore::new(&SystemRandom).stores().records;
        let server = Location::Postgres(ServerUrl("postgres://localhost/forge".to_owned()));
        let keys = KeySource::default().keys(&server, &records, &system);
        let error = Vault::new(records.clone(), keys).active_key(&system).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(
            error.message().contains(".keys(..)") && error.message().contains(".key_file(..)"),
            "{error}"
        );

        let given = KeySource::Given(Arc::new(LocalKeys::generate(&SystemRandom)));
        let keys = given.keys(&server, &records, &system);
        assert_eq!(Vault::new(records, keys).active_key(&system).await.unwrap(), 1);
    }
}
