//! Ollama's own chat: `POST /api/chat`, one JSON value a line.
//!
//! The same server also speaks chat completions, which the host `ollama` uses. This wire reaches what those lack: the
//! length of the context (`options.num_ctx`, without which a long prompt is silently cut), `keep_alive`, thought that can
//! be switched off, and the server's own timings. What has no member of ours goes through
//! [`extra`](agentforge_core::model::ChatRequest::extra); its `options` join those of the knobs.

mod answer;
mod check;
mod chunk;
mod decode;
mod encode;
mod error;
mod intake;
mod messages;

use agentforge_core::{
    Error, Result,
    model::{ChatRequest, Unsupported},
};

use super::{Decoder, EncodedRequest, Recall, ReplyHead, Target, Wire};

/// The wire's name.
pub const NAME: &str = "ollama_chat";

/// The wire.
#[derive(Debug, Clone, Copy, Default)]
pub struct OllamaChat;

impl Wire for OllamaChat {
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
        Box::new(decode::OllamaDecoder::new(recall))
    }

    fn decode_error(&self, head: &ReplyHead, body: &[u8]) -> Error {
        error::decode_error(head, body)
    }
}
