//! A provider before it is added.

use agentforge_core::{
    error::{Error, Result},
    id::ModelProviderId,
    record::ModelProviderRecord,
};
use agentforge_llm::{ApiKey, AwsKeys, Credential, Host, OfflineModel};

/// What stands as the host of a provider that is none of the list.
const COMPATIBLE: &str = "compatible";

/// A provider to add: a host of the registry by its name, or an address that speaks a wire.
#[derive(Debug, Clone, Default)]
pub struct NewProvider {
    /// What people call it, unique in the tenant; the word before the colon in `provider:model`.
    pub name: String,
    /// The name of a host of the registry, for example `openai`.
    pub host: Option<String>,
    /// Its address, up to the paths of the wire: another one than the host's own, or that of a compatible server.
    pub base_url: Option<String>,
    /// What a compatible server speaks, for example `anthropic_messages`; chat completions when neither host nor wire is named.
    pub wire: Option<String>,
    /// Its key.
    pub key: Option<ApiKey>,
    /// Its pair of AWS keys, in place of a key; their region is that of the address, where the host leaves one open.
    pub aws_keys: Option<AwsKeys>,
    /// Whether it may be asked at once.
    pub active: bool,
}

impl NewProvider {
    /// A host of the registry, active.
    pub fn hosted(name: impl Into<String>, host: impl Into<String>) -> Self {
        Self { name: name.into(), host: Some(host.into()), active: true, ..Self::default() }
    }

    /// A server at an address that speaks chat completions, active.
    pub fn compatible(name: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self { name: name.into(), base_url: Some(base_url.into()), active: true, ..Self::default() }
    }

    /// With a key.
    #[must_use]
    pub fn with_key(mut self, key: ApiKey) -> Self {
        self.key = Some(key);
        self
    }

    /// With a pair of AWS keys.
    #[must_use]
    pub fn with_aws_keys(mut self, keys: AwsKeys) -> Self {
        self.aws_keys = Some(keys);
        self
    }

    /// Its key or its pair of AWS keys.
    pub(super) fn credential(&self) -> Result<Option<Credential>> {
        match (self.key.clone(), self.aws_keys.clone()) {
            (Some(_), Some(_)) => {
                let text = "a model provider has a key or a pair of AWS keys; give one of them";
                Err(Error::invalid(text).with("field", "key"))
            }
            (key, keys) => Ok(key.map(Credential::Key).or(keys.map(Credential::Aws))),
        }
    }

    /// Its record, without its key.
    pub(super) fn record(self, id: ModelProviderId) -> Result<ModelProviderRecord> {
        let Self { name, host, base_url, wire, active, .. } = self;
        let name = name.trim().to_owned();
        if name.is_empty() || name.contains(':') || name == OfflineModel::PROVIDER {
            let text =
                "a model provider is named by a word without a colon other than `offline`; choose another";
            return Err(Error::invalid(text).with("field", "name"));
        }
        let (host, wire) = match (host, wire, &base_url) {
            (Some(host), None, _) => (host, None),
            (None, wire, Some(_)) => (
                COMPATIBLE.to_owned(),
                Some(wire.unwrap_or_else(|| Host::compatible("", "").wire.into_owned())),
            ),
            _ => {
                let text =
                    "a model provider is either a `host` or a `base_url` with its `wire`; give one of them";
                return Err(Error::invalid(text).with("field", "host"));
            }
        };
        Ok(ModelProviderRecord { id, name, host, base_url, wire, secret: None, active })
    }
}
