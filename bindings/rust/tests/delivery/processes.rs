//! Delivery by forges over one file: their workers deliver, close and take over.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use agentforge::{
    CallContext, Error, ErrorKind, Forge, Result, async_trait,
    event::Event,
    outbox::{DeliveryOptions, OutboxSink},
    serde_json::json,
    store::OutboxRow,
};

use crate::{folder::Folder, processes::leave};

/// Notes what arrives, and whether two of one key were ever on their way at once.
#[derive(Default)]
struct Broker {
    arrived: Mutex<Vec<(String, u64, Event)>>,
    under_way: Mutex<BTreeSet<String>>,
    overlapped: AtomicBool,
    offers: AtomicU64,
    hangs: AtomicBool,
}

impl Broker {
    fn kinds(&self) -> Vec<String> {
        self.arrived.lock().unwrap().iter().map(|(_, _, event)| event.kind.clone()).collect()
    }

    async fn until(&self, enough: impl Fn(&[(String, u64, Event)]) -> bool) {
        let arrived = async {
            while !enough(&self.arrived.lock().unwrap()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), arrived).await.expect("events did not arrive");
    }
}

/// Ends a visit, also one that is cut off.
struct Visit<'a>(&'a Broker, String);

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        self.0.under_way.lock().unwrap().remove(&self.1);
    }
}

#[async_trait]
impl OutboxSink for Broker {
    async fn deliver(&self, cx: &CallContext, row: &OutboxRow) -> Result<()> {
        // Records tell about themselves too.
        if row.event.run.is_none() {
            return Ok(());
        }
        let place = format!("{} {}", cx.tenant(), row.key);
        if !self.under_way.lock().unwrap().insert(place.clone()) {
            self.overlapped.store(true, Ordering::SeqCst);
        }
        let _visit = Visit(self, place);
        let offer = self.offers.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_micros(offer % 7 * 150)).await;
        if self.hangs.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if offer % 11 == 3 {
            return Err(Error::new(ErrorKind::Transport, "the broker is away"));
        }
        self.arrived.lock().unwrap().push((row.key.clone(), row.seq, row.event.clone()));
        Ok(())
    }
}

async fn open(file: &str, broker: &Arc<Broker>) -> Forge {
    let options = DeliveryOptions { first_wait: Duration::from_millis(5), ..DeliveryOptions::default() };
    Forge::builder(file)
        .tool(crate::processes::balance())
        .tool(crate::processes::book())
        .deliver_to(broker.clone())
        .delivery(options)
        .open()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_on_one_file_deliver_in_order_and_nothing_twice() {
    const RUNS: usize = 25;
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let broker = Arc::new(Broker::default());
    let forges = [open(&file, &broker).await, open(&file, &broker).await];
    forges[0].workspace().processes().publish(&leave()).await.unwrap();
    let mut runs = Vec::new();
    for number in 0..RUNS {
        let input = json!({"employee": "Dana", "days": 1 + number});
        let workspace = forges[number % 2].workspace();
        runs.push(workspace.processes().start("leave", input, None).await.unwrap().run);
    }
    for (number, run) in runs.into_iter().enumerate() {
        forges[number % 2].workspace().processes().cancel(run).await.unwrap();
    }
    broker.until(|arrived| arrived.len() >= 2 * RUNS).await;
    for forge in &forges {
        forge.close().await.unwrap();
    }
    let mut by_key: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for (key, seq, event) in broker.arrived.lock().unwrap().iter() {
        by_key.entry(key.clone()).or_default().push((*seq, event.kind.clone()));
    }
    assert_eq!(by_key.len(), RUNS);
    for (key, seen) in by_key {
        let kinds: Vec<_> = seen.iter().map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(kinds, ["run.started", "run.cancelled"], "{key}: {seen:?}");
        assert!(seen.is_sorted_by(|a, b| a.0 < b.0), "{key}: {seen:?}");
    }
    assert!(!broker.overlapped.load(Ordering::SeqCst), "two events of one key were on their way at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_cuts_a_hanging_delivery_off_and_the_next_process_goes_on_at_once() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let hanging = Arc::new(Broker::default());
    hanging.hangs.store(true, Ordering::SeqCst);
    let forge = open(&file, &hanging).await;
    forge.workspace().processes().publish(&leave()).await.unwrap();
    let input = json!({"employee": "Dana", "days": 1});
    forge.workspace().processes().start("leave", input, None).await.unwrap();
    let offered = async {
        while hanging.offers.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), offered).await.expect("nothing was offered");
    tokio::time::timeout(Duration::from_mins(1), forge.close()).await.expect("closing hangs").unwrap();
    assert!(hanging.arrived.lock().unwrap().is_empty());

    let broker = Arc::new(Broker::default());
    let forge = Forge::builder(&file).deliver_to(broker.clone()).without_worker().open().await.unwrap();
    // At once: had the lease or the claim not been given back, nothing would be due for half a minute.
    forge.work().await.unwrap();
    assert_eq!(broker.kinds(), ["run.started"]);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn without_a_sink_events_wait_for_the_next_process_that_has_one() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let forge = Forge::builder(&file)
        .tool(crate::processes::balance())
        .tool(crate::processes::book())
        .open()
        .await
        .unwrap();
    forge.workspace().processes().publish(&leave()).await.unwrap();
    let input = json!({"employee": "Dana", "days": 1});
    forge.workspace().processes().start("leave", input, None).await.unwrap();
    forge.close().await.unwrap();
    let broker = Arc::new(Broker::default());
    let forge = Forge::builder(&file).deliver_to(broker.clone()).without_worker().open().await.unwrap();
    forge.work().await.unwrap();
    assert_eq!(broker.kinds(), ["run.started"]);
    assert_eq!(forge.work().await.unwrap(), 0, "an event is delivered once");
    assert_eq!(broker.kinds(), ["run.started"]);
    forge.close().await.unwrap();
}
