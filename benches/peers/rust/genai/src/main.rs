//! genai as it is used by its documents: one client, the provider by an adapter, the address by a resolver.

#[path = "../../../../src/probe.rs"]
mod probe;

use futures::StreamExt;
use genai::{
    Client, ModelIden, ServiceTarget,
    adapter::AdapterKind,
    chat::{ChatMessage, ChatRequest, ChatStream, ChatStreamEvent},
    resolver::{AuthData, Endpoint, ServiceTargetResolver},
};
use probe::{Counted, Failure};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

struct Peer(Client);

impl probe::Client for Peer {
    type Answer = ChatStream;

    async fn ask(&self, _wire: &str, model: &str) -> Result<Self::Answer, Failure> {
        let request = ChatRequest::new(vec![ChatMessage::user(probe::QUESTION)]);
        Ok(self.0.exec_chat_stream(model, request, None).await?.stream)
    }

    async fn next(&self, answer: &mut Self::Answer) -> Result<Option<usize>, Failure> {
        Ok(match answer.next().await.transpose()? {
            Some(ChatStreamEvent::Chunk(chunk)) => Some(chunk.content.len()),
            Some(_) => Some(0),
            None => None,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let address = format!("{}/", probe::address()?);
    let resolver = ServiceTargetResolver::from_resolver_fn(move |target: ServiceTarget| {
        Ok(ServiceTarget {
            endpoint: Endpoint::from_owned(address.as_str()),
            auth: AuthData::from_single("sk-0123456789"),
            model: ModelIden::new(AdapterKind::OpenAI, target.model.model_name),
        })
    });
    let client = Client::builder().with_service_target_resolver(resolver).build()?;
    probe::serve(Peer(client)).await
}
