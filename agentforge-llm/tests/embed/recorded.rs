//! Recorded embeddings and rankings of real providers: each is asked again over a transport that gives its reply, and
//! what comes of it is compared with a plain reading of its JSON.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    CallContext, ErrorKind, Result,
    model::{EmbedInput, EmbedRequest, RerankRequest},
    testing::fixed_context,
};
use agentforge_llm::{
    Registry,
    embed::Dimensions,
    host::Host,
    recorded::Exchange,
    transport::{HttpReply, HttpRequest, Transport},
    wire,
};
use async_trait::async_trait;
use futures::StreamExt;
use serde_json::Value;

use crate::corpus::{Case, cases, folder, say};

/// Gives one recorded reply.
struct Replay(Exchange);

#[async_trait]
impl Transport for Replay {
    async fn send(&self, request: HttpRequest, _: &CallContext) -> Result<HttpReply> {
        let Exchange { status, headers, body, request: recorded, .. } = self.0.clone();
        // The version before the path belongs to the address of the host.
        let (asked, recorded) = (request.url.trim_start_matches("http://lab"), recorded.unwrap().path);
        assert!(recorded.ends_with(asked) || recorded == "/v1/embed", "{asked} {recorded}");
        Ok(HttpReply { status, headers, body: futures::stream::iter([Ok(body)]).boxed() })
    }
}

/// The wire of the hosts whose API a path is.
fn wire_of(path: &str) -> Option<&'static str> {
    let endings = [
        ("/embeddings", wire::openai_chat::NAME),
        ("/v1/rerank", wire::openai_chat::NAME),
        (":batchEmbedContents", wire::gemini::NAME),
        ("/v2/embed", wire::cohere::NAME),
        // The version before gives its vectors bare, which is read too.
        ("/v1/embed", wire::cohere::NAME),
        ("/v2/rerank", wire::cohere::NAME),
        ("/api/embed", wire::ollama::NAME),
    ];
    let titan = path.starts_with("/model/") && path.contains("embed") && path.ends_with("/invoke");
    let titan = titan.then_some(wire::bedrock::NAME);
    endings.into_iter().find(|(ending, _)| path.ends_with(ending)).map(|(_, wire)| wire).or(titan)
}

/// The vectors of a reply as its JSON says them.
fn vectors(reply: &Value) -> Vec<Vec<f64>> {
    let numbers = |vector: &Value| vector.as_array().unwrap().iter().map(|n| n.as_f64().unwrap()).collect();
    let listed = reply["data"].as_array().or(reply["embeddings"].as_array());
    let listed = listed.or(reply["embeddings"]["float"].as_array());
    match listed {
        None => vec![numbers(&reply["embedding"])],
        Some(items) => {
            let inner = |item: &Value| match item {
                Value::Array(_) => numbers(item),
                _ => numbers(if item["embedding"].is_array() { &item["embedding"] } else { &item["values"] }),
            };
            items.iter().map(inner).collect()
        }
    }
}

/// The texts of a request.
fn texts(request: &Value) -> Vec<String> {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().map(|texts| texts.iter().map(word).collect::<Vec<_>>());
    if let Some(requests) = request["requests"].as_array() {
        return requests.iter().map(|one| word(&one["content"]["parts"][0]["text"])).collect();
    }
    ["input", "texts", "documents"].iter().find_map(|name| list(&request[name])).unwrap_or_else(|| {
        vec![word(if request["input"].is_string() { &request["input"] } else { &request["inputText"] })]
    })
}

fn model_of(path: &str, request: &Value) -> String {
    let in_path = path.split(['/', ':']).rev().nth(1).unwrap_or_default().replace("%3A", ":");
    request["model"].as_str().map_or(in_path, str::to_owned)
}

#[tokio::test]
async fn every_recorded_vector_and_ranking_says_what_its_json_says() {
    let Some(folder) = folder() else { return };
    let mut counts: BTreeMap<String, [usize; 3]> = BTreeMap::new();
    for Case { name, exchange } in cases(&folder) {
        let Some(recorded) = exchange.request.clone() else { continue };
        let Some(wire) = wire_of(&recorded.path) else { continue };
        let count = counts.entry(exchange.provider.clone()).or_default();
        let request: Value = serde_json::from_slice(&recorded.body).unwrap();
        let said: Value = serde_json::from_slice(&exchange.body).unwrap();
        let registry = Registry::new().with_transport(Arc::new(Replay(exchange.clone())));
        let row = registry.hosts().iter().find(|host| host.wire == wire && host.name != "openai").cloned();
        let host = if wire == wire::openai_chat::NAME { None } else { row };
        let host = host.map_or_else(|| Host::compatible("lab", "http://lab"), |row| row.at("http://lab"));
        let (model, passages) = (model_of(&recorded.path, &request), texts(&request));

        if recorded.path.ends_with("/rerank") {
            let reranker = registry.connect_reranker(&host, &model, None).unwrap();
            // What was asked for in vain is what the API should have refused.
            let passages = if passages.is_empty() { vec!["x".to_owned()] } else { passages };
            let top = request["top_n"].as_u64().map_or(passages.len(), |top| usize::try_from(top).unwrap());
            let query = request["query"].as_str().unwrap().to_owned();
            let ranked = reranker.rerank(RerankRequest { query, passages, top }, &fixed_context()).await;
            if exchange.status != 200 {
                check_failure(&name, &ranked.unwrap_err());
                count[2] += 1;
                continue;
            }
            let plain: Vec<(u64, f64)> = said["results"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| (item["index"].as_u64().unwrap(), item["relevance_score"].as_f64().unwrap()))
                .collect();
            let ours = ranked.unwrap();
            assert_eq!(ours.len(), plain.len(), "{name}");
            for (own, (index, score)) in ours.iter().zip(plain) {
                assert!(own.index as u64 == index && (f64::from(own.score) - score).abs() < 1e-6, "{name}");
            }
            count[1] += 1;
            continue;
        }

        let plain = if exchange.status == 200 { vectors(&said) } else { vec![vec![0.0; 3]] };
        let length = Dimensions::Declared(plain[0].len());
        let embedder = registry.connect_embedder(&host, &model, length, None).unwrap();
        // A batch that was recorded as too large is not what we would send; one text stands for it.
        let texts = if exchange.status == 200 { passages } else { vec!["x".to_owned()] };
        let asked = EmbedRequest { texts, input: EmbedInput::Passage };
        let answer = embedder.embed(asked.clone(), &fixed_context()).await;
        if exchange.status != 200 {
            check_failure(&name, &answer.unwrap_err());
            count[2] += 1;
            continue;
        }
        let answer = answer.unwrap();
        assert_eq!(answer.vectors.len(), plain.len(), "{name}");
        for (own, plain) in answer.vectors.iter().zip(&plain) {
            let norm = plain.iter().map(|number| number * number).sum::<f64>().sqrt();
            let alike =
                own.iter().zip(plain).all(|(own, plain)| (f64::from(*own) - plain / norm).abs() < 1e-5);
            assert!(alike && own.len() == plain.len(), "{name}");
        }
        let tokens = [
            &said["usage"]["prompt_tokens"],
            &said["meta"]["billed_units"]["input_tokens"],
            &said["inputTextTokenCount"],
        ];
        assert_eq!(answer.usage.input, tokens.iter().find_map(|count| count.as_u64()), "{name}");
        count[0] += 1;

        // The same reply is refused where another length was declared.
        let other = Dimensions::Declared(plain[0].len() + 1);
        let embedder = registry.connect_embedder(&host, &model, other, None).unwrap();
        let error = embedder.embed(asked, &fixed_context()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode, "{name}: {error}");
    }
    say(&format!("recorded embeddings, rankings and failures of them: {counts:?}\n"));
}

fn check_failure(name: &str, error: &agentforge_core::Error) {
    assert!(!matches!(error.kind(), ErrorKind::Internal | ErrorKind::Decode), "{name}: {error:?}");
    assert!(error.get("status").is_some(), "{name}: {error:?}");
}
