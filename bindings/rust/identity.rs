//! People, teams, roles, access lists and the tenant of a workspace.

pub use agentforge_core::identity::*;

use crate::Workspace;

impl Workspace {
    /// People, teams, roles, access lists and the tenant, as this principal may see and change them.
    ///
    /// ```
    /// # let work = async {
    /// use agentforge::{Forge, Workspace, context::Principal, record::{AccessSubject, KnowledgeBaseRecord, Position}};
    /// use agentforge::security::Permission;
    ///
    /// let forge = Forge::open("memory:").await?;
    /// let owner = forge.workspace();
    /// let identity = owner.identity();
    ///
    /// let dana = identity.add_user("Dana", &[]).await?;
    /// let finance = identity.create_team("Finance").await?;
    /// identity.add_member(finance, dana, Position::Member).await?;
    ///
    /// // Dana holds no role: only the team's access list opens this one knowledge base.
    /// owner.knowledge("ledger").await?;
    /// let bases = owner.records::<KnowledgeBaseRecord>();
    /// let ledger = bases.list(&agentforge::store::Query::new(agentforge::store::Filter::True)).await?.records.remove(0);
    /// let team = AccessSubject::Team(finance);
    /// identity.grant::<KnowledgeBaseRecord>(ledger.value.id, team, &[Permission::KbRead], None).await?;
    ///
    /// let tenant = owner.context().tenant();
    /// let dana = forge.enter(tenant, Principal::user(dana)).await?;
    /// assert!(dana.knowledge("ledger").await.is_ok());
    /// # forge.close().await?;
    /// # Ok::<(), agentforge::Error>(())
    /// # };
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
    /// ```
    pub fn identity(&self) -> Identity {
        Identity::new(self.context().clone(), self.forge().0.identity.clone())
    }
}
