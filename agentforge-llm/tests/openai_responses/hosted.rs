//! The hosts of this API by name: address, key, what is asked of which model, and a conversation with a tool in it.

use std::sync::{Arc, Mutex};

use agentforge_core::{
    CallContext, ErrorKind, Result,
    message::{Message, Outcome, Part, ToolResult, Trust},
    model::{ChatModelExt, ChatRequest, FinishReason},
    testing::fixed_context,
};
use agentforge_llm::{
    Environment, Registry,
    transport::{HttpReply, HttpRequest, Transport},
};
use async_trait::async_trait;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use super::{added, call, completed, done, message, start, stream as framed, whole};

/// Gives replies in order and keeps the requests.
#[derive(Default)]
struct Script {
    replies: Mutex<Vec<(u16, String)>>,
    seen: Mutex<Vec<HttpRequest>>,
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: HttpRequest, _: &CallContext) -> Result<HttpReply> {
        self.seen.lock().unwrap().push(request);
        let (status, body) = self.replies.lock().unwrap().remove(0);
        let headers = [("x-request-id", "req_7")].into_iter().collect();
        Ok(HttpReply { status, headers, body: stream::iter([Ok(body.into())]).boxed() })
    }
}

fn script(replies: impl IntoIterator<Item = (u16, String)>) -> (Registry, Arc<Script>) {
    let script = Arc::new(Script { replies: Mutex::new(replies.into_iter().collect()), ..Script::default() });
    (Registry::new().with_transport(script.clone()), script)
}

fn keys() -> Environment {
    Environment::new().with("OPENAI_API_KEY", "sk-0123456789").with("XAI_API_KEY", "xai-0123456789")
}

#[tokio::test]
async fn a_conversation_with_a_tool_carries_its_sealed_thoughts() {
    let thought = json!({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA=="});
    let (told, said) = (call("call_1", "f", "{}"), message("msg_1", "Done."));
    let first =
        [start(), added(0, &thought), done(0, &thought), added(1, &told), done(1, &told), completed(&[])];
    let second = whole(std::slice::from_ref(&said)).to_string();
    let (registry, script) = script([(200, framed(&first)), (200, second)]);
    let model = registry.resolve("openai-responses:gpt-5-mini", &keys()).unwrap();
    let mut request = ChatRequest::new([Message::user("go")]);
    let answer = model.generate(request.clone().into(), &fixed_context()).await.unwrap();
    assert_eq!(
        (answer.finish, answer.info.request_id.as_deref()),
        (Some(FinishReason::ToolCalls), Some("req_7"))
    );
    let result = ToolResult {
        call_id: "call_1".to_owned(),
        outcome: Outcome::Ok,
        parts: vec![Part::text("1")],
        structured: None,
        trust: Trust::Trusted,
        spilled: None,
    };
    request.messages.extend([answer.message, Message::tool([result])]);
    let answer = model.generate(request.into(), &fixed_context()).await.unwrap();
    assert_eq!((answer.message.text().as_str(), answer.finish), ("Done.", Some(FinishReason::Stop)));
    let seen = script.seen.lock().unwrap();
    let body: Value = serde_json::from_slice(&seen[1].body).unwrap();
    let output = json!({"type": "function_call_output", "call_id": "call_1", "output": "1"});
    assert_eq!(body["input"].as_array().unwrap()[1..], [thought, told, output]);
}

#[tokio::test]
async fn each_host_has_its_address_its_key_and_what_its_models_take() {
    let check = async |name: &str, url: &str, key: &str, seals: bool| {
        let (registry, script) = script([(200, whole(&[message("m", "Hi.")]).to_string())]);
        let model = registry.resolve(name, &keys()).unwrap();
        let request = ChatRequest::new([Message::user("x")]);
        model.generate(request.into(), &fixed_context()).await.unwrap();
        let seen = script.seen.lock().unwrap();
        assert_eq!(seen[0].url, url, "{name}");
        assert_eq!(seen[0].headers.get("authorization"), Some(format!("Bearer {key}").as_str()), "{name}");
        let body: Value = serde_json::from_slice(&seen[0].body).unwrap();
        assert_eq!((body["include"].is_array(), &body["store"]), (seals, &json!(false)), "{name}");
    };
    let openai = "https://api.openai.com/v1/responses";
    check("openai-responses:gpt-5.2", openai, "sk-0123456789", true).await;
    check("openai-responses:gpt-4o-mini", openai, "sk-0123456789", false).await;
    check("openai-responses:o3", openai, "sk-0123456789", true).await;
    check("xai-responses:grok-4", "https://api.x.ai/v1/responses", "xai-0123456789", true).await;
}

#[tokio::test]
async fn a_failure_names_the_host_and_never_the_key() {
    let refused = json!({"error": {"code": "invalid_api_key", "message": "Incorrect API key: sk-0123456789", "type": "invalid_request_error"}});
    let (registry, _) = script([(401, refused.to_string())]);
    let model = registry.resolve("openai-responses:gpt-5", &keys()).unwrap();
    let error =
        model.generate(ChatRequest::new([Message::user("x")]).into(), &fixed_context()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.get("request_id"), Some(&json!("req_7")));
    let shown = format!("{error:?}");
    assert!(shown.contains("openai-responses") && !shown.contains("0123456789"), "{shown}");
    let missing = registry.resolve("openai-responses:gpt-5", &Environment::new()).err().unwrap();
    assert!(missing.message().contains("OPENAI_API_KEY"), "{missing}");
}
