//! JSON Schema: made from Rust types, compiled once, and checked with the path of every fault.
//!
//! A schema never fetches anything: a remote `$ref` is refused when the schema is compiled.

use std::{borrow::Cow, fmt, sync::Arc};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, Result};

/// A JSON Schema document, dialect 2020-12.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Schema(Value);

impl Schema {
    /// The schema of a Rust type.
    pub fn of<T: schemars::JsonSchema>() -> Self {
        let mut settings = schemars::generate::SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        let mut schema = settings.into_generator().into_root_schema_for::<T>();
        schema.remove("$schema");
        schema.remove("title");
        Self(schema.to_value())
    }

    /// A schema that was written by hand. It is checked when it is compiled.
    pub const fn from_value(value: Value) -> Self {
        Self(value)
    }

    /// Takes any object.
    pub fn any_object() -> Self {
        Self(json!({"type": "object"}))
    }

    /// The document.
    pub const fn as_value(&self) -> &Value {
        &self.0
    }
}

/// One fault of a value: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// A JSON pointer into the value; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "at {path}: {}", self.message)
    }
}

/// A schema compiled for many checks. A cheap clone.
///
/// ```
/// use agentforge_core::schema::{Schema, Validator};
/// let schema = Schema::from_value(serde_json::json!({
///     "type": "object",
///     "properties": {"days": {"type": "integer", "minimum": 1}},
///     "required": ["days"],
/// }));
/// let validator = Validator::new(&schema)?;
/// let faults = validator.violations(&serde_json::json!({"days": 0}));
/// assert_eq!(faults[0].path, "/days");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Validator(Arc<jsonschema::Validator>);

impl Validator {
    /// Compiles a schema; one that is malformed or reaches outside itself is invalid input.
    pub fn new(schema: &Schema) -> Result<Self> {
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_retriever(NoRetrieval)
            .build(&schema.0)
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|error| Error::invalid(format!("the JSON Schema is not usable: {error}")))
    }

    /// Every fault of a value, at most [`MAX_VIOLATIONS`]; none when it is valid.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.0.is_valid(value) {
            return Vec::new();
        }
        self.0
            .iter_errors(value)
            .take(MAX_VIOLATIONS)
            .map(|error| Violation {
                path: error.instance_path().to_string(),
                message: shorten(&error.to_string()).into_owned(),
            })
            .collect()
    }

    /// Fails with every fault when the value is not valid; `what` names the value.
    pub fn check(&self, what: &str, value: &Value) -> Result<()> {
        let violations = self.violations(value);
        let Some(first) = violations.first() else { return Ok(()) };
        let more = match violations.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        let listed = serde_json::to_value(&violations).unwrap_or_default();
        Err(Error::invalid(format!("{what} does not fit its schema {first}{more}"))
            .with("path", first.path.clone())
            .with("violations", listed))
    }
}

impl fmt::Debug for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Validator")
    }
}

/// How many faults are reported for one value.
pub const MAX_VIOLATIONS: usize = 32;

/// A fault quotes the offending value, which may be of any size.
fn shorten(message: &str) -> Cow<'_, str> {
    const MOST: usize = 300;
    if message.chars().count() <= MOST {
        return Cow::Borrowed(message);
    }
    let head: String = message.chars().take(MOST * 2 / 3).collect();
    let skipped = message.chars().count().saturating_sub(MOST / 3);
    let tail: String = message.chars().skip(skipped).collect();
    Cow::Owned(format!("{head} … {tail}"))
}

struct NoRetrieval;

impl jsonschema::Retrieve for NoRetrieval {
    fn retrieve(
        &self,
        uri: &jsonschema::Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Err(format!("remote reference `{uri}` is never fetched; inline it").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_reference_is_refused_and_not_fetched() {
        let schema = Schema::from_value(json!({"$ref": "https://example.com/schema.json"}));
        let error = Validator::new(&schema).unwrap_err();
        assert!(error.message().contains("never fetched"), "{error}");
    }

    #[test]
    fn every_fault_has_its_path() {
        let schema = Schema::from_value(json!({
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "array", "items": {"type": "string"}}},
        }));
        let faults = Validator::new(&schema).unwrap().violations(&json!({"a": "x", "b": ["ok", 3]}));
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(paths, ["/a", "/b/1"]);
    }

    #[test]
    fn a_long_value_is_not_quoted_whole() {
        let schema = Schema::from_value(json!({"type": "integer"}));
        let faults = Validator::new(&schema).unwrap().violations(&json!("ü".repeat(10_000)));
        assert!(faults[0].message.chars().count() < 400);
    }

    #[test]
    fn the_schema_of_a_type_has_no_reference() {
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code)]
        struct Inner {
            text: String,
        }
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code)]
        struct Outer {
            inner: Vec<Inner>,
        }
        assert!(!Schema::of::<Outer>().as_value().to_string().contains("$ref"));
    }
}
