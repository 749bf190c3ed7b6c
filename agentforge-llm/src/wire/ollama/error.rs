//! What a failing reply, or an error inside a stream, means. Failures are `{"error": "…"}`; only the status and the
//! words tell them apart.

use agentforge_core::{Error, ErrorKind, error::Phase};
use serde_json::Value;

use crate::wire::{
    ReplyHead,
    failure::{excerpt, excerpt_of_bytes, failure, kind_of_status},
    wait_of,
};

/// A reply with a failing status. The body is JSON mostly; a page of a proxy is quoted from its beginning.
pub(super) fn decode_error(head: &ReplyHead, body: &[u8]) -> Error {
    let message = match serde_json::from_slice::<Value>(body) {
        Ok(said) => message_of(said.get("error").unwrap_or(&said)),
        Err(_) => excerpt_of_bytes(body),
    };
    let kind = kind_in_words(head.status, &message).unwrap_or(kind_of_status(head.status));
    let error = failure(kind, head, &message);
    match wait_of(head, &message) {
        Some(wait) if error.is_retryable() => error.retry_after(Some(wait)),
        _ => error,
    }
}

/// An error that came inside a stream, after a status of success.
pub(super) fn stream_error(provider: &str, said: &Value, phase: Phase) -> Error {
    let message = message_of(said);
    let kind = kind_in_words(500, &message).unwrap_or(ErrorKind::Transport);
    let said = excerpt(&message);
    let text = if said.is_empty() {
        format!("{provider} reported an error without a message inside its stream")
    } else {
        format!("{provider} reported an error inside its stream: {said}")
    };
    Error::new(kind, text).with("provider", provider).in_phase(phase)
}

fn message_of(said: &Value) -> String {
    match said {
        Value::String(text) => text.clone(),
        other => other.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
    }
}

/// The kind, when the words are finer than the status.
fn kind_in_words(status: u16, message: &str) -> Option<ErrorKind> {
    let words = message.to_ascii_lowercase();
    let says = |cues: &[&str]| cues.iter().any(|cue| words.contains(cue));
    match status {
        400 | 413 | 500
            if says(&["context length", "context window", "exceeds maximum context", "prompt too long"]) =>
        {
            Some(ErrorKind::ContextOverflow)
        }
        400 | 500 if says(&["does not support", "unsupported"]) => Some(ErrorKind::Unsupported),
        500 if says(&["server busy", "maximum pending requests"]) => Some(ErrorKind::Overloaded),
        500 if says(&["not found, try pulling"]) => Some(ErrorKind::NotFound),
        // No other attempt makes the machine larger.
        500 if says(&["requires more system memory", "out of memory"]) => Some(ErrorKind::QuotaExceeded),
        429 if says(&["usage limit"]) => Some(ErrorKind::QuotaExceeded),
        _ => None,
    }
}
