//! Ollama's own embeddings: `POST /api/embed`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, EmbedApi, Given, Limits, input_tokens, numbers::Numbers, put};
use crate::{host::Host, wire::lenient::Count};

pub(super) struct OllamaEmbeddings;

#[derive(Deserialize)]
struct Reply {
    embeddings: Vec<Numbers>,
    #[serde(default)]
    prompt_eval_count: Count,
}

impl EmbedApi for OllamaEmbeddings {
    fn limits(&self, _host: &Host, _model: &str) -> Limits {
        // The API has none; a request should still end before anybody doubts that it will.
        Limits { texts: 128, bytes: 300_000 }
    }

    fn encode(&self, ask: &Ask<'_>) -> (String, Value) {
        let mut body = json!({"model": ask.model, "input": ask.texts, "truncate": false});
        if let Some(dimensions) = ask.dimensions {
            put(&mut body, "dimensions", dimensions);
        }
        ("/api/embed".to_owned(), body)
    }

    fn decode(&self, body: &[u8]) -> serde_json::Result<Given> {
        let reply: Reply = serde_json::from_slice(body)?;
        let vectors = reply.embeddings.into_iter().map(|vector| (None, vector.0)).collect();
        Ok(Given { vectors, usage: input_tokens(reply.prompt_eval_count.0) })
    }
}
