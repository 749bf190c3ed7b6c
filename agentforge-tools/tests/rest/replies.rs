//! What a model gets of a reply.

use std::{sync::Arc, time::Duration};

use agentforge::rest::ResponseShape;
use agentforge_core::{
    error::ErrorKind,
    http::Method,
    message::{MediaKind, MediaSource, PartContent, Trust},
    testing::fixed_context,
};
use bytes::Bytes;
use serde_json::json;

use super::{
    call, call_in, operation,
    requests::OneBlob,
    server::{Answer, Server},
    text, tool,
};

#[tokio::test]
async fn json_text_and_nothing_are_handed_over_as_untrusted() {
    let server = Server::start(|asked| match asked.path() {
        "/json" => Answer::json(json!({"a": 1})),
        "/text" => Answer::new(200).body("text/csv", "a;b"),
        "/unsaid" => Answer::new(200).body("text/plain", "[1, 2]"),
        "/broken" => Answer::new(200).body("application/json", "{\"a\":"),
        "/created" => Answer::new(201).header("location", "/orders/17"),
        _ => Answer::new(204),
    })
    .await;
    let get = async |path: &str| {
        let output = call(&tool(operation(Method::Get, &server.base, path)), json!({})).await;
        assert_eq!((output.failed, output.trust), (false, Some(Trust::Untrusted)), "{path}");
        output
    };
    assert_eq!(get("/json").await.structured, Some(json!({"a": 1})));
    assert_eq!(text(&get("/text").await), "a;b");
    assert_eq!(get("/unsaid").await.structured, Some(json!([1, 2])));
    assert_eq!(text(&get("/broken").await), "{\"a\":");
    assert_eq!(text(&get("/created").await), "created (201)\nlocation: /orders/17");
    assert_eq!(text(&get("/none").await), "done (204)");
}

#[tokio::test]
async fn head_gives_the_headers() {
    let server = Server::start(|_| Answer::new(200).header("etag", "\"v1\"")).await;
    let output = call(&tool(operation(Method::Head, &server.base, "/x")), json!({})).await;
    assert_eq!(server.last().method, "HEAD");
    assert!(text(&output).contains("etag: \"v1\""), "{output:?}");
}

#[tokio::test]
async fn only_the_wanted_part_and_media_type_reach_the_model() {
    let server = Server::start(|asked| match asked.path() {
        "/html" => Answer::new(200).body("text/html", "<p>"),
        _ => Answer::json(json!({"data": {"orders": [{"id": 1, "secret": "s"}], "more": "x"}})),
    })
    .await;
    let shape = ResponseShape {
        at: Some("data".to_owned()),
        media_types: vec!["application/json".to_owned()],
        ..ResponseShape::picking(["orders[].id"])
    };
    let output =
        call(&tool(operation(Method::Get, &server.base, "/x").shaped(shape.clone())), json!({})).await;
    assert_eq!(output.structured, Some(json!({"orders": [{"id": 1}]})));
    assert_eq!(server.last().header("accept"), Some("application/json"));
    let output = call(&tool(operation(Method::Get, &server.base, "/html").shaped(shape)), json!({})).await;
    assert!(output.failed && text(&output).contains("answered with text/html"), "{output:?}");
}

#[tokio::test]
async fn a_file_is_a_part_and_goes_into_the_blob_store_where_there_is_one() {
    let server = Server::start(|_| {
        let answer = Answer::new(200).header("content-disposition", "attachment; filename=\"../a.png\"");
        answer.body("image/png", vec![0, 159, 146, 150])
    })
    .await;
    let get = || tool(operation(Method::Get, &server.base, "/x"));
    let output = call(&get(), json!({})).await;
    let PartContent::Media(media) = &output.parts[1].content else { panic!("no media: {output:?}") };
    assert_eq!((media.kind, media.name.as_deref()), (MediaKind::Image, Some("a.png")));
    assert!(matches!(&media.source, MediaSource::Bytes { data } if data.len() == 4));
    let output = call(&get().with_blobs(Arc::new(OneBlob(Bytes::new()))), json!({})).await;
    assert_eq!(output.structured.unwrap()["blob"]["name"], "a.png");
    assert!(
        matches!(&output.parts[1].content, PartContent::Media(media) if matches!(media.source, MediaSource::Blob { .. }))
    );
}

#[tokio::test]
async fn a_failure_is_a_sentence_and_a_wait_is_for_the_runtime() {
    let server = Server::start(|asked| match asked.path() {
        "/422" => {
            let problem = json!({"title": "Wrong", "detail": "no tea", "errors": [{"path": "/item"}]});
            Answer::new(422).body("application/problem+json", problem.to_string())
        }
        "/429" => Answer::new(429).header("retry-after", "3"),
        _ => Answer::new(503).header("retry-after", "5").body("text/plain", "busy"),
    })
    .await;
    let post = |path: &str| tool(operation(Method::Post, &server.base, path));
    let output = call(&post("/422"), json!({})).await;
    assert!(output.failed);
    assert_eq!(
        text(&output),
        "`shop` failed: 422 the service understood the arguments and does not accept them; correct them as it \
         says\nWrong: no tea\nerrors: [{\"path\":\"/item\"}]"
    );
    for (path, kind, seconds) in [("/429", ErrorKind::RateLimited, 3), ("/503", ErrorKind::Overloaded, 5)] {
        let error = call_in(&fixed_context(), &post(path), json!({})).await.unwrap_err();
        assert_eq!((error.kind(), error.is_retryable()), (kind, true));
        assert_eq!(error.wait(), Some(Duration::from_secs(seconds)));
    }
}

#[tokio::test]
async fn an_expected_status_is_a_success_and_the_rest_is_not() {
    let server = Server::start(|asked| Answer::new(asked.path()[1..].parse().unwrap())).await;
    let mut get = operation(Method::Get, &server.base, "/404");
    get.expected = vec![404];
    assert!(!call(&tool(get.clone()), json!({})).await.failed);
    get.path = "/200".to_owned();
    assert!(call(&tool(get), json!({})).await.failed);
}

#[tokio::test]
async fn an_address_that_the_policy_forbids_is_never_asked() {
    let server = Server::start(|_| Answer::json(json!({}))).await;
    let strict = agentforge_core::http::GuardedClient::new(
        agentforge_core::http::EgressPolicy::default(),
        agentforge_core::http::HttpLimits::default(),
    );
    let tool = agentforge::rest::RestTool::new(operation(Method::Get, &server.base, "/x"), Arc::new(strict))
        .unwrap();
    let error = call_in(&fixed_context(), &tool, json!({})).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(server.asked().len(), 0);
}
