//! Records of a workspace: every type that a host may read or write, authorised and audited.

use agentforge_core::record::{Governed, Records};

use crate::Workspace;

impl Workspace {
    /// Records of a type, the platform's or the host's own, as this principal may use them.
    ///
    /// ```
    /// # let work = async {
    /// use agentforge::{Forge, record::ProjectRecord, id::ProjectId, store::{Filter, Query}};
    ///
    /// let forge = Forge::open("memory:").await?;
    /// let workspace = forge.workspace();
    /// let projects = workspace.records::<ProjectRecord>();
    ///
    /// let project = ProjectRecord::new(ProjectId::new(workspace.context()), "Payroll");
    /// let version = projects.create(&project).await?;
    /// projects.update(project.id, version, |project| project.description = "Every month.".to_owned()).await?;
    /// let page = projects.list(&Query::new(Filter::words("name", "pay"))).await?;
    /// assert_eq!(page.records[0].value.description, "Every month.");
    ///
    /// projects.delete(project.id, page.records[0].version).await?;
    /// assert!(projects.find(project.id).await?.is_none());
    /// projects.restore(project.id).await?;
    /// # forge.close().await?;
    /// # Ok::<(), agentforge::Error>(())
    /// # };
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work).unwrap();
    /// ```
    pub fn records<T: Governed>(&self) -> Records<T> {
        let parts = &self.forge().0.identity;
        Records::new(
            self.context().clone(),
            parts.records.clone(),
            parts.authorizer.clone(),
            parts.collections.clone(),
        )
    }
}
