//! Brings a schema of any dialect that tool authors use to 2020-12: bounded, without fetching anything, and without
//! changing what a valid 2020-12 schema says.
//!
//! [`walk`] goes through the document once, [`keyword`] says what becomes of one schema's keywords, and [`reference`]
//! mends the references to what has moved. **Adding a word** that authors use for a type is a line in `names.rs`.

mod keyword;
mod names;
mod reference;
mod typing;
mod unwrap;
mod walk;

use serde_json::Value;

use crate::error::{Error, Result};

/// How deep schemas may stand in one another.
pub const MAX_SCHEMA_DEPTH: usize = 64;

/// How many schemas one document may hold.
pub const MAX_SUBSCHEMAS: usize = 20_000;

/// The document in dialect 2020-12.
pub(super) fn normalise(document: &Value) -> Result<Value> {
    let root = unwrap::root(document);
    let mut walk = walk::Walk::new(&root);
    let mut normal = walk.schema(&root, &walk::Place::root(), walk::Role::Declared)?;
    reference::settle(&mut walk, &root, &mut normal)?;
    Ok(normal)
}

/// A fault of a schema, with the place of it.
fn fault(path: &str, why: impl std::fmt::Display) -> Error {
    let place = if path.is_empty() { "at the top" } else { path };
    Error::invalid(format!("the JSON Schema is not usable: {place}: {why}")).with("path", path)
}

#[cfg(test)]
mod tests;
