//! An open transaction as [`super::explain`] sees it, so that what is the same on every backend is written once.

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};
use async_trait::async_trait;
use uuid::Uuid;

use super::template::Statement;

/// A row whose columns are decoded by their place. What does not have its form is `corrupt`.
pub(crate) trait Columns: Sized + Send + Sync {
    /// An integer.
    fn int(&self, place: usize) -> Result<i64>;

    /// Text.
    fn text(&self, place: usize) -> Result<String>;

    /// An id.
    fn id(&self, place: usize) -> Result<Uuid>;

    /// A count, which is never negative.
    fn count(&self, place: usize) -> Result<u64> {
        u64::try_from(self.int(place)?).map_err(|_| corrupt("count"))
    }

    /// An instant.
    fn time(&self, place: usize) -> Result<Timestamp> {
        Timestamp::from_micros(self.int(place)?).map_err(|_| corrupt("instant"))
    }
}

fn corrupt(what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("a stored value is no {what}; restore the database from a backup"))
}

/// An open transaction.
#[async_trait]
pub(crate) trait Session: Send {
    /// A row of this backend.
    type Row: Columns;
    /// Why something did not happen, in this backend's words.
    type Refusal: From<Error> + Send;

    /// Every row that a statement gives.
    async fn all(&mut self, statement: Statement) -> Result<Vec<Self::Row>, Self::Refusal>;

    /// The first row that a statement gives, if there is one.
    async fn first(&mut self, statement: Statement) -> Result<Option<Self::Row>, Self::Refusal>;
}
