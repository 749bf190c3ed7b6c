//! Google's `generateContent`: `POST /models/{model}:streamGenerateContent` and `:generateContent`, of the Gemini API and
//! of Vertex AI.
//!
//! An answer is a list of parts, and a stream a list of pieces of it. What a part carries beside our words (the
//! signature of a thought above all, which stands on any sort of part, an empty text among them) is its native item,
//! and goes back with it. Parts that we have no words for (code that ran at the provider, its own tools) are kept whole
//! as opaque ones. Calls may come without ids; then they and their results go back without one, in their order.
//!
//! Members of `extra` go into the body; those of `generationConfig` and `toolConfig` and the entries of `tools` beside
//! what this wire writes there. With `cachedContent` among them the system prompt and the tools stay out, which the
//! cached content brings.

mod answer;
mod check;
mod chunk;
mod citations;
mod decode;
mod encode;
mod error;
mod extra;
mod media;
mod messages;
mod partial;
mod schema;
mod settings;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire, reply::ReplyDecoder};

/// The wire's name.
pub const NAME: &str = "gemini_generate_content";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct GeminiGenerateContent;

impl Wire for GeminiGenerateContent {
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
