//! Secrets of a workspace: put by name, sealed at rest, revealed to those who may.

use agentforge_core::{
    error::Result,
    record::TenantRecord,
    store::{Filter, MAX_PAGE, Query, RecordStoreExt},
    vault::{Rotation, Secret, SecretSummary},
};

use crate::{Forge, Workspace};

/// Secrets of a workspace.
///
/// ```
/// # let work = async {
/// use agentforge::Forge;
///
/// let forge = Forge::open("memory:").await?;
/// let workspace = forge.workspace();
/// workspace.secrets().put("crm/api-key", "sk-1234").await?;
///
/// // Settings hold `secret://crm/api-key` and never the value.
/// assert_eq!(workspace.secrets().list().await?[0].name, "crm/api-key");
/// assert_eq!(workspace.secrets().reveal("crm/api-key").await?.expose_text()?, "sk-1234");
///
/// let rotation = workspace.secrets().rotate().await?;
/// assert_eq!((rotation.key, rotation.resealed), (2, 1));
/// workspace.secrets().delete("crm/api-key").await?;
/// forge.close().await?;
/// # Ok::<(), agentforge::Error>(())
/// # };
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
/// ```
///
/// # Keys
///
/// The master keys that all secrets depend on are never in the database. They are given with
/// [`ForgeBuilder::keys`](crate::ForgeBuilder::keys) or [`ForgeBuilder::key_file`](crate::ForgeBuilder::key_file).
/// Without either, a SQLite file has them in `FILE.key` beside it, made with the first secret and readable by its owner
/// alone; a store in memory has one that ends with it; any other store refuses secrets. **Whoever loses the key file
/// loses the secrets: a backup holds both files, best apart from each other.**
pub struct WorkspaceSecrets<'a>(&'a Workspace);

impl<'a> WorkspaceSecrets<'a> {
    pub(crate) const fn new(workspace: &'a Workspace) -> Self {
        Self(workspace)
    }

    /// Puts a secret, or another value in its place, and returns its version. The name is 1 to 128 letters, digits and
    /// `.`, `_`, `-`, `/`; the value at most 64 KiB. Needs `secrets:write`.
    pub async fn put(&self, name: &str, value: impl Into<Secret>) -> Result<u64> {
        self.0.forge().0.secrets.put(self.0.context(), name, &value.into()).await
    }

    /// Says what a secret is for. Needs `secrets:write`.
    pub async fn describe(&self, name: &str, description: &str) -> Result<()> {
        self.0.forge().0.secrets.describe(self.0.context(), name, description).await
    }

    /// The value of a secret; the audit trail says who asked. Needs `secrets:reveal`.
    pub async fn reveal(&self, name: &str) -> Result<Secret> {
        self.0.forge().0.secrets.reveal(self.0.context(), name).await
    }

    /// All secrets by name, without their values. Needs `secrets:read`.
    pub async fn list(&self) -> Result<Vec<SecretSummary>> {
        self.0.forge().0.secrets.list(self.0.context()).await
    }

    /// Deletes a secret. Needs `secrets:delete`.
    pub async fn delete(&self, name: &str) -> Result<()> {
        self.0.forge().0.secrets.delete(self.0.context(), name).await
    }

    /// Seals every secret with a new data key, while all of them stay readable. Needs `secrets:rotate`.
    pub async fn rotate(&self) -> Result<Rotation> {
        self.0.forge().0.secrets.rotate(self.0.context()).await
    }

    /// Finishes a rotation that was cut off. Needs `secrets:rotate`.
    pub async fn reseal(&self) -> Result<Rotation> {
        self.0.forge().0.secrets.reseal(self.0.context()).await
    }

    /// Destroys the tenant's data keys, and with them everything that was sealed in the tenant, for ever. Needs
    /// `security:admin`.
    pub async fn destroy_keys(&self) -> Result<u32> {
        self.0.forge().0.secrets.destroy_keys(self.0.context()).await
    }
}

impl Forge {
    /// Wraps the data keys of all tenants, and the platform's, with the current master key, and returns how many were
    /// not. No secret is touched. Cut off, it is finished by calling again; afterwards older master keys can be taken
    /// away. For the host's own use: no principal is asked.
    pub async fn rotate_master_keys(&self) -> Result<u32> {
        let (vault, system) = (&self.0.vault, &self.0.system);
        let mut count = vault.rotate_master(system).await?;
        let mut query = Query::new(Filter::True).limit(MAX_PAGE);
        loop {
            let page = self.0.stores.records.list::<TenantRecord>(system, &query).await?;
            for tenant in page.records {
                count += vault.rotate_master(&system.enter_tenant(tenant.value.id)?).await?;
            }
            let Some(next) = page.next else { return Ok(count) };
            query = query.after(next);
        }
    }
}
