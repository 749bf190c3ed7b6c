//! The input schema of an operation: one object with an argument per parameter and one for the body.

use agentforge_core::schema::Schema;
use serde_json::{Map, Value, json};

use super::{
    body::{BodyKind, RequestBody},
    file,
    operation::RestOperation,
};

/// What a model writes for a call.
pub(super) fn schema(operation: &RestOperation) -> Schema {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in &operation.parameters {
        let name = parameter.argument_name().to_owned();
        if parameter.required {
            required.push(Value::from(name.clone()));
        }
        properties.insert(name, described(parameter.schema.clone(), parameter.description.as_deref()));
    }
    if let Some(body) = &operation.body {
        let name = body.argument_name().to_owned();
        if body.required {
            required.push(Value::from(name.clone()));
        }
        properties.insert(name, described(body_schema(body), body.description.as_deref()));
    }
    let mut whole = json!({"type": "object", "properties": properties, "additionalProperties": false});
    if let Some(object) = whole.as_object_mut() {
        if !required.is_empty() {
            object.insert("required".to_owned(), Value::Array(required));
        }
        if !operation.definitions.is_empty() {
            object.insert("$defs".to_owned(), Value::Object(operation.definitions.clone()));
        }
    }
    Schema::from_value(whole)
}

fn described(mut schema: Value, description: Option<&str>) -> Value {
    if schema == Value::Bool(true) {
        schema = Value::Object(Map::new());
    }
    if let (Some(object), Some(description)) = (schema.as_object_mut(), description) {
        object.insert("description".to_owned(), Value::from(description));
    }
    schema
}

fn body_schema(body: &RequestBody) -> Value {
    let mut schema = match BodyKind::of(&body.media_type) {
        Some(BodyKind::File) => return file::schema(),
        Some(BodyKind::Text) if !body.schema.is_object() => json!({"type": "string"}),
        Some(BodyKind::Form | BodyKind::Multipart) if !body.schema.is_object() => json!({"type": "object"}),
        _ => body.schema.clone(),
    };
    let Some(object) = schema.as_object_mut() else { return json!({}) };
    if !body.files.is_empty() {
        let fields = object.entry("properties").or_insert_with(|| json!({}));
        if let Some(fields) = fields.as_object_mut() {
            for name in &body.files {
                let many = fields.get(name).is_some_and(|field| field.get("type") == Some(&json!("array")));
                let one = file::schema();
                let said = fields.get(name).and_then(|field| field.get("description")).cloned();
                let mut field = if many { json!({"type": "array", "items": one}) } else { one };
                if let (Some(said), Some(field)) = (said, field.as_object_mut()) {
                    field.insert("description".to_owned(), said);
                }
                fields.insert(name.clone(), field);
            }
        }
    }
    schema
}
