//! Embedders of every API.

use std::{pin::pin, time::Duration};

use agentforge_core::{
    Error, ErrorKind,
    error::Phase,
    model::{EmbedInput, EmbedRequest, Usage},
    testing::{FixedClock, fixed_context, fixed_context_with},
};
use agentforge_llm::{
    Environment, Registry,
    embed::{Dimensions, EmbeddingRow},
    host::{AwsKeys, Credential},
    transport::Timeouts,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::future::{Either, select};
use serde_json::{Value, json};

use super::{KEY, asked, embed, embedder, environment, json};
use crate::server::{Script, Server, Step, reply};

/// A request of two texts to a model, what it was asked, and what came of it.
async fn exchange(name: &str, dimensions: Dimensions, input: EmbedInput, reply: &Value) -> (String, Value) {
    let mut server = Server::start([json(reply)]).await;
    let embedder = embedder(&server, name, dimensions);
    let answer = embed(&*embedder, &["one", "two"], input).await.unwrap();
    assert_eq!(answer.vectors, [[0.6, 0.8], [0.0, 1.0]]);
    assert_eq!(answer.usage, Usage { input: Some(7), ..Usage::default() });
    asked(&mut server).await
}

const NATIVE: Dimensions = Dimensions::Declared(2);
const SHORT: Dimensions = Dimensions::Requested(2);

#[tokio::test]
async fn openai_asks_for_base64_and_puts_places_right() {
    let packed = |numbers: [f32; 2]| STANDARD.encode(numbers.map(f32::to_le_bytes).concat());
    let reply = json!({
        "data": [{"index": 1, "embedding": packed([0.0, 2.0])}, {"index": 0, "embedding": packed([3.0, 4.0])}],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    });
    let (line, body) = exchange("openai:text-embedding-3-small", SHORT, EmbedInput::Query, &reply).await;
    assert_eq!(line, "POST /v1/embeddings HTTP/1.1");
    assert_eq!(
        body,
        json!({"model": "text-embedding-3-small", "input": ["one", "two"], "dimensions": 2, "encoding_format": "base64"})
    );
}

#[tokio::test]
async fn a_compatible_server_is_told_nothing_that_it_may_not_know() {
    let reply = json!({
        "data": [{"embedding": [3, 4]}, {"embedding": [0.0, 2.0]}], "usage": {"total_tokens": 7}, "model": "m",
    });
    let (line, body) = exchange("compatible:m", NATIVE, EmbedInput::Passage, &reply).await;
    assert_eq!(line, "POST /v1/embeddings HTTP/1.1");
    assert_eq!(body, json!({"model": "m", "input": ["one", "two"]}));
}

#[tokio::test]
async fn gemini_says_what_the_texts_are_for() {
    let reply = json!({
        "embeddings": [{"values": [3.0, 4.0]}, {"values": [0.0, 2.0]}], "usageMetadata": {"promptTokenCount": 7},
    });
    let request = |text: &str, task: &str| {
        json!({
            "model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}, "taskType": task,
            "outputDimensionality": 2,
        })
    };
    for (input, task) in [(EmbedInput::Query, "RETRIEVAL_QUERY"), (EmbedInput::Passage, "RETRIEVAL_DOCUMENT")]
    {
        let (line, body) = exchange("google:gemini-embedding-001", SHORT, input, &reply).await;
        assert_eq!(line, "POST /v1/models/gemini-embedding-001:batchEmbedContents HTTP/1.1");
        assert_eq!(body, json!({"requests": [request("one", task), request("two", task)]}));
    }
    let (_, body) = exchange("google:gemini-embedding-2", NATIVE, EmbedInput::Query, &reply).await;
    assert_eq!(
        body["requests"][0],
        json!({
            "model": "models/gemini-embedding-2",
            "content": {"parts": [{"text": "task: search result | query: one"}]},
        })
    );
}

#[tokio::test]
async fn cohere_says_what_the_texts_are_for() {
    let reply = json!({
        "id": "x", "embeddings": {"float": [[3.0, 4.0], [0.0, 2.0]]}, "meta": {"billed_units": {"input_tokens": 7}},
    });
    for (input, kind) in [(EmbedInput::Query, "search_query"), (EmbedInput::Passage, "search_document")] {
        let (line, body) = exchange("cohere:embed-v4.0", SHORT, input, &reply).await;
        assert_eq!(line, "POST /v1/v2/embed HTTP/1.1");
        assert_eq!(
            body,
            json!({
                "model": "embed-v4.0", "texts": ["one", "two"], "input_type": kind, "embedding_types": ["float"],
                "output_dimension": 2, "truncate": "NONE",
            })
        );
    }
}

#[tokio::test]
async fn ollama_puts_the_model_s_words_before_the_texts() {
    let reply = json!({"model": "x", "embeddings": [[3.0, 4.0], [0.0, 2.0]], "prompt_eval_count": 7});
    let (line, body) = exchange("ollama-native:nomic-embed-text", NATIVE, EmbedInput::Query, &reply).await;
    assert_eq!(line, "POST /api/embed HTTP/1.1");
    assert_eq!(
        body,
        json!({"model": "nomic-embed-text", "input": ["search_query: one", "search_query: two"], "truncate": false})
    );
    let (_, body) = exchange("ollama-native:nomic-embed-text", NATIVE, EmbedInput::Passage, &reply).await;
    assert_eq!(body["input"][0], "search_document: one");
    let (_, body) = exchange("ollama-native:embeddinggemma", SHORT, EmbedInput::Passage, &reply).await;
    assert_eq!((&body["dimensions"], &body["input"][0]), (&json!(2), &json!("title: none | text: one")));
}

#[tokio::test]
async fn bedrock_signs_one_request_a_text_for_titan_and_one_for_all_for_cohere() {
    let titan = |numbers: [f32; 2], tokens: u64| json!({"embedding": numbers, "inputTextTokenCount": tokens});
    let cohere =
        json!({"embeddings": {"float": [[3.0, 4.0], [0.0, 2.0]]}, "response_type": "embeddings_by_type"});
    let mut server =
        Server::start([json(&titan([3.0, 4.0], 3)), json(&titan([0.0, 2.0], 4)), json(&cohere)]).await;
    let registry = Registry::over_http();
    let row = registry.hosts().iter().find(|host| host.name == "bedrock").unwrap().clone();
    let host = row.at(server.base_url.clone());
    let keys = || AwsKeys::new("AKIDEXAMPLE", KEY, "us-east-1").map(Credential::Aws).unwrap();
    let connect = |model: &str| registry.connect_embedder(&host, model, SHORT, Some(keys())).unwrap();
    let answer =
        embed(&*connect("amazon.titan-embed-text-v2:0"), &["one", "two"], EmbedInput::Query).await.unwrap();
    assert_eq!(answer.vectors, [[0.6, 0.8], [0.0, 1.0]]);
    assert_eq!(answer.usage.input, Some(7));
    for text in ["one", "two"] {
        let (head, body) = server.request().await;
        assert!(head.starts_with("POST /v1/model/amazon.titan-embed-text-v2%3A0/invoke HTTP/1.1"), "{head}");
        assert!(head.contains("authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{head}");
        assert!(head.contains("/us-east-1/bedrock/aws4_request") && !head.contains(KEY), "{head}");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            json!({"inputText": text, "dimensions": 2})
        );
    }
    let answer = embed(&*connect("cohere.embed-v4:0"), &["one", "two"], EmbedInput::Passage).await.unwrap();
    assert_eq!(answer.vectors, [[0.6, 0.8], [0.0, 1.0]]);
    let (line, body) = asked(&mut server).await;
    assert_eq!(line, "POST /v1/model/cohere.embed-v4%3A0/invoke HTTP/1.1");
    assert_eq!((&body["input_type"], body.get("model")), (&json!("search_document"), None));
}

/// A reply to the texts of a batch: each is a number, and its vector points there.
fn pointing(texts: std::ops::Range<usize>) -> Script {
    let data: Vec<Value> = texts.map(|number| json!({"embedding": [number, 1]})).collect();
    json(&json!({"data": data, "usage": {"prompt_tokens": 10}}))
}

#[tokio::test]
async fn many_texts_are_shared_out_and_come_back_in_their_order() {
    let mut server = Server::start([pointing(0..128), pointing(128..130)]).await;
    let embedder = embedder(&server, "compatible:m", NATIVE);
    assert_eq!(embedder.info().max_batch, 128);
    let texts: Vec<String> = (0..130).map(|number| number.to_string()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let answer = embed(&*embedder, &texts, EmbedInput::Passage).await.unwrap();
    assert_eq!(answer.usage.input, Some(20));
    for (number, vector) in answer.vectors.iter().enumerate() {
        let expected = f32::from(u16::try_from(number).unwrap());
        assert!((vector[0] / vector[1] - expected).abs() < 0.01, "{number}: {vector:?}");
    }
    for expected in [128, 2] {
        let (_, body) = asked(&mut server).await;
        assert_eq!(body["input"].as_array().unwrap().len(), expected);
    }
}

#[tokio::test]
async fn blank_texts_are_zeros_that_nobody_is_asked_for() {
    let mut server = Server::start([pointing(0..1)]).await;
    let embedder = embedder(&server, "compatible:m", NATIVE);
    let answer = embed(&*embedder, &["", "x", " \n"], EmbedInput::Passage).await.unwrap();
    assert_eq!(answer.vectors, [[0.0, 0.0], [0.0, 1.0], [0.0, 0.0]]);
    assert_eq!(asked(&mut server).await.1["input"], json!(["x"]));
    let nothing = embed(&*embedder, &["", " "], EmbedInput::Passage).await.unwrap();
    assert_eq!((nothing.vectors.len(), nothing.usage), (2, Usage::default()));
    assert!(embed(&*embedder, &[], EmbedInput::Passage).await.unwrap().vectors.is_empty());
    assert_eq!(server.counts().1, 0);
}

async fn failure(name: &str, script: Script) -> Error {
    let server = Server::start([script]).await;
    let embedder = embedder(&server, name, NATIVE);
    let error = embed(&*embedder, &["one", "two"], EmbedInput::Query).await.unwrap_err();
    let shown = format!("{error:?} {error} {:?}", error.to_report());
    assert!(!shown.contains(KEY), "{shown}");
    assert_eq!(error.phase().unwrap_or(Phase::BeforeFirstEvent), Phase::BeforeFirstEvent);
    error
}

#[tokio::test]
async fn a_reply_that_does_not_fit_is_a_decode_error() {
    let data = |vectors: Value| {
        let items = vectors.as_array().unwrap().iter().map(|vector| json!({ "embedding": vector }));
        json(&json!({"data": items.collect::<Vec<_>>()}))
    };
    for (script, says) in [
        (data(json!([[1, 2], [1, 2, 3]])), "3 numbers and 2 were declared"),
        (data(json!([[1], [1]])), "1 numbers and 2 were declared"),
        (data(json!([[1, 2]])), "1 vectors for 2 texts"),
        (data(json!([[1, 2], [1, 2], [1, 2]])), "3 vectors for 2 texts"),
        (data(json!([[1, null], [1, 2]])), "something else"),
        (json(&json!({"object": "list"})), "something else"),
        (vec![Step::Write(reply(200, &[], "<html>Hello"))], "<html>Hello"),
        (vec![Step::Write(reply(200, &[], ""))], "empty body"),
    ] {
        let error = failure("compatible:m", script).await;
        assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Decode, false), "{error}");
        assert!(error.message().contains(says), "{says}: {error}");
    }
}

#[tokio::test]
async fn failures_are_typed_as_those_of_chats() {
    let busy = r#"{"error":{"message":"slow down","type":"rate_limit_error"}}"#;
    let error = failure("compatible:m", vec![Step::Write(reply(429, &[("retry-after", "3")], busy))]).await;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::RateLimited, true));
    assert_eq!(error.wait().map(|wait| wait.as_secs()), Some(3));

    let error = failure("compatible:m", vec![Step::Echo(401)]).await;
    assert_eq!(error.kind(), ErrorKind::Unauthenticated);
    assert_eq!(error.get("key_variable").and_then(Value::as_str), Some("OPENAI_COMPATIBLE_API_KEY"));

    let unknown = r#"{"id":"8","message":"model 'x' not found"}"#;
    let error = failure("cohere:embed-v4.0", vec![Step::Write(reply(404, &[], unknown))]).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);

    let long = r#"{"error":"the input length exceeds the context length"}"#;
    let error = failure("ollama-native:all-minilm", vec![Step::Write(reply(400, &[], long))]).await;
    assert_eq!(error.kind(), ErrorKind::ContextOverflow);

    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":".to_vec();
    let error = failure("compatible:m", vec![Step::Write(cut), Step::Close]).await;
    assert_eq!((error.kind(), error.is_retryable()), (ErrorKind::Transport, true));
}

#[tokio::test]
async fn a_host_that_falls_silent_is_a_timeout() {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{\"data\":".to_vec();
    let server = Server::start([vec![Step::Write(half), Step::WaitForClose]]).await;
    let timeouts = Timeouts { headers: Duration::from_hours(100_000), idle: Duration::from_secs(10) };
    let registry = Registry::over_http().with_timeouts(timeouts);
    let embedder = registry.embedder_with("compatible:m", NATIVE, &environment(&server)).unwrap();
    let request = EmbedRequest { texts: vec!["x".to_owned()], input: EmbedInput::Query };
    let time_flies = async {
        loop {
            clock.advance(Duration::from_secs(10));
            tokio::task::yield_now().await;
        }
    };
    let Either::Left((answer, _)) = select(embedder.embed(request, &cx), pin!(time_flies)).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Timeout, Some(Phase::BeforeFirstEvent)));
    assert!(error.is_retryable() && error.message().contains("sent nothing for 10 seconds"), "{error}");
}

#[tokio::test]
async fn a_cancelled_call_asks_nobody() {
    let mut server = Server::start([]).await;
    let embedder = embedder(&server, "compatible:m", NATIVE);
    let cx = fixed_context();
    cx.cancellation().cancel();
    let request = EmbedRequest { texts: vec!["x".to_owned()], input: EmbedInput::Query };
    let error = embedder.embed(request, &cx).await.unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Cancelled, Some(Phase::BeforeSend)));
    assert_eq!(server.counts(), (0, 0));
}

#[tokio::test]
async fn names_lengths_and_fingerprints() {
    let server = Server::start([]).await;
    let environment = environment(&server);
    let registry = Registry::over_http();
    let made = |name: &str, dimensions: Dimensions| registry.embedder_with(name, dimensions, &environment);
    let info = |name: &str, dimensions: Dimensions| made(name, dimensions).unwrap().info().clone();

    let small = info("openai:text-embedding-3-small", Dimensions::Native);
    assert_eq!((small.name.as_str(), small.dimensions), ("openai:text-embedding-3-small", 1_536));
    assert_eq!(
        (small.max_batch, small.fingerprint.as_str()),
        (2_048, "openai:text-embedding-3-small/1 1536")
    );
    let short = info("openai:text-embedding-3-small", Dimensions::Requested(256));
    assert_eq!((short.dimensions, short.fingerprint.as_str()), (256, "openai:text-embedding-3-small/1 256"));
    assert_eq!(
        info("ollama:nomic-embed-text", Dimensions::Native).fingerprint,
        r#"ollama:nomic-embed-text/1 768 query="search_query: " passage="search_document: ""#
    );

    let refused = |name: &str, dimensions: Dimensions| made(name, dimensions).err().unwrap();
    for (name, dimensions, says) in [
        ("compatible:m", Dimensions::Native, "is not known"),
        ("compatible:m", Dimensions::Declared(0), "no numbers"),
        ("openai:text-embedding-ada-002", Dimensions::Requested(256), "1536 numbers and none of 256"),
        ("openai:text-embedding-3-small", Dimensions::Requested(2_000), "none of 2000"),
        ("openai", Dimensions::Native, "names no model"),
        ("openai: ", Dimensions::Native, "names no model"),
    ] {
        let error = refused(name, dimensions);
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
        assert!(error.message().contains(says), "{says}: {error}");
    }
    assert_eq!(refused("opnai:m", Dimensions::Native).kind(), ErrorKind::NotFound);
    let keyless = Environment::new();
    let error = registry.embedder("cohere:embed-v4.0", &keyless).err().unwrap();
    assert!(error.message().contains("CO_API_KEY"), "{error}");
    let error =
        registry.embedder("anthropic:m", &Environment::new().with("ANTHROPIC_API_KEY", KEY)).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let error = Registry::new().embedder("openai:text-embedding-3-small", &environment).err().unwrap();
    assert!(error.message().contains("no transport"), "{error}");

    let taught = registry.clone().with_embedding(EmbeddingRow::new("lab-embed", 12));
    let embedder = taught.embedder("compatible:lab-embed-2", &environment).unwrap();
    assert_eq!(embedder.info().dimensions, 12);
}
