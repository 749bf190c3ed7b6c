//! What is wrong with definitions, all of it, with the node and the place; hashes and golden files.

use agentforge_core::error::ErrorKind;
use agentforge_process::{Catalogue, Definition, Problem, compile};
use serde_json::{Value, json};

use crate::play::{call, process, tools};

/// Every problem of a definition.
fn problems(definition: &Value) -> Vec<Problem> {
    let refused = Definition::parse(definition)
        .and_then(|definition| compile(definition, &Catalogue::standard(), Some(&tools())));
    let error = refused.expect_err("the definition is accepted");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    match error.get("problems") {
        Some(problems) => serde_json::from_value(problems.clone()).unwrap(),
        None => vec![Problem { node: None, path: String::new(), message: error.message().to_owned() }],
    }
}

/// Each expected problem is `(node or "", path, a part of the message)`.
fn check(definition: &Value, expected: &[(&str, &str, &str)]) {
    let found = problems(definition);
    for (node, path, part) in expected {
        let fits = |problem: &&Problem| {
            problem.node.as_deref().unwrap_or("") == *node
                && problem.path == *path
                && problem.message.contains(part)
        };
        assert!(found.iter().any(|problem| fits(&problem)), "no ({node}, {path}, {part}) in {found:#?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
}

fn edge(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to})
}

fn with_text(id: &str, text: &str) -> Value {
    let mut node = call(id);
    node["config"]["arguments"]["text"] = json!(text);
    node
}

#[test]
fn the_form_is_checked_with_paths_and_nearest_keys() {
    check(
        &json!({"v": 1, "nam": "x", "nodes": [{"id": "a", "typ": "tool"}], "edges": [{"from": "a", "to": 3}]}),
        &[
            ("", "/nam", "did you mean `name`?"),
            ("a", "/nodes/0/typ", "did you mean `type`?"),
            ("", "", "\"name\" is a required property"),
            ("a", "/nodes/0", "\"type\" is a required property"),
            ("", "/edges/0/to", "string"),
        ],
    );
    check(&json!({"v": 2, "name": "x", "nodes": []}), &[("", "", "version 2")]);
    check(&json!("nonsense"), &[("", "", "object")]);
    check(&json!({"v": 1, "name": "a\u{0}b", "nodes": []}), &[("", "", "NUL")]);
}

#[test]
fn names_and_ids_are_checked() {
    let mut definition = process(json!([call("a"), call("a"), call("B")]), json!([edge("a", "B")]));
    definition["name"] = json!("My Process");
    check(
        &definition,
        &[
            ("", "/name", "`My Process` is no name"),
            ("a", "/nodes/1/id", "taken by /nodes/0"),
            ("B", "/nodes/2/id", "`B` is no id"),
            ("a", "/nodes/1", "no edge leads here"),
        ],
    );
}

#[test]
fn unknown_types_tools_and_outcomes_have_the_nearest_one() {
    let mut tool = call("b");
    tool["config"]["tool"] = json!("not");
    let definition = process(
        json!([{"id": "a", "type": "aproval"}, tool, call("c"), call("d")]),
        json!([
            edge("a", "b"),
            {"from": "b", "to": "c", "on": "eror"},
            {"from": "c", "to": "d", "on": "approved"},
        ]),
    );
    check(
        &definition,
        &[
            ("a", "/nodes/0/type", "did you mean `approval`?"),
            ("b", "/nodes/1/config/tool", "did you mean `note`?"),
            ("b", "/edges/1/on", "did you mean `error`?"),
            ("c", "/edges/2/on", "never ends in `approved`"),
        ],
    );
}

#[test]
fn an_edge_must_say_which_answer_it_means() {
    let ask = json!({"id": "ask", "type": "approval", "config": {"title": "Go on?"}});
    check(
        &process(json!([ask, call("b")]), json!([edge("ask", "b")])),
        &[("ask", "/edges/0/on", "approved, rejected, expired")],
    );
}

#[test]
fn dangling_and_doubled_edges_are_reported() {
    check(
        &process(
            json!([call("a"), call("bee")]),
            json!([
                edge("a", "bee"),
                {"from": "a", "to": "bee", "on": "ok"},
                edge("a", "be"),
                edge("x", "a"),
                edge("x", "y"),
            ]),
        ),
        &[
            ("a", "/edges/1", "already an edge"),
            ("a", "/edges/2/to", "did you mean `bee`?"),
            ("a", "/edges/3/from", "no node `x`"),
            ("", "/edges/4/from", "no node `x`"),
            ("", "/edges/4/to", "no node `y`"),
        ],
    );
}

#[test]
fn a_run_must_start_at_one_node_and_reach_every_other() {
    check(&process(json!([]), json!([])), &[("", "/nodes", "there is no start")]);
    check(
        &process(json!([call("a"), call("b"), call("c")]), json!([edge("b", "c")])),
        &[("b", "/nodes/1", "already starts at `a`")],
    );
    check(
        &process(json!([call("a"), call("b")]), json!([edge("a", "b"), edge("b", "a")])),
        &[("a", "/nodes/0", "form a cycle"), ("", "/nodes", "there is no start")],
    );
}

#[test]
fn cycles_are_reported_once_with_their_nodes_alone() {
    let definition = process(
        json!([call("a"), call("b"), call("c"), call("d"), call("e")]),
        json!([
            edge("a", "b"), edge("b", "c"), {"from": "c", "to": "b", "on": "error"}, edge("c", "d"),
            {"from": "e", "to": "e", "on": "error"}, {"from": "d", "to": "e"},
        ]),
    );
    check(&definition, &[("b", "/nodes/1", "`b`, `c` form a cycle"), ("e", "/nodes/4", "`e` form a cycle")]);
    check(
        &process(
            json!([call("a"), call("b"), call("c")]),
            json!([{"from": "b", "to": "c"}, {"from": "c", "to": "b"}]),
        ),
        &[
            ("b", "/nodes/1", "`b`, `c` form a cycle"),
            ("b", "/nodes/1", "no way leads"),
            ("c", "/nodes/2", "no way leads"),
        ],
    );
}

#[test]
fn templates_are_checked_for_syntax_and_for_what_they_name() {
    let mut definition = process(
        json!([
            with_text("a", "{{ nodes.b.output }}"),
            with_text("b", "{{ nodes.b.output }} {{ nodes.a.outputs }} {{ nodes.ax.output }} {{ nodes }}"),
            with_text("c", "{{ input.nam }} {{ inputs.name }} {{ input.name.first }} {{ run.ids }}"),
            with_text("d", "{{ input. }}"),
            with_text(
                "e",
                "{{ input.name }} {{ nodes.a.output.x }} {{ run.id }} {% for i in range(3) %}{{ i }}{% endfor %}"
            ),
        ]),
        json!([edge("a", "b"), edge("b", "c"), edge("c", "d"), edge("d", "e")]),
    );
    definition["input"] = json!({"type": "object", "properties": {"name": {"type": "string"}}});
    definition["output"] = json!({"x": "{{ nodes.zzz.output }}", "y": "{{ nodes.e.output }}"});
    let place = |node: usize| format!("/nodes/{node}/config/arguments/text");
    check(
        &definition,
        &[
            ("a", &place(0), "does not come before"),
            ("b", &place(1), "this node itself"),
            ("b", &place(1), "did you mean `output`?"),
            ("b", &place(1), "no node `ax`"),
            ("b", &place(1), "name the node"),
            ("c", &place(2), "did you mean `name`?"),
            ("c", &place(2), "did you mean `input`?"),
            ("c", &place(2), "did you mean `id`?"),
            ("d", &place(3), "the template does not work"),
            ("", "/output/x", "no node `zzz`"),
        ],
    );
}

#[test]
fn fields_of_an_open_input_are_not_guessed() {
    let mut definition = process(json!([with_text("a", "{{ input.anything.at[0].all }}")]), json!([]));
    for input in [
        json!({"type": "object"}),
        json!({"type": "object", "properties": {"x": {}}, "additionalProperties": true}),
        json!({"type": "object", "properties": {"anything": {"type": "object"}}}),
    ] {
        definition["input"] = input;
        compile(Definition::parse(&definition).unwrap(), &Catalogue::standard(), Some(&tools())).unwrap();
    }
}

#[test]
fn schemas_and_configurations_are_checked_with_their_paths() {
    let mut definition = process(
        json!([
            {"id": "a", "type": "tool", "config": {"tool": "note", "arguments": {"text": 3, "daze": 1}, "timeot": 3}},
            {"id": "b", "type": "tool", "config": {"tool": "note", "arguments": {"text": 3, "daze": 1}}},
            {"id": "c", "type": "tool", "config": {"tool": "note", "arguments": {"days": "{{ run.id }}", "dais": 1}}},
            {"id": "d", "type": "approval", "config": {
                "title": "", "form": {"type": "nonsense"}, "quorum": 1, "assignees": {"users": ["nobody"]},
            }},
            {"id": "e", "type": "approval", "config": {"title": "x", "quorum": 0, "expires_in": "P1M"}},
            {"id": "f", "type": "wait", "config": {"for": 3, "until": "x"}},
            {"id": "g", "type": "wait", "config": {"until": "tomorrow"}},
            {"id": "h", "type": "approval", "config": {
                "title": "x", "quorum": 2, "assignees": {"users": ["{{ input.boss }}"]},
            }},
        ]),
        json!([
            edge("a", "b"), edge("b", "c"), edge("c", "d"), {"from": "d", "to": "e", "on": "approved"},
            {"from": "e", "to": "f", "on": "approved"}, edge("f", "g"), edge("g", "h"),
        ]),
    );
    definition["input"] = json!({"type": "nonsense"});
    check(
        &definition,
        &[
            ("a", "/nodes/0/config/timeot", "did you mean `timeout`?"),
            ("b", "/nodes/1/config/arguments/daze", "did you mean `days`?"),
            ("b", "/nodes/1/config/arguments/text", "string"),
            ("c", "/nodes/2/config/arguments/dais", "did you mean `days`?"),
            ("c", "/nodes/2/config/arguments", "\"text\" is a required property"),
            ("d", "/nodes/3/config/title", "the question is empty"),
            ("d", "/nodes/3/config/form", "not usable"),
            ("d", "/nodes/3/config/assignees/users/0", "no user id"),
            ("e", "/nodes/4/config/quorum", "minimum"),
            ("e", "/nodes/4/config/expires_in", "P1M"),
            ("f", "/nodes/5/config", "either `for`"),
            ("g", "/nodes/6/config/until", "no RFC 3339"),
            ("h", "/nodes/7/config/quorum", "only 1 may"),
            ("", "/input", "not usable"),
        ],
    );
}

#[test]
fn the_hash_is_of_the_meaning_and_not_of_the_text() {
    let text = r#"{"nodes": [{"type": "wait", "id": "w", "config": {"for": 60}, "title": ""}],
                   "name": "nap", "v": 1, "edges": []}"#;
    let one = Definition::parse(&serde_json::from_str(text).unwrap()).unwrap();
    let two = json!({"v": 1, "name": "nap", "nodes": [{"id": "w", "type": "wait", "config": {"for": 60}}]});
    let two = Definition::parse(&two).unwrap();
    assert_eq!(one.hash().unwrap(), two.hash().unwrap());
    let other = json!({"v": 1, "name": "nap", "nodes": [{"id": "w", "type": "wait", "config": {"for": 61}}]});
    assert_ne!(Definition::parse(&other).unwrap().hash().unwrap(), one.hash().unwrap());
}

#[test]
fn the_form_is_frozen() {
    let golden: Value = serde_json::from_str(include_str!("golden/definition.v1.json")).unwrap();
    let definition = Definition::parse(&golden).unwrap();
    assert_eq!(definition.to_value().unwrap(), golden, "the normal form of version 1 has changed");
    let hash = definition.hash().unwrap().to_string();
    assert_eq!(hash, include_str!("golden/definition.v1.sha256").trim());
    compile(definition, &Catalogue::standard(), Some(&tools())).unwrap();
}

#[test]
fn a_large_graph_compiles_and_a_larger_one_is_refused() {
    let chain = |length: usize| {
        let nodes: Vec<_> = (0..length).map(|n| call(&format!("n{n}"))).collect();
        let edges: Vec<_> = (1..length).map(|n| edge(&format!("n{}", n - 1), &format!("n{n}"))).collect();
        Definition::parse(&process(json!(nodes), json!(edges))).unwrap()
    };
    compile(chain(1_000), &Catalogue::standard(), None).unwrap();
    let error = compile(chain(1_001), &Catalogue::standard(), None).unwrap_err();
    assert!(error.message().contains("1000"), "{error}");
}
