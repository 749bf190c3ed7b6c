//! async-openai as it is used by its documents: the typed client of chat completions.

#[path = "../../../../src/probe.rs"]
mod probe;

use async_openai::{
    Client,
    config::OpenAIConfig,
    types::chat::{
        ChatCompletionRequestUserMessage, ChatCompletionResponseStream, CreateChatCompletionRequestArgs,
    },
};
use futures::StreamExt;
use probe::{Counted, Failure};

#[global_allocator]
static ALLOCATOR: Counted = Counted;

struct Peer(Client<OpenAIConfig>);

impl probe::Client for Peer {
    type Answer = ChatCompletionResponseStream;

    async fn ask(&self, _wire: &str, model: &str) -> Result<Self::Answer, Failure> {
        let request = CreateChatCompletionRequestArgs::default()
            .model(model)
            .messages([ChatCompletionRequestUserMessage::from(probe::QUESTION).into()])
            .build()?;
        Ok(self.0.chat().create_stream(request).await?)
    }

    async fn next(&self, answer: &mut Self::Answer) -> Result<Option<usize>, Failure> {
        let Some(chunk) = answer.next().await.transpose()? else { return Ok(None) };
        let said = |content: &Option<String>| content.as_ref().map_or(0, String::len);
        Ok(Some(chunk.choices.iter().map(|choice| said(&choice.delta.content)).sum()))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let config = OpenAIConfig::new().with_api_base(probe::address()?).with_api_key("sk-0123456789");
    probe::serve(Peer(Client::with_config(config))).await
}
