//! How runs stand, for whoever may see them.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::RunId,
    record::{RunRecord, RunState},
    security::{AuthorizerExt, Permission},
    store::{Cursor, Filter, Page, Query, Record, RecordStoreExt},
};

use super::{Processes, RunStatus, parts::owned_by};

/// Which runs, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunQuery {
    /// Only runs of this process.
    pub name: Option<String>,
    /// Only runs that stand here.
    pub state: Option<RunState>,
    /// At most so many; 50 when 0.
    pub limit: u32,
    /// Where the page before ended.
    pub after: Option<Cursor>,
}

impl Processes {
    /// How a run stands. Needs `processes:read`, or to be the one who started it.
    pub async fn status(&self, cx: &CallContext, run: RunId) -> Result<RunStatus> {
        let stored = self.record(cx, run).await?;
        let resource = owned_by(stored.value.owner);
        self.parts.authorizer.require(cx, Permission::ProcessesRead, &resource).await?;
        Ok(stored.into())
    }

    /// One page of the runs that the caller may see, newest first.
    pub async fn runs(&self, cx: &CallContext, query: RunQuery) -> Result<Page<RunStatus>> {
        let visible =
            self.parts.authorizer.filter(cx, Permission::ProcessesRead, <RunRecord as Record>::SPEC).await?;
        let mut wanted = vec![Filter::eq("kind", "process"), visible];
        if let Some(name) = query.name {
            wanted.push(Filter::eq("name", name));
        }
        if let Some(state) = query.state {
            let state = serde_json::to_value(state).unwrap_or_default();
            wanted.push(Filter::eq("state", state.as_str().unwrap_or_default()));
        }
        let limit = if query.limit == 0 { 50 } else { query.limit };
        let mut page = Query::new(Filter::all(wanted)).descending("created_at").limit(limit);
        page.after = query.after;
        let found = self.parts.stores.records.list::<RunRecord>(cx, &page).await?;
        Ok(Page {
            records: found.records.into_iter().map(Into::into).collect(),
            next: found.next,
            total: found.total,
        })
    }
}
