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

/// The ranks of a reply, whatever it answers; for what throws foreign bytes at every reader.
#[cfg(feature = "testkit")]
pub(crate) fn read(body: &[u8]) -> agentforge_core::Result<Vec<agentforge_core::model::RankedItem>> {
    let why = |error: serde_json::Error| agentforge_core::Error::internal(error.to_string());
    let reply: order::Reply = serde_json::from_slice(body).map_err(why)?;
    let sent = reply.results.len();
    order::checked("lab:m", reply.results, sent, sent).map(|ranked| order::best(ranked, sent))
}
