//! Schemas of remote tools: nothing outside the document is ever fetched, so a schema that needs it is refused.

use std::collections::BTreeSet;

use agentforge_core::{
    error::{Error, Result},
    schema::{Schema, Validator},
};
use serde_json::Value;

/// Keywords whose value is data and no schema.
const DATA: &[&str] = &["const", "default", "enum", "examples"];
/// Keywords whose value holds schemas under names of the author's own.
const NAMED: &[&str] = &["$defs", "definitions", "dependentSchemas", "patternProperties", "properties"];

/// The schema of a remote tool, compiled, or why it cannot be used.
pub(super) fn compile(what: &str, document: &Value) -> Result<(Schema, Validator)> {
    refuse_remote(what, document)?;
    let schema = Schema::from_value(document.clone());
    let validator = Validator::new(&schema)?;
    Ok((schema, validator))
}

fn refuse_remote(what: &str, document: &Value) -> Result<()> {
    let mut known = BTreeSet::new();
    walk(document, &mut String::new(), &mut |_, fields| {
        if let Some(Value::String(id)) = fields.get("$id") {
            known.insert(id.clone());
        }
        Ok(())
    })?;
    walk(document, &mut String::new(), &mut |path, fields| {
        for keyword in ["$ref", "$dynamicRef"] {
            let Some(Value::String(target)) = fields.get(keyword) else { continue };
            let document = target.split('#').next().unwrap_or_default();
            if !document.is_empty() && !known.contains(document) {
                return Err(Error::invalid(format!(
                    "{what} points outside itself at {path}/{keyword}; nothing is fetched for a schema, so it must hold what it refers to"
                ))
                .with("path", format!("{path}/{keyword}")));
            }
        }
        Ok(())
    })
}

type Visit<'a> = dyn FnMut(&str, &serde_json::Map<String, Value>) -> Result<()> + 'a;

/// Visits every schema inside a schema, with its JSON pointer. `serde_json` bounds the depth of what it parses.
fn walk(schema: &Value, path: &mut String, visit: &mut Visit<'_>) -> Result<()> {
    match schema {
        Value::Object(fields) => {
            visit(path, fields)?;
            for (keyword, inner) in fields {
                if DATA.contains(&keyword.as_str()) {
                    continue;
                }
                let base = path.len();
                push(path, keyword);
                match inner {
                    Value::Object(named) if NAMED.contains(&keyword.as_str()) => {
                        for (name, schema) in named {
                            let base = path.len();
                            push(path, name);
                            walk(schema, path, visit)?;
                            path.truncate(base);
                        }
                    }
                    inner => walk(inner, path, visit)?,
                }
                path.truncate(base);
            }
            Ok(())
        }
        Value::Array(items) => {
            for (index, inner) in items.iter().enumerate() {
                let base = path.len();
                push(path, &index.to_string());
                walk(inner, path, visit)?;
                path.truncate(base);
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

fn push(path: &mut String, token: &str) {
    path.push('/');
    path.push_str(&token.replace('~', "~0").replace('/', "~1"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path_of(document: &Value) -> Option<String> {
        compile("the schema", document).err().and_then(|error| error.get("path")?.as_str().map(str::to_owned))
    }

    #[test]
    fn a_remote_reference_is_refused_with_its_path() {
        for target in [
            "http://127.0.0.1:9/a.json",
            "https://a.example/b#/x",
            "//a.example/b",
            "file:///etc/passwd",
            "other.json",
        ] {
            let document = json!({"type": "object", "properties": {"a/b": {"items": {"$ref": target}}}});
            assert_eq!(path_of(&document).as_deref(), Some("/properties/a~1b/items/$ref"), "{target}");
        }
    }

    #[test]
    fn references_inside_the_document_stay() {
        let document = json!({
            "type": "object",
            "properties": {"a": {"$ref": "#/$defs/a"}, "b": {"$ref": "https://a.example/b"}},
            "$defs": {"a": {"type": "string"}, "b": {"$id": "https://a.example/b", "type": "integer"}},
        });
        let (_, validator) = compile("the schema", &document).unwrap();
        assert_eq!(validator.violations(&json!({"a": 1, "b": "x"})).len(), 2);
    }

    #[test]
    fn a_property_named_ref_and_data_that_looks_like_one_are_no_references() {
        let document = json!({
            "type": "object",
            "properties": {"$ref": {"type": "string"}},
            "default": {"$ref": "https://a.example/x"},
        });
        assert!(compile("the schema", &document).is_ok());
    }
}
