//! Media of a request: pictures stand in the message, text files become documents that the answer can cite.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource},
    model::Unsupported,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The content part of a picture.
pub(super) fn picture(media: &Media) -> Option<Value> {
    let url = match (media.kind, &media.source) {
        (MediaKind::Image, MediaSource::Bytes { data }) => {
            format!("data:{};base64,{}", media.media_type, STANDARD.encode(data))
        }
        (MediaKind::Image, MediaSource::Url { url }) => url.clone(),
        _ => return None,
    };
    Some(json!({"type": "image_url", "image_url": {"url": url}}))
}

/// The document that a text file becomes; `place` makes its id unique in the request.
pub(super) fn document(media: &Media, place: usize) -> Option<Value> {
    let (MediaKind::File, MediaSource::Bytes { data }) = (media.kind, &media.source) else { return None };
    let kind = media.media_type.split(';').next().unwrap_or_default().trim();
    let textual = kind.starts_with("text/") || matches!(kind, "application/json" | "application/xml");
    let text = std::str::from_utf8(data).ok().filter(|_| textual)?;
    let name = media.name.as_deref().unwrap_or("file");
    Some(json!({"id": format!("file:{place}"), "data": {"title": name, "text": text}}))
}

/// Why a user's message cannot hold some media.
pub(super) fn fault(media: &Media) -> Option<Unsupported> {
    if picture(media).is_some() || document(media, 0).is_some() {
        return None;
    }
    Some(lacks(media))
}

/// Why a tool's result cannot hold some media: a picture is shown right after it, a file is not.
pub(super) fn fault_in_result(media: &Media) -> Option<Unsupported> {
    if picture(media).is_some() { None } else { Some(lacks(media)) }
}

fn lacks(media: &Media) -> Unsupported {
    let (kind, hint) = match (media.kind, &media.source) {
        (MediaKind::Image, MediaSource::FileId { .. }) => {
            ("image", "this API holds no files; send the bytes")
        }
        (MediaKind::Image, _) => ("image", "load the blob into the message before the call"),
        (MediaKind::Audio, _) => ("audio", "send its words"),
        (MediaKind::Video, _) => ("video", "send single pictures of it"),
        (MediaKind::File, MediaSource::Blob { .. }) => {
            ("file", "load the blob into the message before the call")
        }
        (MediaKind::File, _) => ("file", "this API takes text files as bytes only; send its text"),
    };
    Unsupported { feature: format!("{kind} input"), hint: hint.to_owned() }
}
