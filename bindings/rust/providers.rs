//! Providers of models as a tenant sets them up: with its own key, the models that it enabled, and their prices.
//!
//! Their keys are sealed as secrets and stand in no record. An address is foreign data: it must be `https://` and public
//! unless the host program says otherwise.

mod check;
mod defaults;
mod model;
mod new;
mod reach;
mod sources;
mod vectors;

use std::sync::Arc;

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    event::Event,
    id::{EnabledModelId, ModelProviderId},
    model::{ChatModel, ChatModelExt, Price},
    record::{EnabledModelRecord, ModelProviderRecord, SettingRecord},
    security::Permission,
    store::{AuditDraft, Change, ChangeSet, Expect, Filter, Query, Record, Stored},
};
use agentforge_llm::{ApiKey, AwsKeys, Credential, Host};
use serde_json::{Value, json};

use crate::Workspace;

pub use check::ProviderCheck;
pub use new::NewProvider;
pub(crate) use sources::ModelSources;

use self::{
    defaults::{DEFAULT, DEFAULT_EMBEDDER},
    model::TenantModel,
    reach::{Reach, model_of, sealed_key, secret_of},
};

/// Providers of models of a workspace.
///
/// ```
/// # let work = async {
/// use agentforge::{Forge, models::ApiKey, providers::NewProvider};
///
/// let forge = Forge::builder("memory:").providers_of_tenants_only().open().await?;
/// let workspace = forge.workspace();
/// let providers = workspace.providers();
/// let key = ApiKey::new("sk-0123456789", "the key of the form")?;
/// providers.add(NewProvider::hosted("work", "openai").with_key(key)).await?;
/// providers.enable("work", "gpt-5-mini", None).await?;
/// providers.set_default("work", "gpt-5-mini").await?;
///
/// # #[cfg(feature = "http")]
/// # {
/// let model = providers.resolve("work:gpt-5-mini").await?;
/// assert_eq!(model.info().full_name(), "work:gpt-5-mini");
/// # }
/// assert_eq!(providers.default().await?.as_deref(), Some("work:gpt-5-mini"));
/// let error = providers.resolve("work:gpt-5").await.err().expect("it was not enabled");
/// assert!(error.message().contains("not enabled"));
/// # forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
///
/// # Who may
///
/// Seeing needs `integrations:read`, adding, changing and testing `integrations:write`, removing `integrations:delete`;
/// what touches a key also needs `secrets:write`, or `secrets:delete` to remove it. Resolving a model needs
/// `agents:execute` alone: who may run agents uses the models that others set up, and never sees a key.
///
/// # Keys
///
/// A key is sealed as a secret together with the host and address that it was given for, and is sent nowhere else: a
/// record that is changed by other means needs its key set anew.
///
/// # Addresses
///
/// An address must be `https://`, and no literal address or well-known name of a private network, of this machine or of
/// this link. Names are looked up when the connection is made, and refused when they mean such an address, as long as
/// the transport is the usual one over HTTP. A registry that the host program gives brings its own transport: what names
/// mean there is not checked. [`ForgeBuilder::providers_at_any_address`](crate::ForgeBuilder::providers_at_any_address)
/// lifts all of this.
pub struct WorkspaceProviders<'a>(&'a Workspace);

impl WorkspaceProviders<'_> {
    /// Adds a provider and returns its id. A taken name is a `conflict`; an unknown host or wire and an address that is
    /// none for tenants are invalid input. Nothing is sent.
    pub async fn add(&self, new: NewProvider) -> Result<ModelProviderId> {
        self.0.require(Permission::IntegrationsWrite).await?;
        let (cx, credential) = (self.0.context(), new.credential()?);
        let record = new.record(ModelProviderId::new(cx))?;
        let (id, hosts) = (record.id, self.reach().sources);
        if record.wire.is_some() && hosts.hosts().iter().any(|host| host.name == record.name) {
            // Its models would get that host's prices and profiles.
            let text =
                format!("`{}` is the name of a host; name a server of your own otherwise", record.name);
            return Err(Error::invalid(text).with("field", "name"));
        }
        self.reach().place(&record, credential.as_ref())?;
        let Some(credential) = credential else { return self.create(&record).await.map(|_| id) };
        self.0.require(Permission::SecretsWrite).await?;
        // Not to be asked before its key is there, should this be cut off.
        let version = self.create(&ModelProviderRecord { active: false, ..record.clone() }).await?;
        if let Err(error) = self.seal(&record, &credential).await {
            let undo = Change::Delete {
                spec: ModelProviderRecord::SPEC,
                id: id.as_uuid(),
                expect: Expect::Version(version),
            };
            let undo = self.told(ChangeSet::new(cx).with(undo), "model_provider.deleted", id, json!({}));
            self.records().apply(cx, undo).await?;
            return Err(error);
        }
        let (active, secret) = (record.active, secret_of(id));
        let write = |it: &mut ModelProviderRecord| (it.active, it.secret) = (active, Some(secret));
        self.0.records::<ModelProviderRecord>().update(id, version, write).await.map(|_| id)
    }

    /// Gives a provider a key, or another one in its place. Requests from now on use it.
    pub async fn set_key(&self, name: &str, key: ApiKey) -> Result<()> {
        self.set_credential(name, &Credential::Key(key)).await
    }

    /// Gives a provider a pair of AWS keys, or another one in place of what it had. A host that takes none is invalid
    /// input.
    pub async fn set_aws_keys(&self, name: &str, keys: AwsKeys) -> Result<()> {
        self.set_credential(name, &Credential::Aws(keys)).await
    }

    async fn set_credential(&self, name: &str, credential: &Credential) -> Result<()> {
        self.0.require(Permission::IntegrationsWrite).await?;
        let found = self.stored(name).await?;
        if matches!(credential, Credential::Aws(_)) {
            self.reach().place(&found.value, Some(credential))?;
        }
        self.seal(&found.value, credential).await?;
        let secret = Some(secret_of(found.value.id));
        self.change(found, |it| it.secret = secret).await
    }

    /// Lets a provider be asked.
    pub async fn activate(&self, name: &str) -> Result<()> {
        let found = self.stored(name).await?;
        self.change(found, |it| it.active = true).await
    }

    /// Lets a provider be asked no more, also by agents that have its models already.
    pub async fn deactivate(&self, name: &str) -> Result<()> {
        let found = self.stored(name).await?;
        self.change(found, |it| it.active = false).await
    }

    /// Removes a provider with its models and its key.
    pub async fn remove(&self, name: &str) -> Result<()> {
        self.0.require(Permission::IntegrationsDelete).await?;
        let (cx, found) = (self.0.context(), self.stored(name).await?);
        let id = found.value.id;
        if found.value.secret.is_some() {
            match self.0.secrets().delete(&secret_of(id)).await {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        self.0.records::<ModelProviderRecord>().delete(id, found.version).await?;
        for role in [DEFAULT, DEFAULT_EMBEDDER] {
            if self.stored_default(role).await?.is_some_and(|default| default.provider == id) {
                let setting = SettingRecord::id_of(role).as_uuid();
                let change =
                    Change::Delete { spec: SettingRecord::SPEC, id: setting, expect: Expect::Anything };
                let set =
                    self.told(ChangeSet::new(cx).with(change), "model_provider.default_reset", id, json!({}));
                self.records().apply(cx, set).await?;
            }
        }
        Ok(())
    }

    /// All providers by name. Their records name the secret of a key and never hold it.
    pub async fn list(&self) -> Result<Vec<ModelProviderRecord>> {
        self.0.require(Permission::IntegrationsRead).await?;
        self.0.records().every(Query::new(Filter::True).ascending("name")).await
    }

    /// The provider of a name.
    pub async fn get(&self, name: &str) -> Result<ModelProviderRecord> {
        self.stored(name).await.map(|stored| stored.value)
    }

    /// Enables a model of a provider, at the table's price or at one's own. A model that is already enabled gets this
    /// price.
    pub async fn enable(&self, provider: &str, model: &str, price: Option<Price>) -> Result<()> {
        check_price(price.as_ref())?;
        let (provider, model) = (self.stored(provider).await?.value, model.trim());
        let records = self.0.records::<EnabledModelRecord>();
        if let Some(found) = self.stored_model(&provider, model).await? {
            let write = |it: &mut EnabledModelRecord| (it.enabled, it.price) = (true, price);
            return records.update(found.value.id, found.version, write).await.map(drop);
        }
        let (id, model) = (EnabledModelId::new(self.0.context()), model.to_owned());
        let record = EnabledModelRecord { id, provider: provider.id, model, enabled: true, price };
        records.create(&record).await.map(drop)
    }

    /// Disables a model of a provider, also for agents that have it already. Its price is kept.
    pub async fn disable(&self, provider: &str, model: &str) -> Result<()> {
        let (found, records) =
            (self.known_model(provider, model).await?, self.0.records::<EnabledModelRecord>());
        records.update(found.value.id, found.version, |it| it.enabled = false).await.map(drop)
    }

    /// The models of a provider that were ever enabled, by name.
    pub async fn models(&self, provider: &str) -> Result<Vec<EnabledModelRecord>> {
        let provider = self.stored(provider).await?.value;
        self.0
            .records()
            .every(Query::new(Filter::eq("provider", provider.id.as_uuid())).ascending("model"))
            .await
    }

    /// The model of a name such as `work:gpt-5-mini`, retried before its first event.
    ///
    /// The tenant's providers come first; one that is inactive, or whose model is not enabled, is `denied` and the
    /// `reason` says which, never a reason to look further. A name that is no provider of the tenant is one of the host
    /// program's registry with its own key, unless
    /// [`ForgeBuilder::providers_of_tenants_only`](crate::ForgeBuilder::providers_of_tenants_only) was said: then it is
    /// `not_found`. The tenant's price overrides the table.
    ///
    /// The model looks at the tenant's records before every request. Used in another tenant it is `denied`. Members of
    /// a request for one provider alone go by the name of its host, or by that of a compatible server.
    pub async fn resolve(&self, name: &str) -> Result<Arc<dyn ChatModel>> {
        self.0.require(Permission::AgentsExecute).await?;
        let (cx, reach) = (self.0.context(), self.reach());
        let (provider, model) = named(name);
        let Some(found) = reach.provider(cx, provider).await? else {
            return reach.sources.beyond_tenants(name);
        };
        let enabled = reach.enabled(cx, &found, model).await?;
        let inner = reach.connect(cx, &found, model).await?;
        let mut info = inner.info().clone();
        info.provider = found.name;
        info.price = enabled.price;
        let sources = reach.sources.clone();
        let model = TenantModel { info, tenant: cx.tenant(), provider: found.id, inner, reach };
        Ok(sources.patient(Arc::new(model)))
    }

    /// Sends the smallest request through a provider, active or not, and says what came of it. Asks the default model
    /// when it is this provider's, else its first enabled one, else its host's usual one. What is wrong with the provider
    /// is in the answer; an error means that it could not be tested. It costs a few tokens, waits at most 30 seconds
    /// and tries once. Needs `integrations:write`.
    pub async fn test(&self, name: &str) -> Result<ProviderCheck> {
        self.0.require(Permission::IntegrationsWrite).await?;
        let provider = self.stored(name).await?.value;
        let check = self.checked(&provider).await?;
        let cx = self.0.context();
        let detail = json!({"ok": check.ok, "model": check.model});
        let draft = AuditDraft::done("model_provider.tested", "model_provider", provider.id, detail);
        self.records().apply(cx, ChangeSet::new(cx).with(Change::Audit(draft))).await?;
        Ok(check)
    }

    async fn checked(&self, provider: &ModelProviderRecord) -> Result<ProviderCheck> {
        let (cx, reach, name) = (self.0.context(), self.reach(), provider.name.as_str());
        let wrong = |sentence, latency, model| ProviderCheck { ok: false, sentence, latency, model };
        // What is wrong with the key is said when its model is connected.
        let credential = reach.credential(cx, provider).await.ok().flatten();
        let host = match reach.place(provider, credential.as_ref()) {
            Ok((host, _)) => host,
            Err(error) => return Ok(wrong(format!("`{name}` cannot be asked: {error}."), None, None)),
        };
        let Some(model) = self.model_to_test(provider, &host).await? else {
            let text = format!("`{name}` has no model to ask; enable one.");
            return Ok(wrong(text, None, None));
        };
        let connected = match reach.connect(cx, provider, &model).await {
            Ok(connected) => connected,
            Err(error) => return Ok(wrong(check::sentence(name, &model, &error), None, Some(model))),
        };
        let (begun, patient) = (cx.now(), cx.with_timeout(check::PATIENCE));
        let answer = patient.run(connected.generate(Arc::new(check::smallest()), &patient)).await;
        cx.check_alive()?;
        let latency = Some(cx.now().since(begun));
        Ok(match answer {
            Ok(_) => {
                let sentence = format!("`{name}` works: `{model}` answered.");
                ProviderCheck { ok: true, sentence, latency, model: Some(model) }
            }
            Err(error) => wrong(check::sentence(name, &model, &error), latency, Some(model)),
        })
    }

    async fn model_to_test(&self, provider: &ModelProviderRecord, host: &Host) -> Result<Option<String>> {
        let enabled = Filter::eq("provider", provider.id.as_uuid()).and(Filter::eq("enabled", true));
        let enabled: Vec<EnabledModelRecord> =
            self.0.records().every(Query::new(enabled).ascending("model")).await?;
        let default = self.stored_default(DEFAULT).await?.filter(|default| default.provider == provider.id);
        let default = default.filter(|default| enabled.iter().any(|enabled| enabled.model == default.model));
        let first = || enabled.into_iter().next().map(|enabled| enabled.model);
        let usual = || host.default_model.as_deref().map(str::to_owned);
        Ok(default.map(|default| default.model).or_else(first).or_else(usual))
    }

    async fn create(&self, record: &ModelProviderRecord) -> Result<u64> {
        self.0.records::<ModelProviderRecord>().create(record).await.map_err(|error| match error.kind() {
            ErrorKind::Conflict => {
                Error::conflict("name", format!("there is already a model provider `{}`", record.name))
                    .caused_by(error)
            }
            _ => error,
        })
    }

    async fn seal(&self, provider: &ModelProviderRecord, credential: &Credential) -> Result<()> {
        self.0.secrets().put(&secret_of(provider.id), sealed_key(provider, credential)?).await.map(drop)
    }

    async fn change(
        &self,
        found: Stored<ModelProviderRecord>,
        change: impl FnOnce(&mut ModelProviderRecord) + Send,
    ) -> Result<()> {
        let records = self.0.records::<ModelProviderRecord>();
        records.update(found.value.id, found.version, change).await.map(drop)
    }

    /// The provider of a name, if this principal may see it.
    async fn stored(&self, name: &str) -> Result<Stored<ModelProviderRecord>> {
        let query = Query::new(Filter::eq("name", name)).limit(1);
        let page = self.0.records::<ModelProviderRecord>().list(&query).await?;
        page.records.into_iter().next().ok_or_else(|| {
            Error::not_found(format!("there is no model provider `{name}`; add it first"))
                .with("provider", name)
        })
    }

    async fn stored_model(
        &self,
        provider: &ModelProviderRecord,
        model: &str,
    ) -> Result<Option<Stored<EnabledModelRecord>>> {
        let query = Query::new(model_of(provider.id, model)).limit(1);
        let page = self.0.records::<EnabledModelRecord>().list(&query).await?;
        Ok(page.records.into_iter().next())
    }

    async fn known_model(&self, provider: &str, model: &str) -> Result<Stored<EnabledModelRecord>> {
        let found = self.stored(provider).await?.value;
        self.stored_model(&found, model.trim()).await?.ok_or_else(|| not_enabled(provider, model))
    }

    fn told(&self, set: ChangeSet, kind: &str, id: ModelProviderId, detail: Value) -> ChangeSet {
        let event = Event::new(self.0.context(), kind, detail.clone());
        set.with(Change::Audit(AuditDraft::done(kind, "model_provider", id, detail)))
            .with(Change::Emit { key: id.to_string(), event })
    }

    fn records(&self) -> &dyn agentforge_core::store::RecordStore {
        &*self.0.forge().0.stores.records
    }

    fn reach(&self) -> Reach {
        let forge = &self.0.forge().0;
        Reach {
            records: forge.stores.records.clone(),
            vault: forge.vault.clone(),
            sources: forge.models.clone(),
        }
    }
}

impl Workspace {
    /// Providers of models of the tenant.
    pub const fn providers(&self) -> WorkspaceProviders<'_> {
        WorkspaceProviders(self)
    }
}

/// The provider and the model of a name.
fn named(name: &str) -> (&str, &str) {
    let (provider, model) = name.split_once(':').unwrap_or((name, ""));
    (provider.trim(), model.trim())
}

fn not_enabled(provider: &str, model: &str) -> Error {
    let text = format!("`{provider}` has no enabled model `{model}`; enable it first");
    Error::not_found(text).with("provider", provider).with("model", model)
}

fn check_price(price: Option<&Price>) -> Result<()> {
    let Some(price) = price else { return Ok(()) };
    let parts = [price.cached, price.cache_written, price.audio_input, price.audio_output];
    let tiers = price
        .tiers
        .iter()
        .flat_map(|tier| [Some(tier.input), tier.cached, tier.cache_written, Some(tier.output)]);
    let all = [Some(price.input), Some(price.output)].into_iter().chain(parts).chain(tiers).flatten();
    let mut all = all.map(|money| (money.currency(), money.nanos()));
    if all.all(|(currency, nanos)| nanos >= 0 && currency == price.input.currency()) {
        return Ok(());
    }
    Err(Error::invalid("a price is not negative and in one currency").with("field", "price"))
}
