//! Bedrock converse: `POST /model/{model}/converse` and `/converse-stream`, whose streams are binary.
//!
//! A content block of an answer becomes a part. Blocks that we have no words for (guarded content, tools of the
//! provider's own) are kept whole as opaque parts, and what a block carries beside our words (signatures, citations)
//! stands in its native item, so that the next request gives everything back as it came.
//!
//! One API stands before the models of many makers. Where these differ (how they are told to think, which of them can be
//! told what to call), `family` says so by the model's name.

mod answer;
mod check;
mod chunk;
mod citations;
mod decode;
mod encode;
mod error;
pub(crate) mod family;
mod media;
mod messages;
mod settings;
mod tools;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire};

/// The wire's name.
pub const NAME: &str = "bedrock_converse";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct BedrockConverse;

impl Wire for BedrockConverse {
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
        Box::new(decode::ConverseDecoder::new(recall))
    }

    fn decode_error(&self, head: &ReplyHead, body: &[u8]) -> Error {
        error::decode_error(head, body)
    }
}
