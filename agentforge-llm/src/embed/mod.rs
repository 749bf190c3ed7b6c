//! Embedders over HTTP: texts to vectors by the API of a host, behind core's
//! [`Embedder`](agentforge_core::model::Embedder) port.
//!
//! One driver serves all of them: it splits what is asked into requests of the API's size, keeps the order, asks nothing
//! for blank texts (their vectors are zeros), checks that every vector came and has the length that was declared, and
//! gives them unit length. A text that is too long is an error where the API can be told so, and never cut in silence.
//! Several requests are under way at once, and each is tried again by itself, as far as the registry's [`BatchPolicy`]
//! allows; without one that says so nothing is tried again.
//!
//! **Adding an API** is one file with its `EmbedApi` and a row in `api_of`, by the wire that its hosts speak.
//! **Adding a model** is an [`EmbeddingRow`], in `rows.rs` or given to the registry at run time.

mod batch;
mod bedrock;
mod cohere;
mod gemini;
mod hosted;
mod numbers;
mod ollama;
mod openai;
mod policy;
mod rows;
mod vectors;

use agentforge_core::model::{EmbedInput, Usage};
use serde_json::Value;

pub(crate) use hosted::{HostedEmbedder, info_of};
pub use policy::BatchPolicy;
pub(crate) use rows::rows;
pub use rows::{EmbeddingRow, Lengths};

use crate::{host::Host, wire};

/// How long the vectors should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dimensions {
    /// As long as the model is known to make them.
    #[default]
    Native,
    /// As long as the caller knows that the model makes them; the model is told nothing.
    Declared(usize),
    /// As long as the model is told to make them.
    Requested(usize),
}

/// One API that turns texts into vectors; pure.
pub(crate) trait EmbedApi: Send + Sync {
    /// What one request takes of this host's model.
    fn limits(&self, host: &Host, model: &str) -> Limits;

    /// The path and the body of a request.
    fn encode(&self, ask: &Ask<'_>) -> (String, Value);

    /// What a reply gives. An error says what its JSON lacks.
    fn decode(&self, body: &[u8]) -> serde_json::Result<Given>;
}

/// What one request takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many texts.
    pub(crate) texts: usize,
    /// How many bytes they have together.
    pub(crate) bytes: usize,
}

/// One request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ask<'a> {
    /// Where it goes.
    pub(crate) host: &'a Host,
    /// The model.
    pub(crate) model: &'a str,
    /// The texts, none of them blank.
    pub(crate) texts: &'a [String],
    /// What they are for.
    pub(crate) input: EmbedInput,
    /// How long the model is told to make the vectors.
    pub(crate) dimensions: Option<usize>,
}

/// What a reply gives.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The vectors, each with its place where the reply says it.
    pub(crate) vectors: Vec<(Option<u64>, Vec<f32>)>,
    /// What was used.
    pub(crate) usage: Usage,
}

/// The API of the hosts that speak a wire; `None` when they embed nothing.
pub(crate) fn api_of(wire: &str) -> Option<&'static dyn EmbedApi> {
    Some(match wire {
        wire::openai_chat::NAME | wire::openai_responses::NAME => &openai::OpenAiEmbeddings,
        wire::gemini::NAME => &gemini::GeminiEmbeddings,
        wire::cohere::NAME => &cohere::CohereEmbeddings,
        wire::ollama::NAME => &ollama::OllamaEmbeddings,
        wire::bedrock::NAME => &bedrock::BedrockEmbeddings,
        _ => return None,
    })
}

/// Adds a member to a body.
fn put(body: &mut Value, name: &str, value: impl Into<Value>) {
    if let Value::Object(members) = body {
        members.insert(name.to_owned(), value.into());
    }
}

/// Tokens that went in, for APIs that count nothing else.
fn input_tokens(count: Option<u64>) -> Usage {
    Usage { input: count, ..Usage::default() }
}

/// The vectors of a reply, whatever it answers; for what throws foreign bytes at every reader.
#[cfg(feature = "testkit")]
pub(crate) fn read(api: &dyn EmbedApi, body: &[u8]) -> agentforge_core::Result<Vec<Vec<f32>>> {
    let given = api.decode(body).map_err(|why| agentforge_core::Error::internal(why.to_string()))?;
    let dimensions = given.vectors.first().map_or(0, |(_, vector)| vector.len());
    let expected = vectors::Expected { name: "lab:m", count: given.vectors.len(), dimensions };
    vectors::in_order(given.vectors, expected)
}
