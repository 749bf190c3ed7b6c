//! Rerankers.

use std::sync::Arc;

use agentforge_core::{
    ErrorKind, Result,
    error::Phase,
    model::{RankedItem, RerankRequest, Reranker},
    testing::fixed_context,
};
use agentforge_llm::{Environment, Registry};
use serde_json::{Value, json};

use super::{KEY, asked, environment, json};
use crate::server::{Server, Step, reply};

fn reranker(server: &Server, name: &str) -> Arc<dyn Reranker> {
    Registry::over_http().reranker(name, &environment(server)).unwrap()
}

async fn rank(reranker: &dyn Reranker, passages: &[&str], top: usize) -> Result<Vec<(usize, f32)>> {
    let passages = passages.iter().map(|text| (*text).to_owned()).collect();
    let request = RerankRequest { query: "what is a panda?".to_owned(), passages, top };
    let ranked = reranker.rerank(request, &fixed_context()).await?;
    Ok(ranked.into_iter().map(|RankedItem { index, score }| (index, score)).collect())
}

fn results(items: &[(usize, f64)]) -> Value {
    let results = items.iter().map(|(index, score)| json!({"index": index, "relevance_score": score}));
    json!({"id": "x", "results": results.collect::<Vec<_>>(), "meta": {"billed_units": {"search_units": 1}}})
}

#[tokio::test]
async fn cohere_and_compatible_servers() {
    for (name, line) in [
        ("cohere:rerank-v3.5", "POST /v1/v2/rerank HTTP/1.1"),
        ("compatible:rerank-v3.5", "POST /v1/rerank HTTP/1.1"),
    ] {
        let mut server = Server::start([json(&results(&[(1, 0.5), (0, 0.75)]))]).await;
        let reranker = reranker(&server, name);
        assert_eq!(reranker.fingerprint(), format!("{name}/1"));
        let ranked = rank(&*reranker, &["a bear", "hi", "", "a car"], 2).await.unwrap();
        assert_eq!(ranked, [(0, 0.75), (1, 0.5)]);
        let (asked_line, body) = asked(&mut server).await;
        assert_eq!(asked_line, line);
        assert_eq!(
            body,
            json!({
                "model": "rerank-v3.5", "query": "what is a panda?", "documents": ["a bear", "hi", "a car"], "top_n": 2,
            })
        );
    }
}

#[tokio::test]
async fn blank_passages_have_no_place_and_the_others_keep_theirs() {
    let server = Server::start([json(&results(&[(1, 0.5), (0, -4.25)]))]).await;
    let ranked = rank(&*reranker(&server, "compatible:m"), &[" ", "hi", "", "a bear"], 9).await.unwrap();
    assert_eq!(ranked, [(3, 0.5), (1, -4.25)]);
}

#[tokio::test]
async fn nothing_is_asked_where_nothing_can_come() {
    let mut server = Server::start([]).await;
    let reranker = reranker(&server, "cohere:m");
    assert!(rank(&*reranker, &[], 3).await.unwrap().is_empty());
    assert!(rank(&*reranker, &["", " "], 3).await.unwrap().is_empty());
    assert!(rank(&*reranker, &["x"], 0).await.unwrap().is_empty());
    assert_eq!(server.counts(), (0, 0));
}

#[tokio::test]
async fn many_passages_are_shared_out_and_ranked_together() {
    let mut server =
        Server::start([json(&results(&[(7, 0.5), (3, 0.25)])), json(&results(&[(1, 0.75), (0, 0.0)]))]).await;
    let passages = vec!["x"; 1_002];
    let ranked = rank(&*reranker(&server, "cohere:m"), &passages, 2).await.unwrap();
    assert_eq!(ranked, [(1_001, 0.75), (7, 0.5)]);
    assert_eq!(asked(&mut server).await.1["documents"].as_array().unwrap().len(), 1_000);
    assert_eq!(asked(&mut server).await.1["documents"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_goes_wrong_is_typed() {
    let failure = async |bytes: Vec<u8>| {
        let server = Server::start([vec![Step::Write(bytes)]]).await;
        let error = rank(&*reranker(&server, "cohere:m"), &["a", "b"], 2).await.unwrap_err();
        assert!(!format!("{error:?}").contains(KEY), "{error:?}");
        error
    };
    for (body, says) in [
        (results(&[(0, 0.5)]).to_string(), "1 passages and 2"),
        (results(&[(0, 0.5), (0, 0.5)]).to_string(), "twice"),
        (results(&[(0, 0.5), (2, 0.5)]).to_string(), "was not sent"),
        (json!({"results": [{"index": -1, "relevance_score": 1}]}).to_string(), "something else"),
        ("[]".to_owned(), "something else"),
        ("<html>".to_owned(), "<html>"),
    ] {
        let error = failure(reply(200, &[], &body)).await;
        assert_eq!(error.kind(), ErrorKind::Decode, "{error}");
        assert!(error.message().contains(says), "{says}: {error}");
    }
    let busy = failure(reply(503, &[("retry-after", "2")], r#"{"message":"model overloaded"}"#)).await;
    assert_eq!((busy.kind(), busy.phase()), (ErrorKind::Overloaded, Some(Phase::BeforeFirstEvent)));
    assert_eq!(busy.wait().map(|wait| wait.as_secs()), Some(2));

    let registry = Registry::over_http();
    let variables = Environment::new().with("ANTHROPIC_API_KEY", KEY);
    let error = registry.reranker("anthropic:m", &variables).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = registry.reranker("cohere:m", &Environment::new()).err().unwrap();
    assert!(error.message().contains("CO_API_KEY"), "{error}");
}
