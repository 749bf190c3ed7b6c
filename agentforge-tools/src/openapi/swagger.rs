//! Operations of Swagger 2.0 in the words of OpenAPI 3. Schemas stay where they are: their references are pointers
//! into the document like any other.

use serde_json::{Map, Value, json};

use super::{document::Document, problem::Fault};

/// An operation and its path in the words of OpenAPI 3.
pub(super) struct Upgraded {
    pub(super) item: Value,
    pub(super) operation: Value,
}

/// The address of the interface, as a list of servers; none when the document does not say.
pub(super) fn servers(root: &Value) -> Option<Value> {
    let host = root.get("host").and_then(Value::as_str)?;
    let schemes = root.get("schemes").and_then(Value::as_array);
    let words = || schemes.into_iter().flatten().filter_map(Value::as_str);
    let scheme = words().find(|word| *word == "https").or_else(|| words().next()).unwrap_or("https");
    let path = root.get("basePath").and_then(Value::as_str).unwrap_or_default();
    Some(json!([{"url": format!("{scheme}://{host}{path}")}]))
}

/// An operation and its path in the words of OpenAPI 3.
pub(super) fn operation(
    document: &Document,
    place: &str,
    item: &Value,
    operation: &Value,
) -> Result<Upgraded, Fault> {
    let mut consumes = [operation.get("consumes"), document.root.get("consumes")].into_iter().flatten();
    let consumes: Vec<&str> =
        consumes.find_map(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let mut upgraded = operation.as_object().cloned().unwrap_or_default();
    let mut parameters = Vec::new();
    let mut form = Form::default();
    for (source, list) in [(place, item.get("parameters")), (place, operation.get("parameters"))] {
        for (index, parameter) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let parameter = document.resolve(&format!("{source}/parameters/{index}"), parameter)?;
            match parameter.get("in").and_then(Value::as_str) {
                Some("body") => {
                    let media_type = consumes.first().copied().unwrap_or("application/json");
                    let schema = parameter.get("schema").cloned().unwrap_or_default();
                    upgraded.insert(
                        "requestBody".to_owned(),
                        json!({
                            "required": parameter.get("required") == Some(&Value::Bool(true)),
                            "description": parameter.get("description"),
                            "content": {(media_type): {"schema": schema}},
                        }),
                    );
                }
                Some("formData") => form.take(parameter),
                _ => parameters.push(plain(parameter)),
            }
        }
    }
    if let Some(body) = form.body(&consumes) {
        upgraded.insert("requestBody".to_owned(), body);
    }
    upgraded.insert("parameters".to_owned(), Value::Array(parameters));
    upgraded.remove("servers");
    Ok(Upgraded { item: json!({}), operation: Value::Object(upgraded) })
}

/// A parameter whose schema lies beside its name.
fn plain(parameter: &Value) -> Value {
    let mut upgraded = json!({
        "name": parameter.get("name"),
        "in": parameter.get("in"),
        "required": parameter.get("required").cloned().unwrap_or(Value::Bool(false)),
        "description": parameter.get("description"),
        "schema": schema(parameter),
    });
    let (style, explode) = style(parameter);
    if let (Some(style), Some(object)) = (style, upgraded.as_object_mut()) {
        object.insert("style".to_owned(), Value::from(style));
        object.insert("explode".to_owned(), Value::from(explode));
    }
    upgraded
}

fn schema(parameter: &Value) -> Value {
    const BESIDE: [&str; 6] =
        ["name", "in", "required", "description", "collectionFormat", "allowEmptyValue"];
    let fields = parameter.as_object().into_iter().flatten();
    let kept = fields.filter(|(key, _)| !BESIDE.contains(&key.as_str()));
    Value::Object(kept.map(|(key, value)| (key.clone(), value.clone())).collect())
}

/// The style of a list, and whether each item stands for itself.
fn style(parameter: &Value) -> (Option<&'static str>, bool) {
    let list = parameter.get("type").and_then(Value::as_str) == Some("array");
    let text = |key: &str| parameter.get(key).and_then(Value::as_str);
    let query = matches!(text("in"), Some("query" | "formData"));
    match (list, text("collectionFormat")) {
        (false, _) => (None, false),
        (true, Some("multi")) if query => (Some("form"), true),
        (true, Some("ssv")) if query => (Some("spaceDelimited"), false),
        (true, Some("pipes")) if query => (Some("pipeDelimited"), false),
        (true, _) if query => (Some("form"), false),
        (true, _) => (Some("simple"), false),
    }
}

#[derive(Default)]
struct Form {
    properties: Map<String, Value>,
    required: Vec<Value>,
    encoding: Map<String, Value>,
    files: bool,
}

impl Form {
    fn take(&mut self, parameter: &Value) {
        let Some(name) = parameter.get("name").and_then(Value::as_str) else { return };
        let mut field = schema(parameter);
        if parameter.get("type").and_then(Value::as_str) == Some("file") {
            self.files = true;
            field = json!({"type": "string", "format": "binary"});
        }
        if let (Some(description), Some(object)) = (parameter.get("description"), field.as_object_mut()) {
            object.insert("description".to_owned(), description.clone());
        }
        if let (Some(style), explode) = style(parameter) {
            self.encoding.insert(name.to_owned(), json!({"style": style, "explode": explode}));
        }
        if parameter.get("required") == Some(&Value::Bool(true)) {
            self.required.push(Value::from(name));
        }
        self.properties.insert(name.to_owned(), field);
    }

    fn body(self, consumes: &[&str]) -> Option<Value> {
        if self.properties.is_empty() {
            return None;
        }
        let multipart = self.files || consumes.first() == Some(&"multipart/form-data");
        let media_type = if multipart { "multipart/form-data" } else { "application/x-www-form-urlencoded" };
        Some(json!({
            "required": !self.required.is_empty(),
            "content": {(media_type): {
                "schema": {"type": "object", "properties": self.properties, "required": self.required},
                "encoding": self.encoding,
            }},
        }))
    }
}
