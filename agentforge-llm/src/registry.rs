//! From `provider:model` to a model that can be called.

use std::sync::Arc;

use agentforge_core::{
    Error, ErrorKind, Result,
    model::{ChatModel, Embedder, ModelInfo, Reranker},
};

use crate::{
    Environment,
    embed::{self, BatchPolicy, Dimensions, EmbeddingRow, HostedEmbedder},
    host::{
        ApiKey, Auth, AwsKeys, Credential, Host, HostedModel, KeyNeed, Line, ProfileRow, address, as_served,
        aws, other_name, other_variable, profile_of, profile_rows, rows, vertex_of_environment,
    },
    offline::OfflineModel,
    price::Prices,
    rerank::{self, HostedReranker},
    transport::{Timeouts, Transport},
    wire::{self, Structured, Wire, bedrock::family::base_model},
};

/// Hosts, wires and profiles, and the transport that reaches them. A cheap clone; what is added to a clone stays there.
///
/// ```
/// use agentforge_llm::{Environment, Registry, host::Host};
/// let registry = Registry::new().with_host(Host::compatible("lab", "http://127.0.0.1:9/v1"))?;
/// let model = registry.resolve("offline:extractive", &Environment::new())?;
/// assert!(!model.info().language_model);
/// let error = registry.resolve("openai:gpt-4o", &Environment::new()).err().expect("no key is set");
/// assert!(error.message().contains("OPENAI_API_KEY"));
/// # Ok::<(), agentforge_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Registry {
    hosts: Vec<Host>,
    wires: Vec<Arc<dyn Wire>>,
    profiles: Vec<ProfileRow>,
    embeddings: Vec<EmbeddingRow>,
    transport: Option<Arc<dyn Transport>>,
    timeouts: Timeouts,
    prices: Prices,
    batches: BatchPolicy,
}

impl Registry {
    /// All hosts, wires and profiles of this crate, without a transport: only the offline model can be called.
    pub fn new() -> Self {
        Self {
            hosts: rows(),
            wires: wire::builtin(),
            profiles: profile_rows(),
            embeddings: embed::rows(),
            transport: None,
            timeouts: Timeouts::default(),
            prices: Prices::builtin(),
            batches: BatchPolicy::default(),
        }
    }

    /// The same over HTTP. Nothing is opened or loaded before the first request.
    #[cfg(feature = "http")]
    pub fn over_http() -> Self {
        Self::new().with_transport(Arc::new(crate::http::HttpTransport::new()))
    }

    /// With a transport: HTTP, a recording, a test.
    #[must_use]
    pub fn with_transport(mut self, transport: Arc<dyn Transport>) -> Self {
        self.transport = Some(transport);
        self
    }

    /// With other prices. Whoever keeps a clone of them can replace their table while models run.
    #[must_use]
    pub fn with_prices(mut self, prices: Prices) -> Self {
        self.prices = prices;
        self
    }

    /// The prices that its models look up.
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// With other timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// With embedders and rerankers that send their requests in another way, for example each again when it failed.
    ///
    /// ```
    /// use agentforge_llm::{Registry, embed::BatchPolicy, layer::RetryPolicy};
    /// let policy = BatchPolicy::default().retrying(RetryPolicy::default()).in_flight(8);
    /// let registry = Registry::new().with_batches(policy);
    /// # drop(registry);
    /// ```
    #[must_use]
    pub fn with_batches(mut self, policy: BatchPolicy) -> Self {
        self.batches = policy;
        self
    }

    /// How its embedders and rerankers send their requests.
    pub const fn batches(&self) -> BatchPolicy {
        self.batches
    }

    /// With one more host; one of the same name is replaced. An unknown wire or an unusable address is invalid input.
    pub fn with_host(mut self, host: Host) -> Result<Self> {
        if host.name.is_empty() || host.name.contains(':') {
            return Err(Error::invalid(format!(
                "`{}` is no name of a host; use a word without a colon",
                host.name
            )));
        }
        self.wire(&host)?;
        if let Some(base_url) = &host.base_url {
            address::base_url(base_url, &format!("the address of host `{}`", host.name))?;
        }
        self.hosts.retain(|other| other.name != host.name);
        self.hosts.push(host);
        Ok(self)
    }

    /// With one more wire; one of the same name is replaced.
    #[must_use]
    pub fn with_wire(mut self, wire: Arc<dyn Wire>) -> Self {
        self.wires.retain(|other| other.name() != wire.name());
        self.wires.push(wire);
        self
    }

    /// With what the models of a host whose names begin alike can do.
    #[must_use]
    pub fn with_profile(mut self, row: ProfileRow) -> Self {
        self.profiles.push(row);
        self
    }

    /// With what is known of an embedder; it wins over what this crate knows.
    #[must_use]
    pub fn with_embedding(mut self, row: EmbeddingRow) -> Self {
        self.embeddings.push(row);
        self
    }

    /// The hosts, those of this crate first.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// The model that a name means, with key and address from the environment that is given. `provider` alone means its
    /// usual model. A key that is missing or empty is an error that names the variable; nothing is sent.
    pub fn resolve(&self, name: &str, environment: &Environment) -> Result<Arc<dyn ChatModel>> {
        let (provider, model) = match name.split_once(':') {
            Some((provider, model)) => {
                (provider.trim(), Some(model.trim()).filter(|model| !model.is_empty()))
            }
            None => (name.trim(), None),
        };
        if provider == OfflineModel::PROVIDER {
            return match model {
                None | Some(OfflineModel::MODEL) => Ok(Arc::new(OfflineModel::new())),
                Some(other) => Err(Error::not_found(format!(
                    "no offline model named `{other}`; there is `{}`",
                    OfflineModel::MODEL
                ))),
            };
        }
        let host = self.host(provider)?;
        let Some(model) = model.or(host.default_model.as_deref()) else {
            return Err(Error::invalid(format!("`{name}` names no model; write `{provider}:<model>`")));
        };
        let base_url = base_url_of(host, environment)?;
        let host = Host { base_url: Some(base_url.into()), ..host.clone() };
        self.connect(&host, model, credential_of(&host, environment)?)
    }

    /// A model at a host with a credential of one's own, for example a tenant's key. The host need not be in the registry.
    ///
    /// ```no_run
    /// # use agentforge_llm::{Registry, host::{ApiKey, Credential}};
    /// # let registry = Registry::new();
    /// let host = registry.hosts().iter().find(|host| host.name == "openai").expect("a row").clone();
    /// let key = ApiKey::new("sk-0123456789", "the key of the tenant")?;
    /// let model = registry.connect(&host, "gpt-4o", Some(Credential::Key(key)))?;
    /// # Ok::<(), agentforge_core::Error>(())
    /// ```
    pub fn connect(
        &self,
        host: &Host,
        model: &str,
        credential: Option<Credential>,
    ) -> Result<Arc<dyn ChatModel>> {
        let host = &*as_served(host, model);
        let line = self.line(host, credential)?;
        let mut profile = host.profile;
        if matches!(host.auth, Auth::AwsSignature(_)) {
            profile = profile_of(&self.profiles, &host.name, base_model(model), profile);
        }
        let profile = profile_of(&self.profiles, &host.name, model, profile);
        let mut info = ModelInfo::new(host.name.clone(), model);
        info.tools = profile.tools;
        info.structured_output = profile.answers_in_schemas();
        info.context_window = profile.context_window;
        info.max_output = profile.max_output;
        Ok(Arc::new(HostedModel { info, profile, line, prices: self.prices.clone() }))
    }

    /// The embedder that a name means, like [`Registry::resolve`], with vectors as long as its model is known to make
    /// them.
    ///
    /// ```
    /// use agentforge_llm::{Environment, Registry, embed::Dimensions};
    /// # use agentforge_core::Result;
    /// # use agentforge_llm::transport::{HttpReply, HttpRequest, Transport};
    /// # struct Silent;
    /// # #[async_trait::async_trait]
    /// # impl Transport for Silent {
    /// #     async fn send(&self, _: HttpRequest, _: &agentforge_core::CallContext) -> Result<HttpReply> {
    /// #         Err(agentforge_core::Error::internal("silent"))
    /// #     }
    /// # }
    /// # let registry = Registry::new().with_transport(std::sync::Arc::new(Silent));
    /// let environment = Environment::new().with("OPENAI_API_KEY", "sk-0123456789");
    /// let name = "openai:text-embedding-3-small";
    /// assert_eq!(registry.embedder(name, &environment)?.info().dimensions, 1_536);
    /// let short = registry.embedder_with(name, Dimensions::Requested(256), &environment)?;
    /// assert_eq!(short.info().dimensions, 256);
    /// # Ok::<(), agentforge_core::Error>(())
    /// ```
    pub fn embedder(&self, name: &str, environment: &Environment) -> Result<Arc<dyn Embedder>> {
        self.embedder_with(name, Dimensions::Native, environment)
    }

    /// The same with vectors of a length.
    pub fn embedder_with(
        &self,
        name: &str,
        dimensions: Dimensions,
        environment: &Environment,
    ) -> Result<Arc<dyn Embedder>> {
        let (host, model) = self.place(name, environment)?;
        self.connect_embedder(&host, &model, dimensions, credential_of(&host, environment)?)
    }

    /// An embedder at a host with a credential of one's own. A host without embeddings is `unsupported`.
    pub fn connect_embedder(
        &self,
        host: &Host,
        model: &str,
        dimensions: Dimensions,
        credential: Option<Credential>,
    ) -> Result<Arc<dyn Embedder>> {
        let host = &*as_served(host, model);
        // Vertex AI makes vectors over an API of its own.
        let Some(api) = embed::api_of(&host.wire).filter(|_| host.name != "vertex") else {
            return Err(lacks(host, "makes no vectors; choose a host with embeddings"));
        };
        let (info, known, requested) = embed::info_of(&self.embeddings, api, host, model, dimensions)?;
        let line = self.line(host, credential)?;
        let (model, policy) = (model.to_owned(), self.batches);
        Ok(Arc::new(HostedEmbedder { info, model, known, requested, api, line, policy }))
    }

    /// The reranker that a name means, like [`Registry::resolve`]: a model of Cohere, or of a server with `/rerank`.
    pub fn reranker(&self, name: &str, environment: &Environment) -> Result<Arc<dyn Reranker>> {
        let (host, model) = self.place(name, environment)?;
        self.connect_reranker(&host, &model, credential_of(&host, environment)?)
    }

    /// A reranker at a host with a credential of one's own. A host without one is `unsupported`.
    pub fn connect_reranker(
        &self,
        host: &Host,
        model: &str,
        credential: Option<Credential>,
    ) -> Result<Arc<dyn Reranker>> {
        let Some(api) = rerank::api_of(&host.wire) else {
            return Err(lacks(host, "ranks no passages; choose a host with a reranker"));
        };
        Ok(Arc::new(HostedReranker::new(model, api, self.line(host, credential)?, self.batches)))
    }

    /// The host and the model of a name that needs both, the host at the address of the environment.
    fn place(&self, name: &str, environment: &Environment) -> Result<(Host, String)> {
        let (provider, model) = name.split_once(':').unwrap_or((name, ""));
        let (host, model) = (self.host(provider.trim())?, model.trim());
        if model.is_empty() {
            let text = format!("`{name}` names no model; write `{}:<model>`", host.name);
            return Err(Error::invalid(text));
        }
        let base_url = base_url_of(host, environment)?;
        Ok((Host { base_url: Some(base_url.into()), ..host.clone() }, model.to_owned()))
    }

    fn line(&self, host: &Host, credential: Option<Credential>) -> Result<Line> {
        Ok(Line {
            transport: self.transport(host)?,
            wire: self.wire(host)?,
            base_url: reached(host, credential.as_ref())?,
            host: host.clone(),
            credential,
            timeouts: self.timeouts,
        })
    }

    fn transport(&self, host: &Host) -> Result<Arc<dyn Transport>> {
        self.transport.clone().ok_or_else(|| {
            let text = format!(
                "no transport to reach {}; build with the feature `http`, or give the registry one",
                host.name
            );
            Error::new(ErrorKind::Unsupported, text)
        })
    }

    fn host(&self, name: &str) -> Result<&Host> {
        let find = |name: &str| self.hosts.iter().find(|host| host.name == name);
        find(name).or_else(|| find(other_name(name)?)).ok_or_else(|| {
            let known: Vec<&str> = self.hosts.iter().map(|host| &*host.name).collect();
            Error::not_found(format!(
                "no model host named `{name}`; known are {}, {}",
                OfflineModel::PROVIDER,
                known.join(", ")
            ))
            .with("provider", name)
        })
    }

    fn wire(&self, host: &Host) -> Result<Arc<dyn Wire>> {
        let wire = self.wires.iter().find(|wire| wire.name() == host.wire).ok_or_else(|| {
            let known: Vec<&str> = self.wires.iter().map(|wire| wire.name()).collect();
            Error::invalid(format!(
                "host `{}` speaks `{}`, which is no known wire; known are {}",
                host.name,
                host.wire,
                known.join(", ")
            ))
        })?;
        Ok(Arc::new(Structured::new(Arc::clone(wire))))
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

/// The address of a host for a caller with this credential.
fn reached(host: &Host, credential: Option<&Credential>) -> Result<String> {
    let source = format!("the address of host `{}`", host.name);
    let mut base_url = address::base_url(host.base_url.as_deref().unwrap_or_default(), &source)?;
    if let Some(credential) = credential {
        credential.fits(host)?;
    }
    if let Some(Credential::Aws(keys)) = credential {
        base_url = aws::in_region(&base_url, keys.region());
    }
    if base_url.contains(aws::REGION_PLACE) {
        return Err(Error::invalid(format!("{source} needs a region; give the host one with `at`")));
    }
    Ok(base_url)
}

fn lacks(host: &Host, what: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("host `{}` {what}", host.name))
        .with("provider", host.name.to_string())
}

fn base_url_of(host: &Host, environment: &Environment) -> Result<String> {
    let variable = host.base_url_variable.as_deref();
    if host.name == "vertex" && host.base_url.is_none() {
        let gateway = variable.and_then(|variable| Some((environment.filled(variable)?, variable)));
        return vertex_of_environment(environment, gateway);
    }
    if let Some(variable) = variable
        && let Some(text) = environment.filled(variable)
    {
        let read = match &*host.name {
            "ollama" => address::ollama,
            "ollama-native" => address::ollama_native,
            "azure" => address::azure,
            _ => address::base_url,
        };
        return read(text, variable);
    }
    match (&host.base_url, variable) {
        (Some(base_url), _) if base_url.contains(aws::REGION_PLACE) => {
            Ok(aws::in_region(base_url, &aws::region_of(environment)?))
        }
        (Some(base_url), _) => Ok(base_url.to_string()),
        (None, Some(variable)) => Err(Error::invalid(format!(
            "{variable} is not set; set it to the base address of the server, such as http://127.0.0.1:8000/v1"
        ))),
        (None, None) => Err(Error::invalid(format!("host `{}` has no address", host.name))),
    }
}

/// The token of a host, else its pair of AWS keys or its key.
fn credential_of(host: &Host, environment: &Environment) -> Result<Option<Credential>> {
    let token = host.token_variable.as_deref();
    if let Some(variable) = token
        && let Some(token) = environment.filled(variable)
    {
        return ApiKey::new(token, variable).map(|token| Some(Credential::Token(token)));
    }
    if matches!(host.auth, Auth::AwsSignature(_)) {
        return AwsKeys::from_environment(environment).map(|keys| Some(Credential::Aws(keys)));
    }
    Ok(key_of(host, environment)?.map(Credential::Key))
}

fn key_of(host: &Host, environment: &Environment) -> Result<Option<ApiKey>> {
    if host.auth == Auth::None {
        return Ok(None);
    }
    let Some(variable) = host.key_variable.as_deref() else {
        return match host.key_need {
            KeyNeed::Optional => Ok(None),
            KeyNeed::Required => {
                Err(Error::invalid(format!("host `{}` needs a key; give it one with `connect`", host.name)))
            }
        };
    };
    let other = other_variable(variable).filter(|other| environment.filled(other).is_some());
    let variable = if environment.filled(variable).is_some() { variable } else { other.unwrap_or(variable) };
    match (environment.get(variable), host.key_need) {
        (Some(key), KeyNeed::Optional) if key.trim().is_empty() => Ok(None),
        (Some(key), _) => ApiKey::new(key, variable).map(Some),
        (None, KeyNeed::Optional) => Ok(None),
        (None, KeyNeed::Required) => Err(Error::invalid(format!(
            "{variable} is not set; set it to your key for {}, or choose another model",
            host.name
        ))
        .with("provider", host.name.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use agentforge_core::CallContext;
    use async_trait::async_trait;

    use super::*;
    use crate::transport::{HttpReply, HttpRequest};

    struct Unreachable;

    #[async_trait]
    impl Transport for Unreachable {
        async fn send(&self, _: HttpRequest, _: &CallContext) -> Result<HttpReply> {
            Err(Error::internal("no test sends anything"))
        }
    }

    fn refused(name: &str, environment: &Environment) -> Error {
        Registry::new()
            .with_transport(Arc::new(Unreachable))
            .resolve(name, environment)
            .err()
            .expect("refused")
    }

    #[test]
    fn a_missing_or_empty_key_names_its_variable() {
        for environment in [
            Environment::new(),
            Environment::new().with("OPENAI_API_KEY", ""),
            Environment::new().with("OPENAI_API_KEY", "  "),
        ] {
            assert!(refused("openai:gpt-4o", &environment).message().contains("OPENAI_API_KEY"));
        }
    }

    #[test]
    fn what_is_unknown_is_named() {
        assert!(refused("opnai:x", &Environment::new()).message().contains("opnai"));
        assert!(refused("groq", &Environment::new()).message().contains("groq:<model>"));
        assert!(refused("offline:big", &Environment::new()).message().contains("extractive"));
        let error = refused("compatible:m", &Environment::new());
        assert!(error.message().contains("OPENAI_COMPATIBLE_BASE_URL"));
    }

    #[test]
    fn a_model_name_may_hold_colons_and_a_provider_alone_means_its_usual_model() {
        let registry = Registry::new().with_transport(Arc::new(Unreachable));
        let name = |name: &str| registry.resolve(name, &Environment::new()).unwrap().info().full_name();
        assert_eq!(name("ollama:llama3:8b"), "ollama:llama3:8b");
        assert_eq!(name("ollama"), format!("ollama:{}", crate::choice::OLLAMA_MODEL));
        assert_eq!(name("offline"), "offline:extractive");
    }

    #[test]
    fn a_host_answers_to_its_other_name_and_takes_its_other_variable() {
        let registry = Registry::new().with_transport(Arc::new(Unreachable));
        let name = |name: &str, variable: &str| {
            let environment = Environment::new().with("GEMINI_API_KEY", "").with(variable, "a-key");
            registry.resolve(name, &environment).map(|model| model.info().full_name())
        };
        assert_eq!(name("google:g", "GEMINI_API_KEY").unwrap(), "google:g");
        assert_eq!(name("gemini:g", "GOOGLE_API_KEY").unwrap(), "google:g");
        assert_eq!(name("cohere:c", "COHERE_API_KEY").unwrap(), "cohere:c");
        let error = name("gemini:g", "OTHER").unwrap_err();
        assert!(error.message().contains("GEMINI_API_KEY"), "{error}");
    }

    #[test]
    fn a_model_costs_what_the_table_says_at_the_instant_even_when_it_is_replaced_later() {
        use agentforge_core::{
            model::Price,
            money::{Currency, Money},
            time::Timestamp,
        };
        let registry = Registry::new().with_transport(Arc::new(Unreachable));
        let model =
            registry.resolve("openai:gpt-4o", &Environment::new().with("OPENAI_API_KEY", "k")).unwrap();
        let at: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        assert_eq!(model.price_at(at), registry.prices().price("openai", "gpt-4o", at));
        let own = Price::new(Money::new(Currency::USD, 1), Money::new(Currency::USD, 2));
        registry.prices().replace(crate::price::PriceTable::empty().with_price(
            "openai",
            "gpt-*",
            own.clone(),
        ));
        assert_eq!(model.price_at(at), Some(own));
    }

    #[test]
    fn a_host_is_added_and_replaced_at_run_time() {
        let lab = |address: &'static str| Host::compatible("lab", address);
        assert!(Registry::new().with_host(lab("lab:80")).is_err());
        assert!(Registry::new().with_host(Host { wire: "morse".into(), ..lab("http://lab") }).is_err());
        let registry = Registry::new()
            .with_transport(Arc::new(Unreachable))
            .with_host(lab("http://a"))
            .and_then(|registry| registry.with_host(lab("http://b")))
            .unwrap();
        assert_eq!(registry.hosts().iter().filter(|host| host.name == "lab").count(), 1);
        assert_eq!(registry.resolve("lab:m", &Environment::new()).unwrap().info().provider, "lab");
    }
}
