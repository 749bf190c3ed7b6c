//! Media of a request as content, and pictures of an answer.

use agentforge_core::{
    message::{Media, MediaKind, MediaSource},
    model::Unsupported,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::chunk::Fields;

/// The content of some media, or why the API takes none such.
pub(super) fn content(media: &Media) -> Result<Value, Unsupported> {
    let lacks =
        |what: &str, hint: &str| Unsupported { feature: format!("{what} input"), hint: hint.to_owned() };
    let name = || media.name.as_deref().unwrap_or("file");
    match (media.kind, &media.source) {
        (MediaKind::Audio, _) => {
            Err(lacks("audio", "this API hears nothing; speak chat completions, or send a transcript"))
        }
        (MediaKind::Video, _) => Err(lacks("video", "send single pictures of it")),
        (MediaKind::Image | MediaKind::File, MediaSource::Blob { .. }) => {
            let what = if media.kind == MediaKind::Image { "image" } else { "file" };
            Err(lacks(what, "load the blob into the message before the call"))
        }
        (MediaKind::Image, MediaSource::Bytes { data }) => {
            Ok(json!({"type": "input_image", "image_url": data_url(&media.media_type, data)}))
        }
        (MediaKind::Image, MediaSource::Url { url }) => Ok(json!({"type": "input_image", "image_url": url})),
        (MediaKind::Image, MediaSource::FileId { id }) => Ok(json!({"type": "input_image", "file_id": id})),
        (MediaKind::File, MediaSource::Bytes { data }) => {
            let data = data_url(&media.media_type, data);
            Ok(json!({"type": "input_file", "filename": name(), "file_data": data}))
        }
        (MediaKind::File, MediaSource::Url { url }) => Ok(json!({"type": "input_file", "file_url": url})),
        (MediaKind::File, MediaSource::FileId { id }) => Ok(json!({"type": "input_file", "file_id": id})),
    }
}

fn data_url(media_type: &str, data: &[u8]) -> String {
    format!("data:{media_type};base64,{}", STANDARD.encode(data))
}

/// The type of items that hold a picture which the provider made.
pub(super) const PICTURE: &str = "image_generation_call";

/// Takes the picture out of an item, which keeps everything else; `None` when there is none to see.
pub(super) fn take_picture(item: &mut Fields) -> Option<Media> {
    if item.get("type")? != PICTURE {
        return None;
    }
    let result = item.get("result")?.as_str()?;
    let source = if result.starts_with("https://") {
        MediaSource::Url { url: result.to_owned() }
    } else {
        let data = STANDARD.decode(result).ok().filter(|data| !data.is_empty())?;
        MediaSource::Bytes { data: data.into() }
    };
    let format = item.get("output_format").and_then(Value::as_str).unwrap_or("png");
    let media_type = format!("image/{format}");
    item.remove("result");
    Some(Media { kind: MediaKind::Image, media_type, name: None, source })
}

/// The item with its picture again.
pub(super) fn with_picture(item: &Value, media: &Media) -> Option<Value> {
    let mut item =
        item.as_object().filter(|item| item.get("type").is_some_and(|kind| kind == PICTURE))?.clone();
    let result = match &media.source {
        MediaSource::Bytes { data } => STANDARD.encode(data),
        MediaSource::Url { url } => url.clone(),
        MediaSource::FileId { .. } | MediaSource::Blob { .. } => return None,
    };
    item.insert("result".to_owned(), result.into());
    Some(Value::Object(item))
}
