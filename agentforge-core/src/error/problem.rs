//! How an error leaves the library: the report that bindings read, and the RFC 9457 problem document.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Error, ErrorKind, Phase};

/// The form of an error outside Rust: `{code, message, retryable, retry_after_ms, details, phase}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The kind in snake case.
    pub code: String,
    /// What went wrong and what to do.
    pub message: String,
    /// Whether the same call can succeed later.
    pub retryable: bool,
    /// How long the other side asked to wait.
    pub retry_after_ms: Option<u64>,
    /// Keys and values that were added on the way; a conflict carries `field` and `current_version`.
    pub details: Map<String, Value>,
    /// How far a model call had come.
    pub phase: Option<Phase>,
}

/// An RFC 9457 problem document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// A URI reference that names the kind.
    #[serde(rename = "type")]
    pub type_uri: String,
    /// The short title of the kind.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong and what to do.
    pub detail: String,
    /// The extension members, the same as an [`ErrorReport`] carries.
    #[serde(flatten)]
    pub extensions: Map<String, Value>,
}

impl Error {
    /// The form that crosses a language border or a journal.
    pub fn to_report(&self) -> ErrorReport {
        let wait = self.wait().map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        ErrorReport {
            code: self.kind().code().to_owned(),
            message: self.message().to_owned(),
            retryable: self.is_retryable(),
            retry_after_ms: wait,
            details: self.context().map(|(key, value)| (key.to_owned(), value.clone())).collect(),
            phase: self.phase(),
        }
    }

    /// The RFC 9457 problem document of this error.
    ///
    /// ```
    /// use agentforge_core::error::Error;
    /// let problem = Error::not_found("no such run").to_problem();
    /// assert_eq!((problem.status, problem.type_uri.as_str()), (404, "urn:agentforge:error:not_found"));
    /// ```
    pub fn to_problem(&self) -> Problem {
        let report = self.to_report();
        let mut extensions = Map::new();
        extensions.insert("code".to_owned(), report.code.clone().into());
        extensions.insert("retryable".to_owned(), report.retryable.into());
        if let Some(wait) = report.retry_after_ms {
            extensions.insert("retry_after_ms".to_owned(), wait.into());
        }
        if !report.details.is_empty() {
            extensions.insert("details".to_owned(), Value::Object(report.details));
        }
        Problem {
            type_uri: format!("urn:agentforge:error:{}", report.code),
            title: self.kind().title().to_owned(),
            status: self.kind().status(),
            detail: report.message,
            extensions,
        }
    }
}

/// The keys that the platform itself writes.
const WELL_KNOWN: [&str; 20] = [
    "collection",
    "current",
    "current_epoch",
    "current_seq",
    "current_version",
    "expires_at",
    "feature",
    "field",
    "guardrail",
    "limit",
    "model",
    "path",
    "permission",
    "provider",
    "role",
    "state",
    "status",
    "tool",
    "until",
    "violations",
];

impl From<ErrorReport> for Error {
    /// Rebuilds an error that was stored or came across a border. Details keep only the keys that the table of
    /// well-known keys names, since keys are static inside Rust.
    fn from(report: ErrorReport) -> Self {
        let kind = ErrorKind::from_code(&report.code).unwrap_or(ErrorKind::Internal);
        let mut error = Error::new(kind, report.message);
        for key in WELL_KNOWN {
            if let Some(value) = report.details.get(key) {
                error = error.with(key, value.clone());
            }
        }
        error = match (report.retryable, report.retry_after_ms) {
            (true, wait) => error.retry_after(wait.map(std::time::Duration::from_millis)),
            (false, _) => error.never_retry(),
        };
        match report.phase {
            Some(phase) => error.in_phase(phase),
            None => error,
        }
    }
}
