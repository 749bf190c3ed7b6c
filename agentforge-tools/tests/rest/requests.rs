//! What is sent: styles, bodies, uploads, keys; and what never is.

use std::{collections::BTreeMap, sync::Arc};

use agentforge::rest::{Files, Parameter, Place, RequestBody, RestOperation, Style};
use agentforge_core::{
    Result,
    context::CallContext,
    error::ErrorKind,
    http::Method,
    json::Digest,
    message::Trust,
    store::{BlobEntry, BlobRef, Blobs, ByteStream},
    testing::fixed_context,
    tool::{Access, ApprovalNeed, ApprovalPolicy, Tool},
};
use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use proptest::prelude::*;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    call, input, operation,
    server::{Answer, Server},
    text, tool,
};

async fn echo() -> Server {
    Server::start(|_| Answer::json(json!({"ok": true}))).await
}

#[tokio::test]
async fn every_argument_arrives_where_it_was_meant_for() {
    let server = echo().await;
    let list = json!({"type": "array", "items": {"type": "string"}});
    let operation = operation(Method::Get, &format!("{}/v1/", server.base), "/a/{id}/b{m}")
        .parameter(Parameter::new("id", Place::Path))
        .parameter(Parameter::new("m", Place::Path).style(Style::Matrix).schema(list.clone()))
        .parameter(Parameter::new("tags", Place::Query).schema(list.clone()))
        .parameter(Parameter::new("pipes", Place::Query).schema(list).style(Style::PipeDelimited))
        .parameter(Parameter::new("filter", Place::Query).schema(json!({})).style(Style::DeepObject))
        .parameter(Parameter::new("X-Trace", Place::Header))
        .parameter(Parameter::new("theme", Place::Cookie))
        .header("x-fixed", "always");
    let arguments = json!({
        "id": "a/b c?d", "m": ["1", "2"], "tags": ["x&y", "z"], "pipes": ["p", "q"],
        "filter": {"status": "open"}, "X-Trace": "t-1", "theme": "dark; admin=1",
    });
    let output = call(&tool(operation), arguments).await;
    assert!(!output.failed, "{output:?}");
    let asked = server.last();
    assert_eq!(asked.path(), "/v1/a/a%2Fb%20c%3Fd/b;m=1,2");
    assert_eq!(asked.query(), "tags=x%26y&tags=z&pipes=p%7Cq&filter%5Bstatus%5D=open");
    assert_eq!(asked.header("x-trace"), Some("t-1"));
    assert_eq!(asked.header("x-fixed"), Some("always"));
    assert_eq!(asked.header("cookie"), Some("theme=dark%3B%20admin%3D1"));
}

#[tokio::test]
async fn bodies_are_sent_in_their_media_type() {
    let server = echo().await;
    let post = |body: RequestBody| tool(operation(Method::Post, &server.base, "/x").body(body));
    call(&post(RequestBody::json(json!({}))), json!({"body": {"a": [1, null]}})).await;
    assert_eq!(server.last().text(), r#"{"a":[1,null]}"#);
    assert_eq!(server.last().header("content-type"), Some("application/json"));

    let form = RequestBody::new("application/x-www-form-urlencoded", json!({}));
    call(&post(form), json!({"body": {"a": "1&b=2", "list": [1, 2], "o": {"k": "v"}, "n": null}})).await;
    assert_eq!(server.last().text(), "a=1%26b%3D2&list=1&list=2&o=%7B%22k%22%3A%22v%22%7D");

    call(&post(RequestBody::new("text/plain", json!({}))), json!({"body": "plain"})).await;
    assert_eq!(server.last().text(), "plain");

    let file = json!({"body": {"base64": "AAH/", "media_type": "image/png"}});
    call(&post(RequestBody::new("image/*", json!({}))), file).await;
    assert_eq!(
        (server.last().body, server.last().header("content-type")),
        (vec![0, 1, 255], Some("image/png"))
    );
}

#[tokio::test]
async fn a_file_is_uploaded_from_base64_and_from_a_stored_blob() {
    let server = echo().await;
    let stored = Arc::new(OneBlob(Bytes::from_static(b"stored bytes")));
    let body = RequestBody::new("multipart/form-data", json!({"properties": {"note": {"type": "string"}}}));
    let upload =
        tool(operation(Method::Post, &server.base, "/files").body(body.file("file"))).with_blobs(stored);
    let arguments = json!({"body": {"note": "hi", "file": {"base64": "aGVsbG8=", "name": "a\"b.txt"}}});
    assert!(!call(&upload, arguments).await.failed);
    let sent = server.last();
    assert!(sent.header("content-type").unwrap().starts_with("multipart/form-data; boundary="));
    assert!(sent.text().contains("name=\"file\"; filename=\"a%22b.txt\"\r\n"), "{}", sent.text());
    assert!(sent.text().contains("\r\n\r\nhello\r\n") && sent.text().contains("\r\n\r\nhi\r\n"));

    let hash = Digest::of_bytes(b"stored bytes").to_string();
    let arguments = json!({"body": {"file": {"blob": {"sha256": hash, "media_type": "text/plain"}}}});
    assert!(!call(&upload, arguments).await.failed);
    assert!(server.last().text().contains("content-type: text/plain\r\n\r\nstored bytes\r\n"));

    let other = Digest::of_bytes(b"other").to_string();
    let output = call(&upload, json!({"body": {"file": {"blob": {"sha256": other}}}})).await;
    assert!(output.failed && text(&output).contains("no stored file"), "{output:?}");
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn a_write_carries_its_idempotency_key_and_a_read_does_not() {
    let server = echo().await;
    call(&tool(operation(Method::Post, &server.base, "/x")), json!({})).await;
    assert_eq!(server.last().header("idempotency-key"), Some("key-1"));
    call(&tool(operation(Method::Get, &server.base, "/x")), json!({})).await;
    assert_eq!(server.last().header("idempotency-key"), None);
    let mut own = operation(Method::Delete, &server.base, "/x");
    own.idempotency_header = Some("X-Once".to_owned());
    call(&tool(own.clone()), json!({})).await;
    assert_eq!(server.last().header("x-once"), Some("key-1"));
    own.idempotency_header = None;
    call(&tool(own), json!({})).await;
    assert_eq!(server.last().header("idempotency-key"), None);
}

#[tokio::test]
async fn what_leaves_its_place_is_refused_and_never_sent() {
    let server = echo().await;
    let tool = tool(
        operation(Method::Get, &server.base, "/a/{id}/{kind}")
            .parameter(Parameter::new("id", Place::Path))
            .parameter(Parameter::new("kind", Place::Path).style(Style::Label))
            .parameter(Parameter::new("X-Trace", Place::Header))
            .parameter(Parameter::new("tenant", Place::Query))
            .parameter(Parameter::new("extra", Place::Query).schema(json!({}))),
    );
    let with = |key: &str, value: Value| {
        let mut arguments = json!({"id": "1", "kind": "k"});
        arguments[key] = value;
        arguments
    };
    for arguments in [
        with("id", json!("..")),
        with("id", json!("../admin")),
        with("id", json!("x/../../admin")),
        with("id", json!("x\\..\\admin")),
        with("id", json!("%2e%2e")),
        with("id", json!("x/%2E%2e/y")),
        with("id", json!(["..", ".."])),
        with("id", json!("")),
        with("kind", json!("")),
        with("kind", json!(".")),
        with("X-Trace", json!("a\r\nx-admin: 1")),
        with("X-Trace", json!("ü")),
        with("extra", json!({"tenant": "other"})),
        json!({"kind": "k"}),
        json!("no object"),
    ] {
        let output = call(&tool, arguments.clone()).await;
        assert!(output.failed, "{arguments} was sent: {:?}", server.last());
    }
    assert_eq!(server.asked().len(), 0);
}

proptest! {
    #[test]
    fn no_argument_leads_out_of_its_segment(id in ".{0,24}|[./%\\\\a-f0-9]{0,12}", q in ".{0,24}") {
        let operation = RestOperation::new("x", "x", Method::Get, "https://a.example/base", "/items/{id}/end")
            .parameter(Parameter::new("id", Place::Path))
            .parameter(Parameter::new("q", Place::Query));
        if let Ok(request) = operation.build(&json!({"id": id, "q": q}), &Files::new()) {
            let url = url::Url::parse(&request.url).unwrap();
            prop_assert_eq!(url.host_str(), Some("a.example"));
            let segments: Vec<_> = url.path_segments().unwrap().collect();
            prop_assert_eq!((segments.len(), segments[0], segments[1], segments[3]), (4, "base", "items", "end"));
            let decoded = percent_encoding::percent_decode_str(segments[2]).decode_utf8().unwrap();
            prop_assert_eq!(decoded.as_ref(), id.as_str());
            let pairs: Vec<_> = url.query_pairs().collect();
            prop_assert_eq!(pairs, vec![("q".into(), q.as_str().into())]);
        }
    }
}

#[test]
fn annotations_follow_the_method_unless_the_host_says_better() {
    let annotations = |method| operation(method, "https://a.example", "/x").effective_annotations();
    let flags = |method| {
        let own = annotations(method);
        (own.read_only, own.idempotent, own.destructive, own.open_world)
    };
    assert_eq!(flags(Method::Get), (true, true, false, true));
    assert_eq!(flags(Method::Head), (true, true, false, true));
    assert_eq!(flags(Method::Post), (false, false, false, true));
    assert_eq!(flags(Method::Put), (false, true, false, true));
    assert_eq!(flags(Method::Patch), (false, false, false, true));
    assert_eq!(flags(Method::Delete), (false, true, true, true));
    let search = operation(Method::Post, "https://a.example", "/search").annotated(annotations(Method::Get));
    assert!(search.spec().annotations.read_only);
    let delete = operation(Method::Delete, "https://a.example", "/x").spec();
    assert_eq!(ApprovalPolicy::default().need(&delete, Trust::Untrusted), ApprovalNeed::Tainted);
}

#[tokio::test]
async fn a_plan_shows_what_would_be_sent_and_sends_nothing() {
    let server = echo().await;
    let upload = RequestBody::new("multipart/form-data", json!({})).file("file");
    let post = tool(
        operation(Method::Post, &server.base, "/users/{id}")
            .parameter(Parameter::new("id", Place::Path))
            .parameter(Parameter::new("access_token", Place::Query))
            .body(upload)
            .secured_by(["key"]),
    );
    let arguments = json!({
        "id": "a b", "access_token": "hidden-1",
        "body": {"name": "Ada", "password": "hidden-2", "file": {"base64": "aGVsbG8=", "name": "a.txt"}},
    });
    let plan = post.plan(&fixed_context(), input(arguments)).await.unwrap();
    let shown = serde_json::to_string(&plan).unwrap();
    assert_eq!(plan.effects[0].action, "POST");
    assert_eq!(plan.effects[0].target, format!("{}/users/a%20b?access_token=…", server.base));
    assert_eq!(
        plan.effects[0].detail.as_ref().unwrap()["body"]["file"],
        json!({"name": "a.txt", "bytes": 5})
    );
    assert!(shown.contains("Ada") && !shown.contains("hidden") && !shown.contains("aGVsbG8"), "{shown}");
    let get = tool(operation(Method::Get, &server.base, "/x"));
    assert!(get.plan(&fixed_context(), input(json!({}))).await.unwrap().effects.is_empty());
    assert_eq!(get.access(&json!({})), Access::Reads(vec![server.base.clone()]));
    assert_eq!(post.access(&json!({})), Access::Writes(vec![server.base.clone()]));
    assert_eq!(server.asked().len(), 0);
}

#[test]
fn a_wrong_description_is_refused_with_every_problem() {
    let wrong = RestOperation::new("x", "x", Method::Get, "ftp://user@a.example?x", "a/{id}/{")
        .header("host", "b.example")
        .parameter(Parameter::new("id", Place::Query).style(Style::Matrix))
        .parameter(Parameter::new("id", Place::Header))
        .body(RequestBody::new("application/xml", json!({})));
    let error = wrong.check().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    let problems = error.get("problems").unwrap().to_string();
    for expected in ["base_url", "must begin with `/`", "host", "two arguments", "Matrix", "xml", "no body"] {
        assert!(problems.contains(expected), "{expected} is not in {problems}");
    }
    let stored = json!({"name": "x", "description": "x", "method": "GET", "base_url": "https://a", "path": "/", "parm": 1});
    let error = serde_json::from_value::<RestOperation>(stored).unwrap_err();
    assert!(error.to_string().contains("unknown field `parm`"));
}

#[test]
fn an_operation_is_read_back_as_it_was_written_and_its_version_follows_its_meaning() {
    let one = operation(Method::Post, "https://a.example", "/x/{id}")
        .parameter(Parameter::new("id", Place::Path).description("The id."))
        .body(RequestBody::json(json!({"type": "object"})))
        .secured_by(["key"]);
    let read: RestOperation = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
    assert_eq!(read, one);
    assert_eq!(read.spec().version, one.spec().version);
    let mut other = one.clone();
    other.path = "/y/{id}".to_owned();
    assert_ne!(other.spec().version, one.spec().version);
}

/// A store with one blob.
pub(super) struct OneBlob(pub(super) Bytes);

#[async_trait]
impl Blobs for OneBlob {
    async fn put(
        &self,
        _: &CallContext,
        media_type: &str,
        name: Option<&str>,
        body: ByteStream,
    ) -> Result<BlobRef> {
        let pieces: Vec<_> = body.collect().await;
        let whole: Vec<u8> = pieces.into_iter().flat_map(|piece| piece.unwrap()).collect();
        Ok(BlobRef {
            sha256: Digest::of_bytes(&whole),
            size: whole.len() as u64,
            media_type: media_type.to_owned(),
            name: name.map(str::to_owned),
        })
    }

    async fn get(&self, _: &CallContext, _: Digest) -> Result<ByteStream> {
        let bytes = self.0.clone();
        Ok(futures::stream::once(async move { Ok(bytes) }).boxed())
    }

    async fn entry(&self, _: &CallContext, sha256: Digest) -> Result<Option<BlobEntry>> {
        let known: BTreeMap<_, _> = [(Digest::of_bytes(&self.0), self.0.len() as u64)].into();
        Ok(known.get(&sha256).map(|size| BlobEntry { size: *size, content: Uuid::nil(), elsewhere: false }))
    }

    async fn register(&self, _: &CallContext, _: Digest, size: u64, content: Uuid) -> Result<BlobEntry> {
        Ok(BlobEntry { size, content, elsewhere: true })
    }

    async fn registered(&self, _: &CallContext, _: &[Uuid]) -> Result<Vec<Uuid>> {
        Ok(Vec::new())
    }
}
