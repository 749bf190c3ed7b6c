//! Cohere's chat, version 2: `POST /v2/chat`.
//!
//! What sets it apart: a plan that precedes tool calls (read as reasoning), citations of documents and of tool results,
//! results of tools that are documents, and two counts of tokens, of which the smaller is billed.

mod answer;
mod check;
mod chunk;
mod citations;
mod decode;
mod encode;
mod error;
mod media;
mod messages;
mod settings;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire, reply::ReplyDecoder};

/// The wire's name.
pub const NAME: &str = "cohere_chat";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct CohereChat;

impl Wire for CohereChat {
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
