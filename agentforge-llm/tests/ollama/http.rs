//! The whole way over real HTTP.

use std::sync::Arc;

use agentforge_core::{
    message::Message,
    model::{ChatModelExt, ChatRequest},
    testing::fixed_context,
};
use agentforge_llm::{Environment, Registry};
use serde_json::json;

use super::said;
use crate::server::{Server, Step, end, piece, stream_head};

#[tokio::test]
async fn a_name_without_a_key_and_an_answer_line_by_line() {
    let lines = said(&[json!({"content": "Hel"}), json!({"content": "lo."})], "stop");
    let (first, rest) = lines.split_at(30);
    let mut server =
        Server::start([vec![Step::Write([stream_head(&[]), piece(first), piece(rest), end()].concat())]])
            .await;
    // One variable serves both of the server's APIs.
    let environment = Environment::new().with("OLLAMA_HOST", &server.base_url);
    let model = Registry::over_http().resolve("ollama-native:llama3:8b", &environment).unwrap();
    let request = Arc::new(ChatRequest::new([Message::user("Hello")]));
    let answer = model.generate(request, &fixed_context()).await.unwrap();
    assert_eq!(answer.message.text(), "Hello.");
    assert_eq!(answer.info.model.as_deref(), Some("llama3"));
    let (head, body) = server.request().await;
    assert!(head.starts_with("POST /api/chat HTTP/1.1") && !head.contains("authorization"), "{head}");
    assert!(body.contains(r#""model":"llama3:8b""#), "{body}");
}
