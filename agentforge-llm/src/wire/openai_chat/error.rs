//! What a failing reply, or an error inside a stream, means. The responses API names its errors alike and reads them here.

use agentforge_core::{Error, ErrorKind, error::Phase};
use serde_json::Value;

use crate::wire::{
    ReplyHead,
    failure::{excerpt, excerpt_of_bytes, failure, kind_of_status},
    wait::wait_in_words,
    wait_of,
};

/// A reply with a failing status. The body is JSON mostly; a page of a proxy is quoted from its beginning.
pub(in crate::wire) fn decode_error(head: &ReplyHead, body: &[u8]) -> Error {
    let said = serde_json::from_slice::<Value>(body).ok();
    let said = said.as_ref().map(Said::of);
    let message = match &said {
        Some(said) => said.message.clone(),
        None => excerpt_of_bytes(body),
    };
    let kind = said.as_ref().and_then(|said| said.kind(head.status)).unwrap_or(kind_of_status(head.status));
    let wait = wait_of(head, &message).or_else(|| said.as_ref().and_then(|said| said.wait));
    let mut error = failure(kind, head, &message);
    if let Some(code) = said.as_ref().and_then(|said| said.code.clone()) {
        error = error.with("provider_code", code);
    }
    advise(error, said.as_ref(), wait)
}

/// An error that came inside a stream, after a status of success.
pub(in crate::wire) fn stream_error(provider: &str, body: &Value, phase: Phase) -> Error {
    let said = Said::of(body);
    let usual = if said.kind == "invalid_request_error" { 400 } else { 500 };
    let status = said.status.unwrap_or(usual);
    let kind = said.kind(status).unwrap_or(kind_of_status(status));
    let message = excerpt(&said.message);
    let text = if message.is_empty() {
        format!("{provider} reported an error without a message inside its stream")
    } else {
        format!("{provider} reported an error inside its stream: {message}")
    };
    let mut error = Error::new(kind, text).with("provider", provider).in_phase(phase);
    if let Some(status) = said.status {
        error = error.with("status", status);
    }
    if let Some(code) = said.code.clone() {
        error = error.with("provider_code", code);
    }
    let wait = wait_in_words(&said.message).or(said.wait);
    advise(error, Some(&said), wait)
}

/// Adds what the provider said about trying again.
fn advise(error: Error, said: Option<&Said>, wait: Option<std::time::Duration>) -> Error {
    let again = said.is_some_and(|said| said.code.as_deref() == Some("tool_use_failed"));
    match wait {
        // The model wrote a call that Groq could not read; another attempt mostly goes well.
        _ if again => error.retry_after(wait),
        Some(_) if error.is_retryable() => error.retry_after(wait),
        _ => error,
    }
}

/// The error object, wherever it stood.
struct Said {
    message: String,
    kind: String,
    code: Option<String>,
    status: Option<u16>,
    /// Google's compatible API says it in its own way.
    wait: Option<std::time::Duration>,
}

impl Said {
    fn of(body: &Value) -> Self {
        // Google wraps the object into a list.
        let body = body.as_array().and_then(|list| list.first()).unwrap_or(body);
        let error = body.get("error").unwrap_or(body);
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let field = |name: &str| error.get(name).and_then(text);
        let mut message = text(error)
            .or_else(|| field("message"))
            .or_else(|| body.get("message").and_then(text))
            .or_else(|| body.get("detail").map(|detail| text(detail).unwrap_or_else(|| detail.to_string())))
            .unwrap_or_default();
        // OpenRouter: what the provider behind it said.
        if let Some(raw) = error.pointer("/metadata/raw").and_then(text) {
            message = format!("{message}: {raw}");
        }
        let code = field("code").or_else(|| body.get("code").and_then(text));
        let status = field("status_code").or_else(|| code.clone()).and_then(|code| code.parse::<u16>().ok());
        let details = error.get("details").and_then(Value::as_array);
        let delay = details.into_iter().flatten().find_map(|detail| detail.get("retryDelay")?.as_str());
        Self {
            wait: delay.and_then(|delay| wait_in_words(&format!("retry in {delay}"))),
            message,
            kind: field("type").unwrap_or_default(),
            code,
            status: status.filter(|status| (400..600).contains(status)),
        }
    }

    /// The kind, when codes or words are finer than the status.
    fn kind(&self, status: u16) -> Option<ErrorKind> {
        let names = [self.code.as_deref().unwrap_or_default(), self.kind.as_str()];
        let named = names.into_iter().find_map(|name| {
            Some(match name {
                "context_length_exceeded" | "exceed_context_size_error" | "string_above_max_length" => {
                    ErrorKind::ContextOverflow
                }
                "content_filter"
                | "content_policy_violation"
                | "image_content_policy_violation"
                | "invalid_prompt"
                | "cyber_policy"
                | "ResponsibleAIPolicyViolation" => ErrorKind::ContentFiltered,
                "insufficient_quota" | "billing_hard_limit_reached" | "billing_not_active" => {
                    ErrorKind::QuotaExceeded
                }
                "invalid_api_key" | "authentication_error" => ErrorKind::Unauthenticated,
                "permission_error" | "permission_denied" => ErrorKind::Denied,
                "model_not_found" | "not_found_error" => ErrorKind::NotFound,
                "rate_limit_exceeded" | "rate_limit_error" | "too_many_requests" => ErrorKind::RateLimited,
                "overloaded_error"
                | "server_overloaded"
                | "server_is_overloaded"
                | "engine_overloaded_error"
                | "slow_down" => ErrorKind::Overloaded,
                "timeout_error" => ErrorKind::Timeout,
                _ => return None,
            })
        });
        named.or_else(|| {
            let overflow = matches!(status, 400 | 413 | 422 | 500) && speaks_of_overflow(&self.message);
            // xAI has one status and one code for everything that is wrong.
            let says = |words: &str| status == 400 && self.message.starts_with(words);
            match () {
                () if overflow => Some(ErrorKind::ContextOverflow),
                () if says("Incorrect API key") => Some(ErrorKind::Unauthenticated),
                () if says("Model not found") => Some(ErrorKind::NotFound),
                () => None,
            }
        })
    }
}

/// Hosts without a code for it say it in words.
fn speaks_of_overflow(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    [
        "maximum context length",
        "context length exceeded",
        "available context size",
        "context window",
        "prompt is too long",
        "too many tokens",
        "input is too long",
    ]
    .into_iter()
    .any(|words| message.contains(words))
}
