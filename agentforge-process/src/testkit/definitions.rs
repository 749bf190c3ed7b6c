//! The processes of the cases.

use serde_json::{Value, json};

fn process(name: &str, nodes: Value, edges: Value) -> Value {
    json!({
        "v": 1,
        "name": name,
        "title": format!("The process {name}"),
        "input": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
            "required": ["name", "days"],
            "additionalProperties": false,
        },
        "nodes": nodes,
        "edges": edges,
    })
}

/// What a starter fills in.
pub(super) fn form() -> Value {
    json!({"name": "Mia", "days": 3})
}

fn call(id: &str, tool: &str) -> Value {
    let arguments = json!({"what": format!("{id} for {{{{ input.name }}}}"), "days": "{{ input.days }}"});
    json!({"id": id, "type": "tool", "config": {"tool": tool, "arguments": arguments}})
}

/// Two calls, one after the other.
pub(super) fn straight() -> Value {
    process(
        "straight",
        json!([call("first", "record"), call("second", "pay")]),
        json!([{"from": "first", "to": "second"}]),
    )
}

/// A call, a question, and a call for each answer.
pub(super) fn leave() -> Value {
    let ask = json!({
        "id": "ask",
        "type": "approval",
        "title": "Ask the manager",
        "config": {
            "title": "{{ input.days }} days of leave for {{ input.name }}?",
            "detail": {"recorded": "{{ nodes.note.output.done.what }}"},
            "assignees": {"roles": ["approver"]},
            "expires_in": "PT48H",
        },
    });
    process(
        "leave",
        json!([call("note", "record"), ask, call("book", "record"), call("refuse", "record")]),
        json!([
            {"from": "note", "to": "ask"},
            {"from": "ask", "to": "book", "on": "approved"},
            {"from": "ask", "to": "refuse", "on": "rejected"},
        ]),
    )
}

/// One question and nothing else, with more of the configuration.
pub(super) fn question(extra: &Value) -> Value {
    let mut config = json!({"title": "Go on, {{ input.name }}?"});
    if let (Some(config), Some(extra)) = (config.as_object_mut(), extra.as_object()) {
        config.extend(extra.clone());
    }
    process("question", json!([{"id": "ask", "type": "approval", "config": config}]), json!([]))
}

/// One call and nothing else, with more of the configuration.
pub(super) fn one_call(tool: &str, extra: &Value) -> Value {
    let mut node = call("only", tool);
    if let (Some(config), Some(extra)) =
        (node.get_mut("config").and_then(Value::as_object_mut), extra.as_object())
    {
        config.extend(extra.clone());
    }
    process("one_call", json!([node]), json!([]))
}

/// A failing call whose error an edge handles.
pub(super) fn handled() -> Value {
    let mut rescue = call("rescue", "record");
    if let Some(what) = rescue.pointer_mut("/config/arguments/what") {
        *what = json!("{{ nodes.broken.output.error.message }}");
    }
    process(
        "handled",
        json!([call("broken", "fail"), rescue]),
        json!([{"from": "broken", "to": "rescue", "on": "error"}]),
    )
}

/// A timer between two calls.
pub(super) fn nap() -> Value {
    process(
        "nap",
        json!([call("before", "record"), {"id": "sleep", "type": "wait", "config": {"for": "P2D"}}, call("after", "record")]),
        json!([{"from": "before", "to": "sleep"}, {"from": "sleep", "to": "after"}]),
    )
}

/// Two branches, one of which asks a person, and a join.
pub(super) fn branches() -> Value {
    process(
        "branches",
        json!([
            call("begin", "record"),
            call("left", "pay"),
            {"id": "right", "type": "approval", "config": {"title": "Right?"}},
            call("join", "record"),
        ]),
        json!([
            {"from": "begin", "to": "left"},
            {"from": "begin", "to": "right"},
            {"from": "left", "to": "join"},
            {"from": "right", "to": "join", "on": "approved"},
        ]),
    )
}

/// Two calls that stand at the gate, one after the other.
pub(super) fn slow_twice() -> Value {
    process(
        "slow_twice",
        json!([call("first", "slow"), call("second", "slow")]),
        json!([{"from": "first", "to": "second"}]),
    )
}

/// Nodes of a host: says something, listens for a signal, and handles that no other process can be started.
pub(super) fn hosted() -> Value {
    process(
        "hosted",
        json!([
            {"id": "say", "type": "say"},
            {"id": "listen", "type": "listen"},
            {"id": "child", "type": "child"},
            call("rescue", "record"),
        ]),
        json!([
            {"from": "say", "to": "listen"},
            {"from": "listen", "to": "child"},
            {"from": "child", "to": "rescue", "on": "error"},
        ]),
    )
}

/// A question in one branch and a call in another one.
pub(super) fn beside(tool: &str) -> Value {
    process(
        "beside",
        json!([
            call("begin", "record"),
            {"id": "ask", "type": "approval", "config": {"title": "Go on?"}},
            call("beside", tool),
        ]),
        json!([{"from": "begin", "to": "ask"}, {"from": "begin", "to": "beside"}]),
    )
}

/// Two calls at once that stand at the gate.
pub(super) fn slow_pair() -> Value {
    process(
        "slow_pair",
        json!([call("begin", "record"), call("left", "slow"), call("right", "slow")]),
        json!([{"from": "begin", "to": "left"}, {"from": "begin", "to": "right"}]),
    )
}

/// Everything at once: calls that may and may not be repeated, one that destroys, branches, a question, a join and a
/// timer. `in_doubt` is the policy of the calls that may not be repeated.
pub(super) fn everything(in_doubt: &str) -> Value {
    let doubtful = |id: &str| {
        let mut node = call(id, "pay");
        if let Some(config) = node.get_mut("config").and_then(Value::as_object_mut) {
            config.insert("in_doubt".to_owned(), json!(in_doubt));
        }
        node
    };
    let mut definition = process(
        "everything",
        json!([
            call("note", "record"),
            {"id": "ask", "type": "approval", "config": {"title": "Go on?", "quorum": 2, "expires_in": "P30D"}},
            doubtful("left"),
            call("right", "erase"),
            {"id": "sleep", "type": "wait", "config": {"for": "PT60S"}},
            call("join", "large"),
            doubtful("last"),
        ]),
        json!([
            {"from": "note", "to": "ask"},
            {"from": "ask", "to": "left", "on": "approved"},
            {"from": "ask", "to": "right", "on": "approved"},
            {"from": "ask", "to": "sleep", "on": "approved"},
            {"from": "left", "to": "join"},
            {"from": "right", "to": "join"},
            {"from": "sleep", "to": "join"},
            {"from": "join", "to": "last"},
        ]),
    );
    if let Some(definition) = definition.as_object_mut() {
        definition.insert(
            "output".to_owned(),
            json!({
                "left": "{{ nodes.left.output }}",
                "right": "{{ nodes.right.output }}",
                "asked": "{{ nodes.ask.outcome }}",
                "joined": "{{ nodes.join.output.text | length }}",
                "last": "{{ nodes.last.output }}",
            }),
        );
    }
    definition
}
