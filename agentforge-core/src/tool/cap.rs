//! Keeps a result small enough for a model: cuts while it is still JSON or text, and keeps the whole in a blob.

use bytes::Bytes;
use serde_json::{Map, Value};

use super::Limits;
use crate::{
    context::CallContext,
    error::Result,
    json::encoded_len,
    message::{MediaSource, Part, PartContent, ToolResult},
    store::{Blobs, BlobsExt},
};

/// Cuts what is too long for a model, and keeps the whole in a blob when there is a store.
pub(super) async fn cap(
    cx: &CallContext,
    blobs: Option<&dyn Blobs>,
    limits: Limits,
    mut result: ToolResult,
) -> Result<ToolResult> {
    leave_out_media(&mut result, limits.media_bytes);
    let most = limits.output_bytes;
    let size: usize = result.parts.iter().filter_map(Part::as_text).map(str::len).sum();
    let structured = result.structured.as_ref().map_or(0, encoded_len);
    if size.max(structured) <= most {
        return Ok(result);
    }
    let whole = result.text();
    let value = result.structured.take();
    let mut shown = match &value {
        // What the model reads stays JSON, so that it is not misled by a number that lost its last digits.
        Some(value @ (Value::Object(_) | Value::Array(_))) if is_text_of(value, &whole) => {
            shortened(value, most).to_string()
        }
        _ => whole.get(..floor_char_boundary(&whole, most)).unwrap_or_default().to_owned(),
    };
    let read = shown.len();
    let (media_type, body) = match value {
        Some(value) => ("application/json", value.to_string()),
        None => ("text/plain; charset=utf-8", whole),
    };
    let length = body.len();
    if let Some(blobs) = blobs {
        result.spilled = Some(blobs.put_bytes(cx, media_type, Bytes::from(body)).await?);
        shown.push_str(&format!("\n[cut after {read} of {length} bytes; the whole is stored]"));
    } else {
        shown.push_str(&format!("\n[cut after {read} of {length} bytes]"));
    }
    result.parts.retain(|part| part.as_text().is_none());
    result.parts.insert(0, Part::text(shown));
    Ok(result)
}

/// Whether the text is what the value looks like and not words of its own. Lengths and ends tell without writing the
/// value down once more.
fn is_text_of(value: &Value, text: &str) -> bool {
    let open = if value.is_array() { '[' } else { '{' };
    text.is_empty() || (text.starts_with(open) && text.len() == encoded_len(value))
}

/// Puts a note in place of media that go beyond a number of bytes.
fn leave_out_media(result: &mut ToolResult, most: usize) {
    let mut left = most;
    for part in &mut result.parts {
        let PartContent::Media(media) = &part.content else { continue };
        let MediaSource::Bytes { data } = &media.source else { continue };
        match left.checked_sub(data.len()) {
            Some(rest) => left = rest,
            None => {
                *part = Part::text(format!(
                    "[{} of {} bytes left out: a result may hold {most} bytes of media]",
                    media.media_type,
                    data.len()
                ));
            }
        }
    }
}

/// A value of about so many bytes with the same beginning: lists and objects lose their last members, texts their ends,
/// and each says how much is missing.
fn shortened(value: &Value, most: usize) -> Value {
    let mut left = most;
    cut(value, &mut left, 0)
}

/// How deep a shortened value may be.
const DEEPEST: usize = 64;

fn cut(value: &Value, left: &mut usize, depth: usize) -> Value {
    match value {
        Value::String(text) => {
            let length = encoded_len(value);
            if length <= *left {
                *left -= length;
                return value.clone();
            }
            let head = text.get(..floor_char_boundary(text, *left)).unwrap_or_default();
            *left = 0;
            Value::String(format!("{head}… [{} bytes more]", text.len() - head.len()))
        }
        Value::Array(items) if depth < DEEPEST => {
            let mut kept = Vec::new();
            for item in items {
                if *left == 0 {
                    kept.push(Value::String(format!("[{} items more]", items.len() - kept.len())));
                    break;
                }
                *left = left.saturating_sub(1);
                kept.push(cut(item, left, depth + 1));
            }
            Value::Array(kept)
        }
        Value::Object(fields) if depth < DEEPEST => {
            let mut kept = Map::new();
            for (name, field) in fields {
                if *left == 0 {
                    let note = format!("[{} members more]", fields.len() - kept.len());
                    kept.insert("…".to_owned(), Value::String(note));
                    break;
                }
                // A name of any length is the tool's, too.
                let name = name.get(..floor_char_boundary(name, 256)).unwrap_or_default();
                *left = left.saturating_sub(name.len() + 4);
                kept.insert(name.to_owned(), cut(field, left, depth + 1));
            }
            Value::Object(kept)
        }
        Value::Array(_) | Value::Object(_) => Value::String("[nested too deeply]".to_owned()),
        plain => {
            *left = left.saturating_sub(encoded_len(plain) + 1);
            plain.clone()
        }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|index| text.is_char_boundary(*index)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_value_stays_json_and_says_what_is_missing() {
        let value = json!({"rows": (0..10_000).map(|n| json!({"id": n, "text": "x".repeat(50)})).collect::<Vec<_>>()});
        let short = shortened(&value, 1_000);
        let text = short.to_string();
        assert!((900..1_300).contains(&text.len()), "{}", text.len());
        assert_eq!(short["rows"][0], json!({"id": 0, "text": "x".repeat(50)}));
        assert!(text.contains("items more"), "{text}");
    }

    #[test]
    fn a_long_text_and_a_deep_value_are_bounded() {
        let short = shortened(&json!({"a": "ü".repeat(100_000), "b": 1}), 100).to_string();
        assert!(short.len() < 250 && short.contains("bytes more"), "{short}");
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        assert!(shortened(&deep, 10_000).to_string().contains("nested too deeply"));
    }

    #[test]
    fn what_fits_is_not_touched() {
        let value = json!({"a": [1, "two", null, {"b": 2.5}]});
        assert_eq!(shortened(&value, 1_000), value);
    }
}
