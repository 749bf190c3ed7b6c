//! Documents that are wrong, large or hostile: refused, or taken over without what is wrong with them.

use agentforge::openapi::{Effect, Import, ImportOptions};
use agentforge_core::{http::Method, tool::Tool};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{SHOP, document, import, named, names, refusal, taking};
use crate::rest::client;

#[test]
fn what_is_no_document_is_refused_with_the_reason() {
    let check = |text: &str, expected: &str| {
        let message = refusal(text);
        assert!(message.contains(expected), "{message}");
    };
    check("", "no OpenAPI document");
    check("hello", "no OpenAPI document");
    check("[1, 2]", "no OpenAPI document");
    check("{\"openapi\": ", "no JSON");
    check("a: b: c", "no YAML at line 1");
    check("openapi: 4.0.0\npaths: {}", "version `4.0.0`");
    check("swagger: '1.2'\npaths: {}", "version `1.2`");
    check("openapi: 3.0.0", "no `paths`");
    check("openapi: 3.0.0\npaths: 5", "no `paths`");
}

#[test]
fn a_document_without_a_usable_server_names_the_setting() {
    let check = |servers: &str, expected: &str| {
        let message = refusal(&format!("openapi: 3.0.0\npaths: {{/x: {{get: {{}}}}}}\n{servers}"));
        assert!(message.contains(expected) && message.contains("base_url"), "{message}");
    };
    check("", "names no server");
    check("servers: []", "names no server");
    check("servers: [{url: /v1}]", "`/v1` is no whole address");
    check("servers: [{url: 'ws://x.example'}]", "`ws`");
    check("servers: [{url: 'https://{tenant}.example'}]", "`tenant` has no default");
    check("servers: [{url: 'https://{tenant.example'}]", "not closed");
    let one = "openapi: 3.0.0\npaths: {/x: {get: {servers: [{url: 'https://own.example'}]}, put: {}}}";
    let found = import(one, json!({}));
    assert_eq!(named(&found, "get_x").base_url, "https://own.example");
    assert_eq!((found.problems.len(), found.problems[0].place.as_str()), (1, "/paths/~1x/put"));
    let all = import(one, json!({"base_url": "http://127.0.0.1:9"}));
    assert!(all.operations.iter().all(|operation| operation.base_url == "http://127.0.0.1:9"));
}

#[test]
fn a_bad_operation_is_named_with_its_place_and_stops_no_other() {
    let paths = json!({
        "/good": {"get": {"operationId": "good"}},
        "/remote": taking("remote", json!({"properties": {"a": {"$ref": "https://evil.example/schema.json"}}})),
        "/file": taking("file", json!({"$ref": "other.yaml#/Thing"})),
        "/gone": taking("gone", json!({"$ref": "#/components/schemas/Gone"})),
        "/indirect": taking("indirect", json!({"$ref": "#/components/schemas/Far"})),
        "/xml": {"post": {"operationId": "xml", "requestBody": {"required": true, "content": {"application/xml": {}}}}},
        "/style": {"get": {"operationId": "style", "parameters": [
            {"name": "a", "in": "query", "required": true, "style": "zigzag", "schema": {}}]}},
        "/loop": {"get": {"operationId": "loop", "parameters": [{"$ref": "#/paths/~1loop/get/parameters/0"}]}},
        "/pattern": taking("pattern", json!({"type": "string", "pattern": "("})),
        "/item": {"$ref": "#/components/nothing"},
        "/brace/{": {"get": {"operationId": "brace"}},
        "/mutual": {"get": {"operationId": "mutual", "security": [{"certificate": []}]}},
        "/word": {"get": "no operation"},
        "no-slash": {"get": {}},
    });
    let found = import(&document(paths, json!({"Far": {"$ref": "https://evil.example/x"}})), json!({}));
    assert_eq!(names(&found), ["good"]);
    let places: Vec<_> = found.problems.iter().map(|problem| problem.place.as_str()).collect();
    assert_eq!(
        places,
        [
            "/paths/~1brace~1{/get",
            "/paths/~1file/post/requestBody/content/application~1json/schema",
            "/paths/~1gone/post/requestBody/content/application~1json/schema",
            "/paths/~1indirect/post/requestBody/content/application~1json/schema",
            "/paths/~1item",
            "/paths/~1loop/get/parameters/0",
            "/paths/~1mutual/get/security",
            "/paths/~1pattern/post",
            "/paths/~1remote/post/requestBody/content/application~1json/schema",
            "/paths/~1style/get/parameters/0",
            "/paths/~1word/get",
            "/paths/~1xml/post/requestBody",
        ],
        "{:#?}",
        found.problems
    );
    assert!(found.problems.iter().all(|problem| problem.effect == Effect::Skipped));
    let remote = found.problems.iter().find(|problem| problem.place.contains("remote")).unwrap();
    assert!(
        remote.message.contains("https://evil.example/schema.json")
            && remote.message.contains("nothing is fetched")
    );
}

#[test]
fn an_optional_part_that_cannot_be_taken_over_is_left_out() {
    let paths = json!({"/x/{id}/{seen}": {"post": {
        "operationId": "x",
        "parameters": [
            {"name": "seen", "in": "path", "required": true, "schema": {"type": "string"}},
            {"name": "unused", "in": "path", "required": true, "schema": {"type": "string"}},
            {"name": "Host", "in": "header", "schema": {"type": "string"}},
            {"name": "Accept", "in": "header", "required": true, "schema": {"type": "string"}},
            {"name": "far", "in": "query", "schema": {"$ref": "x.json"}},
            {"name": "old", "in": "query", "deprecated": true, "schema": {}},
            {"name": "kept", "in": "query", "content": {"application/json": {"schema": {"type": "object"}}}},
        ],
        "requestBody": {"content": {"application/xml": {}}},
    }}});
    let found = import(&document(paths, json!({})), json!({}));
    let spec = named(&found, "x").spec();
    let arguments: Vec<_> =
        spec.input.as_value()["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(arguments, ["id", "kept", "seen"]);
    assert_eq!(found.problems.len(), 5, "{:#?}", found.problems);
    assert!(found.problems.iter().all(|problem| problem.effect == Effect::Simplified));
}

#[test]
fn names_fit_models_and_none_is_given_twice() {
    let get = |id: &str| json!({"get": {"operationId": id}});
    let long = "x".repeat(80);
    let paths = json!({
        "/a": get("orders.list all"), "/b": get("orders/list/all"), "/c": get("知識"), "/d": get(&long),
        "/e": get(&format!("{long}y")), "/f/{id}": {"get": {}, "parameters": [{"name": "id", "in": "path", "schema": {}}]},
    });
    let found = import(&document(paths, json!({})), json!({}));
    let names = names(&found);
    assert_eq!(names[..3], ["orders_list_all", "orders_list_all_2", "operation"]);
    assert_eq!((names[3].len(), names[4].len()), (64, 64));
    assert_ne!(names[3], names[4]);
    assert_eq!(names[5], "get_f_id");
    assert!(found.problems.iter().any(|problem| problem.message.contains("this one is `orders_list_all_2`")));
}

#[test]
fn arguments_of_one_name_are_told_apart() {
    let parameter =
        |place: &str| json!({"name": "id", "in": place, "required": true, "schema": {"type": "string"}});
    let mut one = taking("one", json!({"type": "object"}));
    one["post"]["parameters"] = json!([
        parameter("path"), parameter("query"), parameter("header"),
        {"name": "body", "in": "query", "schema": {}}, {"name": "page[size]", "in": "query", "schema": {}},
    ]);
    let found = import(&document(json!({"/x/{id}": one}), json!({})), json!({}));
    let spec = named(&found, "one").spec();
    let arguments: Vec<_> =
        spec.input.as_value()["properties"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(arguments, ["body", "header_id", "id", "page_size", "query_id", "request_body"]);
    assert_eq!(found.problems, []);
}

#[test]
fn thousands_of_references_cost_what_the_document_is_long() {
    let mut schemas = Map::new();
    let mut paths = Map::new();
    for number in 0..5_000 {
        let (next, over) = ((number + 1) % 5_000, (number * 7 + 3) % 5_000);
        let at = |number: usize| json!({"$ref": format!("#/components/schemas/S{number}")});
        schemas.insert(
            format!("S{number}"),
            json!({"type": "object", "properties": {"next": at(next), "over": at(over)}}),
        );
        if number % 50 == 0 {
            paths.insert(format!("/p{number}"), taking(&format!("op{number}"), at(number)));
        }
    }
    paths.insert("/plain".to_owned(), json!({"get": {"operationId": "plain"}}));
    let found = import(&document(Value::Object(paths), Value::Object(schemas)), json!({}));
    // Each reaches all 5,000 schemas, which no model reads; the one that does not is there.
    assert_eq!(names(&found), ["plain"]);
    assert_eq!(found.problems.len(), 100);
    assert!(found.problems[0].message.contains("no model reads"), "{:?}", found.problems[0]);
}

#[test]
fn five_thousand_references_to_one_schema_are_one_conversion() {
    let schemas =
        json!({"Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}});
    let fields: Map<_, _> =
        (0..5_000).map(|at| (format!("f{at}"), json!({"$ref": "#/components/schemas/Node"}))).collect();
    let paths = json!({"/x": taking("x", json!({"type": "object", "properties": fields}))});
    let found = import(&document(paths, schemas), json!({}));
    assert_eq!(found.problems, []);
    assert_eq!(named(&found, "x").definitions.len(), 1);
}

#[test]
fn a_deep_document_is_refused_or_bounded() {
    let mut schema = json!({"type": "string"});
    for _ in 0..50 {
        schema = json!({"type": "object", "properties": {"a": schema}});
    }
    let deep = import(&document(json!({"/x": taking("x", schema)}), json!({})), json!({}));
    assert!(deep.problems[0].message.contains("levels"), "{:?}", deep.problems);
    let nested =
        format!("{{\"openapi\": \"3.0.0\", \"x\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(refusal(&nested).contains("no JSON"));
    let yaml = |levels| format!("openapi: 3.0.0\nx: {}", "[".repeat(levels));
    assert!(refusal(&yaml(150)).contains("120 levels"));
    assert!(refusal(&yaml(100_000)).contains("no YAML"));
}

#[test]
fn json_and_yaml_of_one_document_are_one_import() {
    let whole = import(SHOP, json!({}));
    let stored = serde_json::to_string(&whole).unwrap();
    assert_eq!(serde_json::from_str::<Import>(&stored).unwrap(), whole);
    assert!(whole.operations.iter().all(|operation| operation.check().is_ok()));
}

#[test]
fn a_thousand_operations_become_a_thousand_tools() {
    let found = import(&large(1_000), json!({}));
    assert_eq!((found.operations.len(), found.problems.len()), (1_000, 0));
    let authenticator = found.authenticator([]).unwrap();
    let tools = found.tools(&client(), &authenticator).unwrap();
    assert!(tools.iter().all(|tool| tool.spec().check().is_ok()));
    assert_eq!(found.operations[0].method, Method::Get);
}

/// Operations in pairs, each with a schema of its own and shared ones.
fn large(operations: usize) -> String {
    let mut paths = Map::new();
    let mut schemas = Map::new();
    schemas.insert("Money".to_owned(), json!({"type": "object", "required": ["amount"], "properties": {
        "amount": {"type": "string", "pattern": "^[0-9]+$"}, "currency": {"type": "string", "minLength": 3, "maxLength": 3}}}));
    schemas.insert(
        "Tree".to_owned(),
        json!({"properties": {"below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}}}}),
    );
    for number in 0..operations / 2 {
        let fields: Map<_, _> = (0..12)
            .map(|field| {
                (
                    format!("field{field}"),
                    json!({"type": "string", "maxLength": 200, "description": "What is in the field."}),
                )
            })
            .chain([
                ("price".to_owned(), json!({"$ref": "#/components/schemas/Money"})),
                ("tree".to_owned(), json!({"$ref": "#/components/schemas/Tree"})),
            ])
            .collect();
        schemas.insert(
            format!("Thing{number}"),
            json!({"type": "object", "required": ["field0"], "properties": fields}),
        );
        let mut item = taking(
            &format!("makeThing{number}"),
            json!({"$ref": format!("#/components/schemas/Thing{number}")}),
        );
        item["get"] = json!({
            "operationId": format!("listThings{number}"),
            "summary": "A list of things.",
            "parameters": [
                {"name": "limit", "in": "query", "schema": {"type": "integer", "maximum": 100}},
                {"name": "cursor", "in": "query", "schema": {"type": "string"}},
                {"name": "sort", "in": "query", "schema": {"type": "string", "enum": ["up", "down"]}},
            ],
        });
        paths.insert(format!("/things{number}"), item);
    }
    document(Value::Object(paths), Value::Object(schemas))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_text_makes_an_import_panic(text in "\\PC{0,200}", at in 0_usize..6_000, cut in 0_usize..40) {
        let _ = Import::read(&text, &ImportOptions::default());
        let _ = Import::read(&format!("openapi: 3.0.0\npaths:\n  {text}"), &ImportOptions::default());
        let start = SHOP.floor_char_boundary(at.min(SHOP.len()));
        let end = SHOP.floor_char_boundary((start + cut).min(SHOP.len()));
        let damaged = format!("{}{}{}", &SHOP[..start], text.get(..8.min(text.floor_char_boundary(8))).unwrap_or(""), &SHOP[end..]);
        let _ = Import::read(&damaged, &ImportOptions::default());
    }
}
