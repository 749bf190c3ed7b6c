//! JSON Schema: made from Rust types, brought from any dialect to 2020-12, compiled once, and checked with the path of
//! every fault.
//!
//! A schema never fetches anything: a remote `$ref` is refused when the schema is compiled.

mod normalise;
mod validator;
mod violation;

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};

use crate::error::Result;

pub use normalise::{MAX_SCHEMA_DEPTH, MAX_SUBSCHEMAS};
pub use validator::Validator;
pub use violation::{MAX_VIOLATIONS, Violation};

/// A JSON Schema document. A cheap clone.
#[derive(Debug, Clone, PartialEq)]
pub struct Schema(Arc<Value>);

impl Schema {
    /// The schema of a Rust type.
    pub fn of<T: schemars::JsonSchema>() -> Self {
        let mut settings = schemars::generate::SchemaSettings::draft2020_12();
        settings.inline_subschemas = true;
        let mut schema = settings.into_generator().into_root_schema_for::<T>();
        schema.remove("$schema");
        schema.remove("title");
        Self(Arc::new(schema.to_value()))
    }

    /// A schema that was written by hand, in any dialect that [`Schema::normalised`] reads. It is checked when it is
    /// compiled.
    pub fn from_value(value: Value) -> Self {
        Self(Arc::new(value))
    }

    /// Takes any object.
    pub fn any_object() -> Self {
        Self::from_value(json!({"type": "object"}))
    }

    /// The document.
    pub fn as_value(&self) -> &Value {
        &self.0
    }

    /// The same schema in dialect 2020-12.
    ///
    /// Understood are the drafts from 3 on, `OpenAPI` 3.0, type names of Python, `TypeScript`, Java and Gemini (`dict`,
    /// `list[int]`, `Optional[str]`, `'a' | 'b'`, `STRING`), properties without the object around them, and the wrappers
    /// in which providers carry the parameters of a function. What is valid in 2020-12 keeps its meaning. What cannot be
    /// understood, and what is larger than [`MAX_SUBSCHEMAS`] or deeper than [`MAX_SCHEMA_DEPTH`], is invalid input with
    /// the `path` in the document. Nothing is fetched.
    ///
    /// ```
    /// use agentforge_core::schema::Schema;
    /// let loose = Schema::from_value(serde_json::json!({
    ///     "type": "dict",
    ///     "properties": {"size": {"type": "tuple[float, float]"}, "tag": {"type": "str", "nullable": true}},
    /// }));
    /// let normal = loose.normalised()?;
    /// assert_eq!(normal.as_value()["type"], "object");
    /// assert_eq!(normal.as_value()["properties"]["size"]["minItems"], 2);
    /// assert_eq!(normal.as_value()["properties"]["tag"]["type"], serde_json::json!(["string", "null"]));
    /// # Ok::<(), agentforge_core::error::Error>(())
    /// ```
    pub fn normalised(&self) -> Result<Self> {
        let normal = normalise::normalise(&self.0)?;
        // An unchanged document stays shared.
        Ok(if normal == *self.0 { self.clone() } else { Self::from_value(normal) })
    }
}

impl Serialize for Schema {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Value::deserialize(deserializer).map(Self::from_value)
    }
}
