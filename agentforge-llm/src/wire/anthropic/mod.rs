//! Anthropic messages: `POST /messages`, and on Vertex AI `POST /models/{model}:streamRawPredict`.
//!
//! A content block of an answer becomes a part. Blocks that we have no words for (the provider's own tools and their
//! results) are kept whole as opaque parts, and what a block carries beside our words (signatures, citations) stands in
//! its native item, so that the next request gives everything back as it came.

mod answer;
mod check;
mod chunk;
mod citations;
mod decode;
mod encode;
mod error;
mod media;
mod messages;
pub(super) mod schema;
mod settings;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire, reply::ReplyDecoder};

/// The wire's name.
pub const NAME: &str = "anthropic_messages";

/// The version of the API that this wire speaks.
const VERSION: &str = "2023-06-01";
/// The same as Vertex AI calls it.
const VERTEX_VERSION: &str = "vertex-2023-10-16";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct AnthropicMessages;

impl Wire for AnthropicMessages {
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
