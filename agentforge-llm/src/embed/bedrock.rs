//! Embedders on Bedrock: `POST /model/{model}/invoke` with the body of the model's own maker, Amazon's Titan or Cohere.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, EmbedApi, Given, Limits, cohere, input_tokens, numbers::Numbers, put};
use crate::{
    host::{Host, address::percent_encoded},
    wire::lenient::Count,
};

pub(super) struct BedrockEmbeddings;

#[derive(Deserialize)]
struct Titan {
    embedding: Numbers,
    #[serde(default, rename = "inputTextTokenCount")]
    tokens: Count,
}

impl EmbedApi for BedrockEmbeddings {
    fn limits(&self, _host: &Host, model: &str) -> Limits {
        if is_cohere(model) { cohere::LIMITS } else { Limits { texts: 1, bytes: usize::MAX } }
    }

    fn encode(&self, ask: &Ask<'_>) -> (String, Value) {
        let body = if is_cohere(ask.model) {
            cohere::members(ask)
        } else {
            let mut body = json!({"inputText": ask.texts.first()});
            if let Some(dimensions) = ask.dimensions {
                put(&mut body, "dimensions", dimensions);
            }
            body
        };
        (format!("/model/{}/invoke", percent_encoded(ask.model)), body)
    }

    fn decode(&self, body: &[u8]) -> serde_json::Result<Given> {
        match serde_json::from_slice::<Titan>(body) {
            Ok(titan) => {
                Ok(Given { vectors: vec![(None, titan.embedding.0)], usage: input_tokens(titan.tokens.0) })
            }
            Err(error) => cohere::decode(body).map_err(|_| error),
        }
    }
}

fn is_cohere(model: &str) -> bool {
    model.contains("cohere.")
}
