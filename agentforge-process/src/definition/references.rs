//! Whether the variables of templates will have a value: known roots, nodes that come before, fields of the input.

use serde_json::Value;

use super::{graph::Graph, or_nearest};

/// Where a template stands: at a node, or behind all of them, in the definition's output.
#[derive(Clone, Copy)]
pub(super) enum Stand<'a> {
    /// The node's place, and whether each node comes before it.
    Node {
        place: usize,
        ancestors: &'a [bool],
    },
    Output,
}

/// What is wrong with a variable, if anything.
pub(super) fn fault(variable: &str, stand: Stand<'_>, graph: &Graph<'_>, input: &Value) -> Option<String> {
    let mut parts = variable.split(['.', '[']);
    match parts.next().unwrap_or_default() {
        "input" => input_fault(variable, parts, input),
        "run" => match parts.next() {
            None | Some("id" | "started_by") => None,
            Some(other) => {
                Some(format!("`run.{other}` is not known; {}", or_nearest(other, ["id", "started_by"])))
            }
        },
        "nodes" => node_fault(parts, stand, graph),
        root => Some(format!("`{variable}` is not known; {}", or_nearest(root, ["input", "nodes", "run"]))),
    }
}

fn node_fault<'a>(
    mut parts: impl Iterator<Item = &'a str>,
    stand: Stand<'_>,
    graph: &Graph<'_>,
) -> Option<String> {
    let Some(id) = parts.next() else {
        return Some("name the node, as in `nodes.<id>.output`".to_owned());
    };
    let Some(place) = graph.place(id) else {
        return Some(format!("there is no node `{id}`; {}", or_nearest(id, graph.ids())));
    };
    if let Stand::Node { place: here, ancestors } = stand {
        if here == place {
            return Some(format!("`{id}` is this node itself; its output is not there yet"));
        }
        if ancestors.get(place) != Some(&true) {
            return Some(format!("`{id}` does not come before this node, so its output is not there yet"));
        }
    }
    match parts.next() {
        None | Some("output" | "outcome") => None,
        Some(other) => {
            Some(format!("`nodes.{id}.{other}` is not known; {}", or_nearest(other, ["output", "outcome"])))
        }
    }
}

/// Walks the schema of the input as far as it names its fields.
fn input_fault<'a>(variable: &str, parts: impl Iterator<Item = &'a str>, input: &Value) -> Option<String> {
    let mut schema = input;
    for part in parts {
        let properties = schema.get("properties").and_then(Value::as_object)?;
        let open = match schema.get("additionalProperties") {
            None | Some(Value::Bool(false)) => schema.get("patternProperties").is_some(),
            Some(_) => true,
        };
        schema = match properties.get(part) {
            Some(inner) => inner,
            None if open || part.ends_with(']') => return None,
            None => {
                let names = properties.keys().map(String::as_str);
                return Some(format!("the input has no `{variable}`; {}", or_nearest(part, names)));
            }
        };
    }
    None
}
