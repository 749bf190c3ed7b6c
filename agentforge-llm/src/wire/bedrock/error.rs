//! What a failing reply, or an exception inside a stream, means.

use agentforge_core::{Error, ErrorKind, error::Phase};
use serde_json::Value;

use crate::wire::{
    ReplyHead,
    failure::{excerpt, excerpt_of_bytes, failure, kind_of_status},
    wait_of,
};

/// A reply with a failing status. The name of the exception stands in a header, or in the body.
pub(super) fn decode_error(head: &ReplyHead, body: &[u8]) -> Error {
    let said = serde_json::from_slice::<Value>(body).ok();
    let message = said.as_ref().map_or_else(|| excerpt_of_bytes(body), message_of);
    let name = head.headers.get("x-amzn-errortype").or_else(|| {
        let said = said.as_ref()?;
        said.get("__type").or(said.get("code"))?.as_str()
    });
    let name = plain(name.unwrap_or_default());
    let kind = kind_of(name, &message).unwrap_or(kind_of_status(head.status));
    let mut error = failure(kind, head, &message);
    if !name.is_empty() {
        error = error.with("provider_code", name);
    }
    match wait_of(head, &message) {
        Some(wait) if error.is_retryable() => error.retry_after(Some(wait)),
        _ => error,
    }
}

/// An exception that came inside a stream, after a status of success.
pub(super) fn stream_error(provider: &str, name: &str, body: &Value, phase: Phase) -> Error {
    let (name, message) = (plain(name), message_of(body));
    let kind = kind_of(name, &message).unwrap_or(ErrorKind::Transport);
    let said = excerpt(&message);
    let text = if said.is_empty() {
        format!("{provider} reported an error without a message inside its stream")
    } else {
        format!("{provider} reported an error inside its stream: {said}")
    };
    let error = Error::new(kind, text).with("provider", provider).in_phase(phase);
    if name.is_empty() { error } else { error.with("provider_code", name) }
}

/// The name of an exception without its namespace before and the address after it.
fn plain(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

fn message_of(body: &Value) -> String {
    let word = |name: &str| body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    let said = word("message").or(word("Message")).or(body.as_str()).unwrap_or_default();
    // What the model itself said, where it was the model that failed.
    match word("originalMessage") {
        Some(original) if !said.contains(original) => format!("{said}: {original}"),
        _ => said.to_owned(),
    }
}

fn kind_of(name: &str, message: &str) -> Option<ErrorKind> {
    let words = message.to_ascii_lowercase();
    let says = |cues: &[&str]| cues.iter().any(|cue| words.contains(cue));
    // A stream writes the first letter small.
    Some(match name.to_ascii_lowercase().as_str() {
        "validationexception" if speaks_of_overflow(&words) => ErrorKind::ContextOverflow,
        "validationexception"
            if says(&["model identifier is invalid", "could not resolve the foundation model"]) =>
        {
            ErrorKind::NotFound
        }
        "validationexception" if says(&["content filter", "blocked by"]) => ErrorKind::ContentFiltered,
        "validationexception" => ErrorKind::InvalidInput,
        "throttlingexception" | "toomanyrequestsexception" => ErrorKind::RateLimited,
        "modelnotreadyexception" | "serviceunavailableexception" | "serviceunavailable" => {
            ErrorKind::Overloaded
        }
        "servicequotaexceededexception" => ErrorKind::QuotaExceeded,
        "accessdeniedexception" if says(&["api key is valid", "authentication failed", "bearer token"]) => {
            ErrorKind::Unauthenticated
        }
        "accessdeniedexception" => ErrorKind::Denied,
        "unrecognizedclientexception"
        | "invalidsignatureexception"
        | "signaturedoesnotmatch"
        | "incompletesignatureexception"
        | "incompletesignature"
        | "missingauthenticationtokenexception"
        | "missingauthenticationtoken"
        | "expiredtokenexception"
        | "expiredtoken"
        | "requestexpired"
        | "invalidclienttokenid" => ErrorKind::Unauthenticated,
        "resourcenotfoundexception" | "unknownoperationexception" => ErrorKind::NotFound,
        "modeltimeoutexception" => ErrorKind::Timeout,
        "modelerrorexception"
        | "modelstreamerrorexception"
        | "internalserverexception"
        | "internalfailure" => ErrorKind::Transport,
        _ => return None,
    })
}

fn speaks_of_overflow(words: &str) -> bool {
    [
        "input is too long",
        "prompt is too long",
        "too many input tokens",
        "context window",
        "context limit",
        "maximum context length",
        "maximum number of tokens",
        "expected maxlength",
        "input tokens exceed",
    ]
    .iter()
    .any(|cue| words.contains(cue))
}
