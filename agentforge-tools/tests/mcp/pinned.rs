//! A tool is what somebody has looked at, or it is not called.

use std::time::Duration;

use agentforge_core::{error::ErrorKind, message::Trust, testing::RecordingSink, tool::Annotations};
use agentforge_tools::mcp::{McpClient, McpHost, Pins, REVIEW_NEEDED};
use serde_json::json;
use std::sync::Arc;

use super::{approved, call, caller, faulty::server, input, text, tool};

#[tokio::test]
async fn nothing_can_be_called_before_it_was_approved() {
    let (notes, cx, events) = (tempfile::tempdir().unwrap(), caller(1), RecordingSink::new());
    let host = McpHost::new().events(Arc::new(events.clone()));
    let client = McpClient::connect(server("well", &notes), host, Pins::default(), &cx).await.unwrap();
    assert!(client.tools().is_empty());
    let told = events.events();
    assert_eq!((told[0].kind.as_str(), &told[0].data["added"]), (REVIEW_NEEDED, &json!(["ask", "work"])));
    let pins = client.approve(&client.report());
    assert_eq!(client.tools().len(), 2);
    client.close().await.unwrap();

    // Stored pins are enough the next time.
    let again = McpClient::connect(server("well", &notes), McpHost::new(), pins, &cx).await.unwrap();
    assert!(again.report().is_settled());
    assert_eq!(text(&call(&again, "faulty__work", json!({}), &cx).await), "done");
    again.close().await.unwrap();
}

#[tokio::test]
async fn a_definition_that_changed_between_two_starts_is_reported_and_held_back() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let first =
        McpClient::connect(server("changed", &notes), McpHost::new(), Pins::default(), &cx).await.unwrap();
    let pins = first.approve(&first.report());
    first.close().await.unwrap();

    let then = McpClient::connect(server("changed", &notes), McpHost::new(), pins, &cx).await.unwrap();
    let report = then.report();
    assert_eq!(report.changed.iter().map(|proposed| proposed.tool.as_str()).collect::<Vec<_>>(), ["work"]);
    assert!(report.changed[0].definition["description"].to_string().contains("password"));
    let names: Vec<_> = then.tools().iter().map(|tool| tool.spec().name.clone()).collect();
    assert_eq!(names, ["faulty__ask"]);
    then.close().await.unwrap();
}

#[tokio::test]
async fn an_announced_change_stops_calls_until_it_was_approved() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("changes", &notes), McpHost::new(), &cx).await;
    let work = tool(&client, "faulty__work");
    assert_eq!(text(&work.call(&cx, input(json!({}))).await.unwrap()), "done");
    // The announcement came before the answer did; it is looked at when the next call begins.
    let refused = work.call(&cx, input(json!({}))).await.unwrap();
    assert!(refused.failed);
    assert_eq!(refused.structured.as_ref().unwrap()["code"], "definition_changed");
    assert_eq!(refused.trust, Some(Trust::Trusted));
    assert!(text(&refused).contains("until a person has approved it again"));

    client.approve(&client.report());
    // What was planned with the old definition stays refused; the tool is asked for anew.
    assert!(work.call(&cx, input(json!({}))).await.unwrap().failed);
    let renewed = tool(&client, "faulty__work");
    assert_ne!(renewed.spec().version, work.spec().version);
    assert!(!renewed.call(&cx, input(json!({}))).await.unwrap().failed);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_change_that_is_not_announced_is_found_when_definitions_are_old() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let server = server("changes_silently", &notes);
    let mut limits = server.limits;
    limits.definitions = Duration::ZERO;
    let client = approved(server.limits(limits), McpHost::new(), &cx).await;
    let work = tool(&client, "faulty__work");
    assert!(!work.call(&cx, input(json!({}))).await.unwrap().failed);
    let refused = work.call(&cx, input(json!({}))).await.unwrap();
    assert_eq!(refused.structured.unwrap()["code"], "definition_changed");
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_schema_that_points_elsewhere_is_refused_with_its_path_and_the_others_stand() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("remote_ref", &notes), McpHost::new(), &cx).await;
    let report = client.report();
    assert_eq!(report.refused[0].tool, "work");
    assert!(report.refused[0].reason.contains("/properties/a/$ref"), "{:?}", report.refused);
    assert_eq!(client.tools().len(), 1);
    client.close().await.unwrap();
}

#[tokio::test]
async fn hints_of_a_server_count_only_when_the_host_trusts_it() {
    let (notes, cx) = (tempfile::tempdir().unwrap(), caller(1));
    let client = approved(server("hints", &notes), McpHost::new(), &cx).await;
    assert_eq!(tool(&client, "faulty__work").spec().annotations, Annotations::default());
    client.close().await.unwrap();
    let client = approved(server("hints", &notes).trusted(), McpHost::new(), &cx).await;
    let spec = tool(&client, "faulty__work").spec().clone();
    assert!(spec.annotations.read_only);
    assert_eq!(spec.trust, Trust::Untrusted);
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_name_that_cannot_begin_a_tools_name_is_refused() {
    let notes = tempfile::tempdir().unwrap();
    let mut server = server("well", &notes);
    server.name = "a__b".to_owned();
    let error = McpClient::connect(server, McpHost::new(), Pins::default(), &caller(1)).await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
