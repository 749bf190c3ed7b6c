//! The one public error of the platform.
//!
//! Adapters translate foreign errors once, at their edge; wrappers add context and never reword. A message is
//! lower case, names the thing and the mend, and holds no secret and no other tenant's data.

mod kind;
mod problem;

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use kind::ErrorKind;
pub use problem::{ErrorReport, Problem};

/// The result of nearly every fallible operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// How far a model call had come when it failed; decides whether a replay is safe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing left the process.
    BeforeSend,
    /// Sent, but no event has reached the caller.
    BeforeFirstEvent,
    /// The caller has seen events; a replay would repeat them.
    MidStream,
}

/// What failed, what to do about it, and where it came from.
///
/// ```
/// use agentforge_core::error::{Error, ErrorKind};
///
/// let error = Error::new(ErrorKind::NotFound, "no agent named `support`; create it first")
///     .with("agent", "support");
/// assert_eq!(error.kind().code(), "not_found");
/// assert!(!error.is_retryable());
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    retry: Option<Retry>,
    phase: Option<Phase>,
    context: Vec<(&'static str, Value)>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Advice on repeating the same call, when it differs from the kind's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    Never,
    After(Option<Duration>),
}

impl Error {
    /// An error of a kind with a message that names the thing and the mend.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            retry: None,
            phase: None,
            context: Vec::new(),
            source: None,
        }))
    }

    /// The caller passed something that can never work.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidInput, message)
    }

    /// It does not exist for this caller.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// The caller is known and not allowed.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// Something else holds the value or moved the version; `field` names it.
    pub fn conflict(field: &str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message).with("field", field)
    }

    /// A defect of this library: report it.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// The call was cancelled.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled by the caller")
    }

    /// Adds a key and a value that help a reader or a program; never a secret.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl Into<Value>) -> Self {
        self.0.context.push((key, value.into()));
        self
    }

    /// Keeps the cause for the chain of sources.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says that the same call may succeed after the wait, or at once when there is none.
    #[must_use]
    pub fn retry_after(mut self, wait: Option<Duration>) -> Self {
        self.0.retry = Some(Retry::After(wait));
        self
    }

    /// Says that repeating the call is useless or unsafe, whatever the kind.
    #[must_use]
    pub fn never_retry(mut self) -> Self {
        self.0.retry = Some(Retry::Never);
        self
    }

    /// Marks how far a model call had come. A failure in mid-stream is never retryable as it stands.
    #[must_use]
    pub fn in_phase(mut self, phase: Phase) -> Self {
        self.0.phase = Some(phase);
        self
    }

    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The message, without kind and context.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Whether the same call can succeed without a change by the caller.
    pub fn is_retryable(&self) -> bool {
        match self.0.retry {
            Some(Retry::Never) => false,
            _ if self.0.phase == Some(Phase::MidStream) => false,
            Some(Retry::After(_)) => true,
            None => self.0.kind.retryable(),
        }
    }

    /// How long the other side asked to wait.
    pub fn wait(&self) -> Option<Duration> {
        match self.0.retry {
            Some(Retry::After(wait)) => wait,
            _ => None,
        }
    }

    /// How far a model call had come.
    pub fn phase(&self) -> Option<Phase> {
        self.0.phase
    }

    /// The keys and values that were added, oldest first.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &Value)> {
        self.0.context.iter().map(|(key, value)| (*key, value))
    }

    /// The value that was last added under a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.context.iter().rev().find(|(name, _)| *name == key).map(|(_, value)| value)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.kind, self.0.message)?;
        for (key, value) in &self.0.context {
            write!(f, "\n    {key}: {value}")?;
        }
        if let Some(phase) = self.0.phase {
            write!(f, "\n    phase: {phase:?}")?;
        }
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, "\n    caused by: {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_leads_back_to_its_kind_and_is_unique() {
        for kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(*kind));
        }
        assert_eq!(ErrorKind::from_code("no_such_code"), None);
    }

    #[test]
    fn a_failure_in_mid_stream_is_never_retryable() {
        let error = Error::new(ErrorKind::Overloaded, "busy").retry_after(None);
        assert!(error.is_retryable());
        assert!(!error.in_phase(Phase::MidStream).is_retryable());
    }

    #[test]
    fn debug_shows_context_and_the_chain_of_causes() {
        let cause = std::io::Error::other("disk on fire");
        let error = Error::internal("cannot write").with("path", "x.db").caused_by(cause);
        let shown = format!("{error:?}");
        assert!(shown.contains("path: \"x.db\"") && shown.contains("caused by: disk on fire"), "{shown}");
    }
}
