//! Media as content blocks of a request.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource},
    model::Unsupported,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The pictures that the API sees.
const PICTURES: &[&str] = &["image/jpeg", "image/png", "image/gif", "image/webp"];

/// The block of some media, or why the API takes none such.
pub(super) fn block(media: &Media) -> Result<Value, Unsupported> {
    let lacks =
        |what: &str, hint: &str| Unsupported { feature: format!("{what} input"), hint: hint.to_owned() };
    let kind = match media.kind {
        MediaKind::Image => "image",
        MediaKind::File => "document",
        MediaKind::Audio => return Err(lacks("audio", "this API hears nothing; send a transcript")),
        MediaKind::Video => return Err(lacks("video", "send single pictures of it")),
    };
    let source = match &media.source {
        MediaSource::Bytes { data } if media.kind == MediaKind::File && is_text(&media.media_type) => {
            json!({"type": "text", "media_type": "text/plain", "data": String::from_utf8_lossy(data)})
        }
        MediaSource::Bytes { data } => {
            json!({"type": "base64", "media_type": media.media_type, "data": STANDARD.encode(data)})
        }
        MediaSource::Url { url } => json!({"type": "url", "url": url}),
        MediaSource::FileId { id } => json!({"type": "file", "file_id": id}),
        MediaSource::Blob { .. } => {
            return Err(lacks(kind, "load the blob into the message before the call"));
        }
    };
    if media.kind == MediaKind::Image
        && matches!(media.source, MediaSource::Bytes { .. })
        && !PICTURES.contains(&media.media_type.as_str())
    {
        return Err(lacks("image", "this API sees JPEG, PNG, GIF and WebP; convert it"));
    }
    if media.kind == MediaKind::File
        && matches!(media.source, MediaSource::Bytes { .. })
        && !is_text(&media.media_type)
        && media.media_type != "application/pdf"
    {
        return Err(lacks("document", "this API reads PDF and plain text; convert it"));
    }
    let mut block = json!({"type": kind, "source": source});
    if let (Some(name), Some(fields), MediaKind::File) = (&media.name, block.as_object_mut(), media.kind) {
        fields.insert("title".to_owned(), name.clone().into());
    }
    Ok(block)
}

/// Whether media is referred to by an id of the provider's, which is behind a beta header.
pub(super) const fn is_stored(media: &Media) -> bool {
    matches!(media.source, MediaSource::FileId { .. })
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("text/") || media_type == "application/json"
}
