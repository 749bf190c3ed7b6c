//! Embedders and rerankers over real HTTP: what each API is asked, what comes of its reply, and what can go wrong.

#[cfg(feature = "testkit")]
mod batches;
mod embedders;
mod recorded;
mod rerankers;

use std::sync::Arc;

use agentforge_core::{
    Result,
    model::{EmbedInput, EmbedRequest, EmbedResponse, Embedder},
    testing::fixed_context,
};
use agentforge_llm::{Environment, Registry, embed::Dimensions};
use serde_json::Value;

use crate::server::{Script, Server, Step, reply};

const KEY: &str = "sk-very-secret-0123456789";

/// The variables of every host, all of them at this server.
fn environment(server: &Server) -> Environment {
    let keys =
        ["OPENAI_API_KEY", "MISTRAL_API_KEY", "GEMINI_API_KEY", "CO_API_KEY", "OPENAI_COMPATIBLE_API_KEY"];
    let addresses =
        ["OPENAI_BASE_URL", "GEMINI_BASE_URL", "CO_API_URL", "OLLAMA_HOST", "OPENAI_COMPATIBLE_BASE_URL"];
    let environment = keys.into_iter().fold(Environment::new(), |all, name| all.with(name, KEY));
    addresses.into_iter().fold(environment, |all, name| all.with(name, &server.base_url))
}

fn embedder(server: &Server, name: &str, dimensions: Dimensions) -> Arc<dyn Embedder> {
    Registry::over_http().embedder_with(name, dimensions, &environment(server)).unwrap()
}

async fn embed(embedder: &dyn Embedder, texts: &[&str], input: EmbedInput) -> Result<EmbedResponse> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    embedder.embed(EmbedRequest { texts, input }, &fixed_context()).await
}

/// A script that answers with this JSON.
fn json(body: &Value) -> Script {
    vec![Step::Write(reply(200, &[("content-type", "application/json")], &body.to_string()))]
}

/// The first line of the next request's head, and its body.
async fn asked(server: &mut Server) -> (String, Value) {
    let (head, body) = server.request().await;
    let line = head.lines().next().unwrap_or_default().to_owned();
    (line, serde_json::from_str(&body).unwrap())
}
