//! Requests to start processes in memory.

use agentforge_core::{
    context::CallContext,
    error::Result,
    id::TenantId,
    store::{DispatchKind, Inbox, InboxRow},
    time::Timestamp,
};
use async_trait::async_trait;
use uuid::Uuid;

use super::{MemoryStore, dispatch::DispatchRows, table::Table};

#[derive(Default)]
pub(super) struct InboxRows {
    pub(super) rows: Table<(TenantId, Uuid), Request>,
}

/// A request that came. What is left of a taken one recognises a repetition.
#[derive(Clone)]
pub(super) enum Request {
    Waiting(InboxRow),
    Taken(Timestamp),
}

impl Request {
    const fn waiting(&self) -> Option<&InboxRow> {
        match self {
            Self::Waiting(row) => Some(row),
            Self::Taken(_) => None,
        }
    }
}

impl InboxRows {
    /// Puts a request in unless its key came before. While a request waits it has a dispatch row.
    pub(super) fn post(&mut self, tenant: TenantId, row: InboxRow, dispatch: &mut DispatchRows) {
        let (id, at) = (InboxRow::id_of(&row.key), row.at);
        if self.rows.get(&(tenant, id)).is_none() {
            self.rows.insert((tenant, id), Request::Waiting(row));
        }
        let waits = self.rows.get(&(tenant, id)).is_some_and(|request| request.waiting().is_some());
        if waits && !dispatch.has(tenant, DispatchKind::INBOX, id) {
            dispatch.enqueue(tenant, DispatchKind::INBOX, id, at);
        }
    }

    /// Takes a request out.
    pub(super) fn take(&mut self, cx: &CallContext, key: &str) {
        let key = (cx.tenant(), InboxRow::id_of(key));
        if self.rows.get(&key).is_some_and(|request| request.waiting().is_some()) {
            self.rows.insert(key, Request::Taken(cx.now()));
        }
    }

    /// Forgets requests that were taken until an instant.
    pub(super) fn sweep(&mut self, tenant: TenantId, until: Timestamp) -> u64 {
        let keys = (tenant, Uuid::nil())..=(tenant, Uuid::max());
        self.rows.remove_where(keys, |_, request| matches!(request, Request::Taken(at) if *at <= until))
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        self.rows.remove_where((tenant, Uuid::nil())..=(tenant, Uuid::max()), |_, _| true)
    }

    pub(super) fn commit(&mut self) {
        self.rows.commit();
    }

    pub(super) fn roll_back(&mut self) {
        self.rows.roll_back();
    }
}

#[async_trait]
impl Inbox for MemoryStore {
    async fn rows(&self, cx: &CallContext, limit: u32) -> Result<Vec<InboxRow>> {
        cx.check_alive()?;
        let tenant = cx.tenant();
        let state = self.state();
        let of_tenant = state.inbox.rows.range((tenant, Uuid::nil())..=(tenant, Uuid::max()));
        let mut waiting: Vec<_> =
            of_tenant.filter_map(|((_, id), request)| Some((request.waiting()?, *id))).collect();
        waiting.sort_by_key(|(row, id)| (row.at, *id));
        Ok(waiting.into_iter().take(limit as usize).map(|(row, _)| row.clone()).collect())
    }

    async fn row(&self, cx: &CallContext, id: Uuid) -> Result<Option<InboxRow>> {
        cx.check_alive()?;
        Ok(self.state().inbox.rows.get(&(cx.tenant(), id)).and_then(Request::waiting).cloned())
    }
}
