//! Schemas of a document as JSON Schema 2020-12 for requests.
//!
//! Each reference is converted once for the whole document. A small target is written where it is used; a large or a
//! cyclic one becomes an entry of `$defs`. So thousands of references cost what the document is long, and targets that
//! double each other cannot grow without bound.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    rc::Rc,
};

use serde_json::{Map, Value, json};

use super::{
    document::Document,
    name::{self, Names},
};

/// How many values a target may have that is written where it is used.
const INLINE_VALUES: usize = 256;

/// How deep the conversion goes before it puts a reference off.
const MAX_DEPTH: usize = 48;

/// How deep a schema may lie in itself, so that what is stored can be read again.
const MAX_LEVELS: usize = 96;

/// How many values the schema of one tool may have, its definitions included.
const MAX_VALUES: usize = 40_000;

/// A converted target.
#[derive(Clone)]
enum Entry {
    /// Under way; whoever meets it again has found a cycle.
    Open,
    /// Written where it is used.
    Inline(Rc<Value>),
    /// An entry of `$defs`.
    Definition(Rc<str>),
    /// Cannot be converted.
    Failed(Rc<str>),
}

struct Definition {
    value: Value,
    values: usize,
    levels: usize,
    uses: BTreeSet<String>,
}

/// The schemas of one document.
pub(super) struct Schemas<'a> {
    document: &'a Document,
    entries: HashMap<String, Entry>,
    cyclic: HashSet<String>,
    names: Names,
    definitions: HashMap<String, Result<Definition, Rc<str>>>,
    /// Targets that were put off: the reference and the name that it will have.
    later: Vec<(String, Rc<str>)>,
}

impl<'a> Schemas<'a> {
    pub(super) fn new(document: &'a Document) -> Self {
        Self {
            document,
            entries: HashMap::new(),
            cyclic: HashSet::new(),
            names: Names::default(),
            definitions: HashMap::new(),
            later: Vec::new(),
        }
    }

    /// Converts a schema.
    pub(super) fn convert(&mut self, schema: &Value) -> Result<Value, String> {
        let converted = self.value(schema, 0).map_err(|why| why.to_string());
        // Also after a fault, so that what others were promised is there.
        while let Some((reference, name)) = self.later.pop() {
            self.define(&reference, &name);
        }
        converted
    }

    /// Converts what a schema's references lead to, so that its own fields are there to be seen.
    pub(super) fn convert_target(&mut self, schema: &Value) -> Result<Value, String> {
        let mut target = schema;
        for _ in 0..MAX_DEPTH {
            match target.get("$ref").and_then(Value::as_str) {
                Some(reference) => target = self.document.target(reference)?,
                None => return self.convert(target),
            }
        }
        Err("its references lead to each other".to_owned())
    }

    /// The definitions that some schemas use, directly or not.
    pub(super) fn definitions_of<'b>(
        &self,
        schemas: impl IntoIterator<Item = &'b Value>,
    ) -> Result<Map<String, Value>, String> {
        let mut open = BTreeSet::new();
        let mut values = 0;
        for schema in schemas {
            values += count(schema);
            if levels(schema) > MAX_LEVELS {
                return Err(too_deep());
            }
            collect_uses(schema, &mut open);
        }
        let mut found: BTreeMap<String, &Definition> = BTreeMap::new();
        while let Some(name) = open.pop_first() {
            if found.contains_key(&name) {
                continue;
            }
            let definition = match self.definitions.get(&name) {
                Some(Ok(definition)) => definition,
                Some(Err(why)) => return Err(why.to_string()),
                None => return Err(format!("its schema `{name}` was not converted")),
            };
            values += definition.values;
            if definition.levels > MAX_LEVELS {
                return Err(too_deep());
            }
            open.extend(definition.uses.iter().filter(|name| !found.contains_key(*name)).cloned());
            found.insert(name, definition);
            if values > MAX_VALUES {
                break;
            }
        }
        if values > MAX_VALUES {
            return Err(format!("its schemas have more than {MAX_VALUES} values, which no model reads"));
        }
        Ok(found.into_iter().map(|(name, definition)| (name, definition.value.clone())).collect())
    }

    fn value(&mut self, schema: &Value, depth: usize) -> Result<Value, Rc<str>> {
        let depth = depth + 1;
        match schema {
            Value::Bool(_) => Ok(schema.clone()),
            Value::Object(fields) => match fields.get("$ref") {
                Some(Value::String(reference)) => self.reference(reference, fields, depth),
                _ => self.object(fields, depth),
            },
            // Lenient: what is no schema takes anything.
            _ => Ok(json!({})),
        }
    }

    fn reference(
        &mut self,
        reference: &str,
        fields: &Map<String, Value>,
        depth: usize,
    ) -> Result<Value, Rc<str>> {
        let mut target = match self.entry(reference, depth) {
            Entry::Inline(value) => (*value).clone(),
            Entry::Definition(name) => json!({"$ref": format!("#/$defs/{name}")}),
            Entry::Failed(why) => return Err(why),
            Entry::Open => return Err(Rc::from("its references lead to each other")),
        };
        // What stands beside a reference adds words; assertions there are so rare that 3.0 forbids them.
        if let Some(target) = target.as_object_mut() {
            for key in ["description", "title", "default"] {
                if let Some(said) = fields.get(key) {
                    target.insert(key.to_owned(), said.clone());
                }
            }
        }
        let nullable = fields.get("nullable") == Some(&Value::Bool(true));
        Ok(if nullable { or_null(target) } else { target })
    }

    fn entry(&mut self, reference: &str, depth: usize) -> Entry {
        match self.entries.get(reference) {
            Some(Entry::Open) => {
                self.cyclic.insert(reference.to_owned());
                // The name is fixed now, since this use of it is written before the target is complete.
                return Entry::Definition(self.name_of(reference));
            }
            Some(entry) => return entry.clone(),
            None => {}
        }
        if depth >= MAX_DEPTH {
            let name = self.name_of(reference);
            self.later.push((reference.to_owned(), name.clone()));
            self.entries.insert(reference.to_owned(), Entry::Definition(name.clone()));
            return Entry::Definition(name);
        }
        self.entries.insert(reference.to_owned(), Entry::Open);
        let converted = self.target(reference, depth + 1);
        let entry = match converted {
            Err(why) => {
                if self.cyclic.contains(reference) {
                    let name = self.name_of(reference);
                    self.definitions.insert(name.to_string(), Err(why.clone()));
                }
                Entry::Failed(why)
            }
            Ok(value) if !self.cyclic.contains(reference) && count(&value) <= INLINE_VALUES => {
                Entry::Inline(Rc::new(value))
            }
            Ok(value) => {
                let name = self.name_of(reference);
                self.keep(&name, Ok(value));
                Entry::Definition(name)
            }
        };
        self.entries.insert(reference.to_owned(), entry.clone());
        entry
    }

    fn target(&mut self, reference: &str, depth: usize) -> Result<Value, Rc<str>> {
        let document = self.document;
        let target = document.target(reference).map_err(Rc::from)?;
        self.value(target, depth)
    }

    /// Converts a target that was put off.
    fn define(&mut self, reference: &str, name: &str) {
        let converted = self.target(reference, 0);
        self.keep(name, converted);
    }

    fn keep(&mut self, name: &str, value: Result<Value, Rc<str>>) {
        let definition = value.map(|value| {
            let mut uses = BTreeSet::new();
            collect_uses(&value, &mut uses);
            Definition { values: count(&value), levels: levels(&value), uses, value }
        });
        self.definitions.insert(name.to_owned(), definition);
    }

    fn name_of(&mut self, reference: &str) -> Rc<str> {
        let last = reference.rsplit('/').next().unwrap_or_default();
        Rc::from(self.names.of(reference, &name::fitting(last, "schema")))
    }

    fn object(&mut self, fields: &Map<String, Value>, depth: usize) -> Result<Value, Rc<str>> {
        let mut kept = Map::new();
        for (key, value) in fields {
            let value = match key.as_str() {
                "type" => types(value),
                "properties" | "patternProperties" | "dependentSchemas" => self.properties(value, depth)?,
                "items" if value.is_array() => {
                    kept.insert("prefixItems".to_owned(), self.list(value, depth)?);
                    None
                }
                "items"
                | "additionalProperties"
                | "not"
                | "if"
                | "then"
                | "else"
                | "contains"
                | "propertyNames"
                | "unevaluatedItems"
                | "unevaluatedProperties" => Some(self.value(value, depth)?),
                "allOf" | "anyOf" | "oneOf" | "prefixItems" => value
                    .as_array()
                    .is_some_and(|list| !list.is_empty())
                    .then(|| self.list(value, depth))
                    .transpose()?,
                "minimum" | "maximum" | "multipleOf" | "minLength" | "maxLength" | "minItems"
                | "maxItems" | "minProperties" | "maxProperties" | "minContains" | "maxContains" => {
                    value.is_number().then(|| value.clone())
                }
                "enum" => value.as_array().is_some_and(|list| !list.is_empty()).then(|| value.clone()),
                "const" | "default" => Some(value.clone()),
                "pattern" | "format" | "title" | "contentEncoding" | "contentMediaType" => {
                    value.is_string().then(|| value.clone())
                }
                "description" => value.as_str().map(|text| Value::from(name::brief(text, 500))),
                "uniqueItems" => value.is_boolean().then(|| value.clone()),
                "examples" => value.is_array().then(|| value.clone()),
                "example" => {
                    kept.entry("examples").or_insert_with(|| json!([value]));
                    None
                }
                "dependentRequired" => value.is_object().then(|| value.clone()),
                // `required` and exclusive bounds follow below. Everything else is for people, for other directions, or would name the schema anew.
                _ => None,
            };
            if let Some(value) = value {
                kept.insert(key.clone(), value);
            }
        }
        exclusive(fields, &mut kept, "exclusiveMinimum", "minimum");
        exclusive(fields, &mut kept, "exclusiveMaximum", "maximum");
        self.required(fields, &mut kept);
        let nullable = fields.get("nullable") == Some(&Value::Bool(true));
        Ok(if nullable { or_null(Value::Object(kept)) } else { Value::Object(kept) })
    }

    fn list(&mut self, value: &Value, depth: usize) -> Result<Value, Rc<str>> {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        items.iter().map(|item| self.value(item, depth)).collect::<Result<_, _>>().map(Value::Array)
    }

    fn properties(&mut self, value: &Value, depth: usize) -> Result<Option<Value>, Rc<str>> {
        let Some(fields) = value.as_object() else { return Ok(None) };
        let mut kept = Map::new();
        for (name, schema) in fields {
            if !self.is_read_only(schema) {
                kept.insert(name.clone(), self.value(schema, depth)?);
            }
        }
        Ok(Some(Value::Object(kept)))
    }

    /// What must be there, without what only replies have.
    fn required(&self, fields: &Map<String, Value>, kept: &mut Map<String, Value>) {
        let Some(names) = fields.get("required").and_then(Value::as_array) else { return };
        let properties = fields.get("properties").and_then(Value::as_object);
        let mut seen = BTreeSet::new();
        let names = names.iter().filter_map(Value::as_str).filter(|name| {
            let schema = properties.and_then(|properties| properties.get(*name));
            !schema.is_some_and(|schema| self.is_read_only(schema)) && seen.insert(*name)
        });
        let names: Vec<Value> = names.map(Value::from).collect();
        if !names.is_empty() {
            kept.insert("required".to_owned(), Value::Array(names));
        }
    }

    /// Whether only replies have it.
    fn is_read_only(&self, schema: &Value) -> bool {
        let mut schema = schema;
        for _ in 0..8 {
            if schema.get("readOnly") == Some(&Value::Bool(true)) {
                return true;
            }
            let next = schema.get("$ref").and_then(Value::as_str);
            match next.and_then(|reference| self.document.target(reference).ok()) {
                Some(target) => schema = target,
                None => return false,
            }
        }
        false
    }
}

/// Types that JSON Schema has; others say nothing.
fn types(value: &Value) -> Option<Value> {
    const KNOWN: [&str; 7] = ["null", "boolean", "object", "array", "number", "string", "integer"];
    let known = |value: &Value| value.as_str().is_some_and(|text| KNOWN.contains(&text));
    match value {
        Value::String(_) => known(value).then(|| value.clone()),
        Value::Array(list) => {
            let list: Vec<_> = list.iter().filter(|value| known(value)).cloned().collect();
            (!list.is_empty()).then_some(Value::Array(list))
        }
        _ => None,
    }
}

/// `exclusiveMinimum: true` beside a `minimum`, as 3.0 has it, or a number of its own.
fn exclusive(fields: &Map<String, Value>, kept: &mut Map<String, Value>, key: &str, bound: &str) {
    match fields.get(key) {
        Some(Value::Bool(true)) => {
            if let Some(number) = kept.remove(bound) {
                kept.insert(key.to_owned(), number);
            }
        }
        Some(number @ Value::Number(_)) => {
            kept.insert(key.to_owned(), number.clone());
        }
        _ => {}
    }
}

/// A schema that also takes `null`.
fn or_null(schema: Value) -> Value {
    let Value::Object(mut fields) = schema else { return schema };
    let compound =
        ["$ref", "allOf", "anyOf", "oneOf", "not", "const"].iter().any(|key| fields.contains_key(*key));
    match (compound, fields.get("type")) {
        (false, None) if !fields.contains_key("enum") => {}
        (false, Some(Value::String(kind))) if kind != "null" => {
            let both = json!([kind, "null"]);
            fields.insert("type".to_owned(), both);
        }
        (false, Some(Value::Array(kinds))) if !kinds.contains(&json!("null")) => {
            let mut kinds = kinds.clone();
            kinds.push(json!("null"));
            fields.insert("type".to_owned(), Value::Array(kinds));
        }
        (false, _) => {}
        (true, _) => {
            let description = fields.remove("description");
            let mut both = json!({"anyOf": [fields, {"type": "null"}]});
            if let (Some(both), Some(description)) = (both.as_object_mut(), description) {
                both.insert("description".to_owned(), description);
            }
            return both;
        }
    }
    if let Some(Value::Array(values)) = fields.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    Value::Object(fields)
}

/// How many values there are in a value. As deep as documents may be.
fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(fields) => 1 + fields.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// How deep a value lies in itself.
fn levels(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(levels).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(levels).max().unwrap_or(0),
        _ => 1,
    }
}

fn too_deep() -> String {
    format!("its schemas lie deeper in each other than {MAX_LEVELS} levels")
}

/// The definitions that a converted schema names.
fn collect_uses(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect_uses(item, found)),
        Value::Object(fields) => {
            if let Some(name) =
                fields.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix("#/$defs/"))
            {
                found.insert(name.to_owned());
            }
            fields.values().for_each(|field| collect_uses(field, found));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(components: Value, schema: Value) -> Result<(Value, Map<String, Value>), String> {
        let root = json!({"openapi": "3.0.3", "components": {"schemas": components}});
        let document = Document::read(&root.to_string()).unwrap();
        let mut schemas = Schemas::new(&document);
        let schema = schemas.convert(&schema)?;
        let definitions = schemas.definitions_of([&schema])?;
        Ok((schema, definitions))
    }

    fn plain(schema: Value) -> Value {
        converted(json!({}), schema).unwrap().0
    }

    fn reference(name: &str) -> Value {
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    #[test]
    fn the_dialect_of_3_0_becomes_json_schema() {
        let check = |given: Value, expected: Value| assert_eq!(plain(given.clone()), expected, "{given}");
        check(json!({"type": "string", "nullable": true}), json!({"type": ["string", "null"]}));
        check(
            json!({"type": "string", "enum": ["a"], "nullable": true}),
            json!({"type": ["string", "null"], "enum": ["a", null]}),
        );
        check(
            json!({"allOf": [{"type": "object"}], "nullable": true}),
            json!({"anyOf": [{"allOf": [{"type": "object"}]}, {"type": "null"}]}),
        );
        check(json!({"minimum": 1, "exclusiveMinimum": true}), json!({"exclusiveMinimum": 1}));
        check(json!({"minimum": 1, "exclusiveMinimum": false}), json!({"minimum": 1}));
        check(json!({"exclusiveMaximum": 9}), json!({"exclusiveMaximum": 9}));
        check(
            json!({"type": "integer", "example": 3, "xml": {}, "x-a": 1}),
            json!({"type": "integer", "examples": [3]}),
        );
        check(json!({"type": "file"}), json!({}));
        check(json!({"items": [{"type": "string"}]}), json!({"prefixItems": [{"type": "string"}]}));
        check(json!({"type": "string", "required": true}), json!({"type": "string"}));
        check(json!({"$id": "https://x", "enum": [], "allOf": []}), json!({}));
    }

    #[test]
    fn what_only_replies_have_is_left_out() {
        let components = json!({"Id": {"type": "string", "readOnly": true}});
        let schema = json!({
            "properties": {"id": reference("Id"), "at": {"type": "string", "readOnly": true}, "name": {}},
            "required": ["id", "at", "name"],
        });
        let (schema, _) = converted(components, schema).unwrap();
        assert_eq!(schema, json!({"properties": {"name": {}}, "required": ["name"]}));
    }

    #[test]
    fn a_reference_is_written_out_and_a_cycle_becomes_a_definition() {
        let components = json!({
            "Name": {"type": "string"},
            "Node": {"type": "object", "properties": {"name": reference("Name"), "child": reference("Node")}},
            "A": {"properties": {"b": reference("B")}},
            "B": {"properties": {"a": reference("A")}},
        });
        let (schema, definitions) = converted(components.clone(), reference("Name")).unwrap();
        assert_eq!((schema, definitions.len()), (json!({"type": "string"}), 0));
        let (schema, definitions) = converted(components.clone(), reference("Node")).unwrap();
        assert_eq!(schema, json!({"$ref": "#/$defs/Node"}));
        assert_eq!(definitions["Node"]["properties"]["child"], json!({"$ref": "#/$defs/Node"}));
        assert_eq!(definitions["Node"]["properties"]["name"], json!({"type": "string"}));
        let (schema, definitions) =
            converted(components, json!({"anyOf": [reference("B"), reference("A")]})).unwrap();
        for used in schema["anyOf"].as_array().unwrap() {
            assert!(!used.to_string().contains("components"), "{used}");
        }
        assert!(!definitions.is_empty());
    }

    #[test]
    fn references_that_double_each_other_stay_small() {
        let mut components = Map::new();
        components.insert("S0".to_owned(), json!({"type": "string"}));
        for level in 1..40 {
            let below = reference(&format!("S{}", level - 1));
            components
                .insert(format!("S{level}"), json!({"properties": {"a": below, "b": below, "c": below}}));
        }
        let (schema, definitions) = converted(Value::Object(components), reference("S39")).unwrap();
        assert!(count(&schema) + definitions.values().map(count).sum::<usize>() < 40 * INLINE_VALUES);
    }

    #[test]
    fn a_chain_of_thousands_of_references_is_followed() {
        let mut components = Map::new();
        components.insert("S0".to_owned(), json!({"type": "string"}));
        for level in 1..5_000 {
            let below = reference(&format!("S{}", level - 1));
            components.insert(format!("S{level}"), json!({"properties": {"next": below}}));
        }
        let (_, definitions) = converted(Value::Object(components), reference("S4999")).unwrap();
        assert!(definitions.len() > 50);
    }

    #[test]
    fn a_target_that_is_not_there_or_outside_is_named() {
        let (far, gone) = (json!({"$ref": "https://example.com/x.json#/A"}), reference("Gone"));
        let check = |schema: Value, expected: &str| {
            let error =
                converted(json!({"Far": far.clone(), "Loop": reference("Loop")}), schema).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(json!({"properties": {"a": far.clone()}}), "https://example.com/x.json");
        check(reference("Far"), "leads out of the document");
        check(gone, "points to nothing");
        check(json!({"$ref": "#anchor"}), "points to nothing");
    }
}
