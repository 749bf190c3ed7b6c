//! The store in memory: the reference that other backends are measured by, and the store of tests.
//!
//! One lock guards one state and is never held across an await. Every map is keyed by the tenant first. Nothing
//! survives the process. File names mirror `agentforge_core::store`.

mod audit;
mod blobs;
mod change;
mod counters;
mod dispatch;
mod inbox;
mod journal;
mod outbox;
mod portable;
mod query;
mod record;
mod segments;
mod table;
mod upkeep;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agentforge_core::{
    context::Randomness,
    store::{CollectionSpec, CursorKey, Stores},
};

/// A store that lives as long as the process. Clones share what they hold.
///
/// ```
/// use agentforge_core::testing::SeededRandom;
/// use agentforge_store::memory::MemoryStore;
///
/// let stores = MemoryStore::new(&SeededRandom::new(1)).stores();
/// # drop(stores);
/// ```
#[derive(Clone)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    cursors: CursorKey,
    collections: &'static [&'static CollectionSpec],
}

/// Everything that the store holds.
#[derive(Default)]
struct State {
    records: record::Records,
    journal: journal::Journals,
    dispatch: dispatch::DispatchRows,
    blobs: blobs::BlobRows,
    counters: counters::CounterRows,
    segments: segments::SegmentRows,
    audit: audit::AuditRows,
    outbox: outbox::OutboxRows,
    inbox: inbox::InboxRows,
    receipts: change::Receipts,
}

impl State {
    /// Keeps everything that happened since the last commit.
    fn commit(&mut self) {
        let Self { records, journal, dispatch, blobs, counters, segments, audit, outbox, inbox, receipts } =
            self;
        records.commit();
        journal.commit();
        dispatch.commit();
        blobs.commit();
        counters.commit();
        segments.commit();
        audit.commit();
        outbox.commit();
        inbox.commit();
        receipts.commit();
    }

    /// Takes back everything that happened since the last commit.
    fn roll_back(&mut self) {
        let Self { records, journal, dispatch, blobs, counters, segments, audit, outbox, inbox, receipts } =
            self;
        records.roll_back();
        journal.roll_back();
        dispatch.roll_back();
        blobs.roll_back();
        counters.roll_back();
        segments.roll_back();
        audit.roll_back();
        outbox.roll_back();
        inbox.roll_back();
        receipts.roll_back();
    }
}

impl MemoryStore {
    /// An empty store. The randomness gives the key that signs its cursors.
    pub fn new(random: &dyn Randomness) -> Self {
        Self::with_collections(random, &[])
    }

    /// The same with collections of the host's own. Any collection can be written without being named here; naming it
    /// lets an archive that holds it be imported before anything was written.
    pub fn with_collections(
        random: &dyn Randomness,
        collections: &'static [&'static CollectionSpec],
    ) -> Self {
        let mut secret = [0; 32];
        random.fill(&mut secret);
        let cursors = CursorKey::new(1, secret);
        Self { shared: Arc::new(Shared { state: Mutex::default(), cursors, collections }) }
    }

    /// All ports of this store.
    pub fn stores(&self) -> Stores {
        let store = Arc::new(self.clone());
        Stores {
            records: store.clone(),
            journal: store.clone(),
            dispatch: store.clone(),
            blobs: store.clone(),
            counters: store.clone(),
            segments: store.clone(),
            audit: store.clone(),
            outbox: store.clone(),
            inbox: store.clone(),
            upkeep: store.clone(),
            portable: store,
        }
    }

    /// The state. Library code does not panic, so a poisoned lock was left by a host's panic between two calls and
    /// the state is whole.
    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cursors(&self) -> &CursorKey {
        &self.shared.cursors
    }

    fn collections(&self) -> &'static [&'static CollectionSpec] {
        self.shared.collections
    }
}
