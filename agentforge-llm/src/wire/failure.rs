//! What failing replies of all wires share: the kind of a status, quoting of foreign text, the broken body.

use agentforge_core::{Error, ErrorKind, error::Phase};

use super::ReplyHead;

/// The most of a foreign text that an error quotes.
const EXCERPT: usize = 300;

/// The kind that a status means when the body says nothing finer.
pub(super) const fn kind_of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthenticated,
        402 => ErrorKind::QuotaExceeded,
        403 => ErrorKind::Denied,
        404 | 410 => ErrorKind::NotFound,
        408 | 504 => ErrorKind::Timeout,
        409 => ErrorKind::Conflict,
        413 => ErrorKind::ContextOverflow,
        429 => ErrorKind::RateLimited,
        501 => ErrorKind::Unsupported,
        503 | 529 => ErrorKind::Overloaded,
        400..=499 => ErrorKind::InvalidInput,
        _ => ErrorKind::Transport,
    }
}

/// An error from a reply's head and what its body said.
pub(super) fn failure(kind: ErrorKind, head: &ReplyHead, message: &str) -> Error {
    let said = excerpt(message);
    let said = if said.is_empty() { "without a message".to_owned() } else { format!("and said `{said}`") };
    let mend = match kind {
        ErrorKind::Unauthenticated => "; check its key",
        ErrorKind::Denied => "; its key has no access to this",
        ErrorKind::NotFound => "; check the model's name and the base address",
        ErrorKind::ContextOverflow => "; shorten the messages or choose a model with a larger context",
        ErrorKind::QuotaExceeded => "; check plan and balance of its key",
        _ => "",
    };
    let text = format!("{} answered with status {} {said}{mend}", head.provider, head.status);
    let mut error = Error::new(kind, text)
        .with("provider", head.provider.clone())
        .with("status", head.status)
        .in_phase(Phase::BeforeFirstEvent);
    if let Some(id) = request_id(head) {
        error = error.with("request_id", id);
    }
    if (300..400).contains(&head.status) {
        // A redirect would come again.
        error = error.never_retry();
    }
    error
}

/// The provider's id of a request, for its support.
pub(crate) fn request_id(head: &ReplyHead) -> Option<String> {
    ["x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-goog-request-id", "cf-ray"]
        .into_iter()
        .find_map(|name| head.headers.get(name))
        .map(str::to_owned)
}

/// The beginning of a foreign text in one line, for a message.
pub(super) fn excerpt(text: &str) -> String {
    let mut short = String::new();
    for word in text.split_whitespace() {
        if !short.is_empty() {
            short.push(' ');
        }
        for letter in word.chars() {
            if short.len() >= EXCERPT {
                short.push('…');
                return short;
            }
            short.push(if letter.is_control() { '\u{fffd}' } else { letter });
        }
    }
    short
}

/// The same of bytes that may be no text.
pub(super) fn excerpt_of_bytes(bytes: &[u8]) -> String {
    excerpt(&String::from_utf8_lossy(bytes.get(..EXCERPT * 4).unwrap_or(bytes)))
}

/// A reply that is not what the wire speaks: an HTML page, plain text, nothing.
pub(crate) fn undecodable(provider: &str, beginning: &[u8]) -> Error {
    let said = excerpt_of_bytes(beginning);
    let text = if said.is_empty() {
        format!("{provider} answered with an empty body")
    } else {
        format!(
            "{provider} answered with something else than its API's JSON: `{said}`; check the base address"
        )
    };
    Error::new(ErrorKind::Decode, text).with("provider", provider)
}

/// An answer that ended in the middle.
pub(super) fn cut(provider: &str) -> Error {
    Error::new(ErrorKind::Transport, format!("{provider} ended the stream before the answer was whole"))
        .with("provider", provider)
}

/// Whether an event was no JSON because it stops in the middle.
pub(super) fn stops_early(error: &Error) -> bool {
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<serde_json::Error>())
        .is_some_and(serde_json::Error::is_eof)
}
