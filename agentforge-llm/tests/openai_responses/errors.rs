//! Failing replies: what each status and body means, and failures inside a stream.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, openai_responses::OpenAiResponses};
use serde_json::{Value, json};

use super::{added, completed, events, grow, start, stream, whole};

fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
    ReplyHead {
        provider: "test".to_owned(),
        status,
        headers: headers.iter().copied().collect(),
        at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
    }
}

fn said(kind: &str, code: &str, message: &str) -> String {
    json!({"error": {"type": kind, "code": code, "message": message, "param": null}}).to_string()
}

#[test]
fn statuses_and_bodies() {
    let check = |status: u16, body: &str, kind: ErrorKind, retryable: bool| {
        let error = OpenAiResponses.decode_error(&head(status, &[]), body.as_bytes());
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status} {body}: {error}");
        assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
    };
    let wrong = |code: &str, message: &str| said("invalid_request_error", code, message);
    check(400, &wrong("decimal_below_min_value", "Invalid 'temperature'"), ErrorKind::InvalidInput, false);
    check(400, &wrong("context_length_exceeded", "too long"), ErrorKind::ContextOverflow, false);
    check(400, &wrong("invalid_prompt", "flagged"), ErrorKind::ContentFiltered, false);
    check(400, &wrong("model_not_found", "no such model"), ErrorKind::NotFound, false);
    check(401, &wrong("invalid_api_key", "Incorrect API key"), ErrorKind::Unauthenticated, false);
    check(403, &said("x", "unsupported_country_region_territory", "no"), ErrorKind::Denied, false);
    check(429, &said("requests", "rate_limit_exceeded", "slow down"), ErrorKind::RateLimited, true);
    check(429, &said("insufficient_quota", "insufficient_quota", "pay"), ErrorKind::QuotaExceeded, false);
    check(500, &said("server_error", "server_error", "x"), ErrorKind::Transport, true);
    check(503, &said("x", "server_is_overloaded", "busy"), ErrorKind::Overloaded, true);
    check(503, "<html>503</html>", ErrorKind::Overloaded, true);
    check(529, "", ErrorKind::Overloaded, true);
    // xAI: one status and one code for everything.
    let grok = |message: &str| json!({"code": "invalid-argument", "error": message}).to_string();
    check(400, &grok("Incorrect API key provided."), ErrorKind::Unauthenticated, false);
    check(400, &grok("Model not found: grok-x"), ErrorKind::NotFound, false);
    check(400, &grok("Something else"), ErrorKind::InvalidInput, false);
    OpenAiResponses.decode_error(&head(500, &[]), b"\xff\xfe\x00");
}

#[test]
fn the_request_its_code_and_its_wait_are_named() {
    let error = OpenAiResponses.decode_error(
        &head(429, &[("x-request-id", "req_1"), ("retry-after-ms", "1500")]),
        said("requests", "rate_limit_exceeded", "Please try again in 9s.").as_bytes(),
    );
    assert_eq!(error.get("request_id"), Some(&json!("req_1")));
    assert_eq!(error.get("provider_code"), Some(&json!("rate_limit_exceeded")));
    assert_eq!(error.wait(), Some(Duration::from_millis(1500)));
    let body = json!({"code": "invalid-argument", "error": "x"}).to_string();
    let error = OpenAiResponses.decode_error(&head(400, &[]), body.as_bytes());
    assert_eq!(error.get("provider_code"), Some(&json!("invalid-argument")));
}

#[test]
fn a_failure_inside_a_stream_is_typed_in_every_form() {
    let failed = |code: &str, message: &str| json!({"type": "response.failed", "response": {"id": "r", "status": "failed", "output": [], "error": {"code": code, "message": message}}});
    let cases = [
        (
            failed("rate_limit_exceeded", "Rate limit reached. Please try again in 11.5s."),
            ErrorKind::RateLimited,
        ),
        (failed("server_error", "An error occurred"), ErrorKind::Transport),
        (failed("context_length_exceeded", "too long"), ErrorKind::ContextOverflow),
        (failed("insufficient_quota", "You exceeded your quota"), ErrorKind::QuotaExceeded),
        (failed("slow_down", "busy"), ErrorKind::Overloaded),
        (failed("invalid_prompt", "flagged"), ErrorKind::ContentFiltered),
        (json!({"type": "response.failed", "response": {"status": "failed"}}), ErrorKind::Transport),
        (json!({"type": "response.failed"}), ErrorKind::Transport),
        (
            json!({"type": "error", "code": "rate_limit_exceeded", "message": "m", "param": null}),
            ErrorKind::RateLimited,
        ),
        (
            json!({"type": "error", "error": {"type": "invalid_request_error", "code": "context_length_exceeded", "message": "m"}}),
            ErrorKind::ContextOverflow,
        ),
        (
            json!({"type": "error", "error": {"type": "invalid_request_error", "code": null, "message": "m"}}),
            ErrorKind::InvalidInput,
        ),
        (json!({"type": "error"}), ErrorKind::Transport),
        (json!({"error": {"code": 429, "message": "m"}}), ErrorKind::RateLimited),
    ];
    for (event, kind) in &cases {
        // First, or behind the head: nothing is lost and the call can be tried again.
        for before in [vec![], vec![start()]] {
            let (seen, error, _) = events(&stream(&[before, vec![event.clone()]].concat()));
            let error = error.unwrap();
            assert!(seen.is_empty(), "{seen:?}");
            assert_eq!(
                (error.kind(), error.phase()),
                (*kind, Some(Phase::BeforeFirstEvent)),
                "{event}: {error}"
            );
            assert_eq!(error.is_retryable(), kind.retryable(), "{event}");
        }
        let said =
            [start(), added(0, &json!({"type": "message", "id": "m"})), grow(0, "output_text", "Half")];
        let (seen, error, _) = events(&stream(&[said.to_vec(), vec![event.clone()]].concat()));
        let error = error.unwrap();
        assert_eq!(seen.len(), 2);
        assert_eq!((error.kind(), error.phase()), (*kind, Some(Phase::MidStream)), "{event}");
        assert!(!error.is_retryable());
    }
    let (_, error, _) = events(&stream(&[start(), cases[0].0.clone()]));
    assert_eq!(error.unwrap().wait(), Some(Duration::from_millis(11_500)));
    let (_, error, _) = events("event: error\ndata: upstream is gone\n\n");
    let error = error.unwrap();
    assert!(error.message().contains("upstream is gone"), "{error}");
}

#[test]
fn a_failed_response_that_came_whole_is_its_error() {
    let mut response = whole(&[]);
    response["status"] = "failed".into();
    response["error"] = json!({"code": "server_error", "message": "The model failed."});
    let (seen, error, _) = events(&response.to_string());
    let error = error.unwrap();
    assert_eq!(
        (seen.len(), error.kind(), error.phase()),
        (0, ErrorKind::Transport, Some(Phase::BeforeFirstEvent))
    );
    assert_eq!(error.get("provider_code").and_then(Value::as_str), Some("server_error"));
    let (_, error, _) = events(r#"{"error":{"message":"no","type":"invalid_request_error","code":null}}"#);
    assert_eq!(error.unwrap().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_stream_that_ends_in_the_middle_is_cut() {
    let item = super::message("m", "Half and half");
    let whole = stream(&[
        start(),
        added(0, &json!({"type": "message", "id": "m", "content": []})),
        grow(0, "output_text", "Half"),
        super::done(0, &item),
        completed(&[item]),
    ]);
    let check = |reply: &str, expected: Option<(ErrorKind, Phase)>| {
        let (_, error, _) = events(reply);
        assert_eq!(error.map(|error| (error.kind(), error.phase().unwrap())), expected, "{reply}");
    };
    let until = |mark: &str| &whole[..whole.find(mark).unwrap()];
    check(&whole, None);
    check(until("event: response.completed"), Some((ErrorKind::Transport, Phase::MidStream)));
    check(until("event: response.output_item.done"), Some((ErrorKind::Transport, Phase::MidStream)));
    check(until("event: response.output_item.added"), Some((ErrorKind::Transport, Phase::BeforeFirstEvent)));
    // In the middle of the first event, and of the last.
    check(until("in_progress"), Some((ErrorKind::Transport, Phase::BeforeFirstEvent)));
    check(until("input_tokens"), Some((ErrorKind::Transport, Phase::MidStream)));
    // A gateway that ends its own way: every item is whole, or one is not.
    check(&format!("{}data: [DONE]\n\n", until("event: response.completed")), None);
    check(
        &format!("{}data: [DONE]\n\n", until("event: response.output_item.done")),
        Some((ErrorKind::Transport, Phase::MidStream)),
    );
    check(": only comments\n\n", Some((ErrorKind::Decode, Phase::BeforeFirstEvent)));
    check(
        &format!("{}data: garbage\n\n", until("event: response.output_item.done")),
        Some((ErrorKind::Decode, Phase::MidStream)),
    );
}

#[test]
fn a_reply_of_another_kind_is_shown_by_its_beginning() {
    for (reply, expected) in [
        ("<!DOCTYPE html>\n<html><body>Welcome</body></html>", "<!DOCTYPE html> <html>"),
        ("Internal server error", "Internal server error"),
        ("", "empty body"),
        ("{\"hello\":1}", "{\"hello\":1}"),
        ("[1,2", "[1,2"),
    ] {
        let (seen, error, _) = events(reply);
        let error = error.unwrap();
        assert!(seen.is_empty() && error.message().contains(expected), "{reply}: {error}");
        assert_eq!((error.kind(), error.phase()), (ErrorKind::Decode, Some(Phase::BeforeFirstEvent)));
    }
}
