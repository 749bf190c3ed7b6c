//! What the host program says about models: its registry, its variables, and how far tenants may reach.

use std::sync::{Arc, OnceLock};

use agentforge_core::{
    error::{Error, Result},
    model::{ChatModel, Embedder, Reranker},
};
use agentforge_llm::{
    Environment, Host, Registry,
    embed::Dimensions,
    host::check_public,
    layer::{Layer, Retry, RetryPolicy, Telemetry},
};

use crate::{ForgeBuilder, models};

/// What the host program says about models.
#[derive(Default)]
pub(crate) struct ModelSources {
    given: Option<Registry>,
    environment: Option<Environment>,
    tenants_only: bool,
    any_address: bool,
    telemetry: Option<Telemetry>,
    own: OnceLock<Registry>,
    public: OnceLock<Registry>,
}

impl ModelSources {
    /// The program's registry, else the usual one; made when it is first needed.
    fn registry(&self) -> &Registry {
        self.given.as_ref().unwrap_or_else(|| self.own.get_or_init(models::registry))
    }

    /// The hosts that there are.
    pub(super) fn hosts(&self) -> &[Host] {
        self.registry().hosts()
    }

    /// The registry that reaches a host of a tenant. Fails when its address is none for tenants; `name` is the
    /// provider's, for the error.
    pub(super) fn reaching(&self, host: &Host, name: &str) -> Result<Registry> {
        let registry = self.registry();
        if self.any_address || self.vouched_for(host) {
            return Ok(models::patient(registry.clone()));
        }
        check_public(
            host.base_url.as_deref().unwrap_or_default(),
            &format!("the address of model provider `{name}`"),
        )?;
        Ok(models::patient(self.for_strangers().clone()))
    }

    /// The registry for addresses that the program does not vouch for.
    fn for_strangers(&self) -> &Registry {
        self.given.as_ref().unwrap_or_else(|| self.public.get_or_init(|| public(self.registry())))
    }

    /// Whether a host stands as it is in the program's own registry, and not in everybody's.
    fn vouched_for(&self, host: &Host) -> bool {
        let given = self.given.as_ref().is_some_and(|registry| registry.hosts().contains(host));
        given && !Registry::new().hosts().contains(host)
    }

    /// The model of a name that is no provider of the tenant.
    pub(super) fn beyond_tenants(&self, name: &str) -> Result<Arc<dyn ChatModel>> {
        let (registry, environment) = self.own(name)?;
        registry.resolve(name, &environment).map(|model| self.patient(model))
    }

    /// The embedder of such a name.
    pub(super) fn embedder_beyond_tenants(
        &self,
        name: &str,
        dimensions: Dimensions,
    ) -> Result<Arc<dyn Embedder>> {
        let (registry, environment) = self.own(name)?;
        registry.embedder_with(name, dimensions, &environment)
    }

    /// The reranker of such a name.
    pub(super) fn reranker_beyond_tenants(&self, name: &str) -> Result<Arc<dyn Reranker>> {
        let (registry, environment) = self.own(name)?;
        registry.reranker(name, &environment)
    }

    /// The program's own registry and variables, if tenants may use them.
    fn own(&self, name: &str) -> Result<(Registry, Environment)> {
        if self.tenants_only {
            let provider = name.split(':').next().unwrap_or_default().trim();
            let text = format!("there is no model provider `{provider}`; add it first");
            return Err(Error::not_found(text).with("provider", provider));
        }
        let environment = self.environment.clone().unwrap_or_else(Environment::from_env);
        Ok((models::patient(self.registry().clone()), environment))
    }

    /// The model, tried again before its first event, and watched if the program watches.
    pub(super) fn patient(&self, model: Arc<dyn ChatModel>) -> Arc<dyn ChatModel> {
        let model = Retry::new(RetryPolicy::default()).wrap(model);
        match &self.telemetry {
            Some(telemetry) => telemetry.wrap(model),
            None => model,
        }
    }
}

#[cfg(feature = "http")]
fn public(registry: &Registry) -> Registry {
    registry.clone().with_transport(Arc::new(agentforge_llm::http::HttpTransport::new().with_public_names()))
}

#[cfg(not(feature = "http"))]
fn public(registry: &Registry) -> Registry {
    registry.clone()
}

impl ForgeBuilder {
    /// The registry of models that [`WorkspaceProviders`](crate::WorkspaceProviders) reach through: with hosts, wires,
    /// prices or a transport of one's own. Tenants may name the hosts that it has, also one that the program added in
    /// its own network.
    #[must_use]
    pub fn models(mut self, registry: Registry) -> Self {
        self.models.given = Some(registry);
        self
    }

    /// The variables that hold the program's own keys of models, for names that are no provider of a tenant. Without
    /// this they are the variables of the process, read when such a name is resolved.
    #[must_use]
    pub fn model_environment(mut self, environment: Environment) -> Self {
        self.models.environment = Some(environment);
        self
    }

    /// Watches every model that [`WorkspaceProviders::resolve`](crate::WorkspaceProviders::resolve) gives; see
    /// [`Telemetry`]. A model that the program makes itself, it wraps itself.
    #[must_use]
    pub fn model_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.models.telemetry = Some(telemetry);
        self
    }

    /// Tenants reach the providers that they added and nothing else: no name leads to the program's own keys.
    #[must_use]
    pub fn providers_of_tenants_only(mut self) -> Self {
        self.models.tenants_only = true;
        self
    }

    /// Tenants may give addresses without TLS and in private networks. Whoever may add a provider can then make this
    /// process send requests to machines beside it.
    #[must_use]
    pub fn providers_at_any_address(mut self) -> Self {
        self.models.any_address = true;
        self
    }
}

#[cfg(all(test, feature = "http"))]
mod tests {
    use agentforge_core::{
        message::Message,
        model::{ChatModelExt, ChatRequest},
        testing::fixed_context,
    };

    use super::*;

    #[tokio::test]
    async fn a_name_that_a_tenant_gave_is_refused_when_it_means_this_machine() {
        let (sources, host) = (ModelSources::default(), Host::compatible("lab", "http://localhost:9/v1"));
        let model = sources.for_strangers().connect(&host, "model-1", None).unwrap();
        let request = ChatRequest::new([Message::user("Hi")]).into();
        let error = model.generate(request, &fixed_context()).await.err().unwrap();
        assert!(error.message().contains("this machine"), "{error}");
    }
}
