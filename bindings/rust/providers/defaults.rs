//! What a tenant takes when nobody names a model or an embedder.

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    id::ModelProviderId,
    record::{ModelProviderRecord, SettingRecord},
    security::Permission,
    store::{Change, ChangeSet, Expect, RecordStoreExt},
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{WorkspaceProviders, not_enabled};

/// Where the model that a tenant takes when nobody names one is kept.
pub(super) const DEFAULT: &str = "models.default";

/// Where its embedder is.
pub(super) const DEFAULT_EMBEDDER: &str = "models.default_embedder";

/// What a tenant takes when nobody names one.
#[derive(Serialize, Deserialize)]
pub(super) struct DefaultModel {
    pub(super) provider: ModelProviderId,
    pub(super) model: String,
}

impl WorkspaceProviders<'_> {
    /// Makes an enabled model the one that is taken when nobody names one.
    pub async fn set_default(&self, provider: &str, model: &str) -> Result<()> {
        self.put_default(DEFAULT, "model_provider.default_set", provider, model).await
    }

    /// The name of the model that is taken when nobody names one, for [`WorkspaceProviders::resolve`]; none when none
    /// was set, or its provider was removed. Whether it may still be asked is said when it is resolved. Needs
    /// `agents:execute`.
    pub async fn default(&self) -> Result<Option<String>> {
        self.named_default(DEFAULT).await
    }

    /// Makes an enabled embedder the one that is taken when nobody names one.
    pub async fn set_default_embedder(&self, provider: &str, model: &str) -> Result<()> {
        self.put_default(DEFAULT_EMBEDDER, "model_provider.default_embedder_set", provider, model).await
    }

    /// The name of the embedder that is taken when nobody names one, for [`WorkspaceProviders::embedder`], like
    /// [`WorkspaceProviders::default`].
    pub async fn default_embedder(&self) -> Result<Option<String>> {
        self.named_default(DEFAULT_EMBEDDER).await
    }

    async fn put_default(&self, setting: &str, kind: &str, provider: &str, model: &str) -> Result<()> {
        self.0.require(Permission::IntegrationsWrite).await?;
        let found = self.known_model(provider, model).await?.value;
        if !found.enabled {
            return Err(not_enabled(provider, model));
        }
        let (cx, id) = (self.0.context(), found.provider);
        let value = serde_json::to_value(DefaultModel { provider: id, model: found.model })
            .map_err(|error| Error::internal("a default model cannot be written as JSON").caused_by(error))?;
        let change = Change::put(&SettingRecord::new(setting, value), Expect::Anything)?;
        let detail = json!({"provider": provider, "model": model});
        let set = self.told(ChangeSet::new(cx).with(change), kind, id, detail);
        self.records().apply(cx, set).await.map(drop)
    }

    async fn named_default(&self, setting: &str) -> Result<Option<String>> {
        self.0.require(Permission::AgentsExecute).await?;
        let Some(DefaultModel { provider, model }) = self.stored_default(setting).await? else {
            return Ok(None);
        };
        let found = self.records().find::<ModelProviderRecord>(self.0.context(), provider).await?;
        Ok(found.map(|found| format!("{}:{model}", found.value.name)))
    }

    pub(super) async fn stored_default(&self, setting: &str) -> Result<Option<DefaultModel>> {
        let id = SettingRecord::id_of(setting);
        let found = self.records().find::<SettingRecord>(self.0.context(), id).await?;
        found.map(|stored| serde_json::from_value(stored.value.value)).transpose().map_err(|_| {
            Error::new(ErrorKind::Corrupt, "the default model is stored in another form; set it anew")
        })
    }
}
