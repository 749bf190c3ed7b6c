//! Delivery of events to the host: what a forge is given, and the loop that its worker runs.

use std::sync::Arc;

use agentforge_core::outbox::{DeliveryOptions, OutboxSink};

use crate::ForgeBuilder;

impl ForgeBuilder {
    /// Delivers the events of every tenant's outbox to a sink, in order per key and at least once: what runs tell about
    /// themselves, and what the host emits. A sink that fails holds up only the key that it failed on, which is offered
    /// again after a wait; [`ForgeBuilder::events`] hears of it as `delivery.failed`. The forge's worker delivers, or
    /// [`Forge::work`](crate::Forge::work) without one; of several processes on one store, one delivers for a tenant at a
    /// time. Without a sink, events wait until upkeep trims them.
    ///
    /// ```
    /// # let work = async {
    /// use std::sync::{Arc, Mutex};
    ///
    /// use agentforge::{CallContext, Forge, Result, async_trait, outbox::OutboxSink, store::OutboxRow};
    ///
    /// /// A broker would stand here.
    /// #[derive(Default)]
    /// struct Broker(Mutex<Vec<String>>);
    ///
    /// #[async_trait]
    /// impl OutboxSink for Broker {
    ///     async fn deliver(&self, _cx: &CallContext, row: &OutboxRow) -> Result<()> {
    ///         // An event may come again: `row.event.id` is the same each time.
    ///         if row.event.run.is_some() {
    ///             self.0.lock().unwrap().push(row.event.kind.clone());
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let broker = Arc::new(Broker::default());
    /// let forge = Forge::builder("memory:").deliver_to(broker.clone()).without_worker().open().await?;
    /// let workspace = forge.workspace();
    /// let hello = serde_json::json!({"v": 1, "name": "hello", "title": "Hello",
    ///     "nodes": [{"id": "pause", "type": "wait", "title": "Pause", "config": {"for": "PT0S"}}], "edges": []});
    /// # use agentforge::serde_json;
    /// workspace.processes().publish(&hello).await?;
    /// workspace.processes().start("hello", serde_json::json!({}), None).await?;
    /// forge.work().await?;
    /// assert_eq!(*broker.0.lock().unwrap(), ["run.started", "run.completed"]);
    /// forge.close().await?;
    /// # Ok::<(), agentforge::Error>(())
    /// # };
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
    /// ```
    #[must_use]
    pub fn deliver_to(mut self, sink: Arc<dyn OutboxSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Other limits and waits of delivery than the defaults.
    #[must_use]
    pub fn delivery(mut self, options: DeliveryOptions) -> Self {
        self.delivery = options;
        self
    }
}
