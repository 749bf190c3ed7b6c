//! What becomes of the keywords of one schema.

use serde_json::{Map, Number, Value, json};

use super::{
    fault, typing,
    typing::Parsed,
    unwrap,
    walk::{Base, Draft, Place, Reference, Role, Walk, unknown_type},
};
use crate::error::Result;

const PRESENT_DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

impl Walk {
    /// The keywords of one schema in dialect 2020-12.
    pub(super) fn object(
        &mut self,
        fields: &Map<String, Value>,
        place: &Place,
        role: Role,
    ) -> Result<Map<String, Value>> {
        let mut place = place.clone();
        let mut out = Map::with_capacity(fields.len());
        // Up to draft 7 nothing beside a reference counts, not even a name.
        let reference_alone = self.draft < Draft::Present && fields.get("$ref").is_some_and(Value::is_string);
        if !reference_alone {
            self.identity(fields, &mut place, &mut out)?;
        }
        // Null beside a reference or a choice can only be said one level up.
        let nullable = fields.get("nullable") == Some(&Value::Bool(true))
            || fields.get("x-nullable") == Some(&Value::Bool(true));
        let wraps = nullable
            && ["$ref", "allOf", "anyOf", "oneOf", "not", "if", "const"]
                .iter()
                .any(|key| fields.contains_key(*key));
        let inner = if wraps { moved_into_choice(&place) } else { place.clone() };
        for (key, value) in fields {
            let shared = matches!(key.as_str(), "$defs" | "definitions");
            if reference_alone
                && !shared
                && !REMARKS.contains(&key.as_str())
                && key != "$ref"
                && key != "nullable"
            {
                continue;
            }
            // Serialisers write null for what is not there.
            if value.is_null() && KEYWORDS.contains(&key.as_str()) {
                continue;
            }
            let place = if shared { &place } else { &inner };
            self.keyword(key, value, fields, place, &mut out)?;
        }
        if !reference_alone {
            self.types(fields, &inner, &mut out)?;
            self.members(fields, &inner, role, &mut out)?;
        }
        if nullable {
            out = with_null(out, wraps);
        }
        Ok(out)
    }

    /// Takes the schema's own name, which changes what `#` means below it.
    fn identity(
        &mut self,
        fields: &Map<String, Value>,
        place: &mut Place,
        out: &mut Map<String, Value>,
    ) -> Result<()> {
        let named = fields.get("$id").map(|id| ("$id", id));
        let older = || fields.get("id").filter(|_| self.draft <= Draft::Four).map(|id| ("id", id));
        let anchor = || {
            let id = fields
                .get("id")
                .filter(|id| id.as_str().is_some_and(|id| id.len() > 1 && id.starts_with('#')));
            id.map(|id| ("id", id))
        };
        let Some((key, id)) = named.or_else(older).or_else(anchor) else { return Ok(()) };
        let Some(text) = id.as_str() else {
            return if id.is_null() { Ok(()) } else { Err(fault(&place.at(key), "an id is text")) };
        };
        let (document, name) = text.split_once('#').unwrap_or((text, ""));
        if !name.is_empty() && !name.starts_with('/') {
            out.insert("$anchor".to_owned(), name.into());
        }
        if !document.is_empty() {
            out.insert("$id".to_owned(), document.into());
            place.base = Base { old: place.old.clone(), new: place.new.clone() };
        }
        Ok(())
    }

    // Arms that do nothing do so for different reasons.
    #[allow(clippy::match_same_arms)]
    fn keyword(
        &mut self,
        key: &str,
        value: &Value,
        fields: &Map<String, Value>,
        place: &Place,
        out: &mut Map<String, Value>,
    ) -> Result<()> {
        let put =
            |out: &mut Map<String, Value>, key: &str, value: Value| drop(out.insert(key.to_owned(), value));
        match key {
            // Settled before, after, or by the schema above.
            "$id" | "type" | "properties" | "required" | "nullable" | "$recursiveAnchor" => {}
            "id" if out.contains_key("$anchor") || self.draft <= Draft::Four => {}
            "$schema" => {
                if value.as_str().is_some_and(|text| text.trim_end_matches('#') == PRESENT_DIALECT) {
                    put(out, key, PRESENT_DIALECT.into());
                }
            }
            "$ref" | "$recursiveRef" => {
                let Some(target) = value.as_str() else {
                    return Err(fault(&place.at(key), "a reference is text"));
                };
                self.references.push(Reference {
                    holder: place.new.clone(),
                    old: place.at(key),
                    base: place.base.clone(),
                    target: target.to_owned(),
                });
                put(out, "$ref", value.clone());
            }
            "$defs" | "patternProperties" | "dependentSchemas" => {
                let role = if key == "dependentSchemas" { Role::Applied } else { Role::Declared };
                let map = self.map(of_object(value, place, key)?, place, (key, key), role)?;
                put(out, key, map.into());
            }
            "definitions" => {
                let new = if fields.contains_key("$defs") { "definitions" } else { "$defs" };
                let map = self.map(of_object(value, place, key)?, place, (key, new), Role::Declared)?;
                put(out, new, map.into());
            }
            "items" => match value {
                Value::Array(list) => {
                    let items = self.list(list, place, ("items", "prefixItems"), 0, Role::Declared)?;
                    if !items.is_empty() {
                        put(out, "prefixItems", items.into());
                    }
                    let rest = fields.get("additionalItems").filter(|rest| !rest.is_null());
                    if let Some(rest) = rest {
                        let below = place.below(&["additionalItems"], &["items"]);
                        let rest = self.schema(rest, &below, Role::Declared)?;
                        put(out, "items", rest);
                    }
                }
                one => {
                    let one = self.schema(one, &place.below(&[key], &[key]), Role::Declared)?;
                    put(out, key, one);
                }
            },
            // Without a list of items it says nothing.
            "additionalItems" => {}
            "prefixItems" => {
                let list = self.list(of_array(value, place, key)?, place, (key, key), 0, Role::Declared)?;
                if !list.is_empty() {
                    put(out, key, list.into());
                }
            }
            "allOf" | "anyOf" | "oneOf" => {
                let list = self.list(of_array(value, place, key)?, place, (key, key), 0, Role::Applied)?;
                if !list.is_empty() {
                    put(out, key, list.into());
                }
            }
            "additionalProperties" | "unevaluatedProperties" | "unevaluatedItems" | "contentSchema" => {
                let one = self.schema(value, &place.below(&[key], &[key]), Role::Declared)?;
                put(out, key, one);
            }
            "contains" | "propertyNames" | "not" | "if" | "then" | "else" => {
                let one = self.schema(value, &place.below(&[key], &[key]), Role::Applied)?;
                put(out, key, one);
            }
            "dependencies" => self.dependencies(of_object(value, place, key)?, place, out)?,
            "minimum" | "maximum" => bound(key, value, fields, place, out)?,
            "exclusiveMinimum" | "exclusiveMaximum" if value.is_boolean() => {}
            "multipleOf" | "exclusiveMinimum" | "exclusiveMaximum" | "minLength" | "maxLength"
            | "minItems" | "maxItems" | "minProperties" | "maxProperties" | "minContains" | "maxContains" => {
                put(out, key, number(value, place, key)?);
            }
            "enum" => put(out, key, Value::Array(of_array(value, place, key)?.clone())),
            "example" if !fields.contains_key("examples") => put(out, "examples", json!([value])),
            "example" => {}
            "divisibleBy" if self.draft == Draft::Three => put(out, "multipleOf", number(value, place, key)?),
            "extends" | "disallow" if self.draft == Draft::Three => {}
            _ => put(out, key, value.clone()),
        }
        Ok(())
    }

    /// `dependencies`, which later drafts split in two.
    fn dependencies(
        &mut self,
        fields: &Map<String, Value>,
        place: &Place,
        out: &mut Map<String, Value>,
    ) -> Result<()> {
        let (mut required, mut schemas) = (Map::new(), Map::new());
        for (name, value) in fields {
            match value {
                Value::String(other) => drop(required.insert(name.clone(), json!([other]))),
                Value::Array(_) => drop(required.insert(name.clone(), value.clone())),
                schema => {
                    let below = place.below(&["dependencies", name], &["dependentSchemas", name]);
                    schemas.insert(name.clone(), self.schema(schema, &below, Role::Applied)?);
                }
            }
        }
        for (key, found) in [("dependentRequired", required), ("dependentSchemas", schemas)] {
            if !found.is_empty() {
                match out.get_mut(key) {
                    Some(Value::Object(present)) => present.extend(found),
                    _ => drop(out.insert(key.to_owned(), found.into())),
                }
            }
        }
        Ok(())
    }

    /// The type, in whatever words, and what draft 3 says with types.
    fn types(
        &mut self,
        fields: &Map<String, Value>,
        place: &Place,
        out: &mut Map<String, Value>,
    ) -> Result<()> {
        let stated = |key: &str| fields.get(key).filter(|value| !value.is_null());
        if let Some(value) = stated("type") {
            let parsed = self.type_of(value, place, "type")?;
            let listed =
                fields.get("items").is_some_and(Value::is_array) || fields.contains_key("prefixItems");
            let bounded =
                ["minItems", "maxItems", "additionalItems"].iter().any(|key| fields.contains_key(*key));
            if parsed.tuple && listed && !bounded {
                let length = out.get("prefixItems").and_then(Value::as_array).map_or(0, Vec::len);
                out.insert("minItems".to_owned(), length.into());
                out.insert("maxItems".to_owned(), length.into());
            }
            merge(out, parsed.schema);
        }
        if self.draft == Draft::Three {
            if let Some(value) = stated("disallow") {
                let parsed = self.type_of(value, place, "disallow")?;
                merge(out, Map::from_iter([("not".to_owned(), parsed.schema.into())]));
            }
            if let Some(value) = stated("extends") {
                let list = match value {
                    Value::Array(list) => list.as_slice(),
                    one => std::slice::from_ref(one),
                };
                let first = out.get("allOf").and_then(Value::as_array).map_or(0, Vec::len);
                let all = self.list(list, place, ("extends", "allOf"), first, Role::Applied)?;
                append(out, all);
            }
        }
        Ok(())
    }

    fn type_of(&mut self, value: &Value, place: &Place, key: &str) -> Result<Parsed> {
        let path = place.at(key);
        match value {
            Value::String(text) => typing::parse(text).ok_or_else(|| unknown_type(&path, text)),
            Value::Array(list) if !list.is_empty() => {
                let mut all = Vec::with_capacity(list.len());
                for (index, item) in list.iter().enumerate() {
                    let at = index.to_string();
                    match item {
                        Value::String(text) => {
                            let parsed = typing::parse(text);
                            all.push(
                                parsed.ok_or_else(|| unknown_type(&format!("{path}/{at}"), text))?.schema,
                            );
                        }
                        // YAML reads a bare `null` as nothing.
                        Value::Null => all.push(Map::from_iter([("type".to_owned(), "null".into())])),
                        other => match self.schema(
                            other,
                            &place.below(&[key, &at], &["anyOf", &at]),
                            Role::Applied,
                        )? {
                            Value::Object(schema) => all.push(schema),
                            _ => return Ok(Parsed::new(Map::new())),
                        },
                    }
                }
                Ok(Parsed::new(typing::union(all)))
            }
            Value::Object(_) => {
                match self.schema(value, &place.below(&[key], &["allOf", "0"]), Role::Applied)? {
                    Value::Object(schema) => Ok(Parsed::new(schema)),
                    _ => Ok(Parsed::new(Map::new())),
                }
            }
            _ => Err(fault(&path, "a type is a name or a list of names")),
        }
    }

    /// Properties and which of them must be there, wherever that was written.
    fn members(
        &mut self,
        fields: &Map<String, Value>,
        place: &Place,
        role: Role,
        out: &mut Map<String, Value>,
    ) -> Result<()> {
        let mut required = Vec::new();
        match fields.get("required") {
            None | Some(Value::Null | Value::Bool(_)) => {}
            Some(Value::String(name)) => required.push(name.clone()),
            Some(Value::Array(names)) => {
                for (index, name) in names.iter().enumerate() {
                    let Some(name) = name.as_str() else {
                        return Err(fault(
                            &place.at(&format!("required/{index}")),
                            "a property is named by text",
                        ));
                    };
                    required.push(name.to_owned());
                }
            }
            Some(_) => return Err(fault(&place.at("required"), "it is a list of property names")),
        }
        let stated = match fields.get("properties") {
            None | Some(Value::Null) => None,
            Some(Value::Object(properties)) => Some((properties.clone(), true)),
            Some(Value::Array(list)) => {
                let named = unwrap::listed(list).filter(|_| !list.is_empty());
                let Some(Value::Object(mut object)) = named else {
                    return Err(fault(&place.at("properties"), "it is an object of schemas by name"));
                };
                let names = object.remove("required").unwrap_or_default();
                required.extend(
                    names.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
                );
                match object.remove("properties") {
                    Some(Value::Object(properties)) => Some((properties, true)),
                    _ => None,
                }
            }
            Some(_) => return Err(fault(&place.at("properties"), "it is an object of schemas by name")),
        };
        let inline = if stated.is_none() && role == Role::Declared { unwrap::inline(fields) } else { None };
        if let Some((properties, under)) = stated.or_else(|| inline.map(|properties| (properties, false))) {
            let mut map = Map::with_capacity(properties.len());
            for (name, value) in &properties {
                if value.get("required") == Some(&Value::Bool(true)) {
                    required.push(name.clone());
                }
                let old: &[&str] = if under { &["properties", name] } else { &[name] };
                let below = place.below(old, &["properties", name]);
                map.insert(name.clone(), self.schema(value, &below, Role::Declared)?);
                if !under {
                    out.remove(name);
                }
            }
            out.insert("properties".to_owned(), map.into());
            let alone = ["type", "enum", "const", "$ref", "anyOf", "oneOf", "allOf", "not", "if"];
            if role == Role::Declared && !self.is_declared && !alone.iter().any(|key| out.contains_key(*key))
            {
                out.insert("type".to_owned(), "object".into());
            }
        }
        if !required.is_empty() {
            let mut distinct: Vec<String> = Vec::with_capacity(required.len());
            let mut known = std::collections::BTreeSet::new();
            distinct.extend(required.into_iter().filter(|name| known.insert(name.clone())));
            out.insert("required".to_owned(), distinct.into());
        }
        Ok(())
    }
}

/// The same place behind the choice between a value and null.
fn moved_into_choice(place: &Place) -> Place {
    let mut moved = place.clone();
    moved.new.push_str("/anyOf/0");
    moved
}

/// The schema with null among what it takes.
fn with_null(mut schema: Map<String, Value>, wraps: bool) -> Map<String, Value> {
    if wraps {
        let mut outside = Map::new();
        for key in REMARKS.iter().chain(&["$defs", "definitions", "$id", "$anchor", "$schema"]) {
            if let Some(value) = schema.remove(*key) {
                outside.insert((*key).to_owned(), value);
            }
        }
        outside.insert("anyOf".to_owned(), json!([schema, {"type": "null"}]));
        return outside;
    }
    let nothing = Value::from("null");
    match schema.get_mut("type") {
        Some(Value::Array(names)) if !names.contains(&nothing) => names.push(nothing),
        Some(one @ Value::String(_)) if *one != nothing => *one = json!([one, nothing]),
        _ => {}
    }
    if let Some(Value::Array(values)) = schema.get_mut("enum")
        && !values.contains(&Value::Null)
    {
        values.push(Value::Null);
    }
    schema
}

/// A minimum or maximum, with what draft 4 says about it beside it.
fn bound(
    key: &str,
    value: &Value,
    fields: &Map<String, Value>,
    place: &Place,
    out: &mut Map<String, Value>,
) -> Result<()> {
    let exclusive = if key == "minimum" { "exclusiveMinimum" } else { "exclusiveMaximum" };
    let name = if fields.get(exclusive) == Some(&Value::Bool(true)) { exclusive } else { key };
    out.insert(name.to_owned(), number(value, place, key)?);
    Ok(())
}

/// A number; protocol buffers write long ones as text.
fn number(value: &Value, place: &Place, key: &str) -> Result<Value> {
    match value {
        Value::Number(_) => Ok(value.clone()),
        Value::String(text) => {
            let number: Result<Number, _> = text.trim().parse();
            number.map(Value::Number).map_err(|_| fault(&place.at(key), "it is a number"))
        }
        _ => Err(fault(&place.at(key), "it is a number")),
    }
}

/// Puts a piece of schema beside what is there; where both speak, both hold.
fn merge(out: &mut Map<String, Value>, piece: Map<String, Value>) {
    let clashes = |(key, value): (&String, &Value)| out.get(key).is_some_and(|present| present != value);
    if piece.iter().any(clashes) {
        append(out, vec![piece.into()]);
    } else {
        out.extend(piece);
    }
}

fn append(out: &mut Map<String, Value>, all: Vec<Value>) {
    match out.get_mut("allOf") {
        Some(Value::Array(present)) => present.extend(all),
        _ => drop(out.insert("allOf".to_owned(), all.into())),
    }
}

fn of_object<'a>(value: &'a Value, place: &Place, key: &str) -> Result<&'a Map<String, Value>> {
    value.as_object().ok_or_else(|| fault(&place.at(key), "it is an object of schemas by name"))
}

fn of_array<'a>(value: &'a Value, place: &Place, key: &str) -> Result<&'a Vec<Value>> {
    value.as_array().ok_or_else(|| fault(&place.at(key), "it is a list"))
}

/// What says nothing about validity and stands beside a reference in every draft.
const REMARKS: [&str; 8] =
    ["title", "description", "default", "examples", "example", "deprecated", "$comment", "discriminator"];

/// Keywords for which null can only mean that they are not there.
const KEYWORDS: &[&str] = &[
    "$ref",
    "$id",
    "id",
    "$schema",
    "$anchor",
    "$comment",
    "$defs",
    "definitions",
    "type",
    "properties",
    "patternProperties",
    "additionalProperties",
    "propertyNames",
    "required",
    "dependencies",
    "dependentRequired",
    "dependentSchemas",
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "enum",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
    "minContains",
    "maxContains",
    "title",
    "description",
    "examples",
    "nullable",
    "deprecated",
    "readOnly",
    "writeOnly",
    "unevaluatedProperties",
    "unevaluatedItems",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "divisibleBy",
    "extends",
    "disallow",
];
