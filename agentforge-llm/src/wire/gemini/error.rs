//! What a failing reply, or an error inside a stream, means: `{"error": {code, status, message, details}}`, sometimes in a
//! list, sometimes inside its own message.

use std::time::Duration;

use agentforge_core::{Error, ErrorKind, error::Phase};
use serde_json::Value;

use crate::wire::{
    ReplyHead,
    failure::{excerpt, excerpt_of_bytes, failure, kind_of_status},
    wait_of,
};

/// The longest wait that is believed; beyond it the number is taken for a mistake.
const LONGEST: f64 = 24.0 * 3600.0;

/// A reply with a failing status. The body is JSON mostly; a page of a proxy is quoted from its beginning.
pub(super) fn decode_error(head: &ReplyHead, body: &[u8]) -> Error {
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(value) => Said::of(&value),
        Err(_) => Said { message: excerpt_of_bytes(body), ..Said::default() },
    };
    let kind = said.kind().unwrap_or(kind_of_status(head.status));
    let wait = wait_of(head, "").or(said.delay).or_else(|| wait_of(head, &said.message));
    said.mark(failure(kind, head, &said.message), wait)
}

/// An error that came after a status of success, inside a stream or as the whole reply.
pub(super) fn stream_error(provider: &str, error: &Value, phase: Phase) -> Error {
    let said = Said::of(error);
    let status = said.code.and_then(|code| u16::try_from(code).ok()).filter(|code| (400..600).contains(code));
    let kind = said.kind().or(status.map(kind_of_status)).unwrap_or(ErrorKind::Transport);
    let words = excerpt(&said.message);
    let text = if words.is_empty() {
        format!("{provider} reported an error without a message in its answer")
    } else {
        format!("{provider} reported an error in its answer: {words}")
    };
    said.mark(Error::new(kind, text).with("provider", provider).in_phase(phase), said.delay)
}

/// A request that the provider's filter let nobody answer.
pub(super) fn blocked(provider: &str, reason: &str, message: &str) -> Error {
    let said = if message.is_empty() { String::new() } else { format!(": {}", excerpt(message)) };
    let text = format!(
        "{provider} blocked the request before any answer for `{}`{said}; change its messages",
        excerpt(reason)
    );
    Error::new(ErrorKind::ContentFiltered, text)
        .with("provider", provider)
        .with("provider_code", excerpt(reason))
}

/// What an error's body says.
#[derive(Default)]
struct Said {
    code: Option<u64>,
    /// The name of its sort, such as `RESOURCE_EXHAUSTED`.
    name: String,
    message: String,
    /// A finer name, such as `API_KEY_INVALID`.
    reason: String,
    /// Whether a limit was hit that a wait of minutes does not lift.
    is_spent: bool,
    delay: Option<Duration>,
}

impl Said {
    fn of(value: &Value) -> Self {
        let value = value.get(0).unwrap_or(value);
        let error = value.get("error").unwrap_or(value);
        let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
        let message = error.as_str().unwrap_or(word("message"));
        // Gateways of the provider's own put one error into the message of another.
        if let Ok(inner @ Value::Object(_)) = serde_json::from_str::<Value>(message)
            && inner.get("error").is_some_and(|inner| inner.get("message").is_some())
        {
            return Self::plain(inner.get("error").unwrap_or(&Value::Null));
        }
        Self::plain(error)
    }

    fn plain(error: &Value) -> Self {
        let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut said = Self {
            code: error.get("code").and_then(Value::as_u64),
            name: word("status"),
            message: error.as_str().map_or_else(|| word("message"), str::to_owned),
            ..Self::default()
        };
        for detail in error.get("details").and_then(Value::as_array).into_iter().flatten() {
            let word = |name: &str| detail.get(name).and_then(Value::as_str).unwrap_or_default();
            match word("@type").rsplit('.').next().unwrap_or_default() {
                "ErrorInfo" => word("reason").clone_into(&mut said.reason),
                "RetryInfo" => said.delay = detail.get("retryDelay").and_then(delay),
                "QuotaFailure" => {
                    let broken = detail.get("violations").and_then(Value::as_array);
                    said.is_spent |= broken.into_iter().flatten().any(is_lasting);
                }
                _ => {}
            }
        }
        said
    }

    fn kind(&self) -> Option<ErrorKind> {
        let words = self.message.to_ascii_lowercase();
        let says = |cue: &str| words.contains(cue);
        let key = self.reason.starts_with("API_KEY_INVALID")
            || ["api key not valid", "api key expired", "api key was reported", "unregistered callers"]
                .into_iter()
                .any(says);
        Some(match self.name.as_str() {
            "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" | "PERMISSION_DENIED" if key => {
                ErrorKind::Unauthenticated
            }
            "INVALID_ARGUMENT" | "OUT_OF_RANGE"
                if says("token count") && (says("exceed") || says("supports up to"))
                    || says("payload size exceeds") =>
            {
                ErrorKind::ContextOverflow
            }
            "FAILED_PRECONDITION" if says("location is not supported") => ErrorKind::Denied,
            "FAILED_PRECONDITION" if says("billing") => ErrorKind::QuotaExceeded,
            "INVALID_ARGUMENT" | "FAILED_PRECONDITION" | "OUT_OF_RANGE" => ErrorKind::InvalidInput,
            "UNAUTHENTICATED" => ErrorKind::Unauthenticated,
            "PERMISSION_DENIED" => ErrorKind::Denied,
            "NOT_FOUND" => ErrorKind::NotFound,
            "RESOURCE_EXHAUSTED" if self.is_spent || says("credits are depleted") || says("spending cap") => {
                ErrorKind::QuotaExceeded
            }
            "RESOURCE_EXHAUSTED" => ErrorKind::RateLimited,
            "UNAVAILABLE" => ErrorKind::Overloaded,
            "DEADLINE_EXCEEDED" => ErrorKind::Timeout,
            "UNIMPLEMENTED" => ErrorKind::Unsupported,
            "ALREADY_EXISTS" => ErrorKind::Conflict,
            "INTERNAL" | "UNKNOWN" | "ABORTED" | "CANCELLED" | "DATA_LOSS" => ErrorKind::Transport,
            _ => return None,
        })
    }

    /// The error with the provider's names, and with a wait where waiting helps.
    fn mark(&self, error: Error, wait: Option<Duration>) -> Error {
        let code = if self.reason.is_empty() { &self.name } else { &self.reason };
        let error = if code.is_empty() { error } else { error.with("provider_code", code.clone()) };
        match wait {
            Some(wait) if error.is_retryable() => error.retry_after(Some(wait)),
            _ => error,
        }
    }
}

/// Whether a broken quota is one of a day, or none at all: the reply then names a wait of seconds all the same.
fn is_lasting(violation: &Value) -> bool {
    let word = |name: &str| violation.get(name).and_then(Value::as_str).unwrap_or_default();
    word("quotaId").contains("PerDay") || word("quotaValue") == "0"
}

/// `"34.4s"`, or `{"seconds": 34, "nanos": 400000000}`.
fn delay(value: &Value) -> Option<Duration> {
    let seconds = match value {
        Value::String(text) => text.trim().trim_end_matches('s').parse::<f64>().ok()?,
        Value::Number(number) => number.as_f64()?,
        _ => {
            let count = |name: &str| match value.get(name) {
                Some(Value::String(text)) => text.parse::<f64>().ok(),
                Some(number) => number.as_f64(),
                None => None,
            };
            count("seconds").or_else(|| count("nanos").map(|_| 0.0))?
                + count("nanos").unwrap_or_default() / 1e9
        }
    };
    Duration::try_from_secs_f64(seconds).ok().filter(|wait| wait.as_secs_f64() <= LONGEST)
}
