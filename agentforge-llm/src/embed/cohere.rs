//! Cohere's embeddings, version 2: `POST /v2/embed`.

use agentforge_core::model::EmbedInput;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, EmbedApi, Given, Limits, input_tokens, numbers::Numbers, put};
use crate::{
    host::Host,
    wire::lenient::{Count, Soft},
};

pub(super) struct CohereEmbeddings;

/// What one request takes, on Cohere's own machines and on others'.
pub(super) const LIMITS: Limits = Limits { texts: 96, bytes: 1_000_000 };

#[derive(Deserialize)]
struct Reply {
    embeddings: Embeddings,
    #[serde(default)]
    meta: Soft<Meta>,
}

/// By their type, or bare where no type was asked for.
#[derive(Deserialize)]
#[serde(untagged)]
enum Embeddings {
    Typed { float: Vec<Numbers> },
    Bare(Vec<Numbers>),
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    billed_units: Soft<Counts>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    input_tokens: Count,
}

impl EmbedApi for CohereEmbeddings {
    fn limits(&self, _host: &Host, _model: &str) -> Limits {
        LIMITS
    }

    fn encode(&self, ask: &Ask<'_>) -> (String, Value) {
        let mut body = members(ask);
        put(&mut body, "model", ask.model);
        ("/v2/embed".to_owned(), body)
    }

    fn decode(&self, body: &[u8]) -> serde_json::Result<Given> {
        decode(body)
    }
}

/// The members of a body, all but the model.
pub(super) fn members(ask: &Ask<'_>) -> Value {
    let input = match ask.input {
        EmbedInput::Query => "search_query",
        EmbedInput::Passage => "search_document",
    };
    let mut body = json!({
        "texts": ask.texts,
        "input_type": input,
        "embedding_types": ["float"],
        "truncate": "NONE",
    });
    if let Some(dimensions) = ask.dimensions {
        put(&mut body, "output_dimension", dimensions);
    }
    body
}

pub(super) fn decode(body: &[u8]) -> serde_json::Result<Given> {
    let reply: Reply = serde_json::from_slice(body)?;
    let vectors = match reply.embeddings {
        Embeddings::Typed { float } => float,
        Embeddings::Bare(bare) => bare,
    };
    let counts = reply.meta.0.and_then(|meta| meta.billed_units.0);
    Ok(Given {
        vectors: vectors.into_iter().map(|vector| (None, vector.0)).collect(),
        usage: input_tokens(counts.and_then(|counts| counts.input_tokens.0)),
    })
}
