//! Mends local references to schemas that have moved, and normalises what is reached by a reference alone.

use serde_json::Value;

use super::{
    fault,
    walk::{Base, Place, Role, Walk},
};
use crate::error::{Error, Result};

/// Settles every reference that was met, and those in what they point at.
pub(super) fn settle(walk: &mut Walk, root: &Value, normal: &mut Value) -> Result<()> {
    let mut next = 0;
    while let Some(reference) = walk.references.get(next) {
        next += 1;
        // Names and other documents are for the compiler: it knows anchors, and fetches nothing.
        let Some((document, fragment)) = local(walk, &reference.target) else { continue };
        let Some(pointer) =
            decoded(fragment).filter(|pointer| pointer.is_empty() || pointer.starts_with('/'))
        else {
            continue;
        };
        let (document, holder) = (document.to_owned(), reference.holder.clone());
        let base = if document.is_empty() { reference.base.clone() } else { Base::default() };
        let old = format!("{}{pointer}", base.old);
        let new = if let Some(new) = walk.seen.get(&old) {
            new.clone()
        } else {
            let Some(target) = root.pointer(&old) else {
                return Err(missing(&reference.old, &reference.target));
            };
            let schema = walk.schema(target, &Place::unmoved(&old), Role::Declared)?;
            let Some(slot) = normal.pointer_mut(&old) else {
                let text = format!("`{pointer}` lies where no schema can be referred to; move it to `$defs`");
                return Err(fault(&old, text));
            };
            *slot = schema;
            old.clone()
        };
        let Some(relative) = new.strip_prefix(&base.new) else { continue };
        if relative != pointer
            && let Some(Value::Object(holder)) = normal.pointer_mut(&holder)
        {
            holder.insert("$ref".to_owned(), Value::String(format!("{document}#{}", encoded(relative))));
        }
    }
    Ok(())
}

/// The document, empty for the present one, and what follows `#`, when a reference stays in its own document.
fn local<'a>(walk: &Walk, target: &'a str) -> Option<(&'a str, &'a str)> {
    let (document, fragment) = target.split_once('#').unwrap_or((target, ""));
    (document.is_empty() || walk.own_ids.iter().any(|id| id == document)).then_some((document, fragment))
}

fn missing(path: &str, target: &str) -> Error {
    let shown: String = target.chars().take(120).collect();
    fault(path, format!("`{shown}` refers to nothing in this schema"))
}

/// A fragment without its percent signs; none when it is no text.
fn decoded(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (high, low) = (char::from(rest.next()?).to_digit(16)?, char::from(rest.next()?).to_digit(16)?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// A pointer as a fragment.
fn encoded(pointer: &str) -> String {
    let mut text = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        let plain = byte.is_ascii_alphanumeric() || b"/-._~$!&'()*+,;=:@".contains(&byte);
        if plain {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}
