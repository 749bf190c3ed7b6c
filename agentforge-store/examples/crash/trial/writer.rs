//! The process of writers: each applies one set after the other and says so before and after.

use std::{io::Write, time::Duration};

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    store::{BlobsExt, Stores},
};
use futures::future::join_all;
use serde::{Deserialize, Serialize};

use super::{
    backend::Opened,
    ledger::Place,
    set::{self, Cast, Standing},
};

/// How often something is tried again that failed for a reason that passes, for example a server that starts anew.
const ATTEMPTS: u32 = 600;
/// How long to wait before that.
const PAUSE: Duration = Duration::from_millis(50);

/// What a life is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Orders {
    pub(crate) url: String,
    pub(crate) seed: u64,
    /// Counts the lives.
    pub(crate) life: u64,
    /// The number of the next set of every writer.
    pub(crate) next: Vec<u64>,
    /// Sets whose fate is unknown, to be applied again under their ids.
    pub(crate) repeat: Vec<Place>,
}

impl Orders {
    pub(crate) fn parse(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::invalid("unreadable orders").caused_by(error))
    }

    pub(crate) fn to_text(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::internal("unwritable orders").caused_by(error))
    }
}

/// Writes until it is killed.
pub(crate) fn run(orders: &Orders) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| Error::internal("no async runtime").caused_by(error))?;
    runtime.block_on(async {
        let cast = Cast::new(orders.seed, orders.life).await?;
        let opened = patiently(async || Opened::open(&orders.url, &cast.system).await).await?;
        work(&opened.stores(), &cast, orders, &speak).await;
        Err(Error::internal("the writers stopped writing"))
    })
}

/// Lets all writers write, until each of them has failed.
pub(crate) async fn work(stores: &Stores, cast: &Cast, orders: &Orders, speak: &dyn Fn(&str)) {
    let writers = (0..).zip(&orders.next).map(async |(writer, next)| {
        let repeat = orders.repeat.iter().filter(|place| place.0 == writer).map(|place| place.1);
        let numbers = repeat.chain([*next]).collect();
        let work = Writer { stores, cx: cast.of(writer), seed: orders.seed, number: writer, speak };
        if let Err(error) = work.write(numbers).await {
            speak(&format!("fail {error:?}"));
        }
    });
    join_all(writers).await;
}

/// Says a line to the parent. One write: what is in the pipe stays there when this process is killed.
fn speak(line: &str) {
    let line = format!("{}\n", line.replace('\n', " "));
    let mut output = std::io::stdout().lock();
    // Without a parent nobody counts what is written; then it may as well go on until it is killed.
    let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
}

/// Tries again what failed for a reason that passes.
async fn patiently<T>(mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let mut left = ATTEMPTS;
    loop {
        match attempt().await {
            Err(error) if error.is_retryable() && left > 0 => left -= 1,
            result => return result,
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Writer<'a> {
    stores: &'a Stores,
    cx: &'a CallContext,
    seed: u64,
    number: u64,
    speak: &'a dyn Fn(&str),
}

impl Writer<'_> {
    /// Applies the sets of the numbers, and from the last of them on every one.
    async fn write(self, mut numbers: Vec<u64>) -> Result<()> {
        for number in 0..set::BLOBS {
            let bytes = || set::blob(self.seed, (self.number, number));
            patiently(async || self.stores.blobs.put_bytes(self.cx, "text/plain", bytes()).await).await?;
        }
        let lease = set::lease(self.cx, self.seed, self.number);
        let epoch = patiently(async || self.stores.records.apply(self.cx, lease.clone()).await).await?;
        let mut standing = Standing { sets: self.sets().await?, epoch: epoch.epoch(0).unwrap_or_default() };
        let last = numbers.pop().unwrap_or_default();
        for number in numbers.into_iter().chain(last..) {
            (self.speak)(&format!("try {} {number}", self.number));
            let set = set::set(self.cx, self.seed, (self.number, number), standing);
            let receipt = patiently(async || self.stores.records.apply(self.cx, set.clone()).await).await?;
            // A repetition may have been counted before this life began, or by an attempt whose answer was lost.
            standing.sets = if receipt.replayed { self.sets().await? } else { standing.sets + 1 };
            (self.speak)(&format!("ack {} {number}", self.number));
        }
        Ok(())
    }

    /// How many of the writer's sets are there.
    async fn sets(&self) -> Result<u64> {
        let tally = [set::tally(self.seed, self.number)];
        let found =
            patiently(async || self.stores.records.get_many(self.cx, set::TALLIES, &tally).await).await?;
        Ok(found.into_iter().flatten().next().map_or(0, |record| record.version))
    }
}
