//! What is swept when its time has passed, so that a store does not grow for ever.
//!
//! A sweep belongs to one tenant, works in small batches between which writers write, and never touches what is in use.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::LONGEST_UPLOAD;
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    time::Timestamp,
};

/// How long what nobody needs any more is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retention {
    /// Answers to change sets. A set that is repeated later than this is applied again, as far as it still can be.
    pub receipts: Duration,
    /// Signals that were consumed. One that comes again later than this is delivered again.
    pub signals: Duration,
    /// Events that nobody delivered. They are lost then.
    pub outbox: Duration,
    /// Keys of inbox rows that were taken. A row that is posted again later than this is served again.
    pub inbox: Duration,
    /// Blobs without a reference.
    pub blobs: Duration,
    /// Deleted records that their collection keeps. They are gone for good then.
    pub deleted: Duration,
}

impl Default for Retention {
    /// A week for answers, a day for blobs, thirty days for everything else.
    fn default() -> Self {
        let month = Duration::from_hours(30 * 24);
        Self {
            receipts: Duration::from_hours(7 * 24),
            signals: month,
            outbox: month,
            inbox: month,
            blobs: Duration::from_hours(24),
            deleted: month,
        }
    }
}

impl Retention {
    /// What nothing outlives that happened at this instant or before it.
    pub fn limit(now: Timestamp, age: Duration) -> Timestamp {
        let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
        Timestamp::from_micros(now.as_micros().saturating_sub(micros)).unwrap_or(Timestamp::EARLIEST)
    }

    /// The least id of an upload that may still become a blob: what an upload with a lesser one wrote and what is no
    /// blob was abandoned.
    pub fn first_live_upload(&self, now: Timestamp) -> Uuid {
        // An hour more than an upload may take, for clocks that do not agree.
        let age = self.blobs.max(LONGEST_UPLOAD + Duration::from_hours(1));
        let millis = u64::try_from(Self::limit(now, age).as_micros() / 1_000 + 1).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &[0; 10]).into_uuid()
    }
}

/// How many rows a sweep removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Swept {
    /// Answers to change sets.
    pub receipts: u64,
    /// Consumed signals.
    pub signals: u64,
    /// Events that nobody delivered.
    pub outbox: u64,
    /// Keys of taken inbox rows.
    pub inbox: u64,
    /// Blobs.
    pub blobs: u64,
    /// Pieces of blobs and of uploads that never became one; how bytes are cut is the backend's own affair.
    pub pieces: u64,
    /// Deleted records.
    pub deleted: u64,
}

impl Swept {
    /// How many rows in all.
    pub const fn total(&self) -> u64 {
        let Self { receipts, signals, outbox, inbox, blobs, pieces, deleted } = *self;
        receipts + signals + outbox + inbox + blobs + pieces + deleted
    }
}

impl std::ops::AddAssign for Swept {
    fn add_assign(&mut self, other: Self) {
        let Self { receipts, signals, outbox, inbox, blobs, pieces, deleted } = other;
        self.receipts += receipts;
        self.signals += signals;
        self.outbox += outbox;
        self.inbox += inbox;
        self.blobs += blobs;
        self.pieces += pieces;
        self.deleted += deleted;
    }
}

/// Keeps a tenant's rows tidy.
#[async_trait]
pub trait Upkeep: Send + Sync {
    /// Removes what is past its time. A deleted record goes only once nothing refers to it any more, kept records
    /// included; what refers goes first.
    ///
    /// Each batch commits on its own: a call that is cancelled has swept a part, and the next one goes on.
    async fn sweep(&self, cx: &CallContext, retention: &Retention) -> Result<Swept>;

    /// Removes every row that the tenant has in any table, its audit trail included, and returns how many. For a tenant
    /// that nobody works in any more: what is written meanwhile may stay.
    ///
    /// Only the system may, inside the tenant that it names; the platform's own tenant is never purged.
    async fn purge(&self, cx: &CallContext, tenant: TenantId) -> Result<u64>;
}

/// Fails unless the call may purge the tenant. Every backend checks with this first.
pub fn check_purge(cx: &CallContext, tenant: TenantId) -> Result<()> {
    if !cx.scope().is_system() {
        return Err(Error::denied("only the system purges a tenant"));
    }
    if tenant == TenantId::PLATFORM {
        return Err(Error::invalid(
            "the platform's own tenant holds the list of tenants and is never purged",
        ));
    }
    if tenant != cx.tenant() {
        return Err(Error::invalid("the call is not inside the tenant that is to be purged; enter it first"));
    }
    Ok(())
}
