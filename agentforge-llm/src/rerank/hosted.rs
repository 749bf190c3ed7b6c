//! The driver of every reranker at a host: shares out the passages, asks, and orders what comes back.

use agentforge_core::{
    CallContext, Result,
    model::{RankedItem, RerankRequest, Reranker},
};
use async_trait::async_trait;
use futures::FutureExt;
use serde_json::json;

use super::{
    RerankApi,
    order::{Reply, best, checked},
};
use crate::{embed::BatchPolicy, host::Line};

/// A reranker at a host. Made by the [`Registry`](crate::Registry).
pub(crate) struct HostedReranker {
    model: String,
    fingerprint: String,
    api: RerankApi,
    line: Line,
    policy: BatchPolicy,
}

impl HostedReranker {
    pub(crate) fn new(model: &str, api: RerankApi, line: Line, policy: BatchPolicy) -> Self {
        let fingerprint = format!("{}:{model}/1", line.host.name);
        Self { model: model.to_owned(), fingerprint, api, line, policy }
    }

    /// The ranks of some passages that go into one request, by their places among all.
    async fn share(
        &self,
        request: &RerankRequest,
        share: &[(usize, &String)],
        cx: &CallContext,
    ) -> Result<Vec<RankedItem>> {
        let passages: Vec<&String> = share.iter().map(|(_, text)| *text).collect();
        let (query, wanted) = (&request.query, request.top.min(passages.len()));
        let body = json!({"model": self.model, "query": query, "documents": passages, "top_n": wanted});
        let reply = self.line.ask(self.api.path, &body, cx).await?;
        let read: Reply = serde_json::from_slice(&reply).map_err(|why| self.line.undecodable(&reply, why))?;
        let name = format!("{}:{}", self.line.host.name, self.model);
        let ranked = checked(&name, read.results, passages.len(), wanted)?.into_iter();
        let placed =
            |item: RankedItem| share.get(item.index).map(|(place, _)| RankedItem { index: *place, ..item });
        Ok(ranked.filter_map(placed).collect())
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
        let shares: Vec<&[(usize, &String)]> = spoken.chunks(self.api.passages).collect();
        let ranked = self.policy.run(cx, &shares, |share| self.share(&request, share, cx).boxed()).await?;
        Ok(best(ranked.concat(), request.top))
    }
}
