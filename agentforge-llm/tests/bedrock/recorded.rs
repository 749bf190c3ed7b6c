//! Recordings of Bedrock in every form in which recorders keep a binary stream.

use agentforge_llm::recorded::{Exchange, Recording};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{around, end, framed, grow};

fn one(exchange: &Value) -> Exchange {
    let file = json!({"provider": "bedrock", "exchanges": [exchange]}).to_string();
    Recording::read(file.as_bytes()).unwrap().exchanges.remove(0)
}

/// The wire and the text of an exchange.
fn said(exchange: &Value) -> (&'static str, String) {
    let exchange = one(exchange);
    let wire = exchange.wire().unwrap();
    let (answer, error) = exchange.decode(&*wire);
    assert!(error.is_none(), "{error:?}");
    (wire.name(), answer.message.text())
}

/// A stream of `InvokeModel` that carries these events.
fn invoked(events: &[Value]) -> String {
    let message = |event: &Value| {
        let payload = json!({"bytes": STANDARD.encode(event.to_string()), "p": "abc"}).to_string();
        framed(&[(":event-type", "chunk"), (":message-type", "event")], payload.as_bytes())
    };
    STANDARD.encode(events.iter().flat_map(message).collect::<Vec<u8>>())
}

#[test]
fn a_stream_is_known_by_its_path_or_its_events() {
    let body = STANDARD.encode(around(vec![grow(0, json!({"text": "Hi."})), end(0)], "end_turn"));
    let request = json!({"path": "/model/m%3A0/converse-stream"});
    let headers = json!({"content-type": "application/vnd.amazon.eventstream"});
    let expected = ("bedrock_converse", "Hi.".to_owned());
    assert_eq!(said(&json!({"request": request, "response": {"body_base64": body}})), expected);
    assert_eq!(said(&json!({"response": {"body_base64": body}})), expected);
    assert_eq!(said(&json!({"response": {"headers": headers, "body": body}})), expected);
    let chunks = json!([
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi."}}},
        {"messageStop": {"stopReason": "end_turn"}},
    ]);
    assert_eq!(said(&json!({"response": {"chunks": chunks}})), expected);
}

#[test]
fn a_model_that_is_invoked_speaks_its_own_words() {
    let path = json!({"path": "/model/m/invoke-with-response-stream"});
    let reply = |events: &[Value]| json!({"request": path, "response": {"body_base64": invoked(events)}});
    let claude = [
        json!({"type": "message_start", "message": {"id": "msg_1", "content": []}}),
        json!({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}),
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi."}}),
        json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
        json!({"type": "message_stop", "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}}),
    ];
    assert_eq!(said(&reply(&claude)), ("anthropic_messages", "Hi.".to_owned()));
    let nova = [
        json!({"contentBlockDelta": {"delta": {"text": "Hi."}, "contentBlockIndex": 0}, "amazon-bedrock-guardrailAction": "NONE"}),
        json!({"messageStop": {"stopReason": "end_turn"}}),
        json!({"metadata": {"usage": {}}, "amazon-bedrock-invocationMetrics": {"inputTokenCount": 1}}),
    ];
    assert_eq!(said(&reply(&nova)), ("bedrock_converse", "Hi.".to_owned()));
    let titan = [json!({"outputText": "Hi.", "index": 0})];
    assert!(one(&reply(&titan)).wire().is_err());
}
