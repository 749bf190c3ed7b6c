//! From `provider:model` to a model that can be called.

use std::sync::Arc;

use agentforge_core::{
    Error, ErrorKind, Result,
    model::{ChatModel, ModelInfo},
};

use crate::{
    Environment,
    host::{ApiKey, Auth, Host, HostedModel, KeyNeed, PROFILE_ROWS, ProfileRow, address, profile_of, rows},
    offline::OfflineModel,
    transport::{Timeouts, Transport},
    wire::{self, Wire},
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
    transport: Option<Arc<dyn Transport>>,
    timeouts: Timeouts,
}

impl Registry {
    /// All hosts, wires and profiles of this crate, without a transport: only the offline model can be called.
    pub fn new() -> Self {
        Self {
            hosts: rows(),
            wires: wire::builtin(),
            profiles: PROFILE_ROWS.to_vec(),
            transport: None,
            timeouts: Timeouts::default(),
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

    /// With other timeouts.
    #[must_use]
    pub fn with_timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
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
        self.connect(&host, model, key_of(&host, environment)?)
    }

    /// A model at a host with a key of one's own, for example a tenant's. The host need not be in the registry.
    pub fn connect(&self, host: &Host, model: &str, key: Option<ApiKey>) -> Result<Arc<dyn ChatModel>> {
        let Some(transport) = self.transport.clone() else {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "no transport to reach {}; build with the feature `http`, or give the registry one",
                    host.name
                ),
            ));
        };
        let wire = self.wire(host)?;
        let source = format!("the address of host `{}`", host.name);
        let base_url = address::base_url(host.base_url.as_deref().unwrap_or_default(), &source)?;
        let profile = profile_of(&self.profiles, &host.name, model, host.profile);
        let mut info = ModelInfo::new(host.name.clone(), model);
        info.tools = profile.tools;
        info.structured_output = profile.structured_output;
        info.context_window = profile.context_window;
        info.max_output = profile.max_output;
        Ok(Arc::new(HostedModel {
            info,
            host: host.clone(),
            base_url,
            profile,
            wire,
            key,
            transport,
            timeouts: self.timeouts,
        }))
    }

    fn host(&self, name: &str) -> Result<&Host> {
        self.hosts.iter().find(|host| host.name == name).ok_or_else(|| {
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
        self.wires.iter().find(|wire| wire.name() == host.wire).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.wires.iter().map(|wire| wire.name()).collect();
            Error::invalid(format!(
                "host `{}` speaks `{}`, which is no known wire; known are {}",
                host.name,
                host.wire,
                known.join(", ")
            ))
        })
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

fn base_url_of(host: &Host, environment: &Environment) -> Result<String> {
    let variable = host.base_url_variable.as_deref();
    if let Some(variable) = variable
        && let Some(text) = environment.filled(variable)
    {
        let read = if host.name == "ollama" { address::ollama } else { address::base_url };
        return read(text, variable);
    }
    match (&host.base_url, variable) {
        (Some(base_url), _) => Ok(base_url.to_string()),
        (None, Some(variable)) => Err(Error::invalid(format!(
            "{variable} is not set; set it to the base address of the server, such as http://127.0.0.1:8000/v1"
        ))),
        (None, None) => Err(Error::invalid(format!("host `{}` has no address", host.name))),
    }
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
