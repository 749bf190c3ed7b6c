//! A document as it was written: read from JSON or YAML, with its local references.

use agentforge_core::error::{Error, Result};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{problem::Fault, yaml};

/// The longest text that is read.
const MAX_TEXT: usize = 32 * 1024 * 1024;

/// How many references may lead to each other.
const MAX_HOPS: usize = 32;

/// Which specification a document keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Swagger 2.0.
    Swagger2,
    /// OpenAPI 3.0.
    V30,
    /// OpenAPI 3.1, and whatever came after it without breaking it.
    V31,
}

pub(super) struct Document {
    pub(super) root: Value,
    pub(super) version: Version,
}

impl Document {
    /// Reads JSON or YAML.
    pub(super) fn read(text: &str) -> Result<Self> {
        if text.len() > MAX_TEXT {
            return Err(Error::invalid(format!(
                "the document has more than {MAX_TEXT} bytes; import a part of it"
            )));
        }
        let text = text.trim_start_matches('\u{feff}');
        let root = if text.trim_start().starts_with('{') {
            serde_json::from_str(text)
                .or_else(|json| yaml::read(text).map_err(|_| json))
                .map_err(|error| Error::invalid(format!("the document is no JSON: {error}")))?
        } else {
            yaml::read(text)?
        };
        let version = version_of(&root)?;
        Ok(Self { root, version })
    }

    /// The value that a local reference points to.
    pub(super) fn target(&self, reference: &str) -> Result<&Value, String> {
        let Some(pointer) = reference.strip_prefix('#') else {
            return Err(format!(
                "the reference `{}` leads out of the document; nothing is fetched, so bundle it into one document",
                shown(reference)
            ));
        };
        let pointer = percent_decode_str(pointer).decode_utf8_lossy();
        self.root
            .pointer(&pointer)
            .ok_or_else(|| format!("the reference `{}` points to nothing in the document", shown(reference)))
    }

    /// The value itself, or what its references lead to.
    pub(super) fn resolve<'a>(&'a self, place: &str, value: &'a Value) -> Result<&'a Value, Fault> {
        let mut value = value;
        for _ in 0..MAX_HOPS {
            match value.get("$ref").and_then(Value::as_str) {
                Some(reference) => value = self.target(reference).map_err(|why| Fault::at(place, why))?,
                None => return Ok(value),
            }
        }
        Err(Fault::at(place, format!("more than {MAX_HOPS} references lead to each other")))
    }
}

/// A reference in a message: its beginning.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(200).collect()
}

fn version_of(root: &Value) -> Result<Version> {
    let text = |key: &str| match root.get(key) {
        Some(Value::String(text)) => Some(text.clone()),
        // YAML reads `3.1` as a number.
        Some(Value::Number(number)) => Some(number.to_string()),
        _ => None,
    };
    match (text("openapi"), text("swagger")) {
        (Some(version), _) if version.starts_with("3.0") => Ok(Version::V30),
        (Some(version), _) if version.starts_with("3.") => Ok(Version::V31),
        (None, Some(version)) if version.starts_with('2') => Ok(Version::Swagger2),
        (Some(version), _) | (None, Some(version)) => Err(Error::invalid(format!(
            "the document is of version `{}`; known are OpenAPI 3.0 and 3.1 and Swagger 2.0",
            shown(&version)
        ))),
        (None, None) => {
            Err(Error::invalid("the document is no OpenAPI document: it has no `openapi` with a version"))
        }
    }
}

/// A key as a part of a JSON pointer.
pub(super) fn token(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
