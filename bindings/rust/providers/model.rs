//! A model of a tenant's provider. Every request looks at the records anew, so that a provider that is deactivated,
//! removed or given another key is so with the next request, also for agents that were built before.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, Phase, Result},
    id::{ModelProviderId, TenantId},
    model::{ChatModel, ChatRequest, ChatStream, ModelInfo, Price, Unsupported},
    time::Timestamp,
};
use async_trait::async_trait;

use super::reach::Reach;

pub(super) struct TenantModel {
    pub(super) info: ModelInfo,
    pub(super) tenant: TenantId,
    pub(super) provider: ModelProviderId,
    /// As it was when the name was resolved: for what needs no request.
    pub(super) inner: Arc<dyn ChatModel>,
    pub(super) reach: Reach,
}

impl TenantModel {
    async fn now(&self, cx: &CallContext) -> Result<Arc<dyn ChatModel>> {
        same_tenant(cx, self.tenant)?;
        let provider = self.reach.usable(cx, self.provider, &self.info.model).await?;
        self.reach.connect(cx, &provider, &self.info.model).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl ChatModel for TenantModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        let model = self.now(cx).await.map_err(|error| error.in_phase(Phase::BeforeSend))?;
        model.stream(request, cx).await
    }

    fn price_at(&self, at: Timestamp) -> Option<Price> {
        self.info.price.clone().or_else(|| self.inner.price_at(at))
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        self.inner.check(request)
    }
}

/// Fails in any tenant but that of the provider.
pub(super) fn same_tenant(cx: &CallContext, tenant: TenantId) -> Result<()> {
    if cx.tenant() == tenant {
        return Ok(());
    }
    Err(Error::denied("the model belongs to a provider of another tenant; resolve it in this one"))
}
