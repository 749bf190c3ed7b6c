//! Failing replies and exceptions: what each name, status and body means.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, bedrock::BedrockConverse};
use serde_json::{Value, json};

use super::{events, framed, grow, stream};

fn head(status: u16, headers: &[(&str, &str)]) -> ReplyHead {
    ReplyHead {
        provider: "test".to_owned(),
        status,
        headers: headers.iter().copied().collect(),
        at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
    }
}

#[test]
fn names_in_the_header_and_in_the_body() {
    let check = |status: u16, name: &str, message: &str, kind: ErrorKind, retryable: bool| {
        let name_and_address = format!("{name}:http://internal.amazon.com/coral/com.amazon.bedrock/");
        let by_header = (vec![("x-amzn-ErrorType", name_and_address.as_str())], json!({"message": message}));
        let by_body = (vec![], json!({"__type": format!("com.amazon.coral#{name}"), "Message": message}));
        for (headers, body) in [by_header, by_body] {
            let error = BedrockConverse.decode_error(&head(status, &headers), body.to_string().as_bytes());
            assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{name}: {error}");
            assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
            assert_eq!(error.get("provider_code").and_then(Value::as_str), Some(name));
            assert!(error.message().contains(message));
        }
    };
    check(400, "ValidationException", "Malformed input request", ErrorKind::InvalidInput, false);
    check(
        400,
        "ValidationException",
        "Input is too long for requested model.",
        ErrorKind::ContextOverflow,
        false,
    );
    check(
        400,
        "ValidationException",
        "The provided model identifier is invalid.",
        ErrorKind::NotFound,
        false,
    );
    check(400, "ServiceQuotaExceededException", "enough", ErrorKind::QuotaExceeded, false);
    check(403, "AccessDeniedException", "You don't have access to the model", ErrorKind::Denied, false);
    check(
        403,
        "AccessDeniedException",
        "Authentication failed: Please make sure your API Key is valid.",
        ErrorKind::Unauthenticated,
        false,
    );
    check(403, "UnrecognizedClientException", "invalid token", ErrorKind::Unauthenticated, false);
    check(403, "InvalidSignatureException", "does not match", ErrorKind::Unauthenticated, false);
    check(403, "ExpiredTokenException", "expired", ErrorKind::Unauthenticated, false);
    check(404, "ResourceNotFoundException", "no such model", ErrorKind::NotFound, false);
    check(408, "ModelTimeoutException", "too long", ErrorKind::Timeout, true);
    check(424, "ModelErrorException", "the model failed", ErrorKind::Transport, true);
    check(429, "ThrottlingException", "Too many requests", ErrorKind::RateLimited, true);
    check(429, "ModelNotReadyException", "not ready", ErrorKind::Overloaded, true);
    check(500, "InternalServerException", "oops", ErrorKind::Transport, true);
    check(503, "ServiceUnavailableException", "busy", ErrorKind::Overloaded, true);
    check(503, "BrandNewException", "busy", ErrorKind::Overloaded, true);
}

#[test]
fn without_a_name_the_status_says_it() {
    let error = BedrockConverse.decode_error(
        &head(403, &[("x-amzn-RequestId", "req_1")]),
        br#"{"message":"The security token included in the request is invalid."}"#,
    );
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.get("request_id").and_then(Value::as_str), Some("req_1"));
    let page = BedrockConverse.decode_error(&head(502, &[]), b"<html>\n <h1>Oops</h1></html>");
    assert!(page.kind() == ErrorKind::Transport && page.message().contains("<html> <h1>Oops</h1></html>"));
    BedrockConverse.decode_error(&head(500, &[]), b"\xff\xfe\x00");
    let wait = BedrockConverse.decode_error(
        &head(429, &[("retry-after", "7"), ("x-amzn-errortype", "ThrottlingException")]),
        b"{}",
    );
    assert_eq!(wait.wait(), Some(Duration::from_secs(7)));
}

#[test]
fn exceptions_inside_a_stream() {
    let exception = |name: &str, payload: &Value| {
        framed(&[(":exception-type", name), (":message-type", "exception")], payload.to_string().as_bytes())
    };
    for (name, kind) in [
        ("throttlingException", ErrorKind::RateLimited),
        ("internalServerException", ErrorKind::Transport),
        ("modelStreamErrorException", ErrorKind::Transport),
        ("serviceUnavailableException", ErrorKind::Overloaded),
        ("validationException", ErrorKind::InvalidInput),
        ("brandNewException", ErrorKind::Transport),
    ] {
        let failing = exception(name, &json!({"message": "said", "originalMessage": "by the model"}));
        let (seen, error, _) = events(&failing);
        let error = error.unwrap();
        assert!(seen.is_empty() && error.message().contains("said: by the model"), "{error}");
        assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::BeforeFirstEvent)), "{name}");
        assert_eq!(error.is_retryable(), kind.retryable());
        let begun = [stream(&[grow(0, json!({"text": "Half"}))]), failing].concat();
        let (seen, error, _) = events(&begun);
        assert!(!seen.is_empty());
        let error = error.unwrap();
        assert_eq!((error.kind(), error.phase()), (kind, Some(Phase::MidStream)));
    }
    let unmodelled =
        [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "oops")];
    let (_, error, _) = events(&framed(&unmodelled, b""));
    let error = error.unwrap();
    assert!(error.kind() == ErrorKind::Transport && error.message().ends_with("oops"), "{error}");
}
