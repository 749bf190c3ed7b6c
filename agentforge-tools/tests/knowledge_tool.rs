//! A retriever as a tool.

use std::sync::Arc;

use agentforge::knowledge::KnowledgeTool;
use agentforge_core::{
    Result,
    context::CallContext,
    knowledge::{Hit, RetrievalQuery, Retriever},
    message::{Citation, PartContent, Trust},
    schema::Validator,
    security::Permission,
    testing::fixed_context,
    tool::{Annotations, Tool, ToolInput, ToolOutput},
};
use async_trait::async_trait;
use serde_json::{Value, json};

/// Answers with as many passages as it is asked for, unless the question is `nothing`.
struct Echo;

#[async_trait]
impl Retriever for Echo {
    fn name(&self) -> &'static str {
        "HR Handbook"
    }

    async fn retrieve(&self, _cx: &CallContext, query: &RetrievalQuery) -> Result<Vec<Hit>> {
        let hit = |number: usize| Hit {
            text: format!("passage {number}"),
            score: 1.0,
            citation: Citation {
                quote: format!("passage {number}"),
                source: "a.md".to_owned(),
                label: Some(format!("a.md#{number}")),
                document: None,
                chunk: None,
                start: Some(0),
                end: Some(9),
                location: Some("Leave".to_owned()),
            },
        };
        Ok(if query.text == "nothing" { Vec::new() } else { (1..=query.limit).map(hit).collect() })
    }
}

async fn call(arguments: Value) -> ToolOutput {
    let input = ToolInput { call_id: "c".to_owned(), arguments, idempotency_key: "k".to_owned() };
    KnowledgeTool::new(Arc::new(Echo)).call(&fixed_context(), input).await.unwrap()
}

#[test]
fn it_declares_itself_read_only_and_needs_kb_read() {
    let tool = KnowledgeTool::new(Arc::new(Echo));
    let spec = tool.spec();
    spec.check().unwrap();
    assert_eq!(spec.name, "search_hr_handbook");
    assert_eq!(spec.annotations, Annotations::READ_ONLY);
    assert_eq!(spec.permissions, [Permission::KbRead]);
    assert!(spec.description.contains("HR Handbook"));
    assert_eq!(KnowledgeTool::named("find", Arc::new(Echo)).spec().name, "find");

    let validator = Validator::new(&spec.input).unwrap();
    for (arguments, fits) in [
        (json!({"query": "leave"}), true),
        (json!({"query": "leave", "limit": 10}), true),
        (json!({"query": "leave", "limit": 11}), false),
        (json!({"query": ""}), false),
        (json!({"limit": 1}), false),
    ] {
        assert_eq!(validator.violations(&arguments).is_empty(), fits, "{arguments}");
    }
}

#[tokio::test]
async fn each_hit_is_a_labelled_passage_and_its_citation() {
    let output = call(json!({"query": "leave", "limit": 2})).await;
    assert_eq!(output.parts.len(), 4);
    assert_eq!(output.parts[0].as_text(), Some("[a.md#1] passage 1\n\n"));
    let PartContent::Citation(citation) = &output.parts[1].content else { panic!("{:?}", output.parts[1]) };
    assert_eq!((citation.quote.as_str(), citation.location.as_deref()), ("passage 1", Some("Leave")));
    assert_eq!(output.structured.unwrap()[1]["citation"]["label"], "a.md#2");
    assert_eq!(output.trust, Some(Trust::Trusted));
}

#[tokio::test]
async fn four_passages_are_the_default() {
    assert_eq!(call(json!({"query": "leave"})).await.parts.len(), 8);
}

#[tokio::test]
async fn nothing_found_is_said_and_no_failure() {
    let output = call(json!({"query": "nothing"})).await;
    assert!(!output.failed);
    assert!(output.parts[0].as_text().unwrap().contains("No passage"));
    assert_eq!(output.structured, Some(json!([])));
}
