//! What a failing reply, or an error inside an answer, means. Failures are `{"id", "message"}`; only the status and the
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
    let said = serde_json::from_slice::<Value>(body).ok();
    let message = match &said {
        Some(said) => message_of(said),
        None => excerpt_of_bytes(body),
    };
    let usual = match head.status {
        // The provider's own number for a prompt or an answer that it blocks.
        498 => ErrorKind::ContentFiltered,
        // To the provider the client went away; the caller did not.
        499 => ErrorKind::Transport,
        status => kind_of_status(status),
    };
    let kind = kind_in_words(head.status, &message).unwrap_or(usual);
    let mut error = failure(kind, head, &message);
    let id = said.as_ref().and_then(|said| said.get("id")).and_then(Value::as_str);
    if let (Some(id), None) = (id, error.get("request_id")) {
        error = error.with("request_id", id);
    }
    match wait_of(head, &message) {
        Some(wait) if error.is_retryable() => error.retry_after(Some(wait)),
        _ => error,
    }
}

/// An error that came after a status of success.
pub(super) fn stream_error(provider: &str, said: &Value, phase: Phase) -> Error {
    let message = message_of(said);
    let kind = kind_in_words(400, &message).unwrap_or(ErrorKind::Transport);
    let said = excerpt(&message);
    let text = if said.is_empty() {
        format!("{provider} reported an error without a message inside its answer")
    } else {
        format!("{provider} reported an error inside its answer: {said}")
    };
    Error::new(kind, text).with("provider", provider).in_phase(phase)
}

/// The error of an answer that ended for a reason of failure.
pub(super) fn stopped(provider: &str, reason: &str, said: Option<&Value>) -> Option<Error> {
    let (kind, what) = match reason {
        "ERROR" => (ErrorKind::Transport, "broke off its answer with an error"),
        "TIMEOUT" => (ErrorKind::Timeout, "ran out of time for its answer"),
        _ => return None,
    };
    let message = said.map(message_of).unwrap_or_default();
    let said = excerpt(&message);
    let text =
        if said.is_empty() { format!("{provider} {what}") } else { format!("{provider} {what}: {said}") };
    let kind = kind_in_words(400, &message).unwrap_or(kind);
    Some(Error::new(kind, text).with("provider", provider).with("provider_code", reason))
}

fn message_of(said: &Value) -> String {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    text(said)
        .or_else(|| said.get("message").and_then(text))
        .or_else(|| said.get("error").map(|error| text(error).unwrap_or_else(|| message_of(error))))
        .or_else(|| said.get("detail").map(|detail| text(detail).unwrap_or_else(|| detail.to_string())))
        .unwrap_or_default()
}

/// The kind, when the words are finer than the status.
fn kind_in_words(status: u16, message: &str) -> Option<ErrorKind> {
    let words = message.to_ascii_lowercase();
    let says = |cues: &[&str]| cues.iter().any(|cue| words.contains(cue));
    match status {
        400 | 413 | 422
            if says(&["too many tokens", "context length", "context window", "prompt is too long"]) =>
        {
            Some(ErrorKind::ContextOverflow)
        }
        // The trial's calls of a month, or of its life, do not come back in a minute.
        429 if says(&["/ month", "per month", "monthly", "1000 api calls"]) => Some(ErrorKind::QuotaExceeded),
        _ => None,
    }
}
