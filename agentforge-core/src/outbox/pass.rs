//! One pass through a tenant's outbox, from the beginning to its end, under the tenant's lease.
//!
//! Reading, delivering and noting go on side by side. INVARIANT: no delivery begins, and by its deadline none goes on,
//! when the lease has run out; and rows are noted as delivered only in a change set that renews the lease, so that
//! whoever lost it is fenced and stops. So two processes never deliver rows of one key in turns.

use std::time::Duration;

use futures::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use serde_json::json;

use super::{deliverer::Parts, queue::Queue};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::Event,
    id::{RunId, derived_uuid},
    store::{Change, ChangeSet, Claim, DispatchKind, OutboxRow, Receipt},
    time::Timestamp,
};

/// The event that tells of a failure.
const DELIVERY_FAILED: &str = "delivery.failed";

/// How many rows are read at once, and how many wait at most for their turn, twice over.
const PAGE: u32 = 512;

/// How many rows may be delivered and not noted: what a crash repeats at most, with what is on its way.
const UNNOTED: usize = 1_024;

/// The shortest lease; it is longer when one event may take long.
const LEASE: Duration = Duration::from_secs(30);

/// When a tenant is looked at again that another process delivers now: half of it to all of it.
const BUSY: Duration = Duration::from_millis(500);

/// When a tenant is looked at again whose pass failed.
const PAUSE: Duration = Duration::from_secs(1);

/// Delivers what a tenant's outbox holds, and gives the claims that led here back. Returns how many events arrived.
pub(super) async fn deliver(parts: &Parts, cx: &CallContext, claims: Vec<Claim>) -> Result<usize> {
    if cx.check_alive().is_err() {
        let cx = cx.shielded();
        let set = give_back(&cx, &claims, Some(cx.now()));
        return write(parts, &cx, set).await.map(|_| 0);
    }
    let lease = LEASE.max(parts.options.timeout.saturating_mul(3));
    let run = RunId::from_uuid(derived_uuid(&[b"agentforge.outbox.v1", cx.tenant().as_uuid().as_bytes()]));
    let until = cx.now().after(lease);
    let acquire = Change::AcquireLease { run, owner: parts.owner.clone(), until };
    let epoch = match parts.stores.records.apply(cx, ChangeSet::new(cx).with(acquire)).await {
        Ok(receipt) => {
            receipt.epoch(0).ok_or_else(|| Error::internal("the store gave no epoch for a lease"))?
        }
        Err(error) if error.kind() == ErrorKind::Conflict => {
            // Another process delivers; it may have read its last page already.
            let due = cx.now().after(BUSY.mul_f64(1.0 - fraction(cx) / 2.0));
            let set = give_back(cx, &claims, Some(due));
            return parts.stores.records.apply(cx, set).await.map(|_| 0);
        }
        Err(error) => return Err(error),
    };
    let blocked = parts.waits().waiting(cx.tenant(), cx.now());
    let mut pass = Pass {
        parts,
        cx,
        lease,
        run,
        epoch,
        until,
        queue: Queue::without(blocked),
        unnoted: Vec::new(),
        arrived: 0,
    };
    let drained = pass.drain().await;
    let closed = pass.close(&claims, &drained).await;
    match drained {
        Err(error) if error.kind() != ErrorKind::Cancelled => Err(error),
        _ => closed.map(|()| pass.arrived),
    }
}

/// A number from 0 to 1.
fn fraction(cx: &CallContext) -> f64 {
    let mut random = [0; 4];
    cx.random().fill(&mut random);
    f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX)
}

/// Ends claims; the tenant is looked at again at an instant.
fn give_back(cx: &CallContext, claims: &[Claim], again: Option<Timestamp>) -> ChangeSet {
    let mut set = ChangeSet::new(cx);
    for Claim { kind, id, epoch, .. } in claims {
        set.push(Change::Dequeue { kind: kind.clone(), id: *id, epoch: *epoch });
    }
    if let Some(due) = again {
        // Whatever led here, one row of the tenant's own is enough: a pass begins at the beginning.
        set.push(Change::Enqueue { kind: DispatchKind::OUTBOX, id: cx.tenant().as_uuid(), due });
    }
    set
}

struct Pass<'a> {
    parts: &'a Parts,
    cx: &'a CallContext,
    lease: Duration,
    run: RunId,
    epoch: u64,
    /// Until when the lease holds.
    until: Timestamp,
    queue: Queue,
    /// What was delivered and is not noted yet.
    unnoted: Vec<u64>,
    arrived: usize,
}

/// What came to its end.
enum Done {
    Read(Result<Vec<OutboxRow>>),
    Delivered(Box<OutboxRow>, Result<()>),
    /// What was noted, with the lease until then.
    Noted(Timestamp, Result<Receipt>),
    /// It is time to renew the lease.
    Due,
    Cancelled,
}

/// What goes on.
#[derive(Default)]
struct Going {
    reading: bool,
    delivering: usize,
    noting: bool,
    /// The end of the outbox was read.
    ended: bool,
    /// The lease is to be renewed, whether or not there is something to note.
    renew: bool,
    /// Nothing new begins.
    stopped: Option<Error>,
}

impl<'a> Pass<'a> {
    async fn drain(&mut self) -> Result<()> {
        let (parts, cx) = (self.parts, self.cx);
        let mut after = None;
        let mut going = Going::default();
        let mut work: FuturesUnordered<BoxFuture<'a, Done>> = FuturesUnordered::new();
        work.push(Box::pin(async move {
            cx.cancellation().cancelled().await;
            Done::Cancelled
        }));
        work.push(self.renewal());
        loop {
            if going.stopped.is_none() {
                if !going.reading && !going.ended && self.queue.waiting() < PAGE as usize {
                    going.reading = true;
                    work.push(Box::pin(async move {
                        Done::Read(parts.stores.outbox.rows(cx, after, PAGE).await)
                    }));
                }
                while going.delivering < parts.options.keys_at_once
                    && self.unnoted.len() < UNNOTED
                    && cx.now() < self.until
                {
                    let Some(row) = self.queue.next() else { break };
                    going.delivering += 1;
                    work.push(self.delivery(row));
                }
            }
            if !going.noting && (going.renew || !self.unnoted.is_empty()) {
                going.noting = true;
                going.renew = false;
                work.push(self.note());
            }
            if going.delivering == 0 && !going.reading && !going.noting {
                let idle = going.ended && self.queue.waiting() == 0;
                match going.stopped {
                    Some(error) => return Err(error),
                    // What was cut off left the queue, too.
                    None if idle => return cx.check_alive(),
                    None if cx.now() >= self.until => return Err(self.lost()),
                    None => {}
                }
            }
            let Some(done) = work.next().await else { return Ok(()) };
            match done {
                Done::Read(Ok(rows)) => {
                    going.reading = false;
                    going.ended = rows.len() < PAGE as usize;
                    after = rows.last().map(|row| row.seq).or(after);
                    for row in rows {
                        self.queue.push(row);
                    }
                }
                Done::Read(Err(error)) => {
                    going.reading = false;
                    going.stopped.get_or_insert(error);
                }
                Done::Delivered(row, delivered) => {
                    going.delivering = going.delivering.saturating_sub(1);
                    self.delivered(*row, delivered).await;
                }
                Done::Noted(until, Ok(_)) => {
                    going.noting = false;
                    self.until = until;
                }
                // What was delivered and could not be noted is delivered again, by whoever holds the lease then.
                Done::Noted(_, Err(error)) => return Err(error),
                Done::Due => {
                    going.renew = true;
                    work.push(self.renewal());
                }
                Done::Cancelled => {
                    going.stopped.get_or_insert(Error::cancelled());
                }
            }
        }
    }

    fn lost(&self) -> Error {
        let message = format!("the lease of the outbox of tenant {} ran out", self.cx.tenant());
        Error::new(ErrorKind::Fenced, message)
    }

    /// Completes when the lease is to be renewed.
    fn renewal(&self) -> BoxFuture<'a, Done> {
        let sleep = self.cx.clock().sleep_until(self.cx.now().after(self.lease / 3));
        Box::pin(async move {
            sleep.await;
            Done::Due
        })
    }

    fn delivery(&self, row: OutboxRow) -> BoxFuture<'a, Done> {
        let sink = self.parts.sink.clone();
        let cx = self.cx.with_timeout(self.parts.options.timeout).with_deadline(self.until);
        Box::pin(async move {
            let delivered = cx.run(sink.deliver(&cx, &row)).await;
            Done::Delivered(Box::new(row), delivered)
        })
    }

    /// Notes what was delivered and renews the lease, also when the call was cancelled meanwhile.
    fn note(&mut self) -> BoxFuture<'a, Done> {
        let (parts, cx) = (self.parts, self.cx.shielded());
        let until = cx.now().after(self.lease);
        let renew = Change::RenewLease { run: self.run, epoch: self.epoch, until };
        let set = std::mem::take(&mut self.unnoted)
            .into_iter()
            .map(|seq| Change::Delivered { seq })
            .fold(ChangeSet::new(&cx).with(renew), ChangeSet::with);
        Box::pin(async move { Done::Noted(until, write(parts, &cx, set).await) })
    }

    async fn delivered(&mut self, row: OutboxRow, delivered: Result<()>) {
        let (tenant, cx) = (self.cx.tenant(), self.cx);
        match delivered {
            Ok(()) => {
                self.arrived = self.arrived.saturating_add(1);
                self.unnoted.push(row.seq);
                self.queue.arrived(&row.key);
                self.parts.waits().succeeded(tenant, &row.key);
            }
            // Cut off by whoever called, which is no failure of the key.
            Err(_) if cx.check_alive().is_err() => self.queue.block(&row.key),
            Err(error) => {
                self.queue.block(&row.key);
                let wait = self.parts.waits().failed(cx, &self.parts.options, &row.key, &error);
                let data = json!({
                    "key": row.key,
                    "seq": row.seq,
                    "event": row.event.id,
                    "failures": wait.failures,
                    "error": error.to_report(),
                    "again": wait.until,
                });
                // Telling people is a courtesy; a sink of theirs that fails stops no delivery.
                let _ = self.parts.events.emit(cx, Event::new(cx, DELIVERY_FAILED, data)).await;
            }
        }
    }

    /// Notes the last deliveries, gives the lease and the claims back, and says when to look again.
    async fn close(&mut self, claims: &[Claim], drained: &Result<()>) -> Result<()> {
        let (tenant, cx) = (self.cx.tenant(), self.cx.shielded());
        let again = match drained {
            Ok(()) => {
                let mut waits = self.parts.waits();
                waits.keep(tenant, |key| self.queue.skipped().contains(key));
                waits.next(tenant)
            }
            Err(error) if error.kind() == ErrorKind::Cancelled => Some(cx.now()),
            Err(_) => Some(cx.now().after(PAUSE)),
        };
        let mut set = give_back(&cx, claims, again);
        let noted = std::mem::take(&mut self.unnoted);
        set.changes.extend(noted.into_iter().map(|seq| Change::Delivered { seq }));
        set.push(Change::ReleaseLease { run: self.run, epoch: self.epoch });
        match write(self.parts, &cx, set).await {
            // Somebody else took over, and the claims come back when their hold ends.
            Err(error) if error.kind() == ErrorKind::Fenced => Ok(()),
            written => written.map(drop),
        }
    }
}

/// Commits, and repeats the same set once when its fate is unknown.
async fn write(parts: &Parts, cx: &CallContext, set: ChangeSet) -> Result<Receipt> {
    match parts.stores.records.apply(cx, set.clone()).await {
        Err(error) if error.is_retryable() => parts.stores.records.apply(cx, set).await,
        written => written,
    }
}
