//! What is due, across tenants: the one place where a worker looks beyond a tenant.
//!
//! A row holds a tenant, a kind, an id and an instant, and no payload. Change sets write rows; only a system context
//! claims them, and then enters the tenant to do the work.

use std::{borrow::Cow, time::Duration};

use async_trait::async_trait;
use uuid::Uuid;

use super::change::check_text;
use crate::{context::CallContext, error::Result, id::TenantId};

/// What sort of worker a row is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DispatchKind(Cow<'static, str>);

impl DispatchKind {
    /// A run that has something to do: it is new, a timer is due, or a signal came.
    pub const RUN: DispatchKind = DispatchKind(Cow::Borrowed("run"));
    /// An approval that may have expired.
    pub const APPROVAL: DispatchKind = DispatchKind(Cow::Borrowed("approval"));
    /// Events that wait for delivery. Every change set that emits makes one row, under the set's id.
    pub const OUTBOX: DispatchKind = DispatchKind(Cow::Borrowed("outbox"));
    /// A request in the inbox, under [`super::InboxRow::id_of`] its key.
    pub const INBOX: DispatchKind = DispatchKind(Cow::Borrowed("inbox"));

    /// A tenant whose store is to be swept; one row for each, under the tenant's own id.
    pub const UPKEEP: DispatchKind = DispatchKind(Cow::Borrowed("upkeep"));

    /// A kind of the host's own, or one read from a row.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Which rows a worker wants.
#[derive(Debug, Clone)]
pub struct ClaimRequest {
    /// The kinds that this worker serves.
    pub kinds: Vec<DispatchKind>,
    /// How long nobody else gets a claimed row.
    pub hold: Duration,
    /// How many at most.
    pub limit: u32,
}

/// A row that was claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The tenant to enter.
    pub tenant: TenantId,
    /// What sort of worker.
    pub kind: DispatchKind,
    /// The thing.
    pub id: Uuid,
    /// Grows with every enqueue and every claim of this row; [`super::Change::Dequeue`] names it.
    pub epoch: u64,
}

/// Claims what is due.
#[async_trait]
pub trait Dispatch: Send + Sync {
    /// Rows that are due now, earliest first; each goes to one caller until its hold ends. Only the system of the
    /// platform may call this; anybody else is `denied`.
    async fn claim(&self, cx: &CallContext, request: &ClaimRequest) -> Result<Vec<Claim>>;

    /// Completes when there may be something to claim, or when the call is cancelled or its deadline passes. May
    /// complete too early, never too late by more than 50 ms for what this process wrote. Only the system of the platform
    /// may call this; anybody else is `denied`.
    async fn wait(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<()>;
}

/// Fails when the name of a kind holds a NUL. Every backend checks with this before it claims or waits.
pub fn check_kinds(kinds: &[DispatchKind]) -> Result<()> {
    kinds.iter().try_for_each(|kind| check_text("dispatch kind", kind.as_str()))
}
