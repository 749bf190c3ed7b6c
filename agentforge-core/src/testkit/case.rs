//! What a suite is made of: cases, the harness that gives them stores, and what they come to.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::future::BoxFuture;

use crate::{error::Error, store::Stores, testing::FixedClock};

/// Why a case failed: a sentence that names the rule, what was found and what was expected.
#[derive(Clone, PartialEq, Eq)]
pub struct Failure(String);

impl Failure {
    /// A failure with its reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }

    /// The reason.
    pub fn reason(&self) -> &str {
        &self.0
    }

    /// The same failure, with where it happened.
    #[must_use]
    pub fn during(self, what: impl fmt::Display) -> Self {
        Self(format!("{what}: {}", self.0))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(format!("unexpected error {error:?}"))
    }
}

/// Something that a backend may lack by its nature. A harness declares what is missing; cases that need it are skipped
/// and say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Data outlives the store that wrote it.
    Durability,
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Durability => "durability",
        })
    }
}

/// Gives cases the stores of a backend.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The backend's name, as reports show it.
    fn name(&self) -> &str;

    /// The clock that the contexts of cases run on; a case moves it.
    fn clock(&self) -> FixedClock;

    /// What this backend lacks by its nature.
    fn missing(&self) -> &[Capability];

    /// An empty store with the platform's collections and [`super::COLLECTIONS`].
    async fn fresh(&self) -> Result<Stores, Failure>;

    /// Closes the stores that [`Self::fresh`] gave last and opens their data again. Called only when
    /// [`Capability::Durability`] is not missing.
    async fn reopen(&self, stores: Stores) -> Result<Stores, Failure>;

    /// Closes the stores that [`Self::fresh`] or [`Self::reopen`] gave last. Called once after every case.
    async fn close(&self) -> Result<(), Failure>;
}

/// What a case does: it proves its rule on a fresh store of the harness.
pub type Proof = fn(Arc<dyn Harness>) -> BoxFuture<'static, Result<(), Failure>>;

/// One rule of a contract.
#[derive(Clone, Copy)]
pub struct Case {
    /// What it is known by: area and rule.
    pub name: &'static str,
    /// What a backend must have for it.
    pub needs: Option<Capability>,
    /// Proves the rule on a fresh store.
    pub run: Proof,
}

/// What a case came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The rule holds.
    Passed,
    /// It does not.
    Failed(Failure),
    /// The backend declares that it lacks what the case needs.
    Skipped(Capability),
}

impl Case {
    /// What the backend lacks for this case.
    pub fn lacks(&self, harness: &dyn Harness) -> Option<Capability> {
        self.needs.filter(|needed| harness.missing().contains(needed))
    }

    /// Runs the case, unless the backend declares that it lacks what the case needs.
    pub async fn judge(&self, harness: Arc<dyn Harness>) -> Verdict {
        if let Some(missing) = self.lacks(&*harness) {
            return Verdict::Skipped(missing);
        }
        let ran = (self.run)(harness.clone()).await;
        let closed = harness.close().await.map_err(|failure| failure.during("closing the store"));
        match ran.and(closed) {
            Ok(()) => Verdict::Passed,
            Err(failure) => Verdict::Failed(failure),
        }
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("name", &self.name).field("needs", &self.needs).finish_non_exhaustive()
    }
}
