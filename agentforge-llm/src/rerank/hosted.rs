//! The driver of every reranker at a host: shares out the passages, asks, and orders what comes back.

use agentforge_core::{
    CallContext, Result,
    model::{RankedItem, RerankRequest, Reranker},
};
use async_trait::async_trait;
use serde_json::json;

use super::{
    RerankApi,
    order::{Reply, best, checked},
};
use crate::host::Line;

/// A reranker at a host. Made by the [`Registry`](crate::Registry).
pub(crate) struct HostedReranker {
    model: String,
    fingerprint: String,
    api: RerankApi,
    line: Line,
}

impl HostedReranker {
    pub(crate) fn new(model: &str, api: RerankApi, line: Line) -> Self {
        let fingerprint = format!("{}:{model}/1", line.host.name);
        Self { model: model.to_owned(), fingerprint, api, line }
    }

    /// The ranks of some passages that go into one request, by their places in it.
    async fn some(
        &self,
        query: &str,
        passages: &[&String],
        top: usize,
        cx: &CallContext,
    ) -> Result<Vec<RankedItem>> {
        let wanted = top.min(passages.len());
        let body = json!({"model": self.model, "query": query, "documents": passages, "top_n": wanted});
        let reply = self.line.ask(self.api.path, &body, cx).await?;
        let read: Reply = serde_json::from_slice(&reply).map_err(|why| self.line.undecodable(&reply, why))?;
        let name = format!("{}:{}", self.line.host.name, self.model);
        checked(&name, read.results, passages.len(), wanted)
    }
}

#[async_trait]
impl Reranker for HostedReranker {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    async fn rerank(&self, request: RerankRequest, cx: &CallContext) -> Result<Vec<RankedItem>> {
        let spoken: Vec<(usize, &String)> =
            request.passages.iter().enumerate().filter(|(_, text)| !text.trim().is_empty()).collect();
        if request.top == 0 || request.query.trim().is_empty() {
            return Ok(Vec::new());
        }
        let mut ranked = Vec::new();
        for share in spoken.chunks(self.api.passages) {
            let passages: Vec<&String> = share.iter().map(|(_, text)| *text).collect();
            let found = self.some(&request.query, &passages, request.top, cx).await?;
            ranked.extend(found.into_iter().filter_map(|item| {
                share.get(item.index).map(|(place, _)| RankedItem { index: *place, ..item })
            }));
        }
        Ok(best(ranked, request.top))
    }
}
