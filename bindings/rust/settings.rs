//! Settings: declared once with a type and a default, stored per tenant or for the whole system.
//!
//! A tenant's value overrides the system's, which overrides the default. Nothing is cached: a read looks at one key of
//! each scope, so that what one process writes holds at once in every other.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::Event,
    nearest::or_nearest,
    record::SettingRecord,
    security::{AuthorizerExt, Permission, Resource},
    store::{AuditDraft, Change, ChangeSet, Expect, Record, RecordStoreExt, Stored},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{Forge, Workspace};

/// A setting: its key, its type with a default, and what it is for.
///
/// ```
/// # let work = async {
/// use agentforge::{Forge, settings::{Flag, Setting}};
///
/// const DAYS: Setting<u32> = Setting::new("approvals.days", 7, "How many days people have to decide.");
/// const EDITOR: Flag = Flag::new("flags.editor", "The new editor.");
///
/// let forge = Forge::builder("memory:").setting(DAYS).setting(EDITOR).open().await?;
/// let workspace = forge.workspace();
/// assert_eq!(workspace.settings().get(&DAYS).await?, 7);
/// forge.settings().set(&DAYS, 14).await?;
/// workspace.settings().turn(&EDITOR, true).await?;
/// assert_eq!(workspace.settings().get(&DAYS).await?, 14);
/// assert!(workspace.settings().enabled(&EDITOR).await?);
///
/// let error = workspace.settings().set_value("aprovals.days", 3.into(), None).await.unwrap_err();
/// assert!(error.message().contains("did you mean `approvals.days`?"));
/// # forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting<T> {
    key: &'static str,
    default: T,
    description: &'static str,
}

impl<T> Setting<T> {
    /// A setting. The key is words joined by dots; the default holds where nobody has set anything.
    pub const fn new(key: &'static str, default: T, description: &'static str) -> Self {
        Self { key, default, description }
    }
}

/// A switch that is off until somebody turns it on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag(Setting<bool>);

impl Flag {
    /// A switch that is off.
    pub const fn new(key: &'static str, description: &'static str) -> Self {
        Self(Setting::new(key, false, description))
    }
}

/// A setting without its type, as the list of known settings keeps it.
pub trait DeclaredSetting: Send + Sync {
    /// The key.
    fn key(&self) -> &'static str;

    /// What it is for.
    fn description(&self) -> &'static str;

    /// The value where nobody has set anything.
    fn default(&self) -> Result<Value>;

    /// A value as the setting's type writes it; `invalid_input` when it does not fit.
    fn check(&self, value: Value) -> Result<Value>;
}

impl<T: Serialize + DeserializeOwned + Send + Sync> DeclaredSetting for Setting<T> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn description(&self) -> &'static str {
        self.description
    }

    fn default(&self) -> Result<Value> {
        written(self.key, &self.default)
    }

    fn check(&self, value: Value) -> Result<Value> {
        let typed: T = serde_json::from_value(value).map_err(|error| {
            Error::invalid(format!("`{}` cannot have this value: {error}", self.key)).with("field", self.key)
        })?;
        written(self.key, &typed)
    }
}

impl DeclaredSetting for Flag {
    fn key(&self) -> &'static str {
        self.0.key
    }

    fn description(&self) -> &'static str {
        self.0.description
    }

    fn default(&self) -> Result<Value> {
        DeclaredSetting::default(&self.0)
    }

    fn check(&self, value: Value) -> Result<Value> {
        self.0.check(value)
    }
}

fn written<T: Serialize>(key: &str, value: &T) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|error| Error::internal(format!("`{key}` cannot be written as JSON")).caused_by(error))
}

/// The settings that a forge knows.
#[derive(Clone, Default)]
pub(crate) struct Declarations {
    known: BTreeMap<&'static str, Arc<dyn DeclaredSetting>>,
    doubled: Option<&'static str>,
}

impl Declarations {
    pub(crate) fn add(&mut self, setting: impl DeclaredSetting + 'static) {
        let key = setting.key();
        if self.known.insert(key, Arc::new(setting)).is_some() {
            self.doubled = Some(key);
        }
    }

    /// Fails when two settings have one key.
    pub(crate) fn check(&self) -> Result<()> {
        match self.doubled {
            None => Ok(()),
            Some(key) => Err(Error::invalid(format!("the setting `{key}` is declared twice"))),
        }
    }

    fn known(&self, key: &str) -> Result<&Arc<dyn DeclaredSetting>> {
        self.known.get(key).ok_or_else(|| {
            let hint = or_nearest(key, self.known.keys().copied());
            Error::invalid(format!("there is no setting `{key}`; {hint}")).with("field", key)
        })
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody has set anything.
    Default,
    /// It was set for the whole system.
    System,
    /// It was set for the tenant.
    Tenant,
}

/// A setting with its present value.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingValue {
    /// The key.
    pub key: String,
    /// What it is for.
    pub description: String,
    /// The value that holds.
    pub value: Value,
    /// Where it comes from.
    pub source: Source,
    /// The version of the value in the scope that was asked; none when that scope has none.
    pub version: Option<u64>,
}

/// A value that was taken from the environment.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// The variable.
    pub variable: String,
    /// The setting.
    pub key: String,
    /// Its value.
    pub value: Value,
}

/// Settings in a scope: a tenant's, or the whole system's.
#[derive(Clone)]
pub struct Settings {
    forge: Forge,
    /// The scope that is written to, and read first.
    cx: CallContext,
}

impl Settings {
    pub(crate) fn of_system(forge: &Forge) -> Self {
        Self { forge: forge.clone(), cx: forge.0.system.clone() }
    }

    fn is_system(&self) -> bool {
        self.cx.tenant() == self.forge.0.system.tenant()
    }

    /// The value of a setting that the program itself declared. Needs no permission: whoever holds the declaration is
    /// the host.
    pub async fn get<T: Serialize + DeserializeOwned + Send + Sync>(
        &self,
        setting: &Setting<T>,
    ) -> Result<T> {
        self.forge.0.declared.known(setting.key)?;
        let value = match self.stored(setting.key).await? {
            (Some(stored), _) => stored.value.value,
            (None, Some(system)) => system.value.value,
            (None, None) => DeclaredSetting::default(setting)?,
        };
        serde_json::from_value(value).map_err(|error| {
            let message = format!("the stored value of `{}` is of another type; set it anew", setting.key);
            Error::new(ErrorKind::Corrupt, message).caused_by(error)
        })
    }

    /// Whether a flag is on.
    pub async fn enabled(&self, flag: &Flag) -> Result<bool> {
        self.get(&flag.0).await
    }

    /// Sets a value in this scope and returns its version. Needs `settings:write`.
    pub async fn set<T: Serialize + DeserializeOwned + Send + Sync>(
        &self,
        setting: &Setting<T>,
        value: T,
    ) -> Result<u64> {
        self.set_value(setting.key, written(setting.key, &value)?, None).await
    }

    /// Turns a flag on or off in this scope and returns its version. Needs `settings:write`.
    pub async fn turn(&self, flag: &Flag, on: bool) -> Result<u64> {
        self.set(&flag.0, on).await
    }

    /// Sets a value by the setting's key and returns its version. With a version, only over that one, 0 for none yet;
    /// another is a `conflict`. An unknown key is invalid input that names the nearest known one. Needs
    /// `settings:write`.
    pub async fn set_value(&self, key: &str, value: Value, version: Option<u64>) -> Result<u64> {
        self.require(Permission::SettingsWrite).await?;
        let value = self.forge.0.declared.known(key)?.check(value)?;
        let record = SettingRecord::new(key, value);
        let expect = match version {
            None => Expect::Anything,
            Some(0) => Expect::Absent,
            Some(version) => Expect::Version(version),
        };
        let set = ChangeSet::new(&self.cx).with(Change::put(&record, expect)?);
        let set = self.told(set, "setting.set", key, json!({ "key": key, "value": record.value }));
        let receipt = self.forge.0.stores.records.apply(&self.cx, set).await?;
        receipt.version(0).ok_or_else(|| Error::internal("the store gave no version for a written record"))
    }

    /// Forgets what was set in this scope; nothing is fine. Needs `settings:write`.
    pub async fn reset(&self, key: &str) -> Result<()> {
        self.require(Permission::SettingsWrite).await?;
        self.forge.0.declared.known(key)?;
        let id = SettingRecord::id_of(key).as_uuid();
        let change = Change::Delete { spec: SettingRecord::SPEC, id, expect: Expect::Anything };
        let set = ChangeSet::new(&self.cx).with(change);
        let set = self.told(set, "setting.reset", key, json!({ "key": key }));
        self.forge.0.stores.records.apply(&self.cx, set).await.map(drop)
    }

    /// A setting with its present value, by key. Needs `settings:read`.
    pub async fn value(&self, key: &str) -> Result<SettingValue> {
        self.require(Permission::SettingsRead).await?;
        self.described(&**self.forge.0.declared.known(key)?).await
    }

    /// Every known setting with its present value, by key. Needs `settings:read`.
    pub async fn list(&self) -> Result<Vec<SettingValue>> {
        self.require(Permission::SettingsRead).await?;
        let mut all = Vec::new();
        for setting in self.forge.0.declared.known.values() {
            all.push(self.described(&**setting).await?);
        }
        Ok(all)
    }

    /// Sets in this scope what variables of the environment with a prefix say, and tells what was taken:
    /// `PREFIX_APPROVALS_DAYS=14` for `approvals.days`. A value is JSON, or else text. Nothing else reads the
    /// environment. A variable of the prefix that means no setting is invalid input, and then nothing is set.
    pub async fn from_env(&self, prefix: &str) -> Result<Vec<Taken>> {
        let all = std::env::vars_os();
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        let variables: Vec<(String, String)> = all.filter_map(text).collect();
        self.from_variables(prefix, variables).await
    }

    /// The same with variables from anywhere.
    pub async fn from_variables(
        &self,
        prefix: &str,
        variables: impl IntoIterator<Item = (String, String)> + Send,
    ) -> Result<Vec<Taken>> {
        let named: BTreeMap<String, &Arc<dyn DeclaredSetting>> = (self.forge.0.declared.known.values())
            .map(|setting| (format!("{prefix}{}", as_variable(setting.key())), setting))
            .collect();
        let given = variables.into_iter().filter(|(variable, _)| variable.starts_with(prefix));
        let taken = given.map(|(variable, text)| {
            let setting = named.get(&variable).ok_or_else(|| {
                let hint = or_nearest(&variable, named.keys().map(String::as_str));
                Error::invalid(format!("the variable `{variable}` means no setting; {hint}"))
            })?;
            let value = match serde_json::from_str(&text).map(|value| setting.check(value)) {
                Ok(Ok(value)) => value,
                _ => setting
                    .check(Value::String(text))
                    .map_err(|error| error.with("variable", variable.as_str()))?,
            };
            Ok(Taken { variable, key: setting.key().to_owned(), value })
        });
        let taken = taken.collect::<Result<Vec<_>>>()?;
        for Taken { key, value, .. } in &taken {
            self.set_value(key, value.clone(), None).await?;
        }
        Ok(taken)
    }

    async fn described(&self, setting: &dyn DeclaredSetting) -> Result<SettingValue> {
        let (own, system) = self.stored(setting.key()).await?;
        let version = own.as_ref().map(|stored| stored.version);
        let (value, source) = match (own, system) {
            (Some(stored), _) if self.is_system() => (stored.value.value, Source::System),
            (Some(stored), _) => (stored.value.value, Source::Tenant),
            (None, Some(stored)) => (stored.value.value, Source::System),
            (None, None) => (setting.default()?, Source::Default),
        };
        let (key, description) = (setting.key().to_owned(), setting.description().to_owned());
        Ok(SettingValue { key, description, value, source, version })
    }

    /// What stands in this scope, and what in the system's when this one has nothing.
    async fn stored(
        &self,
        key: &str,
    ) -> Result<(Option<Stored<SettingRecord>>, Option<Stored<SettingRecord>>)> {
        let (records, id) = (&self.forge.0.stores.records, SettingRecord::id_of(key));
        let own = records.find::<SettingRecord>(&self.cx, id).await?;
        if own.is_some() || self.is_system() {
            return Ok((own, None));
        }
        Ok((None, records.find::<SettingRecord>(&self.forge.0.system, id).await?))
    }

    async fn require(&self, permission: Permission) -> Result<()> {
        self.forge.0.authorizer.require(&self.cx, permission, &Resource::TENANT).await
    }

    fn told(&self, set: ChangeSet, kind: &str, key: &str, detail: Value) -> ChangeSet {
        let event = Event::new(&self.cx, kind, detail.clone());
        set.with(Change::Audit(AuditDraft::done(kind, "setting", key, detail)))
            .with(Change::Emit { key: format!("setting:{key}"), event })
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Settings({})", self.cx.tenant())
    }
}

impl Workspace {
    /// Settings of the tenant.
    pub fn settings(&self) -> Settings {
        Settings { forge: self.forge().clone(), cx: self.context().clone() }
    }
}

fn as_variable(key: &str) -> String {
    key.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' })
        .collect()
}
