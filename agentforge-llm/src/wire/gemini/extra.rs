//! The caller's own members for the body of a request.

use serde_json::{Map, Value};

/// Adds the caller's members: those of an object and the entries of a list join what is there, anything else replaces it.
pub(super) fn join(body: &mut Map<String, Value>, extra: &Map<String, Value>) {
    for (name, value) in extra {
        match (body.get_mut(name), value) {
            (Some(Value::Object(held)), Value::Object(more)) if name != "systemInstruction" => {
                held.extend(more.clone());
            }
            (Some(Value::Array(held)), Value::Array(more)) if name == "tools" => held.extend(more.clone()),
            _ => {
                body.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Takes out what a request may not hold beside cached content, which brings its own; gives what was taken out.
pub(super) fn leave_to_cache(body: &mut Map<String, Value>) -> Vec<&'static str> {
    if !body.get("cachedContent").is_some_and(Value::is_string) {
        return Vec::new();
    }
    let brought = ["systemInstruction", "tools", "toolConfig"];
    brought.into_iter().filter(|name| body.remove(*name).is_some()).collect()
}
