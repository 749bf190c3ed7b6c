//! Journals, leases, timers and signals of runs in memory.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{RunId, TenantId},
    store::{Journal, JournalEntry, JournalRow, Lease, Signal, Timer},
    time::Timestamp,
};
use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct Journals {
    pub(super) rows: Table<(TenantId, RunId, u64), JournalRow>,
    pub(super) leases: Table<(TenantId, RunId), Lease>,
    pub(super) timers: Table<(TenantId, RunId, String), Timestamp>,
    pub(super) signals: Table<(TenantId, RunId, String, String), Mail>,
    pub(super) arrivals: u64,
}

/// A signal that came. Once it is consumed its payload is gone, but the row stays, so that a repetition is recognised.
pub(super) struct Mail {
    pub(super) arrival: u64,
    pub(super) payload: Option<Value>,
    pub(super) consumed_at: Option<Timestamp>,
}

impl Journals {
    /// Takes a lease that is free, expired or this owner's own, and returns its new epoch.
    pub(super) fn acquire(
        &mut self,
        cx: &CallContext,
        run: RunId,
        owner: String,
        until: Timestamp,
    ) -> Result<u64> {
        let key = (cx.tenant(), run);
        let before = self.leases.get(&key);
        if let Some(lease) = before.filter(|lease| is_alive(lease, cx.now()) && lease.owner != owner) {
            return Err(Error::conflict(
                "lease",
                format!(
                    "run {run} is leased to `{}` until {}; wait or take over then",
                    lease.owner, lease.until
                ),
            )
            .with("until", lease.until.to_string())
            .with("current_epoch", lease.epoch));
        }
        let epoch = before.map_or(1, |lease| lease.epoch.saturating_add(1));
        self.leases.insert(key, Lease { run, epoch, owner, until });
        Ok(epoch)
    }

    /// Moves the end of a lease. One that has expired and that nobody took over can still be renewed.
    pub(super) fn renew(&mut self, tenant: TenantId, run: RunId, epoch: u64, until: Timestamp) -> Result<()> {
        let lease = self.held(tenant, run, epoch)?.clone();
        self.leases.insert((tenant, run), Lease { until, ..lease });
        Ok(())
    }

    /// Gives a lease back: it has no owner, and its epoch is spent.
    pub(super) fn release(&mut self, tenant: TenantId, run: RunId, epoch: u64) -> Result<()> {
        let lease = self.held(tenant, run, epoch)?.clone();
        self.leases.insert((tenant, run), Lease { owner: String::new(), ..lease });
        Ok(())
    }

    fn held(&self, tenant: TenantId, run: RunId, epoch: u64) -> Result<&Lease> {
        let lease = self.leases.get(&(tenant, run));
        lease
            .filter(|lease| lease.epoch == epoch && !lease.owner.is_empty())
            .ok_or_else(|| fenced(run, epoch, lease))
    }

    /// Appends entries under a live lease and returns the sequence number that the next one will get.
    pub(super) fn append(
        &mut self,
        cx: &CallContext,
        run: RunId,
        epoch: u64,
        expected_seq: u64,
        entries: Vec<JournalEntry>,
    ) -> Result<u64> {
        let (tenant, at) = (cx.tenant(), cx.now());
        let lease = self.held(tenant, run, epoch)?;
        if !is_alive(lease, at) {
            return Err(fenced(run, epoch, Some(lease)));
        }
        let last = self.rows.range((tenant, run, 0)..=(tenant, run, u64::MAX)).next_back();
        let mut seq = last.map_or(0, |(_, row)| row.seq.saturating_add(1));
        if seq != expected_seq {
            return Err(Error::conflict(
                "seq",
                format!("the journal of run {run} goes on at {seq}, not at {expected_seq}; read it again"),
            )
            .with("current_seq", seq));
        }
        for entry in entries {
            self.rows.insert((tenant, run, seq), JournalRow { run, seq, epoch, at, entry });
            seq = seq.saturating_add(1);
        }
        Ok(seq)
    }

    pub(super) fn set_timer(&mut self, tenant: TenantId, timer: Timer) {
        self.timers.insert((tenant, timer.run, timer.key), timer.due);
    }

    pub(super) fn cancel_timer(&mut self, tenant: TenantId, run: RunId, key: String) {
        self.timers.remove(&(tenant, run, key));
    }

    /// Puts a signal into the mailbox unless it came before, even when it was consumed since.
    pub(super) fn signal(&mut self, tenant: TenantId, signal: Signal) {
        let key = (tenant, signal.run, signal.name, signal.dedup);
        if self.signals.get(&key).is_none() {
            self.arrivals = self.arrivals.saturating_add(1);
            self.signals.insert(
                key,
                Mail { arrival: self.arrivals, payload: Some(signal.payload), consumed_at: None },
            );
        }
    }

    pub(super) fn consume_signal(&mut self, cx: &CallContext, run: RunId, name: String, dedup: String) {
        let key = (cx.tenant(), run, name, dedup);
        let waiting = self.signals.get(&key).filter(|mail| mail.payload.is_some());
        if let Some(arrival) = waiting.map(|mail| mail.arrival) {
            self.signals.insert(key, Mail { arrival, payload: None, consumed_at: Some(cx.now()) });
        }
    }

    /// Forgets signals that were consumed until an instant.
    pub(super) fn sweep(&mut self, tenant: TenantId, until: Timestamp) -> u64 {
        self.signals.remove_where(first_signal(tenant).., |(of, ..), mail| {
            *of == tenant && mail.consumed_at.is_some_and(|at| at <= until)
        })
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        let (nil, max) = (RunId::from_uuid(Uuid::nil()), RunId::from_uuid(Uuid::max()));
        let Self { rows, leases, timers, signals, arrivals: _ } = self;
        rows.remove_where((tenant, nil, 0)..=(tenant, max, u64::MAX), |_, _| true)
            + leases.remove_where((tenant, nil)..=(tenant, max), |_, _| true)
            + timers.remove_where((tenant, nil, String::new()).., |(of, ..), _| *of == tenant)
            + signals.remove_where(first_signal(tenant).., |(of, ..), _| *of == tenant)
    }

    pub(super) fn commit(&mut self) {
        let Self { rows, leases, timers, signals, arrivals: _ } = self;
        rows.commit();
        leases.commit();
        timers.commit();
        signals.commit();
    }

    pub(super) fn roll_back(&mut self) {
        let Self { rows, leases, timers, signals, arrivals: _ } = self;
        rows.roll_back();
        leases.roll_back();
        timers.roll_back();
        signals.roll_back();
    }
}

fn first_signal(tenant: TenantId) -> (TenantId, RunId, String, String) {
    (tenant, RunId::from_uuid(Uuid::nil()), String::new(), String::new())
}

fn is_alive(lease: &Lease, now: Timestamp) -> bool {
    !lease.owner.is_empty() && lease.until > now
}

fn fenced(run: RunId, epoch: u64, lease: Option<&Lease>) -> Error {
    let error = Error::new(
        ErrorKind::Fenced,
        format!("epoch {epoch} does not hold the lease of run {run}; stop, or take the lease anew"),
    );
    match lease {
        Some(lease) => error.with("current_epoch", lease.epoch),
        None => error,
    }
}

#[async_trait]
impl Journal for MemoryStore {
    async fn rows(&self, cx: &CallContext, run: RunId, from: u64, limit: u32) -> Result<Vec<JournalRow>> {
        cx.check_alive()?;
        let tenant = cx.tenant();
        let state = self.state();
        let rows = state.journal.rows.range((tenant, run, from)..=(tenant, run, u64::MAX));
        Ok(rows.take(limit as usize).map(|(_, row)| row.clone()).collect())
    }

    async fn lease(&self, cx: &CallContext, run: RunId) -> Result<Option<Lease>> {
        cx.check_alive()?;
        Ok(self.state().journal.leases.get(&(cx.tenant(), run)).cloned())
    }

    async fn signals(&self, cx: &CallContext, run: RunId) -> Result<Vec<Signal>> {
        cx.check_alive()?;
        let first = (cx.tenant(), run, String::new(), String::new());
        let state = self.state();
        let of_run =
            state.journal.signals.range(first..).take_while(|(key, _)| (key.0, key.1) == (cx.tenant(), run));
        let mut waiting: Vec<_> = of_run
            .filter_map(|((_, _, name, dedup), mail)| {
                let payload = mail.payload.clone()?;
                Some((mail.arrival, Signal { run, name: name.clone(), dedup: dedup.clone(), payload }))
            })
            .collect();
        waiting.sort_by_key(|(arrival, _)| *arrival);
        Ok(waiting.into_iter().map(|(_, signal)| signal).collect())
    }

    async fn timers(&self, cx: &CallContext, run: RunId) -> Result<Vec<Timer>> {
        cx.check_alive()?;
        let first = (cx.tenant(), run, String::new());
        let state = self.state();
        let of_run =
            state.journal.timers.range(first..).take_while(|(key, _)| (key.0, key.1) == (cx.tenant(), run));
        let mut timers: Vec<_> =
            of_run.map(|((_, _, key), due)| Timer { run, key: key.clone(), due: *due }).collect();
        timers.sort_by(|a, b| (a.due, &a.key).cmp(&(b.due, &b.key)));
        Ok(timers)
    }
}
