//! Our client: the registry's model over HTTP, read a wake-up at a time.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use agentforge::{
    CallContext,
    message::Message,
    model::{ChatEvent, ChatModel, ChatRequest, ChatStream, Delta},
    models::{self, ApiKey, Credential, Host, Registry},
};
use agentforge_benches::{
    host::person,
    probe::{Client, Failure, QUESTION},
};

pub(crate) struct Ours {
    registry: Registry,
    address: String,
    cx: CallContext,
    /// Made once each, as a host does.
    models: RefCell<HashMap<String, Arc<dyn ChatModel>>>,
}

impl Ours {
    pub(crate) fn new(address: &str) -> Result<Self, Failure> {
        Ok(Self::over(models::registry(), address)?)
    }

    /// Over a registry with another transport.
    pub(crate) fn over(registry: Registry, address: &str) -> agentforge::Result<Self> {
        Ok(Self { registry, address: address.to_owned(), cx: person(1)?, models: RefCell::default() })
    }

    fn model(&self, wire: &str, model: &str) -> agentforge::Result<Arc<dyn ChatModel>> {
        let name = format!("{wire} {model}");
        if let Some(known) = self.models.borrow().get(&name) {
            return Ok(known.clone());
        }
        let address = format!("{}/{wire}", self.address);
        let host = Host { wire: wire.to_owned().into(), ..Host::compatible("mock", address) };
        let key = Credential::Key(ApiKey::new("sk-0123456789", "the key of the benchmark")?);
        let connected = self.registry.connect(&host, model, Some(key))?;
        self.models.borrow_mut().insert(name, connected.clone());
        Ok(connected)
    }
}

impl Client for Ours {
    type Answer = ChatStream;

    async fn ask(&self, wire: &str, model: &str) -> Result<ChatStream, Failure> {
        let request = ChatRequest::new([Message::user(QUESTION)]);
        Ok(self.model(wire, model)?.stream(request.into(), &self.cx).await?)
    }

    async fn next(&self, answer: &mut ChatStream) -> Result<Option<usize>, Failure> {
        let Some(batch) = answer.next_batch().await.transpose()? else { return Ok(None) };
        let said = |event: &ChatEvent| match event {
            ChatEvent::PartDelta { delta: Delta::Text(text), .. } => text.len(),
            _ => 0,
        };
        Ok(Some(batch.iter().map(said).sum()))
    }
}
