//! OpenAI responses, and the servers that call themselves compatible with them: `POST /responses`.
//!
//! Stateless: unless `extra` says otherwise the provider stores nothing (`store: false`), thoughts come back sealed
//! (`include: ["reasoning.encrypted_content"]`), and every request carries the whole conversation. An item of an answer
//! becomes a part, and stands whole in the part's native item, so that the next request to the same host gives it back
//! as it came: ids, phases, sealed thoughts, citations. Items that we have no words for (the provider's own tools and what
//! they found) are opaque parts.
//!
//! What only this API has goes into `extra` under the host's name: `tools` there stand beside ours (`web_search`, an MCP
//! server), `include` adds to ours, `reasoning` and `text` are joined with ours (a `summary`, a `verbosity`), and every
//! other member replaces ours (`service_tier`, `store`, `previous_response_id`).
//!
//! A compatible server is a host with this wire:
//!
//! ```
//! use agentforge_llm::{Registry, host::Host, wire::openai_responses};
//! let lab = Host { wire: openai_responses::NAME.into(), ..Host::compatible("lab", "http://10.0.0.5:1234/v1") };
//! let registry = Registry::new().with_host(lab)?;
//! # Ok::<(), agentforge_core::Error>(())
//! ```

mod answer;
mod check;
mod chunk;
mod citations;
mod decode;
mod encode;
mod error;
mod input;
mod item;
mod media;
mod settings;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire, reply::ReplyDecoder};

/// The wire's name.
pub const NAME: &str = "openai_responses";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiResponses;

impl Wire for OpenAiResponses {
    fn name(&self) -> &'static str {
        NAME
    }

    fn check(&self, request: &ChatRequest, target: &Target<'_>) -> Vec<Unsupported> {
        check::faults(request, target)
    }

    fn encode(&self, request: &ChatRequest, target: &Target<'_>) -> Result<EncodedRequest> {
        encode::encode(request, target)
    }

    fn decoder(&self, recall: Recall) -> Box<dyn Decoder> {
        Box::new(ReplyDecoder::new(decode::Reader::new(recall)))
    }

    fn decode_error(&self, head: &ReplyHead, body: &[u8]) -> Error {
        error::decode_error(head, body)
    }
}
