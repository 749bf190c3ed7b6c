//! When a request is the one that was recorded.

use bytes::Bytes;
use serde_json::Value;

use crate::recorded::RecordedRequest;

/// What is overlooked when requests are compared.
#[derive(Debug, Clone, Default)]
pub(super) struct Matching {
    /// Pointers to members of the body.
    pub(super) ignored: Vec<String>,
    pub(super) any_host: bool,
    pub(super) in_order: bool,
    pub(super) repeats: bool,
}

/// A request as far as it is compared. Its secrets are out already.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Asked {
    pub(super) method: String,
    /// `None` fits every host.
    pub(super) host: Option<String>,
    pub(super) path: String,
    /// Sorted by name: no provider gives the order a meaning.
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Body,
}

/// A body as far as it is compared: values are equal without regard to the order of members and to blanks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Json(Value),
    Other(Bytes),
}

impl Matching {
    pub(super) fn asked(&self, request: &RecordedRequest) -> Asked {
        let body = match serde_json::from_slice::<Value>(&request.body) {
            Ok(mut body) => {
                for pointer in &self.ignored {
                    remove(&mut body, &steps(pointer));
                }
                Body::Json(body)
            }
            Err(_) => Body::Other(request.body.clone()),
        };
        let mut query = request.query.clone();
        query.sort();
        Asked {
            method: request.method.to_ascii_uppercase(),
            host: request.host.clone().filter(|_| !self.any_host).map(|host| host.to_ascii_lowercase()),
            path: request.path.trim_end_matches('/').to_owned(),
            query,
            body,
        }
    }
}

impl Asked {
    pub(super) fn fits(&self, recorded: &Self) -> bool {
        let host = self.host.is_none() || recorded.host.is_none() || self.host == recorded.host;
        host && self.method == recorded.method
            && self.path == recorded.path
            && self.query == recorded.query
            && self.body == recorded.body
    }
}

/// The steps of a JSON pointer.
pub(super) fn steps(pointer: &str) -> Vec<String> {
    let steps = pointer.strip_prefix('/').unwrap_or(pointer).split('/');
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// Shows every value that a pointer means to a visitor.
pub(super) fn visit(value: &mut Value, steps: &[String], see: &mut dyn FnMut(&mut Value)) {
    let Some((step, rest)) = steps.split_first() else {
        see(value);
        return;
    };
    match value {
        Value::Object(members) if step == "*" => {
            for member in members.values_mut() {
                visit(member, rest, see);
            }
        }
        Value::Array(elements) if step == "*" => {
            for element in elements {
                visit(element, rest, see);
            }
        }
        Value::Object(members) => {
            if let Some(member) = members.get_mut(step) {
                visit(member, rest, see);
            }
        }
        Value::Array(elements) => {
            if let Some(element) = step.parse::<usize>().ok().and_then(|place| elements.get_mut(place)) {
                visit(element, rest, see);
            }
        }
        _ => {}
    }
}

/// Takes out what a pointer means.
fn remove(value: &mut Value, steps: &[String]) {
    let Some((last, before)) = steps.split_last() else { return };
    visit(value, before, &mut |parent| match parent {
        Value::Object(members) if last == "*" => members.clear(),
        Value::Array(elements) if last == "*" => elements.clear(),
        Value::Object(members) => {
            members.remove(last);
        }
        Value::Array(elements) => {
            if let Some(place) = last.parse::<usize>().ok().filter(|place| *place < elements.len()) {
                elements.remove(place);
            }
        }
        _ => {}
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_takes_out_what_it_names_and_nothing_else() {
        let check = |pointer: &str, expected: Value| {
            let mut body =
                json!({"a": {"b": 1, "c/d": 2}, "list": [{"id": 1, "x": 2}, {"id": 3}], "n": null});
            remove(&mut body, &steps(pointer));
            assert_eq!(body, expected, "{pointer}");
        };
        let list = json!([{"id": 1, "x": 2}, {"id": 3}]);
        check("/a/b", json!({"a": {"c/d": 2}, "list": list, "n": null}));
        check("/a/c~1d", json!({"a": {"b": 1}, "list": list, "n": null}));
        check("/list/*/id", json!({"a": {"b": 1, "c/d": 2}, "list": [{"x": 2}, {}], "n": null}));
        check("/list/0", json!({"a": {"b": 1, "c/d": 2}, "list": [{"id": 3}], "n": null}));
        check("/a/*", json!({"a": {}, "list": list, "n": null}));
        for nothing in ["/none", "/list/9", "/n/x", "/a/b/c"] {
            check(nothing, json!({"a": {"b": 1, "c/d": 2}, "list": list, "n": null}));
        }
    }
}
