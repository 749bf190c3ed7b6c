//! Failing replies: what each status and body means.

use std::time::Duration;

use agentforge_core::{ErrorKind, error::Phase, time::Timestamp};
use agentforge_llm::wire::{ReplyHead, Wire, ollama::OllamaChat};
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
    json!({ "error": message }).to_string()
}

#[test]
fn statuses_and_bodies() {
    let check = |status: u16, body: &str, kind: ErrorKind, retryable: bool| {
        let error = OllamaChat.decode_error(&head(status, &[]), body.as_bytes());
        assert_eq!((error.kind(), error.is_retryable()), (kind, retryable), "{status} {body}: {error}");
        assert_eq!(error.phase(), Some(Phase::BeforeFirstEvent));
        assert_eq!(error.get("status").and_then(Value::as_u64), Some(u64::from(status)));
    };
    check(400, &said("invalid character 'x' looking for beginning of value"), ErrorKind::InvalidInput, false);
    check(400, &said("registry.ollama.ai/library/x does not support tools"), ErrorKind::Unsupported, false);
    check(400, &said("\"x\" does not support thinking"), ErrorKind::Unsupported, false);
    check(400, &said("the input length exceeds the context length"), ErrorKind::ContextOverflow, false);
    check(401, &said("unauthorized"), ErrorKind::Unauthenticated, false);
    check(404, &said("model 'x' not found"), ErrorKind::NotFound, false);
    check(429, &said("slow down"), ErrorKind::RateLimited, true);
    let used = "you've reached your hourly usage limit, please upgrade to continue";
    check(429, &said(used), ErrorKind::QuotaExceeded, false);
    let memory = "model requires more system memory (9.0 GiB) than is available (4.0 GiB)";
    check(500, &said(memory), ErrorKind::QuotaExceeded, false);
    check(500, &said("unexpected EOF"), ErrorKind::Transport, true);
    let busy = "server busy, please try again.  maximum pending requests exceeded";
    check(503, &said(busy), ErrorKind::Overloaded, true);
    // A proxy's page, plain words, nothing, another form.
    check(502, "<html><h1>502</h1></html>", ErrorKind::Transport, true);
    check(404, "404 page not found", ErrorKind::NotFound, false);
    check(503, "", ErrorKind::Overloaded, true);
    check(400, r#"{"error":{"message":"x"}}"#, ErrorKind::InvalidInput, false);
}

#[test]
fn the_message_quotes_the_reply() {
    let error = OllamaChat.decode_error(&head(404, &[]), said("model 'x' not found").as_bytes());
    assert!(error.message().contains("model 'x' not found"), "{error}");
    OllamaChat.decode_error(&head(500, &[]), b"\xff\xfe\x00");
    let wait = OllamaChat.decode_error(&head(503, &[("retry-after", "7")]), said("busy").as_bytes()).wait();
    assert_eq!(wait, Some(Duration::from_secs(7)));
}
