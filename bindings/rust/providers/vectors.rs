//! Embedders and rerankers of a tenant's providers. Like its models, they look at the records before every call.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::{ModelProviderId, TenantId},
    model::{EmbedRequest, EmbedResponse, Embedder, EmbedderInfo, RankedItem, RerankRequest, Reranker},
    security::Permission,
};
use agentforge_llm::embed::Dimensions;
use async_trait::async_trait;

use super::{WorkspaceProviders, model::same_tenant, named, reach::Reach};

impl WorkspaceProviders<'_> {
    /// The embedder of a name such as `work:text-embedding-3-small`, with vectors as long as its model is known to make
    /// them. Its model is enabled, and a name that is no provider of the tenant leads on or not, as for
    /// [`WorkspaceProviders::resolve`]. Each request is tried again by itself.
    ///
    /// An embedder whose provider was given another host since makes other vectors: it fails with `conflict` rather
    /// than mix them.
    pub async fn embedder(&self, name: &str) -> Result<Arc<dyn Embedder>> {
        self.embedder_with(name, Dimensions::Native).await
    }

    /// The same with vectors of a length.
    pub async fn embedder_with(&self, name: &str, dimensions: Dimensions) -> Result<Arc<dyn Embedder>> {
        self.0.require(Permission::AgentsExecute).await?;
        let (cx, reach) = (self.0.context(), self.reach());
        let (provider, model) = named(name);
        let Some(found) = reach.provider(cx, provider).await? else {
            return reach.sources.embedder_beyond_tenants(name, dimensions);
        };
        reach.enabled(cx, &found, model).await?;
        let mut info = reach.connect_embedder(cx, &found, model, dimensions).await?.info().clone();
        info.name = format!("{}:{model}", found.name);
        let (tenant, provider, model) = (cx.tenant(), found.id, model.to_owned());
        Ok(Arc::new(TenantEmbedder { info, model, dimensions, tenant, provider, reach }))
    }

    /// The reranker of a name such as `work:rerank-v3.5`, found and allowed like an embedder.
    pub async fn reranker(&self, name: &str) -> Result<Arc<dyn Reranker>> {
        self.0.require(Permission::AgentsExecute).await?;
        let (cx, reach) = (self.0.context(), self.reach());
        let (provider, model) = named(name);
        let Some(found) = reach.provider(cx, provider).await? else {
            return reach.sources.reranker_beyond_tenants(name);
        };
        reach.enabled(cx, &found, model).await?;
        let fingerprint = reach.connect_reranker(cx, &found, model).await?.fingerprint().to_owned();
        let (tenant, provider, model) = (cx.tenant(), found.id, model.to_owned());
        Ok(Arc::new(TenantReranker { fingerprint, model, tenant, provider, reach }))
    }
}

struct TenantEmbedder {
    info: EmbedderInfo,
    model: String,
    dimensions: Dimensions,
    tenant: TenantId,
    provider: ModelProviderId,
    reach: Reach,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Embedder for TenantEmbedder {
    fn info(&self) -> &EmbedderInfo {
        &self.info
    }

    async fn embed(&self, request: EmbedRequest, cx: &CallContext) -> Result<EmbedResponse> {
        same_tenant(cx, self.tenant)?;
        let provider = self.reach.usable(cx, self.provider, &self.model).await?;
        let now = self.reach.connect_embedder(cx, &provider, &self.model, self.dimensions).await?;
        if now.info().fingerprint != self.info.fingerprint {
            let text = format!("`{}` makes other vectors since its provider was changed", self.info.name);
            let text = format!("{text}; resolve it anew, and build again what was built with it");
            return Err(Error::new(ErrorKind::Conflict, text).with("model", self.info.name.clone()));
        }
        now.embed(request, cx).await
    }
}

struct TenantReranker {
    fingerprint: String,
    model: String,
    tenant: TenantId,
    provider: ModelProviderId,
    reach: Reach,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Reranker for TenantReranker {
    fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    async fn rerank(&self, request: RerankRequest, cx: &CallContext) -> Result<Vec<RankedItem>> {
        same_tenant(cx, self.tenant)?;
        let provider = self.reach.usable(cx, self.provider, &self.model).await?;
        self.reach.connect_reranker(cx, &provider, &self.model).await?.rerank(request, cx).await
    }
}
