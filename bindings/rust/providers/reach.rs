//! From the records of a tenant to a model that can be called: the host, the sealed key, and what may be asked.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::ModelProviderId,
    model::{ChatModel, Embedder, Reranker},
    record::{EnabledModelRecord, ModelProviderRecord, SecretRecord},
    store::{Filter, Query, Record, RecordStore, RecordStoreExt, Stored},
    vault::{Place, Secret, Vault},
};
use agentforge_llm::{
    ApiKey, AwsKeys, Host, Registry,
    embed::Dimensions,
    host::{Auth, Credential, KeyNeed},
};
use serde::{Deserialize, Serialize};

use super::sources::ModelSources;

/// Reads a tenant's providers. Holds no handle of the forge: models that keep it are kept by the forge.
#[derive(Clone)]
pub(super) struct Reach {
    pub(super) records: Arc<dyn RecordStore>,
    pub(super) vault: Arc<Vault>,
    pub(super) sources: Arc<ModelSources>,
}

/// A key as it is sealed: with the place that it is for, so that whoever changes a record cannot have it sent elsewhere.
#[derive(Serialize, Deserialize)]
struct SealedKey {
    /// Empty where a pair of AWS keys stands.
    key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aws: Option<SealedPair>,
    host: String,
    base_url: Option<String>,
    wire: Option<String>,
}

/// A pair of AWS keys as it is sealed.
#[derive(Serialize, Deserialize)]
struct SealedPair {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    region: String,
}

impl SealedPair {
    fn of(keys: &AwsKeys) -> Self {
        Self {
            access_key_id: keys.access_key_id().expose().to_owned(),
            secret_access_key: keys.secret_access_key().expose().to_owned(),
            session_token: keys.session_token().map(|token| token.expose().to_owned()),
            region: keys.region().to_owned(),
        }
    }

    fn keys(&self) -> Result<AwsKeys> {
        let keys = AwsKeys::new(&self.access_key_id, &self.secret_access_key, &self.region)?;
        match &self.session_token {
            Some(token) => keys.with_session_token(token),
            None => Ok(keys),
        }
    }
}

/// What a provider's key is sealed as. A source of credentials is none that can be kept.
pub(super) fn sealed_key(provider: &ModelProviderRecord, credential: &Credential) -> Result<Secret> {
    let ModelProviderRecord { host, base_url, wire, .. } = provider.clone();
    let (key, aws) = match credential {
        Credential::Key(key) => (key.expose().to_owned(), None),
        Credential::Aws(keys) => (String::new(), Some(SealedPair::of(keys))),
        _ => return Err(Error::invalid("only a key or a pair of AWS keys can be sealed; give one")),
    };
    let sealed = SealedKey { key, aws, host, base_url, wire };
    let unwritable = |_| Error::internal("a key cannot be written as JSON");
    Ok(serde_json::to_vec(&sealed).map_err(unwritable)?.into())
}

/// The only secret that a provider's key is read from, whatever its record says: otherwise whoever writes records could
/// have any secret of the tenant sent away.
pub(super) fn secret_of(provider: ModelProviderId) -> String {
    format!("model-providers/{provider}")
}

impl Reach {
    /// The provider of a name, whoever asks.
    pub(super) async fn provider(&self, cx: &CallContext, name: &str) -> Result<Option<ModelProviderRecord>> {
        self.first(cx, Filter::eq("name", name)).await
    }

    /// A model of a provider, if it may be asked.
    pub(super) async fn enabled(
        &self,
        cx: &CallContext,
        provider: &ModelProviderRecord,
        model: &str,
    ) -> Result<EnabledModelRecord> {
        let name = &provider.name;
        if model.is_empty() {
            return Err(Error::invalid(format!("`{name}` names no model; write `{name}:<model>`")));
        }
        if !provider.active {
            let text = format!("model provider `{name}` is not active; activate it first");
            return Err(refused(provider, "inactive", text));
        }
        let found = self.first::<EnabledModelRecord>(cx, model_of(provider.id, model)).await?;
        found.filter(|found| found.enabled).ok_or_else(|| {
            let text = format!("the model `{model}` of `{name}` is not enabled; enable it first");
            refused(provider, "model_not_enabled", text).with("model", model)
        })
    }

    /// The provider of a model, if it may be asked now.
    pub(super) async fn usable(
        &self,
        cx: &CallContext,
        provider: ModelProviderId,
        model: &str,
    ) -> Result<ModelProviderRecord> {
        let found = self.records.find::<ModelProviderRecord>(cx, provider).await?;
        let provider = found.map(|stored| stored.value).ok_or_else(|| {
            Error::not_found(format!("the model provider of `{model}` was removed; choose another model"))
        })?;
        self.enabled(cx, &provider, model).await?;
        Ok(provider)
    }

    /// The model, whether or not it may be asked.
    pub(super) async fn connect(
        &self,
        cx: &CallContext,
        provider: &ModelProviderRecord,
        model: &str,
    ) -> Result<Arc<dyn ChatModel>> {
        let (host, registry, credential) = self.way(cx, provider).await?;
        registry.connect(&host, model, credential)
    }

    /// The embedder, whether or not it may be asked.
    pub(super) async fn connect_embedder(
        &self,
        cx: &CallContext,
        provider: &ModelProviderRecord,
        model: &str,
        dimensions: Dimensions,
    ) -> Result<Arc<dyn Embedder>> {
        let (host, registry, credential) = self.way(cx, provider).await?;
        registry.connect_embedder(&host, model, dimensions, credential)
    }

    /// The reranker, whether or not it may be asked.
    pub(super) async fn connect_reranker(
        &self,
        cx: &CallContext,
        provider: &ModelProviderRecord,
        model: &str,
    ) -> Result<Arc<dyn Reranker>> {
        let (host, registry, credential) = self.way(cx, provider).await?;
        registry.connect_reranker(&host, model, credential)
    }

    async fn way(
        &self,
        cx: &CallContext,
        provider: &ModelProviderRecord,
    ) -> Result<(Host, Registry, Option<Credential>)> {
        let credential = self.credential(cx, provider).await?;
        let (host, registry) = self.place(provider, credential.as_ref())?;
        if credential.is_none() && host.key_need == KeyNeed::Required {
            return Err(no_key(provider));
        }
        Ok((host, registry, credential))
    }

    /// The host of a provider for a caller with this credential, and the registry that reaches it. Fails when the host is
    /// not known, takes no such credential, or has an address that is none for tenants.
    pub(super) fn place(
        &self,
        provider: &ModelProviderRecord,
        credential: Option<&Credential>,
    ) -> Result<(Host, Registry)> {
        let host = self.host(provider, credential)?;
        if matches!(credential, Some(Credential::Aws(_))) && !matches!(host.auth, Auth::AwsSignature(_)) {
            let text = format!("host `{}` takes a key and no pair of AWS keys; give one", host.name);
            return Err(Error::invalid(text).with("field", "aws_keys"));
        }
        let registry = self.sources.reaching(&host, &provider.name)?;
        Ok((host, registry))
    }

    fn host(&self, provider: &ModelProviderRecord, credential: Option<&Credential>) -> Result<Host> {
        let (hosts, base_url) = (self.sources.hosts(), provider.base_url.clone());
        let Some(wire) = &provider.wire else {
            let known = hosts.iter().find(|host| host.name == provider.host).cloned();
            let host = known.ok_or_else(|| {
                let names: Vec<&str> = hosts.iter().map(|host| &*host.name).collect();
                let text = format!("no model host named `{}`; known are {}", provider.host, names.join(", "));
                Error::invalid(text).with("field", "host")
            })?;
            let host = match credential {
                Some(Credential::Aws(keys)) => keys.host_in_region(host),
                _ => host,
            };
            return match base_url {
                Some(base_url) => Ok(host.at(base_url)),
                None if host.base_url.as_ref().is_some_and(|address| !address.contains('{')) => Ok(host),
                None => {
                    let text = format!("host `{}` has no address that is everybody's; give yours", host.name);
                    Err(Error::invalid(text).with("field", "base_url"))
                }
            };
        };
        let usual = hosts.iter().find(|host| host.wire == *wire).ok_or_else(|| {
            let mut wires: Vec<&str> = hosts.iter().map(|host| &*host.wire).collect();
            wires.sort_unstable();
            wires.dedup();
            let text = format!("`{wire}` is no known wire; known are {}", wires.join(", "));
            Error::invalid(text).with("field", "wire")
        })?;
        // Keys go as the wire's usual host takes them; what else is particular to that host is not assumed.
        Ok(Host {
            wire: usual.wire.clone(),
            auth: usual.auth.clone(),
            profile: usual.profile,
            ..Host::compatible(provider.name.clone(), base_url.unwrap_or_default())
        })
    }

    /// The key or the pair of AWS keys of a provider; none when none was set.
    pub(super) async fn credential(
        &self,
        cx: &CallContext,
        provider: &ModelProviderRecord,
    ) -> Result<Option<Credential>> {
        if provider.secret.is_none() {
            return Ok(None);
        }
        let secret = secret_of(provider.id);
        let found = self.first::<SecretRecord>(cx, Filter::eq("name", secret)).await?;
        let Some(found) = found else { return Err(no_key(provider)) };
        let opened = self.vault.open(cx, &Place::new("secrets", "sealed", found.id), &found.sealed).await?;
        let name = &provider.name;
        let other =
            |what: &str| Error::invalid(format!("the key of model provider `{name}` {what}; set it anew"));
        let sealed: SealedKey =
            serde_json::from_slice(opened.expose()).map_err(|_| other("was not set by `set_key`"))?;
        let place = (&sealed.host, &sealed.base_url, &sealed.wire);
        if place != (&provider.host, &provider.base_url, &provider.wire) {
            return Err(other("was given for another host or address"));
        }
        let credential = match &sealed.aws {
            Some(pair) => Credential::Aws(pair.keys()?),
            None => ApiKey::new(&sealed.key, &format!("the key of model provider `{name}`"))?.into(),
        };
        Ok(Some(credential))
    }

    async fn first<T: Record>(&self, cx: &CallContext, filter: Filter) -> Result<Option<T>> {
        let page = self.records.list::<T>(cx, &Query::new(filter).limit(1)).await?;
        Ok(page.records.into_iter().next().map(|stored: Stored<T>| stored.value))
    }
}

/// A model of a provider by its name.
pub(super) fn model_of(provider: ModelProviderId, model: &str) -> Filter {
    Filter::eq("provider", provider.as_uuid()).and(Filter::eq("model", model))
}

fn refused(provider: &ModelProviderRecord, reason: &str, text: String) -> Error {
    Error::denied(text).with("provider", provider.name.as_str()).with("reason", reason)
}

fn no_key(provider: &ModelProviderRecord) -> Error {
    let text = format!("model provider `{}` has no key; set it first", provider.name);
    Error::new(ErrorKind::Unauthenticated, text)
        .with("provider", provider.name.as_str())
        .with("reason", "no_key")
}
