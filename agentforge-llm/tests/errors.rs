//! Failing replies: what each status and body means.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, openai_chat::OpenAiChat};

fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
    ReplyHead {
        provider: "test".to_owned(),
        status,
        headers: headers.iter().copied().collect(),
        at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
    }
}

fn check(status: u16, body: &str, kind: ErrorKind, retryable: bool) {
    let error = OpenAiChat.decode_error(&head(status, &[]), body.as_bytes());
    assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status} {body}: {error}");
    assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
    assert_eq!(error.get("status").and_then(serde_json::Value::as_u64), Some(u64::from(status)));
}

#[test]
fn statuses_and_bodies() {
    let say = |message: &str, kind: &str, code: &str| {
        format!(r#"{{"error":{{"message":"{message}","type":"{kind}","code":{code}}}}}"#)
    };
    let plain = |message: &str| say(message, "invalid_request_error", "null");
    check(400, &plain("bad"), ErrorKind::InvalidInput, false);
    check(400, &say("too long", "x", "\"context_length_exceeded\""), ErrorKind::ContextOverflow, false);
    check(400, &say("too long", "exceed_context_size_error", "400"), ErrorKind::ContextOverflow, false);
    check(
        400,
        &plain("This model's maximum context length is 8192 tokens"),
        ErrorKind::ContextOverflow,
        false,
    );
    check(400, &say("filtered", "x", "\"content_filter\""), ErrorKind::ContentFiltered, false);
    check(400, &say("bad call", "x", "\"tool_use_failed\""), ErrorKind::InvalidInput, true);
    check(401, &say("wrong key", "x", "\"invalid_api_key\""), ErrorKind::Unauthenticated, false);
    check(402, &plain("no balance"), ErrorKind::QuotaExceeded, false);
    check(403, "{}", ErrorKind::Denied, false);
    check(404, &say("no model", "x", "\"model_not_found\""), ErrorKind::NotFound, false);
    check(413, "", ErrorKind::ContextOverflow, false);
    check(422, r#"{"detail":[{"loc":["body"],"msg":"extra"}]}"#, ErrorKind::InvalidInput, false);
    check(429, &plain("slow"), ErrorKind::RateLimited, true);
    check(429, &say("pay", "insufficient_quota", "\"insufficient_quota\""), ErrorKind::QuotaExceeded, false);
    check(500, "<html><h1>500</h1></html>", ErrorKind::Transport, true);
    check(502, "", ErrorKind::Transport, true);
    check(503, "no healthy upstream", ErrorKind::Overloaded, true);
    check(504, "", ErrorKind::Timeout, true);
    check(529, &say("busy", "overloaded_error", "null"), ErrorKind::Overloaded, true);
    check(302, "", ErrorKind::Transport, false);
    check(
        400,
        r#"[{"error":{"code":400,"message":"in a list","status":"INVALID_ARGUMENT"}}]"#,
        ErrorKind::InvalidInput,
        false,
    );
}

#[test]
fn the_message_quotes_the_beginning_and_names_the_mend() {
    let error =
        OpenAiChat.decode_error(&head(500, &[("x-request-id", "req-7")]), b"<html>\n <h1>Oops</h1></html>");
    assert!(
        error.message().contains("test answered with status 500 and said `<html> <h1>Oops</h1></html>`"),
        "{error}"
    );
    assert_eq!(error.get("request_id").and_then(|id| id.as_str()), Some("req-7"));
    let error = OpenAiChat.decode_error(&head(401, &[]), br#"{"error":{"message":"Invalid API Key"}}"#);
    assert!(error.message().ends_with("check its key"), "{error}");
    let long = OpenAiChat.decode_error(&head(500, &[]), "é".repeat(50_000).as_bytes());
    assert!(long.message().len() < 500);
    OpenAiChat.decode_error(&head(500, &[]), b"\xff\xfe\x00");
}

#[test]
fn a_wait_is_read_from_headers_and_words() {
    let wait = |status, headers: &[(&str, &str)], body: &str| {
        let error = OpenAiChat.decode_error(&head(status, headers), body.as_bytes());
        (error.is_retryable(), error.wait())
    };
    let second = |seconds| (true, Some(Duration::from_secs(seconds)));
    assert_eq!(wait(429, &[("retry-after", "7")], "{}"), second(7));
    assert_eq!(wait(529, &[("Retry-After-Ms", "2000")], "{}"), second(2));
    assert_eq!(wait(503, &[("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT")], ""), second(9));
    let words = r#"{"error":{"message":"Rate limit reached. Please try again in 1m3s.","code":"rate_limit_exceeded"}}"#;
    assert_eq!(wait(429, &[], words), second(63));
    // A quota does not come back by waiting.
    let quota = r#"{"error":{"message":"pay","code":"insufficient_quota"}}"#;
    assert_eq!(wait(429, &[("retry-after", "7")], quota), (false, None));
}
