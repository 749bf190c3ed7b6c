//! Rerankers over HTTP: which of some passages answer a question best, by the API of a host, behind core's
//! [`Reranker`](agentforge_core::model::Reranker) port.
//!
//! Cohere, Jina, vLLM and llama.cpp take and give the same; only the path differs. A model of this kind looks at each
//! passage by itself, so more passages than one request takes are shared out and their scores compared. Blank passages
//! answer nothing and are left out.
//!
//! **Adding an API** is a row in [`api_of`], by the wire that its hosts speak.

mod hosted;
mod order;

pub(crate) use hosted::HostedReranker;

use crate::wire;

/// One API that ranks passages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RerankApi {
    /// Its path.
    path: &'static str,
    /// How many passages go into one request.
    passages: usize,
}

/// The API of the hosts that speak a wire; `None` when they rank nothing.
pub(crate) fn api_of(wire: &str) -> Option<RerankApi> {
    Some(match wire {
        wire::cohere::NAME => RerankApi { path: "/v2/rerank", passages: 1_000 },
        wire::openai_chat::NAME => RerankApi { path: "/rerank", passages: 1_000 },
        _ => return None,
    })
}
