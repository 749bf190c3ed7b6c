//! The wire with its host: where a request goes, and with which key.

use std::sync::{Arc, Mutex};

use agentforge_core::{
    CallContext, Result,
    message::Message,
    model::{ChatModelExt, ChatRequest},
    testing::fixed_context,
};
use agentforge_llm::{
    Environment, Registry,
    host::{ApiKey, Auth, Credential, Host},
    transport::{Headers, HttpReply, HttpRequest, Transport},
    wire::gemini,
};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::json;

use super::{last, stream};

/// Keeps the address and the headers of the request and answers it.
#[derive(Default)]
struct Kept(Mutex<Vec<(String, Headers)>>);

#[async_trait]
impl Transport for Kept {
    async fn send(&self, request: HttpRequest, _: &CallContext) -> Result<HttpReply> {
        self.0.lock().unwrap().push((request.url, request.headers));
        let body = stream(&[last(&json!([{"text": "Hello."}]), "STOP")]);
        let body = futures::stream::iter([Ok(body.into())]).boxed();
        let headers = Headers::from_iter([("content-type", "text/event-stream")]);
        Ok(HttpReply { status: 200, headers, body })
    }
}

fn ask(model: &Arc<dyn agentforge_core::model::ChatModel>) -> String {
    let request = Arc::new(ChatRequest::new([Message::user("Hi")]));
    let answer = futures::executor::block_on(model.generate(request, &fixed_context())).unwrap();
    assert_eq!(answer.info.request_id.as_deref(), Some("resp_1"));
    answer.message.text()
}

#[test]
fn the_key_goes_in_its_own_header_and_the_model_in_the_path() {
    let kept = Arc::new(Kept::default());
    let registry = Registry::new().with_transport(kept.clone());
    let environment = Environment::new().with("GEMINI_API_KEY", "AIza-test");
    assert_eq!(ask(&registry.resolve("google:gemini-2.5-pro", &environment).unwrap()), "Hello.");
    let sent = kept.0.lock().unwrap();
    let (url, headers) = &sent[0];
    let base = "https://generativelanguage.googleapis.com/v1beta";
    assert_eq!(url, &format!("{base}/models/gemini-2.5-pro:streamGenerateContent?alt=sse"));
    assert_eq!(headers.get("x-goog-api-key"), Some("AIza-test"));
    assert_eq!(headers.get("authorization"), None);
}

#[test]
fn vertex_is_a_host_with_a_token() {
    let kept = Arc::new(Kept::default());
    let registry = Registry::new().with_transport(kept.clone());
    let base = "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/publishers/google";
    let host = Host { wire: gemini::NAME.into(), auth: Auth::Bearer, ..Host::compatible("vertex", base) };
    let token = ApiKey::new("ya29.token", "the token of the test").unwrap();
    let model = registry.connect(&host, "gemini-3-flash-preview", Some(Credential::Token(token))).unwrap();
    assert_eq!(ask(&model), "Hello.");
    let sent = kept.0.lock().unwrap();
    let (url, headers) = &sent[0];
    assert_eq!(url, &format!("{base}/models/gemini-3-flash-preview:streamGenerateContent?alt=sse"));
    assert_eq!(headers.get("authorization"), Some("Bearer ya29.token"));
}
