//! Google's embeddings: `POST /models/{model}:batchEmbedContents`.

use agentforge_core::model::EmbedInput;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, EmbedApi, Given, Limits, input_tokens, numbers::Numbers, put};
use crate::{
    host::Host,
    wire::lenient::{Count, Soft},
};

pub(super) struct GeminiEmbeddings;

#[derive(Deserialize)]
struct Reply {
    embeddings: Vec<Item>,
    #[serde(default, rename = "usageMetadata")]
    usage: Soft<Counts>,
}

#[derive(Deserialize)]
struct Item {
    values: Numbers,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default, rename = "promptTokenCount")]
    prompt_tokens: Count,
}

impl EmbedApi for GeminiEmbeddings {
    fn limits(&self, _host: &Host, _model: &str) -> Limits {
        Limits { texts: 100, bytes: 1_000_000 }
    }

    fn encode(&self, ask: &Ask<'_>) -> (String, Value) {
        let model = ask.model.strip_prefix("models/").unwrap_or(ask.model);
        let task = match ask.input {
            EmbedInput::Query => "RETRIEVAL_QUERY",
            EmbedInput::Passage => "RETRIEVAL_DOCUMENT",
        };
        // Models after the first are told by words, which their rows hold.
        let told_by_words = model.starts_with("gemini-embedding-2");
        let request = |text: &String| {
            let mut request = json!({
                "model": format!("models/{model}"),
                "content": {"parts": [{"text": text}]},
            });
            if !told_by_words {
                put(&mut request, "taskType", task);
            }
            if let Some(dimensions) = ask.dimensions {
                put(&mut request, "outputDimensionality", dimensions);
            }
            request
        };
        let requests: Vec<Value> = ask.texts.iter().map(request).collect();
        (format!("/models/{model}:batchEmbedContents"), json!({ "requests": requests }))
    }

    fn decode(&self, body: &[u8]) -> serde_json::Result<Given> {
        let reply: Reply = serde_json::from_slice(body)?;
        let tokens = reply.usage.0.and_then(|usage| usage.prompt_tokens.0);
        let vectors = reply.embeddings.into_iter().map(|item| (None, item.values.0)).collect();
        Ok(Given { vectors, usage: input_tokens(tokens) })
    }
}
