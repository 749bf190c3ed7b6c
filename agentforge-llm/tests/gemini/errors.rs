//! Failing replies: what each status and body means.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, gemini::GeminiGenerateContent};
use serde_json::{Value, json};

use super::{events, last, piece, stream};

fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
    ReplyHead {
        provider: "test".to_owned(),
        status,
        headers: headers.iter().copied().collect(),
        at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
    }
}

fn said(code: u16, name: &str, message: &str) -> Value {
    json!({"error": {"code": code, "status": name, "message": message}})
}

fn with(mut error: Value, details: Value) -> Value {
    error["error"]["details"] = details;
    error
}

fn quota(id: &str, value: &str, delay: &Value) -> Value {
    let kind = |name: &str| format!("type.googleapis.com/google.rpc.{name}");
    json!([
        {"@type": kind("QuotaFailure"), "violations": [{"quotaId": id, "quotaValue": value}]},
        {"@type": kind("Help"), "links": []},
        {"@type": kind("RetryInfo"), "retryDelay": delay},
    ])
}

#[test]
fn statuses_and_bodies() {
    let check = |status: u16, body: &str, kind: ErrorKind, retryable: bool| {
        let error = GeminiGenerateContent.decode_error(&head(status, &[]), body.as_bytes());
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status} {body}: {error}");
        assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
        assert_eq!(error.get("status").and_then(Value::as_u64), Some(u64::from(status)));
    };
    let named = |status: u16, name: &str, message: &str, kind: ErrorKind, retryable: bool| {
        check(status, &said(status, name, message).to_string(), kind, retryable);
    };
    let wrong = |message: &str, kind: ErrorKind| named(400, "INVALID_ARGUMENT", message, kind, false);
    wrong("Invalid JSON payload received. Unknown name \"x\"", ErrorKind::InvalidInput);
    wrong("API key not valid. Please pass a valid API key.", ErrorKind::Unauthenticated);
    wrong("API key expired. Please renew the API key.", ErrorKind::Unauthenticated);
    wrong(
        "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).",
        ErrorKind::ContextOverflow,
    );
    wrong(
        "Unable to submit request because the input token count is 40000 but model only supports up to 32768.",
        ErrorKind::ContextOverflow,
    );
    wrong("Request payload size exceeds the limit: 20971520 bytes.", ErrorKind::ContextOverflow);
    let halted = |message: &str, kind| named(400, "FAILED_PRECONDITION", message, kind, false);
    halted("User location is not supported for the API use.", ErrorKind::Denied);
    halted("Gemini API free tier is not available. Please enable billing.", ErrorKind::QuotaExceeded);
    halted("The model is not ready", ErrorKind::InvalidInput);
    named(401, "UNAUTHENTICATED", "Request had invalid credentials", ErrorKind::Unauthenticated, false);
    named(403, "PERMISSION_DENIED", "no access", ErrorKind::Denied, false);
    named(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers.",
        ErrorKind::Unauthenticated,
        false,
    );
    named(404, "NOT_FOUND", "models/x is not found", ErrorKind::NotFound, false);
    named(429, "RESOURCE_EXHAUSTED", "slow down", ErrorKind::RateLimited, true);
    named(429, "RESOURCE_EXHAUSTED", "Your credits are depleted.", ErrorKind::QuotaExceeded, false);
    named(500, "INTERNAL", "An internal error has occurred.", ErrorKind::Transport, true);
    named(503, "UNAVAILABLE", "The model is overloaded.", ErrorKind::Overloaded, true);
    named(504, "DEADLINE_EXCEEDED", "took too long", ErrorKind::Timeout, true);
    named(501, "UNIMPLEMENTED", "not here", ErrorKind::Unsupported, false);
    // A name that is new, a gateway's page, plain words, nothing.
    named(429, "BRAND_NEW", "x", ErrorKind::RateLimited, true);
    check(503, "<html><h1>503</h1></html>", ErrorKind::Overloaded, true);
    check(502, "bad gateway", ErrorKind::Transport, true);
    check(401, "", ErrorKind::Unauthenticated, false);
    check(403, r#"{"error":"no"}"#, ErrorKind::Denied, false);
    // In a list, as a stream without events begins; and inside its own message.
    check(503, &json!([said(503, "UNAVAILABLE", "busy")]).to_string(), ErrorKind::Overloaded, true);
    let inner = said(429, "RESOURCE_EXHAUSTED", "slow").to_string();
    named(500, "INTERNAL", &inner, ErrorKind::RateLimited, true);
    check(200, "\u{0}", ErrorKind::Transport, true);
}

#[test]
fn a_key_is_known_to_be_wrong_by_its_code() {
    let info = json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let body = with(said(400, "INVALID_ARGUMENT", "no"), info).to_string();
    let error =
        GeminiGenerateContent.decode_error(&head(400, &[("x-goog-request-id", "req_1")]), body.as_bytes());
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    assert_eq!((word("provider_code"), word("request_id")), ("API_KEY_INVALID".into(), "req_1".into()));
}

#[test]
fn every_dialect_of_waits() {
    let wait = |headers: &[(&str, &str)], message: &str, delay: &Value| {
        let details = quota("GenerateRequestsPerMinutePerProject", "10", delay);
        let body = with(said(429, "RESOURCE_EXHAUSTED", message), details).to_string();
        let error = GeminiGenerateContent.decode_error(&head(429, headers), body.as_bytes());
        assert_eq!(error.kind(), ErrorKind::RateLimited);
        error.wait().map(|wait| wait.as_millis())
    };
    assert_eq!(wait(&[], "x", &json!("34.4s")), Some(34_400));
    assert_eq!(wait(&[], "x", &json!({"seconds": "3", "nanos": 500_000_000})), Some(3_500));
    assert_eq!(wait(&[], "x", &json!({"nanos": 500_000_000})), Some(500));
    assert_eq!(wait(&[("retry-after", "7")], "retry in 2s", &json!("5s")), Some(7_000));
    assert_eq!(wait(&[], "Please retry in 2.5s.", &json!("soon")), Some(2_500));
    for nonsense in [json!("-3s"), json!("1e300s"), json!("NaNs"), json!(null), json!([]), json!({})] {
        assert_eq!(wait(&[], "x", &nonsense), None, "{nonsense}");
    }
}

#[test]
fn a_quota_of_a_day_is_not_waited_for() {
    let check = |id: &str, value: &str, kind: ErrorKind| {
        let body =
            with(said(429, "RESOURCE_EXHAUSTED", "quota"), quota(id, value, &json!("12s"))).to_string();
        let error = GeminiGenerateContent.decode_error(&head(429, &[]), body.as_bytes());
        assert_eq!(error.kind(), kind, "{id}");
        assert_eq!(error.wait().is_some(), kind == ErrorKind::RateLimited, "{id}");
    };
    check("GenerateRequestsPerDayPerProjectPerModel-FreeTier", "50", ErrorKind::QuotaExceeded);
    check("GenerateContentInputTokensPerModelPerMinute-FreeTier", "0", ErrorKind::QuotaExceeded);
    check("GenerateContentInputTokensPerModelPerMinute-FreeTier", "250000", ErrorKind::RateLimited);
}

#[test]
fn an_error_after_a_status_of_success() {
    let busy = said(503, "UNAVAILABLE", "busy");
    let check = |reply: &str, kind: ErrorKind, phase: Phase, seen: usize| {
        let (events, error, _) = events(reply);
        let error = error.expect(reply);
        assert_eq!((error.kind(), error.phase()), (kind, Some(phase)), "{error}");
        assert_eq!(events.len(), seen, "{events:?}");
        error
    };
    let first = Phase::BeforeFirstEvent;
    assert!(check(&stream(std::slice::from_ref(&busy)), ErrorKind::Overloaded, first, 0).is_retryable());
    check(&busy.to_string(), ErrorKind::Overloaded, first, 0);
    check(&json!([busy]).to_string(), ErrorKind::Overloaded, first, 0);
    check(&json!({"error": {"code": 429}}).to_string(), ErrorKind::RateLimited, first, 0);
    check(&json!({"error": {"code": 7}}).to_string(), ErrorKind::Transport, first, 0);
    let slow = with(said(429, "RESOURCE_EXHAUSTED", "x"), quota("PerMinute", "1", &json!("3s")));
    let error = check(&slow.to_string(), ErrorKind::RateLimited, first, 0);
    assert_eq!(error.wait(), Some(Duration::from_secs(3)));
    let late = stream(&[piece(&json!([{"text": "Half"}])), busy, last(&json!([{"text": "."}]), "STOP")]);
    assert!(!check(&late, ErrorKind::Overloaded, Phase::MidStream, 2).is_retryable());
}

#[test]
fn a_blocked_request_is_content_filtered() {
    let feedback = json!({"promptFeedback": {"blockReason": "PROHIBITED_CONTENT", "safetyRatings": []},
        "usageMetadata": {"promptTokenCount": 9, "totalTokenCount": 9}, "modelVersion": "gemini-x"});
    for reply in
        [feedback.to_string(), stream(std::slice::from_ref(&feedback)), json!([feedback]).to_string()]
    {
        let (events, error, _) = events(&reply);
        let error = error.expect(&reply);
        assert_eq!(
            (error.kind(), error.phase()),
            (ErrorKind::ContentFiltered, Some(Phase::BeforeFirstEvent))
        );
        assert!(error.message().contains("PROHIBITED_CONTENT") && !error.is_retryable(), "{error}");
        assert!(events.is_empty());
    }
}
