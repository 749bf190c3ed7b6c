//! Failing replies: what each status and body means.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, cohere::CohereChat};
use serde_json::{Value, json};

fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
    ReplyHead {
        provider: "test".to_owned(),
        status,
        headers: headers.iter().copied().collect(),
        at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
    }
}

fn said(message: &str) -> String {
    json!({"id": "req_body", "message": message}).to_string()
}

#[test]
fn statuses_and_bodies() {
    let check = |status: u16, body: &str, kind: ErrorKind, retryable: bool| {
        let error = CohereChat.decode_error(&head(status, &[]), body.as_bytes());
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status} {body}: {error}");
        assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
        assert_eq!(error.get("status").and_then(Value::as_u64), Some(u64::from(status)));
    };
    check(400, &said("invalid request: temperature must be below 1"), ErrorKind::InvalidInput, false);
    let overflow =
        "too many tokens: total number of tokens in the prompt cannot exceed 128000 - received 200000";
    check(400, &said(overflow), ErrorKind::ContextOverflow, false);
    check(401, &said("invalid api token"), ErrorKind::Unauthenticated, false);
    check(402, &said("billing limit reached"), ErrorKind::QuotaExceeded, false);
    check(403, &said("forbidden"), ErrorKind::Denied, false);
    check(404, &said("model 'x' not found"), ErrorKind::NotFound, false);
    check(422, &said("message must be at least 1 token long"), ErrorKind::InvalidInput, false);
    let minute =
        "You are using a Trial key, which is limited to 40 API calls / minute. Please wait and try again";
    check(429, &said(minute), ErrorKind::RateLimited, true);
    let month = "You are using a Trial key, which is limited to 1000 API calls / month.";
    check(429, &said(month), ErrorKind::QuotaExceeded, false);
    check(498, &said("blocked output"), ErrorKind::ContentFiltered, false);
    check(499, &said("request cancelled"), ErrorKind::Transport, true);
    check(500, &said("internal server error, this has been reported"), ErrorKind::Transport, true);
    check(503, &said("model overloaded"), ErrorKind::Overloaded, true);
    check(504, &said("timed out"), ErrorKind::Timeout, true);
    // A gateway's page, plain words, nothing, other forms.
    check(502, "<html><h1>502</h1></html>", ErrorKind::Transport, true);
    check(401, "", ErrorKind::Unauthenticated, false);
    check(429, r#"{"error":{"message":"slow"}}"#, ErrorKind::RateLimited, true);
    check(422, r#"{"detail":[{"msg":"x"}]}"#, ErrorKind::InvalidInput, false);
}

#[test]
fn the_message_quotes_the_reply_and_names_the_request() {
    let error = CohereChat.decode_error(&head(404, &[]), said("model 'x' not found").as_bytes());
    assert!(
        error.message().contains("model 'x' not found") && error.message().contains("check the model"),
        "{error}"
    );
    assert_eq!(error.get("request_id").and_then(Value::as_str), Some("req_body"));
    let error = CohereChat.decode_error(&head(404, &[("x-request-id", "r")]), said("x").as_bytes());
    assert_eq!(error.get("request_id").and_then(Value::as_str), Some("r"));
    CohereChat.decode_error(&head(500, &[]), b"\xff\xfe\x00");
}

#[test]
fn a_wait_is_read_where_waiting_helps() {
    let wait = |status, headers: &[(&str, &str)]| {
        let error = CohereChat.decode_error(&head(status, headers), said("x").as_bytes());
        (error.is_retryable(), error.wait())
    };
    assert_eq!(wait(429, &[("retry-after", "7")]), (true, Some(Duration::from_secs(7))));
    assert_eq!(wait(429, &[]), (true, None));
    assert_eq!(wait(401, &[("retry-after", "7")]), (false, None));
}
