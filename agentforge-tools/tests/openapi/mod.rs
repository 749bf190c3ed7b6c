//! Tools from OpenAPI documents: a small shop, documents that are wrong, large or hostile, and a mock of others.

mod bad;
mod prism;
mod shop;
mod swagger;

use agentforge::{
    openapi::{Import, ImportOptions},
    rest::RestOperation,
};
use serde_json::{Value, json};

const SHOP: &str = include_str!("../data/shop.yaml");

fn import(document: &str, options: Value) -> Import {
    let options: ImportOptions = serde_json::from_value(options).unwrap();
    Import::read(document, &options).unwrap()
}

fn refusal(document: &str) -> String {
    Import::read(document, &ImportOptions::default()).unwrap_err().message().to_owned()
}

fn names(import: &Import) -> Vec<&str> {
    import.operations.iter().map(|operation| operation.name.as_str()).collect()
}

fn named<'a>(import: &'a Import, name: &str) -> &'a RestOperation {
    import.operations.iter().find(|operation| operation.name == name).unwrap()
}

/// A document with these paths and schemas.
fn document(paths: Value, schemas: Value) -> String {
    json!({
        "openapi": "3.1.0",
        "info": {"title": "T", "version": "1"},
        "servers": [{"url": "https://api.example"}],
        "paths": paths,
        "components": {"schemas": schemas},
    })
    .to_string()
}

/// An operation with a JSON body of this schema.
fn taking(id: &str, schema: Value) -> Value {
    json!({"post": {
        "operationId": id,
        "requestBody": {"required": true, "content": {"application/json": {"schema": schema}}},
        "responses": {},
    }})
}
