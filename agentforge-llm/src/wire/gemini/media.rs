//! Media as parts, in requests and in answers.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource},
    model::Unsupported,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// The pictures that the API sees.
const PICTURES: &[&str] = &["image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"];

/// Where files lie that were given to the provider before.
const FILES: &str = "https://generativelanguage.googleapis.com/v1beta/files/";

/// The part of some media, or why the API takes none such.
pub(super) fn part(media: &Media) -> Result<Map<String, Value>, Unsupported> {
    let lacks =
        |what: &str, hint: &str| Err(Unsupported { feature: format!("{what} input"), hint: hint.to_owned() });
    let is_text = is_text(&media.media_type);
    let (name, fields) = match &media.source {
        MediaSource::Bytes { .. }
            if media.kind == MediaKind::Image && !PICTURES.contains(&media.media_type.as_str()) =>
        {
            return lacks("image", "this API sees PNG, JPEG, WebP, HEIC and HEIF; convert it");
        }
        MediaSource::Bytes { .. }
            if media.kind == MediaKind::File && !is_text && media.media_type != "application/pdf" =>
        {
            return lacks("document", "this API reads PDF and plain text; convert it");
        }
        MediaSource::Bytes { data } => {
            let media_type =
                if media.media_type == "application/json" { "text/plain" } else { &media.media_type };
            ("inlineData", json!({"mimeType": media_type, "data": STANDARD.encode(data)}))
        }
        MediaSource::Url { url } => ("fileData", file(url, &media.media_type)),
        MediaSource::FileId { id } if id.contains("://") => ("fileData", file(id, &media.media_type)),
        MediaSource::FileId { id } => {
            let address = format!("{FILES}{}", id.trim_start_matches("files/"));
            ("fileData", file(&address, &media.media_type))
        }
        MediaSource::Blob { .. } => {
            return lacks("stored media", "load the blob into the message before the call");
        }
    };
    Ok(Map::from_iter([(name.to_owned(), fields)]))
}

fn file(address: &str, media_type: &str) -> Value {
    if media_type.is_empty() {
        json!({ "fileUri": address })
    } else {
        json!({"fileUri": address, "mimeType": media_type})
    }
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type == "application/json"
}

/// The media of a part of an answer, and what the part says besides; `None` when it holds none.
pub(super) fn of_part(fields: &Map<String, Value>) -> Option<(Media, Map<String, Value>)> {
    let name = ["inlineData", "fileData"].into_iter().find(|name| fields.contains_key(*name))?;
    let mut inner = fields.get(name)?.as_object()?.clone();
    let mut word = |name: &str| match inner.remove(name) {
        Some(Value::String(text)) => text,
        _ => String::new(),
    };
    let media_type = word("mimeType");
    let source = match name {
        "inlineData" => MediaSource::Bytes { data: STANDARD.decode(word("data")).ok()?.into() },
        _ => MediaSource::Url { url: word("fileUri") },
    };
    let kind = match media_type.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::File,
    };
    let mut rest = fields.clone();
    rest.remove(name);
    if !inner.is_empty() {
        rest.insert(name.to_owned(), inner.into());
    }
    Some((Media { kind, media_type, name: None, source }, rest))
}
