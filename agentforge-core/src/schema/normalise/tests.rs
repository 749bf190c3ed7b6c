//! Each dialect with what it becomes, and that a schema of 2020-12 keeps its meaning.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{MAX_SCHEMA_DEPTH, normalise};
use crate::schema::{Schema, Validator};

fn check(loose: Value, expected: Value) {
    assert_eq!(normalise(&loose).unwrap(), expected, "{loose}");
}

/// Asserts which values a loose schema takes and which it refuses.
fn takes(loose: &Value, good: &[Value], bad: &[Value]) {
    let validator = Validator::new(&Schema::from_value(loose.clone()))
        .unwrap_or_else(|error| panic!("{loose}: {error:?}"));
    for value in good {
        assert_eq!(validator.violations(value), [], "{loose} refuses {value}");
    }
    for value in bad {
        assert!(!validator.violations(value).is_empty(), "{loose} takes {value}");
    }
}

fn fault_path(loose: Value) -> String {
    let error = Validator::new(&Schema::from_value(loose.clone())).expect_err(&loose.to_string());
    error.get("path").and_then(Value::as_str).unwrap_or("none").to_owned()
}

#[test]
fn loose_type_names_become_those_of_json_schema() {
    takes(
        &json!({"type": "dict", "properties": {
            "n": {"type": "float"}, "i": {"type": "int"}, "t": {"type": "tuple", "items": {"type": "float"}},
            "b": {"type": "Boolean"}, "s": {"type": "str"}, "a": {"type": "any"}, "m": {"type": "HashMap"},
            "u": {"type": "set", "items": {"type": "str"}}, "z": {"type": "None"}, "g": {"type": "INTEGER"},
        }, "required": ["n"]}),
        &[
            json!({"n": 1, "i": 2.0, "t": [1, 2.5], "b": true, "s": "x", "a": [null], "m": {}, "u": ["a"], "z": null}),
            json!({"n": 1e300, "g": 12_345_678_901_234_567_890_u64, "extra": 1}),
        ],
        &[
            json!({}),
            json!([]),
            json!({"n": "1"}),
            json!({"n": 1, "i": 1.5}),
            json!({"n": 1, "t": ["a"]}),
            json!({"n": 1, "b": 1}),
            json!({"n": 1, "s": 1}),
            json!({"n": 1, "u": ["a", "a"]}),
            json!({"n": 1, "z": 0}),
            json!({"n": 1, "g": "1"}),
            json!({"n": true}),
        ],
    );
}

#[test]
fn a_tuple_with_listed_items_has_their_length() {
    let pair = json!({"type": "tuple", "items": [{"type": "int"}, {"type": "str"}]});
    takes(&pair, &[json!([1, "a"])], &[json!([1]), json!([1, "a", 2]), json!(["a", 1])]);
    let open =
        json!({"type": "array", "items": [{"type": "integer"}], "additionalItems": {"type": "string"}});
    takes(&open, &[json!([]), json!([1, "a", "b"])], &[json!([1, 2])]);
}

#[test]
fn the_forms_of_older_drafts_keep_their_meaning() {
    check(
        json!({"type": "number", "minimum": 1, "exclusiveMinimum": true}),
        json!({"type": "number", "exclusiveMinimum": 1}),
    );
    check(json!({"maximum": 1, "exclusiveMaximum": false}), json!({"maximum": 1}));
    check(
        json!({"$schema": "http://json-schema.org/draft-04/schema#", "id": "http://a.example/b#", "definitions": {"a": {"id": "#x"}},
            "items": {"$ref": "#/definitions/a"}}),
        json!({"$id": "http://a.example/b", "$defs": {"a": {"$anchor": "x"}}, "items": {"$ref": "#/$defs/a"}}),
    );
    check(
        json!({"type": "object", "dependencies": {"a": ["b"], "c": {"required": ["d"]}, "e": "f"}}),
        json!({"type": "object", "dependentRequired": {"a": ["b"], "e": ["f"]}, "dependentSchemas": {"c": {"required": ["d"]}}}),
    );
    check(
        json!({"type": "object", "properties": {"a": {"type": "string", "required": true}, "b": {"type": "string", "required": false}}}),
        json!({"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["a"]}),
    );
    check(
        json!({"$schema": "http://json-schema.org/draft-03/schema#", "type": ["string", {"type": "integer", "divisibleBy": 2}], "disallow": "null"}),
        json!({"anyOf": [{"type": "string"}, {"type": "integer", "multipleOf": 2}], "not": {"type": "null"}}),
    );
}

#[test]
fn references_follow_what_has_moved() {
    let loose = json!({
        "items": [{"type": "str"}, {"$ref": "#/items/0"}],
        "components": {"schemas": {"Pet": {"type": "dict", "properties": {"next": {"$ref": "#/components/schemas/Pet"}}}}},
        "contains": {"$ref": "#/components/schemas/Pet"},
    });
    let normal = normalise(&loose).unwrap();
    assert_eq!(normal["prefixItems"][1]["$ref"], "#/prefixItems/0");
    assert_eq!(normal["components"]["schemas"]["Pet"]["type"], "object");
    takes(&loose, &[json!(["a", "b", {}])], &[json!(["a", 1, {}]), json!(["a", "b"])]);
}

#[test]
fn open_api_says_null_and_example_in_its_own_way() {
    check(
        json!({"type": "string", "nullable": true, "example": "x"}),
        json!({"type": ["string", "null"], "examples": ["x"]}),
    );
    check(
        json!({"type": "string", "enum": ["a"], "nullable": true}),
        json!({"type": ["string", "null"], "enum": ["a", null]}),
    );
    check(json!({"type": "string", "nullable": false}), json!({"type": "string"}));
    let loose = json!({
        "definitions": {"A": {"type": "integer"}},
        "properties": {"a": {"$ref": "#/definitions/A", "nullable": true, "description": "d"}},
    });
    takes(&loose, &[json!({"a": null}), json!({"a": 1})], &[json!({"a": "x"}), json!(3)]);
    assert_eq!(normalise(&loose).unwrap()["properties"]["a"]["description"], "d");
}

#[test]
fn properties_are_found_wherever_they_stand() {
    let good = [json!({"city": "Ulm", "days": 2})];
    let bad = [json!({"city": 1, "days": 2}), json!([])];
    for loose in [
        json!({"city": {"type": "string"}, "days": {"type": "int"}}),
        json!({"city": "string", "days": "int"}),
        json!({"type": "object", "city": {"type": "string"}, "days": {"type": "int"}}),
        json!({"properties": {"city": "str", "days": {"type": "integer"}}}),
        json!({"type": "object", "properties": [{"name": "city", "type": "string"}, {"name": "days", "type": "integer"}]}),
        json!([{"name": "city", "in": "query", "schema": {"type": "string"}}, {"name": "days", "type": "integer"}]),
        json!({"name": "weather", "description": "d", "parameters": {"type": "dict", "properties": {"city": {"type": "string"}}}}),
        json!({"type": "function", "function": {"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}}),
        json!({"name": "weather", "inputSchema": {"type": "object", "properties": {"city": {"type": "string"}}}}),
        json!({"city": {"type": "string", "required": true}, "description": {"type": "string"}, "type": {"type": "string"}}),
    ] {
        takes(&loose, &good, &bad);
    }
    takes(&json!({"city": {"type": "string", "required": true}}), &[json!({"city": ""})], &[json!({})]);
}

#[test]
fn a_document_that_names_its_dialect_means_what_that_says() {
    let properties = json!({"a": {"type": "integer"}});
    takes(&json!({ "properties": properties }), &[json!({"a": 1})], &[json!("text")]);
    let named = json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "properties": properties});
    takes(&named, &[json!({"a": 1}), json!("text")], &[json!({"a": "x"})]);
}

#[test]
fn what_serialisers_write_for_nothing_is_nothing() {
    check(
        json!({"type": "object", "properties": {"a": {"type": "string", "enum": null, "items": null, "default": null}}, "required": null}),
        json!({"type": "object", "properties": {"a": {"type": "string", "default": null}}}),
    );
    check(
        json!({"type": "ARRAY", "minItems": "1", "items": {"type": "STRING"}}),
        json!({"type": "array", "minItems": 1, "items": {"type": "string"}}),
    );
    check(json!({"required": ["a", "a"], "type": "object"}), json!({"required": ["a"], "type": "object"}));
    check(
        json!({"type": "list[int]", "items": {"minimum": 1}}),
        json!({"items": {"minimum": 1},
        "allOf": [{"type": "array", "items": {"type": "integer"}}]}),
    );
}

#[test]
fn boolean_schemas_and_cycles_are_fine() {
    takes(&json!(true), &[json!(1)], &[]);
    takes(&json!(false), &[], &[json!(1)]);
    let tree = json!({"type": "dict", "properties": {"children": {"type": "list", "items": {"$ref": "#"}}}});
    takes(&tree, &[json!({"children": [{"children": []}]})], &[json!({"children": [{"children": 1}]})]);
    for endless in [
        json!({"$ref": "#"}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"allOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a", "type": "string"}),
        json!({"$anchor": "a", "$ref": "#a", "type": "string"}),
    ] {
        let validator = Validator::new(&Schema::from_value(endless)).unwrap();
        let _ = validator.violations(&json!(1));
    }
}

#[test]
fn what_cannot_be_understood_is_refused_with_its_path() {
    for (loose, path) in [
        (json!({"type": "banana"}), "/type"),
        (json!({"properties": {"a/b": {"type": "whatever"}}}), "/properties/a~1b/type"),
        (json!({"type": ["string", "banana"]}), "/type/1"),
        (json!({"items": {"type": 3}}), "/items/type"),
        (json!(7), ""),
        (json!(null), ""),
        (json!({"required": [1]}), "/required/0"),
        (json!({"required": {}}), "/required"),
        (json!({"properties": 1}), "/properties"),
        (json!({"allOf": {}}), "/allOf"),
        (json!({"enum": "a"}), "/enum"),
        (json!({"minimum": "low"}), "/minimum"),
        (json!({"items": {"$ref": "#/$defs/none"}}), "/items/$ref"),
        (json!({"items": {"$ref": 1}}), "/items/$ref"),
        (json!({"type": "string", "pattern": "("}), "/pattern"),
    ] {
        assert_eq!(fault_path(loose.clone()), path, "{loose}");
    }
}

#[test]
fn size_and_depth_are_bounded() {
    let mut deep = json!({"type": "string"});
    for _ in 0..=MAX_SCHEMA_DEPTH {
        deep = json!({"items": deep});
    }
    assert!(normalise(&deep).unwrap_err().message().contains("deep"));
    let many: serde_json::Map<String, Value> = (0..30_000).map(|n| (format!("p{n}"), json!({}))).collect();
    assert!(normalise(&json!({ "properties": many })).unwrap_err().message().contains("more than"));
}

/// Valid schemas of dialect 2020-12.
fn valid_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({})),
        Just(json!(true)),
        Just(json!(false)),
        prop::sample::select(vec!["string", "number", "integer", "boolean", "null", "array", "object"])
            .prop_map(|name| json!({ "type": name })),
        Just(json!({"type": ["string", "null"], "minLength": 1})),
        (0..5_i64, 0..5_i64).prop_map(
            |(low, more)| json!({"type": "integer", "minimum": low, "exclusiveMaximum": low + more})
        ),
        Just(json!({"enum": ["a", 1, null]})),
        Just(json!({"const": {"a": 1}})),
        Just(json!({"$ref": "#/$defs/d"})),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let inner = inner.boxed();
        prop_oneof![
            inner.clone().prop_map(|item| json!({"type": "array", "items": item, "maxItems": 3})),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|items| json!({"type": "array", "prefixItems": items, "items": false})),
            (inner.clone(), inner.clone(), any::<bool>()).prop_map(|(a, b, closed)| json!({
                "type": "object", "properties": {"a": a, "required": b}, "required": ["a"], "additionalProperties": !closed,
            })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({ "anyOf": all })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({ "allOf": all })),
            prop::collection::vec(inner.clone(), 1..3).prop_map(|all| json!({ "oneOf": all })),
            inner.clone().prop_map(|not| json!({ "not": not })),
            (inner.clone(), inner.clone(), inner).prop_map(|(a, b, c)| json!({"if": a, "then": b, "else": c})),
        ]
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-2..6_i64).prop_map(Value::from),
        Just(json!(1.0)),
        Just(json!(2.5)),
        prop::sample::select(vec!["", "a", "b"]).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(prop::sample::select(vec!["a", "required", "c"]), inner, 0..3)
                .prop_map(|fields| json!(fields)),
        ]
    })
}

fn of_dialect(schema: &Value) -> jsonschema::Validator {
    jsonschema::draft202012::options().should_validate_formats(true).build(schema).expect("valid")
}

proptest! {
    #[test]
    fn a_valid_schema_keeps_its_meaning(inner in valid_schema(), values in prop::collection::vec(any_value(), 1..12)) {
        let schema = json!({"$defs": {"d": {"type": ["integer", "array"]}}, "anyOf": [inner]});
        let (before, after) = (of_dialect(&schema), of_dialect(&normalise(&schema).unwrap()));
        for value in values {
            prop_assert_eq!(before.is_valid(&value), after.is_valid(&value), "{} and {}", schema, value);
        }
    }

    #[test]
    fn normalising_twice_is_normalising_once(inner in valid_schema()) {
        let schema = json!({"$defs": {"d": {"type": "dict"}}, "properties": {"p": inner}});
        let once = normalise(&schema).unwrap();
        prop_assert_eq!(&normalise(&once).unwrap(), &once);
    }

    #[test]
    fn foreign_json_never_panics(value in any_value(), text in "\\PC{0,40}") {
        let _ = normalise(&value);
        let _ = normalise(&json!({"type": text, "properties": {"a": value, "b": text}}));
    }
}
