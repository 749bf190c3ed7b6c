//! What goes to and fro beside answers: progress, questions, media.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::Result,
    message::{MediaKind, PartContent},
    testing::RecordingSink,
};
use agentforge_tools::mcp::{Elicitation, ElicitationAnswer, ElicitationRequest, McpHost, PROGRESS};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{approved, call, caller, faulty::server, text};

#[tokio::test]
async fn progress_goes_to_the_sink_with_the_call_it_belongs_to() {
    let (notes, cx, events) = (tempfile::tempdir().unwrap(), caller(1), RecordingSink::new());
    let host = McpHost::new().events(Arc::new(events.clone()));
    let client = approved(server("progress", &notes), host, &cx).await;
    assert_eq!(text(&call(&client, "faulty__work", json!({}), &cx).await), "done");
    let told: Vec<_> = events.events().into_iter().filter(|event| event.kind == PROGRESS).collect();
    assert!(!told.is_empty() && told.len() <= 3, "{told:?}");
    assert_eq!((&told[0].data["call_id"], &told[0].data["total"]), (&json!("call-1"), &json!(3.0)));
    client.close().await.unwrap();
}

async fn answers(host: McpHost, rooted: bool) -> Vec<Value> {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let mut server = server("asks", &notes);
    if rooted {
        server = server.root("file:///srv/notes", "notes");
    }
    let client = approved(server, host, &cx).await;
    let said = text(&call(&client, "faulty__work", json!({}), &cx).await);
    client.close().await.unwrap();
    serde_json::from_str(&said).unwrap()
}

#[tokio::test]
async fn questions_of_a_server_are_refused_by_the_protocols_own_error() {
    let said = answers(McpHost::new(), false).await;
    assert!(said.iter().all(|answer| answer["error"] == -32601), "{said:?}");
}

struct AgreesEmptily;

#[async_trait]
impl Elicitation for AgreesEmptily {
    async fn answer(&self, _cx: &CallContext, request: ElicitationRequest) -> Result<ElicitationAnswer> {
        assert_eq!((request.server.as_str(), request.message.as_str()), ("faulty", "Who?"));
        Ok(ElicitationAnswer::Accept(json!({})))
    }
}

#[tokio::test]
async fn what_the_host_offers_is_answered_and_sampling_still_is_not() {
    let said = answers(McpHost::new().elicitation(Arc::new(AgreesEmptily)), true).await;
    let results: Vec<_> = said.iter().map(|answer| &answer["result"]).collect();
    assert!(results.iter().any(|result| result["roots"][0]["uri"] == "file:///srv/notes"), "{said:?}");
    assert!(results.iter().any(|result| result["content"]["name"] == "Ada"), "{said:?}");
    assert_eq!(said.iter().filter(|answer| answer["error"] == -32601).count(), 1, "{said:?}");
}

#[tokio::test]
async fn media_become_parts_and_what_cannot_be_decoded_says_so() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("media", &notes), McpHost::new(), &cx).await;
    let output = call(&client, "faulty__work", json!({}), &cx).await;
    let PartContent::Media(image) = &output.parts[0].content else { panic!("{output:?}") };
    assert_eq!((image.kind, image.media_type.as_str()), (MediaKind::Image, "image/png"));
    assert_eq!(output.parts[1].as_text(), Some("[audio/wav whose bytes are no base64]"));
    assert_eq!(output.parts[2].as_text(), Some("inside"));
    assert_eq!(output.parts[3].as_text(), Some("resource a:c (c)"));
    client.close().await.unwrap();
}
