//! rig as it is used by its documents: the client of `OpenAI` over its own transport, on chat completions.

#[path = "../../../../src/probe.rs"]
mod probe;

use futures::StreamExt;
use probe::{Counted, Failure};
use rig_core::{
    completion::CompletionRequest,
    providers::openai::{OpenAI, OpenAIConfig, wire},
    streaming::{CompletionStream, Item, StreamEvent},
};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

struct Peer(OpenAI);

impl probe::Client for Peer {
    type Answer = CompletionStream;

    async fn ask(&self, _wire: &str, model: &str) -> Result<Self::Answer, Failure> {
        Ok(self.0.chat(model).stream(CompletionRequest::new(probe::QUESTION))?)
    }

    async fn next(&self, answer: &mut Self::Answer) -> Result<Option<usize>, Failure> {
        Ok(match answer.next().await.transpose()? {
            Some(Item::Event(StreamEvent::Text { text, .. })) => Some(text.len()),
            Some(_) => Some(0),
            None => None,
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let mut config = OpenAIConfig::with_key(&wire::OPENAI, "sk-0123456789");
    config.base_url = probe::address()?;
    probe::serve(Peer(config.client())).await
}
