//! What templates give, and how they fail.

use agentforge_core::error::ErrorKind;
use serde_json::{Value, json};

use super::*;

struct Scope {
    input: Value,
    run: Value,
    booked: Value,
    ok: Value,
}

impl Variables for Scope {
    fn input(&self) -> &Value {
        &self.input
    }

    fn run(&self) -> &Value {
        &self.run
    }

    fn node(&self, id: &str) -> Option<NodeValue<'_>> {
        match id {
            "book" => Some(NodeValue { output: &self.booked, outcome: &self.ok }),
            "skipped" => Some(NodeValue { output: &Value::Null, outcome: &Value::Null }),
            _ => None,
        }
    }
}

fn scope() -> Scope {
    Scope {
        input: json!({"name": "Ann <b>", "days": 3, "half": 0.5, "tags": ["a", "b"], "nothing": null}),
        run: json!({"id": "r1"}),
        booked: json!({"rooms": [{"id": 7}]}),
        ok: json!("ok"),
    }
}

fn check(source: &str, expected: Value) {
    let template = Template::parse(source).unwrap();
    assert_eq!(template.render(&scope()).unwrap(), expected, "{source}");
}

#[test]
fn a_lone_expression_keeps_its_type_and_everything_else_is_text() {
    check("plain", json!("plain"));
    check("{{ input.days }}", json!(3));
    check("  {{- input.days -}} ", json!(3));
    check("{{ input.days * 2 + 1 }}", json!(7));
    check("{{ input.half }}", json!(0.5));
    check("{{ input.tags }}", json!(["a", "b"]));
    check("{{ input.nothing }}", json!(null));
    check("{{ nodes.book.output.rooms[0].id }}", json!(7));
    check("{{ nodes.book.output.rooms[0].id | string }}", json!("7"));
    check("{{ nodes.book.outcome }}", json!("ok"));
    check("{{ input.days }} days for {{ input.name }}", json!("3 days for Ann <b>"));
    check("{% if input.days > 2 %}long{% else %}short{% endif %}", json!("long"));
    check("{{ run.id }}/{{ nodes.book.output.rooms | length }}", json!("r1/1"));
}

#[test]
fn a_path_through_null_is_null() {
    check("{{ nodes.skipped.output.rooms[0].id }}", json!(null));
    check("{{ nodes.skipped.output.id | default('none') }}", json!("none"));
}

#[test]
fn an_undefined_variable_is_named() {
    for (source, variable) in [
        ("{{ input.dayz }}", "input.dayz"),
        ("for {{ input.dayz }}", "input.dayz"),
        ("{{ input.dayz * 2 }}", "input.dayz"),
        ("{{ nodes.other.output }}", "nodes.other.output"),
        ("{{ nodes.book.output.rooms[9].id }}", "nodes.book.output.rooms[9].id"),
    ] {
        let error = Template::parse(source).unwrap().render(&scope()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.message().contains(variable), "{source}: {error}");
    }
}

#[test]
fn wrong_syntax_is_refused_when_parsed() {
    for source in ["{{ input.", "{% if %}", "{{ }}", "{{ input.days | nosuchfilter(}}", "{% for x in %}"] {
        assert_eq!(Template::parse(source).unwrap_err().kind(), ErrorKind::InvalidInput, "{source}");
    }
}

#[test]
fn endless_huge_and_unstorable_work_fails() {
    let nested = "{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}";
    let nul = r"{{ '\u0000' }}";
    let nul_inside = r"x{{ '\u0000' }}";
    for source in
        [nested, "{{ 'x' * 999999999 }}", "{{ 'x' * 400000 }}", "x{{ 'x' * 400000 }}", nul, nul_inside]
    {
        let outcome = Template::parse(source).and_then(|template| template.render(&scope()));
        assert!(outcome.is_err(), "{source}");
    }
}

#[test]
fn variables_are_listed_without_what_the_template_defines() {
    let template =
        Template::parse("{% set d = input.days %}{{ d }}{{ nodes.book.output.id }}{{ range(2) }}").unwrap();
    assert_eq!(template.variables(), ["input.days", "nodes.book.output.id"]);
    assert_eq!(Template::parse("{{ input.tags[0] }}").unwrap().variables(), ["input.tags[0]"]);
}

#[test]
fn json_is_rendered_in_depth_and_faults_have_their_place() {
    let source = json!({"a": ["{{ input.days }}", 1], "b": {"c/d": "x{{ input.days }}"}, "e": "plain"});
    let value = TemplateValue::parse(&source).unwrap();
    assert_eq!(value.render(&scope()).unwrap(), json!({"a": [3, 1], "b": {"c/d": "x3"}, "e": "plain"}));
    let places: Vec<_> = value.templates().into_iter().map(|(path, _)| path).collect();
    assert_eq!(places, ["/a/0", "/b/c~1d"]);
    let faults = TemplateValue::parse(&json!({"a": ["{{ x."], "b": "{% nope %}"})).unwrap_err();
    let paths: Vec<_> = faults.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/a/0", "/b"]);
}

proptest::proptest! {
    #[test]
    fn parsing_never_panics(source in "\\PC{0,60}") {
        let _ = Template::parse(&source).and_then(|template| template.render(&scope()));
    }

    #[test]
    fn text_without_marks_is_itself(text in "[^{}]{0,40}") {
        proptest::prop_assert_eq!(Template::parse(&text).unwrap().render(&scope()).unwrap(), json!(text));
    }
}
