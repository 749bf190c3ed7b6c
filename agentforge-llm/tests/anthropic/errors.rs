//! Failing replies: what each status and body means.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, anthropic::AnthropicMessages};
use serde_json::{Value, json};

fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
    ReplyHead {
        provider: "test".to_owned(),
        status,
        headers: headers.iter().copied().collect(),
        at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
    }
}

fn said(kind: &str, message: &str) -> String {
    json!({"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_body"})
        .to_string()
}

#[test]
fn statuses_and_bodies() {
    let check = |status: u16, body: &str, kind: ErrorKind, retryable: bool| {
        let error = AnthropicMessages.decode_error(&head(status, &[]), body.as_bytes());
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status} {body}: {error}");
        assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
        assert_eq!(error.get("status").and_then(Value::as_u64), Some(u64::from(status)));
    };
    let wrong = |message: &str| said("invalid_request_error", message);
    check(400, &wrong("max_tokens: 9999999 > 64000, which is the maximum"), ErrorKind::InvalidInput, false);
    check(
        400,
        &wrong("prompt is too long: 210000 tokens > 200000 maximum"),
        ErrorKind::ContextOverflow,
        false,
    );
    check(
        400,
        &wrong("input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"),
        ErrorKind::ContextOverflow,
        false,
    );
    check(400, &wrong("Your credit balance is too low to access the API"), ErrorKind::QuotaExceeded, false);
    check(400, &wrong("Output blocked by content filtering policy"), ErrorKind::ContentFiltered, false);
    check(401, &said("authentication_error", "invalid x-api-key"), ErrorKind::Unauthenticated, false);
    check(402, &said("billing_error", "pay"), ErrorKind::QuotaExceeded, false);
    check(403, &said("permission_error", "no access"), ErrorKind::Denied, false);
    check(404, &said("not_found_error", "model: claude-x"), ErrorKind::NotFound, false);
    check(413, &said("request_too_large", "too large"), ErrorKind::ContextOverflow, false);
    check(429, &said("rate_limit_error", "slow down"), ErrorKind::RateLimited, true);
    check(500, &said("api_error", "Internal server error"), ErrorKind::Transport, true);
    check(504, &said("timeout_error", "took too long"), ErrorKind::Timeout, true);
    check(529, &said("overloaded_error", "Overloaded"), ErrorKind::Overloaded, true);
    // A name that is new, a gateway's page, plain words, nothing.
    check(429, &said("brand_new_error", "x"), ErrorKind::RateLimited, true);
    check(503, "<html><h1>503</h1></html>", ErrorKind::Overloaded, true);
    check(502, "bad gateway", ErrorKind::Transport, true);
    check(401, "", ErrorKind::Unauthenticated, false);
    check(529, r#"{"error":"busy"}"#, ErrorKind::Overloaded, true);
}

#[test]
fn the_message_quotes_the_reply_and_names_request_and_code() {
    let error = AnthropicMessages.decode_error(
        &head(404, &[("request-id", "req_head")]),
        said("not_found_error", "model: claude-x").as_bytes(),
    );
    assert!(
        error.message().contains("model: claude-x") && error.message().contains("check the model"),
        "{error}"
    );
    let word = |error: &agentforge_core::Error, name: &str| {
        error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    assert_eq!(
        (word(&error, "provider_code"), word(&error, "request_id")),
        ("not_found_error".into(), "req_head".into())
    );
    let error = AnthropicMessages.decode_error(&head(404, &[]), said("not_found_error", "x").as_bytes());
    assert_eq!(word(&error, "request_id"), "req_body");
    let page = AnthropicMessages.decode_error(&head(502, &[]), b"<html>\n <h1>Oops</h1></html>");
    assert!(page.message().contains("<html> <h1>Oops</h1></html>"), "{page}");
    AnthropicMessages.decode_error(&head(500, &[]), b"\xff\xfe\x00");
}

#[test]
fn a_wait_is_read_where_waiting_helps() {
    let wait = |status, headers: &[(&str, &str)], kind: &str| {
        let error = AnthropicMessages.decode_error(&head(status, headers), said(kind, "x").as_bytes());
        (error.is_retryable(), error.wait())
    };
    assert_eq!(wait(429, &[("retry-after", "7")], "rate_limit_error"), (true, Some(Duration::from_secs(7))));
    assert_eq!(wait(529, &[("Retry-After", "2")], "overloaded_error"), (true, Some(Duration::from_secs(2))));
    assert_eq!(wait(429, &[], "rate_limit_error"), (true, None));
    assert_eq!(wait(402, &[("retry-after", "7")], "billing_error"), (false, None));
}
