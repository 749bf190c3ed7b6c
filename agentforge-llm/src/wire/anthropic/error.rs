//! What a failing reply, or an error inside a stream, means.

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
    let (name, message) = match &said {
        Some(said) => of(said.get("error").unwrap_or(said)),
        None => (String::new(), excerpt_of_bytes(body)),
    };
    let kind = kind_of(&name, &message).unwrap_or(kind_of_status(head.status));
    let mut error = failure(kind, head, &message);
    // Gateways lose headers; the body names the request too.
    let id = said.as_ref().and_then(|said| said.get("request_id")).and_then(Value::as_str);
    if let (Some(id), None) = (id, error.get("request_id")) {
        error = error.with("request_id", id);
    }
    if !name.is_empty() {
        error = error.with("provider_code", name);
    }
    match wait_of(head, &message) {
        Some(wait) if error.is_retryable() => error.retry_after(Some(wait)),
        _ => error,
    }
}

/// An error that came inside a stream, after a status of success.
pub(super) fn stream_error(provider: &str, body: &Value, phase: Phase) -> Error {
    let (name, message) = of(body.get("error").unwrap_or(body));
    let kind = kind_of(&name, &message).unwrap_or(ErrorKind::Transport);
    let said = excerpt(&message);
    let text = if said.is_empty() {
        format!("{provider} reported an error without a message inside its stream")
    } else {
        format!("{provider} reported an error inside its stream: {said}")
    };
    let error = Error::new(kind, text).with("provider", provider).in_phase(phase);
    if name.is_empty() { error } else { error.with("provider_code", name) }
}

/// The error's name and message.
fn of(error: &Value) -> (String, String) {
    let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    match error {
        Value::String(text) => (String::new(), text.clone()),
        _ => (word("type"), word("message")),
    }
}

fn kind_of(name: &str, message: &str) -> Option<ErrorKind> {
    let words = message.to_ascii_lowercase();
    let overflow = ["prompt is too long", "input is too long", "context window", "context limit"];
    Some(match name {
        "invalid_request_error" if overflow.iter().any(|cue| words.contains(cue)) => {
            ErrorKind::ContextOverflow
        }
        "invalid_request_error" if words.contains("credit balance") => ErrorKind::QuotaExceeded,
        "invalid_request_error" if words.contains("content filtering") => ErrorKind::ContentFiltered,
        "invalid_request_error" => ErrorKind::InvalidInput,
        "authentication_error" => ErrorKind::Unauthenticated,
        "billing_error" => ErrorKind::QuotaExceeded,
        "permission_error" => ErrorKind::Denied,
        "not_found_error" => ErrorKind::NotFound,
        "request_too_large" => ErrorKind::ContextOverflow,
        "rate_limit_error" => ErrorKind::RateLimited,
        "overloaded_error" => ErrorKind::Overloaded,
        "timeout_error" => ErrorKind::Timeout,
        "api_error" => ErrorKind::Transport,
        _ => return None,
    })
}
