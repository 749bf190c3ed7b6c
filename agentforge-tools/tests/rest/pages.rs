//! Further pages: every way to ask for them, and what ends them.

use agentforge::rest::{Pagination, Paging, Parameter, Place, RequestBody, ResponseShape, RestOperation};
use agentforge_core::http::Method;
use serde_json::{Value, json};

use super::{
    call, operation,
    server::{Answer, Asked, Server},
    text, tool,
};

fn number(asked: &Asked, name: &str) -> Option<u64> {
    let pairs = asked.query().split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(own, _)| *own == name).find_map(|(_, value)| value.parse().ok())
}

fn listing(base: &str, parameters: &[&str], pagination: Pagination) -> RestOperation {
    let parameters = parameters
        .iter()
        .map(|name| Parameter::new(*name, Place::Query).schema(json!({"type": ["integer", "string"]})));
    parameters.fold(operation(Method::Get, base, "/items"), RestOperation::parameter).paged(pagination)
}

async fn gathered(operation: RestOperation, arguments: Value) -> Value {
    let output = call(&tool(operation), arguments).await;
    assert!(!output.failed, "{output:?}");
    output.structured.unwrap()
}

/// Seven items, three on a page.
fn items(from: u64) -> Vec<u64> {
    (from..7).take(3).collect()
}

#[tokio::test]
async fn pages_are_asked_for_by_number() {
    let server = Server::start(|asked| {
        let page = number(asked, "page").unwrap_or(1);
        Answer::json(json!({"data": items((page - 1) * 3)}))
    })
    .await;
    let by = Paging::Page { argument: "page".to_owned(), first: 1, size: None };
    let all = gathered(listing(&server.base, &["page"], Pagination::new(by, "data")), json!({})).await;
    assert_eq!(all, json!({"items": [0, 1, 2, 3, 4, 5, 6], "complete": true}));
    // The page after the last is empty and ends it.
    assert_eq!(server.asked().len(), 4);
}

#[tokio::test]
async fn pages_are_asked_for_by_offset_and_a_short_one_is_the_last() {
    let server =
        Server::start(|asked| Answer::json(json!(items(number(asked, "offset").unwrap_or(0))))).await;
    let by = Paging::Offset { argument: "offset".to_owned(), size: Some("limit".to_owned()) };
    let operation = listing(&server.base, &["offset", "limit"], Pagination::new(by, ""));
    let all = gathered(operation, json!({"limit": 3})).await;
    assert_eq!(all, json!({"items": [0, 1, 2, 3, 4, 5, 6], "complete": true}));
    assert_eq!(server.asked().len(), 3);
}

fn cursors(asked: &Asked) -> Answer {
    let from = number(asked, "cursor").unwrap_or(0);
    let next = if from + 3 < 7 { json!((from + 3).to_string()) } else { Value::Null };
    Answer::json(json!({"orders": items(from), "meta": {"next": next}}))
}

fn by_cursor() -> Paging {
    Paging::Cursor { argument: "cursor".to_owned(), next: "meta.next".to_owned(), more: None }
}

#[tokio::test]
async fn pages_are_asked_for_by_cursor_and_what_a_cap_left_can_be_asked_for() {
    let server = Server::start(cursors).await;
    let all =
        gathered(listing(&server.base, &["cursor"], Pagination::new(by_cursor(), "orders")), json!({})).await;
    assert_eq!(all, json!({"items": [0, 1, 2, 3, 4, 5, 6], "complete": true}));

    let capped = Pagination::new(by_cursor(), "orders").max_pages(2);
    let some = gathered(listing(&server.base, &["cursor"], capped.clone()), json!({})).await;
    assert_eq!(some, json!({"items": [0, 1, 2, 3, 4, 5], "complete": false, "next": {"cursor": "6"}}));
    let rest = gathered(listing(&server.base, &["cursor"], capped), some["next"].clone()).await;
    assert_eq!(rest, json!({"items": [6], "complete": true}));

    // Items that were dropped from a page would be skipped by its next cursor.
    let few = Pagination::new(by_cursor(), "orders").max_items(4);
    let few = gathered(listing(&server.base, &["cursor"], few), json!({})).await;
    assert_eq!(few, json!({"items": [0, 1, 2, 3], "complete": false}));
}

#[tokio::test]
async fn a_cursor_may_travel_in_the_body() {
    let server = Server::start(|asked| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap();
        let from = body["page"]["after"].as_u64().unwrap_or(0);
        let next = if from + 3 < 7 { json!(from + 3) } else { Value::Null };
        Answer::json(json!({"hits": items(from), "next": next, "more": from == 0}))
    })
    .await;
    let by = Paging::Cursor {
        argument: "body.page.after".to_owned(),
        next: "next".to_owned(),
        more: Some("more".to_owned()),
    };
    let search = operation(Method::Post, &server.base, "/search")
        .body(RequestBody::json(json!({"type": "object"})))
        .paged(Pagination::new(by, "hits"));
    let all = gathered(search, json!({"body": {"query": "tea"}})).await;
    assert_eq!(all["items"], json!([0, 1, 2, 3, 4, 5]));
    assert!(server.last().text().contains("\"query\":\"tea\""));
}

#[tokio::test]
async fn pages_are_found_by_link_header_and_by_address() {
    let server = Server::start(|asked| {
        let from = number(asked, "from").unwrap_or(0);
        let next = format!("/items?from={}", from + 3);
        let mut answer =
            Answer::json(json!({"data": items(from), "next": if from + 3 < 7 { &next } else { "" }}));
        if from + 3 < 7 {
            answer = answer.header("link", format!("</>; rel=\"first\", <{next}>; rel=\"next\""));
        }
        answer
    })
    .await;
    for by in [Paging::LinkHeader, Paging::NextUrl { next: "next".to_owned() }] {
        let all = gathered(listing(&server.base, &[], Pagination::new(by, "data")), json!({})).await;
        assert_eq!(all, json!({"items": [0, 1, 2, 3, 4, 5, 6], "complete": true}));
    }
    assert_eq!(server.asked().len(), 6);
}

#[tokio::test]
async fn a_page_at_another_host_is_not_asked_for() {
    let trap = Server::start(|_| Answer::json(json!({"data": [], "next": ""}))).await;
    let target = format!("{}/steal", trap.base);
    let server = Server::start(move |_| Answer::json(json!({"data": [1], "next": target}))).await;
    let by = Paging::NextUrl { next: "next".to_owned() };
    let some = gathered(listing(&server.base, &[], Pagination::new(by, "data")), json!({})).await;
    assert_eq!((some["items"].clone(), some["complete"].clone()), (json!([1]), json!(false)));
    assert!(some["note"].as_str().unwrap().contains("another host"));
    assert_eq!(trap.asked().len(), 0);
}

#[tokio::test]
async fn a_service_that_names_the_same_page_for_ever_is_asked_twice() {
    let server = Server::start(|_| Answer::json(json!({"orders": [1], "meta": {"next": "same"}}))).await;
    let all =
        gathered(listing(&server.base, &["cursor"], Pagination::new(by_cursor(), "orders")), json!({})).await;
    assert_eq!(all["items"], json!([1, 1]));
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn an_endless_service_is_stopped_by_the_caps() {
    let server = Server::start(|asked| {
        let page = number(asked, "page").unwrap_or(1);
        Answer::json(json!({"data": vec![json!("x".repeat(100)); 50], "page": page}))
    })
    .await;
    let by = || Paging::Page { argument: "page".to_owned(), first: 1, size: None };
    let some = gathered(listing(&server.base, &["page"], Pagination::new(by(), "data")), json!({})).await;
    assert_eq!((some["items"].as_array().unwrap().len(), server.asked().len()), (500, 10));
    assert_eq!(some["next"], json!({"page": 11}));
    let mut bytes = Pagination::new(by(), "data");
    bytes.max_bytes = 1_000;
    let some = gathered(listing(&server.base, &["page"], bytes), json!({})).await;
    assert_eq!(some["items"].as_array().unwrap().len(), 9);
}

#[tokio::test]
async fn picked_fields_are_those_of_the_items_and_a_failing_page_fails_the_call() {
    let server = Server::start(|asked| match number(asked, "cursor") {
        Some(3) => Answer::new(500),
        _ => Answer::json(json!({"orders": [{"id": 1, "note": "long"}], "meta": {"next": "3"}})),
    })
    .await;
    let one = Pagination::new(by_cursor(), "orders").max_pages(1);
    let shaped = listing(&server.base, &["cursor"], one).shaped(ResponseShape::picking(["id"]));
    assert_eq!(gathered(shaped, json!({})).await["items"], json!([{"id": 1}]));
    let both = listing(&server.base, &["cursor"], Pagination::new(by_cursor(), "orders"));
    let output = call(&tool(both), json!({})).await;
    assert!(output.failed && text(&output).contains("500"));
}

#[test]
fn a_page_that_is_asked_for_by_no_argument_is_refused() {
    let error =
        listing("https://a.example", &[], Pagination::new(by_cursor(), "orders")).check().unwrap_err();
    assert!(error.message().contains("`cursor`"), "{error}");
}
