//! Planted faults: stores that break one rule each, and the cases that must notice.

mod blind;
mod records;

use std::sync::Arc;

use async_trait::async_trait;

use super::{Capability, Failure, Harness};
use crate::{
    context::CallContext,
    error::Result,
    store::{Claim, ClaimRequest, Dispatch, DispatchKind, Stores},
    testing::FixedClock,
};

/// One way in which a store can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Reads are made in the tenant that wrote first, whoever asks.
    ForgetsTenant,
    /// Preconditions on versions are not looked at.
    IgnoresVersions,
    /// Changes are applied one by one; what stands before a failure stays.
    AppliesPartly,
    /// A journal takes rows under any epoch as long as somebody holds the lease.
    IgnoresEpochs,
    /// A repeated change set is applied again.
    ForgetsReceipts,
    /// Counters pass their limits.
    IgnoresLimits,
    /// A claimed row is claimed again at once.
    IgnoresHolds,
    /// The last record of a page that has a next one is lost.
    LosesPageEnds,
    /// What was taken stays in the inbox.
    KeepsRequests,
    /// What was delivered stays in the outbox.
    KeepsDelivered,
}

impl Fault {
    /// Every fault.
    pub const ALL: &'static [Fault] = &[
        Fault::ForgetsTenant,
        Fault::IgnoresVersions,
        Fault::AppliesPartly,
        Fault::IgnoresEpochs,
        Fault::ForgetsReceipts,
        Fault::IgnoresLimits,
        Fault::IgnoresHolds,
        Fault::LosesPageEnds,
        Fault::KeepsRequests,
        Fault::KeepsDelivered,
    ];

    /// What the fault is known by.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ForgetsTenant => "forgets_tenant",
            Self::IgnoresVersions => "ignores_versions",
            Self::AppliesPartly => "applies_partly",
            Self::IgnoresEpochs => "ignores_epochs",
            Self::ForgetsReceipts => "forgets_receipts",
            Self::IgnoresLimits => "ignores_limits",
            Self::IgnoresHolds => "ignores_holds",
            Self::LosesPageEnds => "loses_page_ends",
            Self::KeepsRequests => "keeps_requests",
            Self::KeepsDelivered => "keeps_delivered",
        }
    }

    /// The cases that fail on a store with this fault; a suite in which one of them passes does not look.
    pub const fn caught_by(self) -> &'static [&'static str] {
        match self {
            Self::ForgetsTenant => {
                &["wall.a_strangers_reads_show_nothing", "wall.twins_with_identical_ids_never_meet"]
            }
            Self::IgnoresVersions => &[
                "records.version_conflicts_carry_the_current_version",
                "records.a_refused_write_changes_nothing",
                "changes.one_of_many_writers_of_a_version_wins",
            ],
            Self::AppliesPartly => {
                &["changes.a_failing_change_undoes_every_kind", "audit.a_refused_set_leaves_no_entry"]
            }
            Self::IgnoresEpochs => {
                &["journal.a_stale_epoch_is_fenced", "journal.a_fenced_append_takes_its_whole_set_along"]
            }
            Self::ForgetsReceipts => &[
                "changes.repeating_an_id_returns_the_first_receipt",
                "changes.repetitions_at_once_apply_once",
            ],
            Self::IgnoresLimits => {
                &["counters.a_limit_is_never_passed", "counters.a_limit_holds_under_concurrency"]
            }
            Self::IgnoresHolds => {
                &["dispatch.a_claim_is_exclusive_until_its_hold_ends", "dispatch.claims_at_once_never_share"]
            }
            Self::LosesPageEnds => &["queries.agree_with_the_reference"],
            Self::KeepsRequests => &["inbox.a_taken_one_never_comes_back"],
            Self::KeepsDelivered => &["outbox.what_was_delivered_is_gone", "outbox.no_place_comes_twice"],
        }
    }

    /// The stores with the fault.
    #[must_use]
    pub fn plant(self, stores: Stores) -> Stores {
        match self {
            Self::ForgetsTenant => blind::stores(stores),
            Self::IgnoresHolds => {
                Stores { dispatch: Arc::new(IgnoresHolds(stores.dispatch.clone())), ..stores }
            }
            _ => {
                Stores { records: Arc::new(records::Faulty { fault: self, inner: stores.clone() }), ..stores }
            }
        }
    }
}

struct IgnoresHolds(Arc<dyn Dispatch>);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Dispatch for IgnoresHolds {
    async fn claim(&self, cx: &CallContext, request: &ClaimRequest) -> Result<Vec<Claim>> {
        self.0.claim(cx, &ClaimRequest { hold: std::time::Duration::ZERO, ..request.clone() }).await
    }

    async fn wait(&self, cx: &CallContext, kinds: &[DispatchKind]) -> Result<()> {
        self.0.wait(cx, kinds).await
    }
}

/// Another harness, with a fault in every store that it gives.
pub struct FaultyHarness {
    inner: Arc<dyn Harness>,
    fault: Fault,
    name: String,
}

impl FaultyHarness {
    /// Plants a fault.
    pub fn new(inner: Arc<dyn Harness>, fault: Fault) -> Self {
        let name = format!("{} that {}", inner.name(), fault.name());
        Self { inner, fault, name }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Harness for FaultyHarness {
    fn name(&self) -> &str {
        &self.name
    }

    fn clock(&self) -> FixedClock {
        self.inner.clock()
    }

    fn missing(&self) -> &[Capability] {
        self.inner.missing()
    }

    async fn fresh(&self) -> Result<Stores, Failure> {
        self.inner.fresh().await.map(|stores| self.fault.plant(stores))
    }

    async fn reopen(&self, stores: Stores) -> Result<Stores, Failure> {
        self.inner.reopen(stores).await.map(|stores| self.fault.plant(stores))
    }

    async fn close(&self) -> Result<(), Failure> {
        self.inner.close().await
    }
}
