//! Request bodies of a document as those of a REST operation.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    document::{Document, token},
    name,
    problem::{Effect, Fault, Problem},
    schema::Schemas,
};
use crate::rest::{BodyKind, FieldEncoding, RequestBody};

/// Reads the body of an operation, in the media type that is easiest to write.
pub(super) fn read(
    document: &Document,
    schemas: &mut Schemas<'_>,
    place: &str,
    body: Option<&Value>,
    problems: &mut Vec<Problem>,
) -> Result<Option<RequestBody>, Fault> {
    let Some(body) = body else { return Ok(None) };
    let place = format!("{place}/requestBody");
    let body = document.resolve(&place, body)?;
    let required = body.get("required") == Some(&Value::Bool(true));
    let empty = Map::new();
    let content = body.get("content").and_then(Value::as_object).unwrap_or(&empty);
    let ranked = content.iter().filter_map(|(media_type, value)| {
        let kind = BodyKind::of(media_type)?;
        let rank = match kind {
            BodyKind::Json => 0,
            BodyKind::Form => 1,
            BodyKind::Multipart => 2,
            BodyKind::Text => 3,
            BodyKind::File => 4,
        };
        Some((rank, kind, media_type, value))
    });
    let Some((_, kind, media_type, value)) = ranked.min_by_key(|(rank, ..)| *rank) else {
        let known: Vec<_> = content.keys().map(String::as_str).collect();
        let fault = Fault::at(place, format!("a body of {} cannot be written", known.join(", ")));
        if required {
            return Err(fault);
        }
        problems.push(fault.becomes(Effect::Simplified));
        return Ok(None);
    };
    let place = format!("{place}/content/{}", token(media_type));
    let declared = value.get("schema");
    let schema = declared.map_or(Ok(Value::Object(Map::new())), |schema| schemas.convert_target(schema));
    let schema = schema.map_err(|why| Fault::at(format!("{place}/schema"), why))?;
    let mut read = RequestBody::new(media_type.as_str(), schema);
    read.required = required;
    let description = body.get("description").and_then(Value::as_str).unwrap_or_default();
    if !description.trim().is_empty() {
        read.description = Some(name::brief(description, 500));
    }
    if matches!(kind, BodyKind::Form | BodyKind::Multipart) {
        for (field, encoding) in value.get("encoding").and_then(Value::as_object).into_iter().flatten() {
            let style = encoding.get("style").cloned().map(serde_json::from_value).transpose();
            let style = style.map_err(|_| {
                Fault::at(format!("{place}/encoding/{}", token(field)), "the style is not known")
            })?;
            let explode = encoding.get("explode").and_then(Value::as_bool);
            let content_type = encoding.get("contentType").and_then(Value::as_str).map(str::to_owned);
            read.fields.insert(field.clone(), FieldEncoding { style, explode, content_type });
        }
    }
    if kind == BodyKind::Multipart
        && let Some(schema) = declared
    {
        let mut files = BTreeSet::new();
        find_files(document, schema, &read, 8, &mut files);
        read.files = files.into_iter().collect();
    }
    Ok(Some(read))
}

/// The fields of a multipart body that are files, or lists of files.
fn find_files(
    document: &Document,
    schema: &Value,
    body: &RequestBody,
    depth: usize,
    files: &mut BTreeSet<String>,
) {
    let Ok(schema) = document.resolve("", schema) else { return };
    for (name, field) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let Ok(field) = document.resolve("", field) else { continue };
        let item = field.get("items").map_or(Ok(field), |items| document.resolve("", items)).unwrap_or(field);
        let encoded = body.fields.get(name).and_then(|field| field.content_type.as_deref());
        if is_file(item, encoded) {
            files.insert(name.clone());
        }
    }
    for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        if depth > 0 {
            find_files(document, part, body, depth - 1, files);
        }
    }
}

fn is_file(schema: &Value, encoded: Option<&str>) -> bool {
    let text = |key: &str| schema.get(key).and_then(Value::as_str);
    let binary = |media_type: &str| BodyKind::of(media_type).is_some_and(|kind| kind == BodyKind::File);
    text("format") == Some("binary")
        || text("type") == Some("file")
        // 3.1 has no `binary`: bytes are what has a media type and no encoding in text, or no type at all.
        || text("contentMediaType").is_some_and(|media_type| {
            binary(media_type) && text("contentEncoding").is_none()
        })
        || (schema.get("type").is_none() && schema.get("properties").is_none() && encoded.is_some_and(|types| {
            types.split(',').all(|one| binary(one.trim()))
        }))
}
