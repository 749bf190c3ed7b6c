//! Finds the tenants that have something to deliver and gives each a pass.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{BoxFuture, Either, OptionFuture, select},
    stream::{self, FuturesUnordered},
};

use super::{DeliveryOptions, OutboxSink, pass, waits::Waits};
use crate::{
    context::CallContext,
    error::Result,
    event::{EventSink, NoEvents},
    id::TenantId,
    store::{Claim, ClaimRequest, DispatchKind, Stores},
};

/// How many dispatch rows are claimed at once.
const CLAIMS: u32 = 256;

/// How long nobody else gets them.
const HOLD: Duration = Duration::from_secs(30);

/// How long a failing store is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Delivers the events of every tenant's outbox to a sink, at least once and in order per key. A cheap clone.
///
/// Several may work over one store, in one process or many: a lease per tenant decides who delivers. A key that fails
/// is tried again after a wait that grows, and nothing of the key overtakes; other keys go on. What is delivered is
/// noted in batches, so that a process that dies delivers its last events again.
#[derive(Clone)]
pub struct Deliverer(Arc<Parts>);

pub(super) struct Parts {
    pub(super) stores: Stores,
    pub(super) sink: Arc<dyn OutboxSink>,
    pub(super) owner: String,
    pub(super) options: DeliveryOptions,
    pub(super) events: Arc<dyn EventSink>,
    waits: Mutex<Waits>,
    active: Mutex<BTreeMap<TenantId, Vec<Claim>>>,
}

impl Parts {
    pub(super) fn waits(&self) -> MutexGuard<'_, Waits> {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn active(&self) -> MutexGuard<'_, BTreeMap<TenantId, Vec<Claim>>> {
        self.active.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Deliverer {
    /// A deliverer to a sink. The name owns leases: two that are alive over one store never share it, while one that
    /// comes back after a crash goes on at once under its old name.
    pub fn new(stores: Stores, sink: Arc<dyn OutboxSink>, name: impl Into<String>) -> Self {
        Self(Arc::new(Parts {
            stores,
            sink,
            owner: name.into(),
            options: DeliveryOptions::default(),
            events: Arc::new(NoEvents),
            waits: Mutex::default(),
            active: Mutex::default(),
        }))
    }

    /// With other limits and waits than the defaults; `invalid_input` when nothing would ever be delivered.
    pub fn with_options(self, options: DeliveryOptions) -> Result<Self> {
        options.check()?;
        Ok(Self(Arc::new(Parts { options, ..self.0.fresh() })))
    }

    /// Tells failures as events `delivery.failed`, with key, place, number of failures, error and the next try.
    #[must_use]
    pub fn with_events(self, events: Arc<dyn EventSink>) -> Self {
        Self(Arc::new(Parts { events, ..self.0.fresh() }))
    }

    /// Delivers everything that is due now and returns how many events arrived. Only the system of the platform may call
    /// this. A key that fails, or that another process delivers now, is not waited for.
    pub async fn deliver_due(&self, cx: &CallContext) -> Result<usize> {
        let mut arrived = 0_usize;
        loop {
            let claims = self.claim(cx).await?;
            if claims.is_empty() {
                return Ok(arrived);
            }
            let passes = self.passes(cx, claims);
            let mut passes = stream::iter(passes).buffer_unordered(self.0.options.tenants_at_once);
            let mut failure = None;
            while let Some(passed) = passes.next().await {
                match passed {
                    Ok(count) => arrived = arrived.saturating_add(count),
                    Err(error) => failure = failure.or(Some(error)),
                }
            }
            if let Some(error) = failure {
                return Err(error);
            }
        }
    }

    /// Delivers what comes until the call is cancelled; then it stops promptly and gives back what it holds. Only the
    /// system of the platform may call this. A tenant whose sink is slow does not hold up the others.
    pub async fn run(&self, cx: &CallContext) {
        let mut passes = FuturesUnordered::new();
        let mut look: OptionFuture<BoxFuture<'_, Vec<Claim>>> = None.into();
        let mut looking = false;
        while cx.check_alive().is_ok() {
            if !looking && passes.len() < self.0.options.tenants_at_once {
                let next: BoxFuture<'_, Vec<Claim>> = Box::pin(self.next_claims(cx));
                (look, looking) = (Some(next).into(), true);
            }
            let claims = if looking {
                let passed = async {
                    if passes.next().await.is_none() {
                        std::future::pending::<()>().await;
                    }
                };
                match select(&mut look, std::pin::pin!(passed)).await {
                    Either::Left((claims, _)) => claims.unwrap_or_default(),
                    Either::Right(_) => continue,
                }
            } else {
                passes.next().await;
                continue;
            };
            looking = false;
            passes.extend(self.passes(cx, claims));
        }
        // What goes on sees the same cancellation and only gives back what it holds; so does what was claimed meanwhile.
        if looking {
            passes.extend(self.passes(cx, look.await.unwrap_or_default()));
        }
        while passes.next().await.is_some() {}
    }

    /// The kind of dispatch rows that is served, for waiting.
    pub const fn work_kinds() -> [DispatchKind; 1] {
        [DispatchKind::OUTBOX]
    }

    async fn claim(&self, cx: &CallContext) -> Result<Vec<Claim>> {
        let request = ClaimRequest { kinds: Self::work_kinds().into(), hold: HOLD, limit: CLAIMS };
        self.0.stores.dispatch.claim(cx, &request).await
    }

    /// Waits until there is something to deliver; nothing when the call is over or the store fails for a while.
    async fn next_claims(&self, cx: &CallContext) -> Vec<Claim> {
        loop {
            let waited = self.0.stores.dispatch.wait(cx, &Self::work_kinds()).await;
            let claims = match waited {
                Ok(()) if cx.check_alive().is_err() => return Vec::new(),
                // Shielded: a claim that is cut off holds its rows, and nobody knows that they are to be given back.
                Ok(()) => self.claim(&cx.shielded()).await,
                Err(error) => Err(error),
            };
            match claims {
                Ok(claims) if claims.is_empty() && cx.check_alive().is_ok() => {}
                Ok(claims) => return claims,
                Err(_) => {
                    let pause = cx.clock().sleep_until(cx.now().after(PAUSE));
                    let cancelled = Box::pin(cx.cancellation().cancelled());
                    select(pause, cancelled).await;
                    return Vec::new();
                }
            }
        }
    }

    /// One pass for every tenant of some claims that has none yet. A tenant that has one is handed its claims: it looks
    /// once more before it ends.
    fn passes<'a>(
        &'a self,
        cx: &'a CallContext,
        claims: Vec<Claim>,
    ) -> Vec<impl Future<Output = Result<usize>> + Send + use<'a>> {
        let mut tenants: BTreeMap<TenantId, Vec<Claim>> = BTreeMap::new();
        for claim in claims {
            tenants.entry(claim.tenant).or_default().push(claim);
        }
        let passes = tenants.into_iter().filter_map(|(tenant, claims)| {
            let active = Active::enter(&self.0, tenant, claims)?;
            Some(self.serve(cx, active))
        });
        passes.collect()
    }

    async fn serve(&self, cx: &CallContext, mut active: Active) -> Result<usize> {
        let cx = cx.enter_tenant(active.tenant)?;
        let mut arrived = 0_usize;
        while let Some(claims) = active.handed() {
            arrived = arrived.saturating_add(pass::deliver(&self.0, &cx, claims).await?);
        }
        Ok(arrived)
    }
}

impl Parts {
    /// The same parts for another deliverer, which remembers nothing.
    fn fresh(&self) -> Self {
        Self {
            stores: self.stores.clone(),
            sink: self.sink.clone(),
            owner: self.owner.clone(),
            options: self.options.clone(),
            events: self.events.clone(),
            waits: Mutex::default(),
            active: Mutex::default(),
        }
    }
}

/// The one pass of a tenant in this deliverer. A lease keeps other processes out, but not this one: its owner may take
/// it anew.
struct Active {
    parts: Arc<Parts>,
    tenant: TenantId,
    left: bool,
}

impl Active {
    /// Enters, or hands the claims to whoever is inside.
    fn enter(parts: &Arc<Parts>, tenant: TenantId, claims: Vec<Claim>) -> Option<Self> {
        let mut active = parts.active();
        if let Some(handed) = active.get_mut(&tenant) {
            handed.extend(claims);
            return None;
        }
        active.insert(tenant, claims);
        Some(Self { parts: parts.clone(), tenant, left: false })
    }

    /// The claims that were handed over since; with none the pass is over, and the next claim begins another.
    fn handed(&mut self) -> Option<Vec<Claim>> {
        let mut active = self.parts.active();
        let handed = active.get_mut(&self.tenant).map(std::mem::take).filter(|claims| !claims.is_empty());
        if handed.is_none() {
            active.remove(&self.tenant);
            self.left = true;
        }
        handed
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        if !self.left {
            self.parts.active().remove(&self.tenant);
        }
    }
}
