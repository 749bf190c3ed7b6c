//! A mock that others wrote answers for our document and judges what we send: Prism, in a pinned version.

use std::{path::Path, process::Stdio, sync::Arc};

use agentforge::rest::Credential;
use agentforge_core::{
    http::{Fixed, SecretText},
    tool::Tool,
};
use serde_json::json;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use super::{SHOP, import};
use crate::{
    peers::{npm, skip},
    rest::{call, client, text},
};

const PRISM: &str = "@stoplight/prism-cli@5.16.0";

/// The mock on a port that it chose itself; it ends with the test.
struct Prism {
    base: String,
    _process: Child,
}

async fn start() -> Option<Prism> {
    let Some(folder) = npm("prism", &[PRISM]) else {
        skip("npm cannot install Prism");
        return None;
    };
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/shop.yaml");
    // Port 0 is not taken for «any», so a free one is asked for and given back.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut process = Command::new("node")
        .arg(folder.join("node_modules/@stoplight/prism-cli/dist/index.js"))
        .args(["mock", "--errors", "--host", "127.0.0.1", "--port", &free.to_string()])
        .arg(document)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line.contains("Prism is listening on") {
            // Nobody reads on, and a full pipe would stop it: the rest is read until the process ends.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Some(Prism { base: format!("http://127.0.0.1:{free}"), _process: process });
        }
    }
    panic!("Prism ended before it listened");
}

fn secret() -> Arc<Fixed> {
    Arc::new(Fixed(SecretText::from("k-123456")))
}

#[tokio::test]
async fn a_mock_of_others_accepts_what_the_tools_of_our_document_send() {
    let Some(prism) = start().await else { return };
    let shop = import(SHOP, json!({"base_url": prism.base}));
    let authenticator = shop
        .authenticator([
            ("shop_key".to_owned(), Credential::secret(secret())),
            ("shop_login".to_owned(), Credential::basic("ada", secret())),
            ("shop_oauth".to_owned(), Credential::secret(secret())),
        ])
        .unwrap();
    let tools = shop.tools(&client(), &authenticator).unwrap();
    let tool = |name: &str| tools.iter().find(|tool| tool.spec().name == name).unwrap();
    for (name, arguments) in [
        ("listOrders", json!({"limit": 5, "filter": {"status": "open"}, "ids": ["a", "b"]})),
        ("createOrder", json!({"body": {"lines": [{"item": "tea", "count": 2}], "note": null}})),
        ("getOrder", json!({"orderId": "o 1/2"})),
        ("changeOrder", json!({"orderId": "o-1", "body": {"note": "wrap it"}})),
        ("cancelOrder", json!({"orderId": "o-1"})),
        ("getCustomer", json!({"customerId": "c-1", "X-Trace": "t", "theme": "dark"})),
        ("replaceCategories", json!({"body": {"name": "a", "children": [{"name": "b"}]}})),
        ("uploadFile", json!({"body": {"file": {"base64": "aGk=", "media_type": "image/png"}, "note": "n"}})),
        ("get_status", json!({})),
    ] {
        let output = call(tool(name), arguments).await;
        assert!(!output.failed, "{name}: {}", text(&output));
    }
    let order = call(tool("getOrder"), json!({"orderId": "o-1"})).await.structured.unwrap();
    assert_eq!(order["lines"][0], json!({"item": "tea", "count": 2}));

    // What the mock's own validation refuses is a sentence with what its document says.
    let output = call(tool("createOrder"), json!({"body": {"lines": [{"item": "tea", "count": 0}]}})).await;
    assert!(output.failed && text(&output).contains("422"), "{}", text(&output));
    assert!(text(&output).contains("Not possible: The shop has none left."), "{}", text(&output));

    let nobody = shop.authenticator([("shop_key".to_owned(), Credential::secret(secret()))]).unwrap();
    let mut open = shop.clone();
    for operation in &mut open.operations {
        operation.security.clear();
    }
    let tools = open.tools(&client(), &nobody).unwrap();
    let list = tools.iter().find(|tool| tool.spec().name == "listOrders").unwrap();
    let output = call(list, json!({})).await;
    assert!(output.failed && text(&output).contains("401"), "{}", text(&output));
}
