//! A schema compiled for many checks.

use std::{fmt, sync::Arc};

use serde_json::Value;

use super::{MAX_VIOLATIONS, Schema, Violation, violation};
use crate::error::{Error, Result};

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

/// How often a pattern may backtrack before the value counts as wrong: patterns come from outside, too.
const MOST_BACKTRACKING: usize = 50_000;

/// How large a compiled pattern may be, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

impl Validator {
    /// Compiles a schema of any dialect that [`Schema::normalised`] reads; one that is malformed or reaches outside itself
    /// is invalid input, with its `path`.
    pub fn new(schema: &Schema) -> Result<Self> {
        Self::of_normal(&schema.normalised()?)
    }

    /// Compiles a schema that is normalised already.
    pub(crate) fn of_normal(schema: &Schema) -> Result<Self> {
        let patterns = jsonschema::PatternOptions::fancy_regex()
            .backtrack_limit(MOST_BACKTRACKING)
            .size_limit(LARGEST_PATTERN);
        jsonschema::draft202012::options()
            .should_validate_formats(true)
            .with_pattern_options(patterns)
            .with_retriever(NoRetrieval)
            .build(schema.as_value())
            .map(|validator| Self(Arc::new(validator)))
            .map_err(|error| {
                let path = error.instance_path().to_string();
                let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
                let text = error.to_string();
                let why = violation::shorten(&text);
                Error::invalid(format!("the JSON Schema is not usable{place}: {why}")).with("path", path)
            })
    }

    /// Whether a value is valid.
    pub fn is_valid(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }

    /// Every fault of a value, at most [`MAX_VIOLATIONS`]; none when it is valid.
    pub fn violations(&self, value: &Value) -> Vec<Violation> {
        if self.0.is_valid(value) {
            return Vec::new();
        }
        let mut found = Vec::new();
        for error in self.0.iter_errors(value) {
            violation::collect(&error, &mut found);
            if found.len() >= MAX_VIOLATIONS {
                break;
            }
        }
        found.truncate(MAX_VIOLATIONS);
        found
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
    use serde_json::json;

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
    fn a_fault_in_the_one_branch_that_was_meant_has_its_own_path() {
        let schema = Schema::from_value(json!({
            "properties": {"at": {"anyOf": [
                {"type": "object", "properties": {"x": {"type": "number"}}, "required": ["x", "y"]},
                {"type": "null"},
            ]}},
        }));
        let faults = Validator::new(&schema).unwrap().violations(&json!({"at": {"x": "far"}}));
        let paths: Vec<_> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert!(paths.contains(&"/at/x") && paths.contains(&"/at"), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.message.contains("\"y\"")), "{faults:?}");
    }

    #[test]
    fn a_pattern_that_backtracks_for_ever_is_a_fault_and_no_hang() {
        let schema = Schema::from_value(json!({"type": "string", "pattern": "^(?=(a+)+$)(a+)+b$"}));
        let validator = Validator::new(&schema).unwrap();
        assert!(!validator.violations(&json!(format!("{}!", "a".repeat(64)))).is_empty());
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
