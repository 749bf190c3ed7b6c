//! OpenAI chat completions, and everything that calls itself compatible with them: `POST /chat/completions`.
//!
//! What compatible hosts disagree on stands in [`Quirks`](crate::host::Quirks); what they add is read leniently.

mod answer;
mod check;
mod chunk;
mod decode;
mod details;
mod encode;
pub(super) mod error;
mod media;
mod messages;
mod tool_calls;
mod usage;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire, reply::ReplyDecoder};

/// The wire's name.
pub const NAME: &str = "openai_chat";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct OpenAiChat;

impl Wire for OpenAiChat {
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
