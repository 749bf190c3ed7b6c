//! From exec to the first model request on a new file: opens a store, makes an agent, asks it, and exits at the moment
//! when the model is asked.

use std::sync::Arc;

use agentforge::{
    Forge,
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo},
    prelude::*,
};
use async_trait::async_trait;

struct ExitsWhenAsked(ModelInfo);

#[async_trait]
impl ChatModel for ExitsWhenAsked {
    fn info(&self) -> &ModelInfo {
        &self.0
    }

    async fn stream(&self, _request: Arc<ChatRequest>, _cx: &CallContext) -> Result<ChatStream> {
        std::process::exit(0)
    }
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let file = agentforge_benches::option("--file").ok_or("--file PATH of a file that does not exist yet")?;
    let forge = Forge::open(file).await?;
    let workspace = forge.workspace();
    let model = Arc::new(ExitsWhenAsked(ModelInfo::new("bench", "exit")));
    let agent = workspace.agent("startup", model).build()?;
    workspace.run(&agent, "Hello").await?;
    Err("the model was never asked".into())
}
