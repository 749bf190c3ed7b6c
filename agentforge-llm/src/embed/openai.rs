//! OpenAI's embeddings, and everything that calls itself compatible with them: `POST /embeddings`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, EmbedApi, Given, Limits, input_tokens, numbers::Numbers, put};
use crate::{
    host::Host,
    wire::lenient::{Count, Soft},
};

/// The hosts that send vectors as base64 when they are asked to: a third of the bytes.
const COMPACT: &[&str] = &["openai", "openai-responses"];

pub(super) struct OpenAiEmbeddings;

#[derive(Deserialize)]
struct Reply {
    data: Vec<Item>,
    #[serde(default)]
    usage: Soft<Counts>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(default)]
    index: Count,
    embedding: Numbers,
}

#[derive(Deserialize)]
#[allow(clippy::struct_field_names)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    total_tokens: Count,
}

impl EmbedApi for OpenAiEmbeddings {
    fn limits(&self, host: &Host, _model: &str) -> Limits {
        match &*host.name {
            // 16,384 tokens a request, of two bytes at least in most scripts.
            "mistral" => Limits { texts: 128, bytes: 32_000 },
            // 300,000 tokens a request, of one byte at least.
            "openai" | "openai-responses" => Limits { texts: 2_048, bytes: 300_000 },
            _ => Limits { texts: 128, bytes: 300_000 },
        }
    }

    fn encode(&self, ask: &Ask<'_>) -> (String, Value) {
        let mut body = json!({"model": ask.model, "input": ask.texts});
        if let Some(dimensions) = ask.dimensions {
            put(&mut body, "dimensions", dimensions);
        }
        if COMPACT.contains(&&*ask.host.name) {
            put(&mut body, "encoding_format", "base64");
        }
        ("/embeddings".to_owned(), body)
    }

    fn decode(&self, body: &[u8]) -> serde_json::Result<Given> {
        let reply: Reply = serde_json::from_slice(body)?;
        let usage = reply.usage.0;
        let tokens = usage.and_then(|usage| usage.prompt_tokens.0.or(usage.total_tokens.0));
        let vectors = reply.data.into_iter().map(|item| (item.index.0, item.embedding.0)).collect();
        Ok(Given { vectors, usage: input_tokens(tokens) })
    }
}
