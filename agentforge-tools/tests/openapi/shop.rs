//! A whole document: what its operations become, which are selected, and calls against a server of our own.

use std::sync::Arc;

use agentforge::rest::{AuthScheme, Credential, KeyPlace};
use agentforge_core::{
    http::{Fixed, Method, SecretText},
    schema::Validator,
    tool::Tool,
};
use serde_json::json;

use super::{SHOP, import, named, names};
use crate::rest::{
    call, client,
    server::{Answer, Server},
};

#[test]
fn every_operation_but_the_deprecated_becomes_a_tool() {
    let shop = import(SHOP, json!({}));
    assert_eq!(shop.problems, []);
    assert_eq!(shop.title, "Small Shop");
    assert_eq!(
        names(&shop),
        [
            "replaceCategories",
            "getCustomer",
            "uploadFile",
            "downloadFile",
            "listOrders",
            "createOrder",
            "getOrder",
            "changeOrder",
            "cancelOrder",
            "get_status"
        ]
    );
    let order = named(&shop, "getOrder");
    assert_eq!(
        (order.base_url.as_str(), order.path.as_str()),
        ("https://eu.shop.example/v1", "/orders/{orderId}")
    );
    assert_eq!(order.description, "One order");
    assert_eq!(
        named(&shop, "listOrders").description,
        "Orders, newest first.\nCall it to find an order when its id is not known."
    );
    assert!(named(&shop, "getOrder").effective_annotations().read_only);
    assert!(named(&shop, "cancelOrder").effective_annotations().destructive);
}

#[test]
fn a_model_sees_arguments_without_what_only_replies_have() {
    let shop = import(SHOP, json!({}));
    let input = named(&shop, "createOrder").spec().input;
    assert_eq!(
        input.as_value(),
        &json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["body"],
            "properties": {"body": {
                "type": "object",
                "required": ["lines"],
                "properties": {
                    "lines": {"type": "array", "minItems": 1, "items": {
                        "type": "object",
                        "required": ["item", "count"],
                        "properties": {
                            "item": {"type": "string", "examples": ["tea"]},
                            "count": {"type": "integer", "exclusiveMinimum": 0, "examples": [2]},
                        },
                    }},
                    "note": {"type": ["string", "null"]},
                },
            }},
        })
    );
    assert_eq!(named(&shop, "createOrder").idempotency_header.as_deref(), Some("Idempotency-Key"));
    let category = named(&shop, "replaceCategories").spec().input;
    assert_eq!(
        category.as_value()["$defs"]["Category"]["properties"]["children"]["items"]["$ref"],
        "#/$defs/Category"
    );
    let validator = Validator::new(&category).unwrap();
    assert!(validator.violations(&json!({"body": {"name": "a", "children": [{"name": "b"}]}})).is_empty());
    let faults = validator.violations(&json!({"body": {"name": "a", "children": [{"name": 1}]}}));
    assert_eq!(faults[0].path, "/body/children/0/name");
}

#[test]
fn the_schemes_of_a_document_are_told_with_what_needs_them() {
    let shop = import(SHOP, json!({}));
    let key = AuthScheme::ApiKey { place: KeyPlace::Header, name: "X-Shop-Key".to_owned() };
    assert_eq!(shop.schemes["shop_key"], key);
    assert_eq!(shop.schemes["shop_login"], AuthScheme::Basic);
    assert!(
        matches!(&shop.schemes["shop_oauth"], AuthScheme::Oauth2 { token_url, .. } if token_url.ends_with("/token"))
    );
    let needs = |name| serde_json::to_value(&named(&shop, name).security).unwrap();
    assert_eq!(needs("listOrders"), json!([{"shop_key": []}]));
    assert_eq!(needs("getCustomer"), json!([{"shop_login": []}, {"shop_oauth": ["customers.read"]}]));
    assert_eq!(needs("get_status"), json!([]));
    let error = shop.authenticator([("shop_kee".to_owned(), Credential::secret(key_of()))]).unwrap_err();
    assert_eq!(error.message(), "the document has no scheme `shop_kee`; did you mean `shop_key`?");
}

fn key_of() -> Arc<Fixed> {
    Arc::new(Fixed(SecretText::from("k-123456")))
}

#[test]
fn operations_are_selected_by_tag_id_path_and_method() {
    let selected = |select| {
        let shop = import(SHOP, json!({"select": select}));
        names(&shop).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(
        selected(json!({"tags": ["customers", "files"]})),
        ["getCustomer", "uploadFile", "downloadFile"]
    );
    assert_eq!(selected(json!({"operations": ["getOrder"]})), ["getOrder"]);
    assert_eq!(selected(json!({"paths": ["/orders/*"], "methods": ["DELETE"]})), ["cancelOrder"]);
    assert_eq!(selected(json!({"paths": ["/orders"], "methods": ["GET"]})), ["listOrders"]);
    assert_eq!(selected(json!({"paths": ["/reports"], "deprecated": true})), ["oldReport"]);
    let wrong = import(SHOP, json!({"select": {"operations": ["getOrdr"]}}));
    assert_eq!(wrong.problems[0].message, "no operation has the id `getOrdr`; did you mean `getOrder`?");
}

#[test]
fn the_host_names_servers_and_says_better_what_it_knows() {
    let options = json!({
        "server_variables": {"region": "us"},
        "name_prefix": "shop_",
        "overrides": {
            "listOrders": {"description": "Finds orders.", "pagination": {
                "by": {"type": "cursor", "argument": "cursor", "next": "next"}, "items": "orders",
            }},
            "changeOrder": {"name": "annotate", "annotations": {"read_only": false, "destructive": true, "idempotent": true, "open_world": true}},
            "nobody": {},
        },
    });
    let shop = import(SHOP, options);
    let list = named(&shop, "shop_listOrders");
    assert_eq!(
        (list.base_url.as_str(), list.description.as_str()),
        ("https://us.shop.example/v1", "Finds orders.")
    );
    assert!(list.pagination.is_some());
    assert!(named(&shop, "annotate").effective_annotations().destructive);
    assert!(shop.problems.iter().any(|problem| problem.message.contains("`nobody`")), "{:?}", shop.problems);
}

#[tokio::test]
async fn the_tools_of_a_document_work_against_its_server() {
    let server = Server::start(|asked| match (asked.method.as_str(), asked.path()) {
        ("GET", "/orders") if asked.header("x-shop-key").is_none() => Answer::new(401),
        ("GET", "/orders") if asked.query().contains("cursor=c2") => {
            Answer::json(json!({"orders": [{"id": "o-2"}]}))
        }
        ("GET", "/orders") => Answer::json(json!({"orders": [{"id": "o-1"}], "next": "c2"})),
        ("POST", "/orders") => Answer::json(json!({"id": "o-3"})).status(201),
        ("PATCH", _) => Answer::json(json!({})),
        ("POST", "/files") => Answer::new(201),
        _ => Answer::new(404),
    })
    .await;
    let options = json!({
        "base_url": server.base,
        "overrides": {"listOrders": {"pagination": {
            "by": {"type": "cursor", "argument": "cursor", "next": "next"}, "items": "orders",
        }}},
    });
    let shop = import(SHOP, options);
    let authenticator = shop.authenticator([("shop_key".to_owned(), Credential::secret(key_of()))]).unwrap();
    let tools = shop.tools(&client(), &authenticator).unwrap();
    let tool = |name: &str| tools.iter().find(|tool| tool.spec().name == name).unwrap();

    let arguments = json!({"filter": {"status": "open"}, "ids": ["a", "b"]});
    let orders = call(tool("listOrders"), arguments).await.structured.unwrap();
    assert_eq!(orders, json!({"items": [{"id": "o-1"}, {"id": "o-2"}], "complete": true}));
    assert_eq!(server.asked()[0].query(), "filter%5Bstatus%5D=open&ids=a,b");

    let made = call(tool("createOrder"), json!({"body": {"lines": [{"item": "tea", "count": 2}]}})).await;
    assert_eq!(made.structured.unwrap()["id"], "o-3");
    assert_eq!(server.last().header("idempotency-key"), Some("key-1"));

    call(tool("changeOrder"), json!({"orderId": "o-1", "body": {"note": null}})).await;
    assert_eq!(server.last().header("content-type"), Some("application/merge-patch+json"));
    assert_eq!(server.last().path(), "/orders/o-1");

    let file = json!({"body": {"file": {"base64": "aGk=", "name": "a.pdf", "media_type": "application/pdf"}, "labels": ["x", "y"]}});
    assert!(!call(tool("uploadFile"), file).await.failed);
    let sent = server.last().text();
    assert!(sent.contains("content-type: application/pdf\r\n\r\nhi\r\n"), "{sent}");
    assert_eq!(sent.matches("name=\"labels\"").count(), 2);
    assert_eq!(tool("downloadFile").operation().method, Method::Get);
}
