//! Secrets over a bare store, with a store that can be made to die and master keys that are watched.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU32, Ordering},
};

use agentforge::{
    BoxFuture, CallContext, Error, Result, async_trait,
    context::Principal,
    id::{TenantId, UserId},
    security::{Authorizer, Decision, Permission, Resource},
    store::{ChangeSet, CollectionSpec, Filter, Page, Query, RawRecord, Receipt, RecordStore, Stores},
    stores::memory::MemoryStore,
    testing::{FixedClock, SeededRandom, fixed_authority},
    uuid::Uuid,
    vault::{KeyMaterial, LocalKeys, MasterKeys, Secrets, Vault, WrappedKey},
};

pub struct Everybody;

#[async_trait]
impl Authorizer for Everybody {
    async fn decide(&self, _: &CallContext, _: Permission, _: &Resource) -> Result<Decision> {
        Ok(Decision::Allow)
    }

    async fn filter(&self, _: &CallContext, _: Permission, _: &'static CollectionSpec) -> Result<Filter> {
        Ok(Filter::True)
    }
}

/// A person in a tenant of this number.
pub fn person(tenant: u128) -> CallContext {
    let tenant = TenantId::from_uuid(Uuid::from_u128(tenant));
    let user = Principal::user(UserId::from_uuid(Uuid::from_u128(5)));
    fixed_authority(&FixedClock::new(), 7).enter(tenant, user).unwrap()
}

pub fn memory() -> Stores {
    MemoryStore::new(&SeededRandom::new(1)).stores()
}

/// Master keys of these seeds, newest first.
pub fn masters(seeds: &[u64]) -> Arc<LocalKeys> {
    let key = |seed: &u64| KeyMaterial::generate(&SeededRandom::new(*seed));
    Arc::new(LocalKeys::new(seeds.iter().map(key)).unwrap())
}

pub fn vault(records: &Arc<dyn RecordStore>, keys: Arc<dyn MasterKeys>) -> Arc<Vault> {
    Arc::new(Vault::new(records.clone(), keys))
}

pub fn secrets(records: &Arc<dyn RecordStore>, keys: Arc<dyn MasterKeys>) -> Secrets {
    Secrets::new(records.clone(), vault(records, keys), Arc::new(Everybody))
}

/// What happens in front of a write.
pub type Before = Box<dyn Fn() -> BoxFuture<'static, ()> + Send + Sync>;

/// A store whose write of a number dies, before it is made or with its answer lost, or is preceded by something.
pub struct Planned {
    pub inner: Arc<dyn RecordStore>,
    pub writes: AtomicU32,
    pub dies_at: Option<u32>,
    pub after_commit: bool,
    pub before: Mutex<Option<(u32, Before)>>,
}

impl Planned {
    pub fn new(inner: Arc<dyn RecordStore>) -> Self {
        Self {
            inner,
            writes: AtomicU32::new(0),
            dies_at: None,
            after_commit: false,
            before: Mutex::new(None),
        }
    }
}

#[async_trait]
impl RecordStore for Planned {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        self.inner.get_many(cx, spec, ids).await
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.inner.query(cx, spec, query).await
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        let number = self.writes.fetch_add(1, Ordering::SeqCst);
        let before = {
            let mut before = self.before.lock().unwrap();
            if before.as_ref().is_some_and(|(at, _)| *at == number) { before.take() } else { None }
        };
        if let Some((_, before)) = before {
            before().await;
        }
        let dies = self.dies_at == Some(number);
        if dies && !self.after_commit {
            return Err(Error::internal("the process died"));
        }
        let receipt = self.inner.apply(cx, changes).await?;
        if dies { Err(Error::internal("the process died")) } else { Ok(receipt) }
    }
}

/// Counts what is asked of the keys behind it.
pub struct Counted {
    pub inner: Arc<dyn MasterKeys>,
    pub unwrapped: AtomicU32,
}

#[async_trait]
impl MasterKeys for Counted {
    async fn current(&self, cx: &CallContext) -> Result<String> {
        self.inner.current(cx).await
    }

    async fn wrap(&self, cx: &CallContext, key: &KeyMaterial, associated: &[u8]) -> Result<WrappedKey> {
        self.inner.wrap(cx, key, associated).await
    }

    async fn unwrap(&self, cx: &CallContext, wrapped: &WrappedKey, associated: &[u8]) -> Result<KeyMaterial> {
        self.unwrapped.fetch_add(1, Ordering::SeqCst);
        self.inner.unwrap(cx, wrapped, associated).await
    }
}

/// Lets nobody's key be wrapped before somebody else's is to be wrapped too.
pub struct Together {
    pub inner: Arc<dyn MasterKeys>,
    pub gate: Arc<tokio::sync::Barrier>,
}

#[async_trait]
impl MasterKeys for Together {
    async fn current(&self, cx: &CallContext) -> Result<String> {
        self.inner.current(cx).await
    }

    async fn wrap(&self, cx: &CallContext, key: &KeyMaterial, associated: &[u8]) -> Result<WrappedKey> {
        self.gate.wait().await;
        self.inner.wrap(cx, key, associated).await
    }

    async fn unwrap(&self, cx: &CallContext, wrapped: &WrappedKey, associated: &[u8]) -> Result<KeyMaterial> {
        self.inner.unwrap(cx, wrapped, associated).await
    }
}
