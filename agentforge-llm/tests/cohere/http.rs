//! The whole way over real HTTP.

use std::sync::Arc;

use agentforge_core::{
    message::Message,
    model::{ChatModelExt, ChatRequest},
    testing::fixed_context,
};
use agentforge_llm::{Environment, Registry};
use serde_json::json;

use super::{content, said};
use crate::server::{Server, Step, end, piece, reply, stream_head};

#[tokio::test]
async fn a_name_a_key_and_a_streamed_answer() {
    let stream = said(&[content("content-delta", 0, &json!({"text": "Hello."}))], "COMPLETE");
    let busy = r#"{"id":"x","message":"model overloaded"}"#;
    let mut server = Server::start([
        vec![Step::Write([stream_head(&[]), piece(stream), end()].concat())],
        vec![Step::Write(reply(503, &[], busy))],
    ])
    .await;
    let environment =
        Environment::new().with("CO_API_KEY", "co-secret-0123").with("CO_API_URL", &server.base_url);
    let model = Registry::over_http().resolve("cohere:command-a-03-2025", &environment).unwrap();
    let request = Arc::new(ChatRequest::new([Message::user("Hello")]));
    let answer = model.generate(request.clone(), &fixed_context()).await.unwrap();
    assert_eq!(answer.message.text(), "Hello.");
    assert_eq!(answer.info.request_id.as_deref(), Some("msg_1"));
    let (head, _) = server.request().await;
    assert!(head.starts_with("POST /v1/v2/chat HTTP/1.1"), "{head}");
    assert!(head.contains("authorization: Bearer co-secret-0123"), "{head}");
    let error = model.generate(request, &fixed_context()).await.unwrap_err();
    assert_eq!(error.kind(), agentforge_core::ErrorKind::Overloaded);
}
