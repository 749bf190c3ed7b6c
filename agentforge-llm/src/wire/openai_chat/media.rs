//! Media of a user's message as content parts of a request, and media in an answer.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource, Part, PartContent},
    model::Unsupported,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::wire::Target;

/// The content part of some media, or why the target takes none such.
pub(super) fn content_part(media: &Media, target: &Target<'_>) -> Result<Value, Unsupported> {
    let lacks = |hint: &str| Unsupported {
        feature: format!("{} input", kind_name(media.kind)),
        hint: hint.to_owned(),
    };
    match (media.kind, &media.source) {
        (_, MediaSource::Blob { .. }) => Err(lacks("load the blob into the message before the call")),
        (MediaKind::Image, MediaSource::Bytes { data }) => {
            Ok(json!({"type": "image_url", "image_url": {"url": data_url(&media.media_type, data)}}))
        }
        (MediaKind::Image, MediaSource::Url { url }) => {
            Ok(json!({"type": "image_url", "image_url": {"url": url}}))
        }
        (MediaKind::Audio, MediaSource::Bytes { data }) => match audio_format(&media.media_type) {
            Some(format) => Ok(
                json!({"type": "input_audio", "input_audio": {"data": STANDARD.encode(data), "format": format}}),
            ),
            None => Err(lacks("send it as wav or mp3")),
        },
        (MediaKind::File, MediaSource::Bytes { data }) => Ok(json!({"type": "file", "file": {
            "filename": media.name.as_deref().unwrap_or("file"),
            "file_data": data_url(&media.media_type, data),
        }})),
        (MediaKind::File, MediaSource::FileId { id }) => Ok(json!({"type": "file", "file": {"file_id": id}})),
        (MediaKind::Video, MediaSource::Bytes { data }) if target.quirks.video => {
            Ok(json!({"type": "video_url", "video_url": {"url": data_url(&media.media_type, data)}}))
        }
        (MediaKind::Video, MediaSource::Url { url }) if target.quirks.video => {
            Ok(json!({"type": "video_url", "video_url": {"url": url}}))
        }
        (MediaKind::Video, _) => Err(lacks("send single pictures of it")),
        (MediaKind::Audio | MediaKind::File, MediaSource::Url { .. }) => {
            Err(lacks("this API fetches pictures only; send the bytes"))
        }
        (MediaKind::Image | MediaKind::Audio, MediaSource::FileId { .. }) => {
            Err(lacks("this API knows file ids for documents only; send the bytes"))
        }
    }
}

/// The word for a kind of media in a message for people.
const fn kind_name(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "image",
        MediaKind::Audio => "audio",
        MediaKind::Video => "video",
        MediaKind::File => "file",
    }
}

fn data_url(media_type: &str, data: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(data))
}

fn audio_format(media_type: &str) -> Option<&'static str> {
    match media_type {
        "audio/wav" | "audio/x-wav" | "audio/wave" => Some("wav"),
        "audio/mpeg" | "audio/mp3" => Some("mp3"),
        _ => None,
    }
}

/// A picture of an answer: `{"image_url": {"url": …}}`, its bytes or its address.
pub(super) fn image_of(item: &Value) -> Option<Part> {
    let url = item.pointer("/image_url/url")?.as_str()?;
    let (media_type, source) = match url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,")) {
        Some((media_type, data)) => {
            let data = STANDARD.decode(data).ok()?;
            (media_type.to_owned(), MediaSource::Bytes { data: data.into() })
        }
        None => ("image/*".to_owned(), MediaSource::Url { url: url.to_owned() }),
    };
    Some(Part::new(PartContent::Media(Media { kind: MediaKind::Image, media_type, name: None, source })))
}

/// The sound of an answer. The reply does not say its format, so the first bytes must.
pub(super) fn sound_of(data: Vec<u8>) -> Part {
    let media_type = match data.get(..4) {
        Some(b"RIFF") => "audio/wav",
        Some(b"OggS") => "audio/ogg",
        Some(b"fLaC") => "audio/flac",
        Some([b'I', b'D', b'3', _] | [0xff, 0xf2..=0xff, _, _]) => "audio/mpeg",
        _ => "audio/pcm",
    };
    Part::new(PartContent::Media(Media {
        kind: MediaKind::Audio,
        media_type: media_type.to_owned(),
        name: None,
        source: MediaSource::Bytes { data: data.into() },
    }))
}

/// Decodes one piece of streamed base64; what is none is left out.
pub(super) fn sound_piece(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap_or_default()
}
