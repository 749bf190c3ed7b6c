//! Media as content blocks of a request, and pictures and sound of an answer.

use std::collections::BTreeSet;

use agentforge_core::{
    message::{Media, MediaKind, MediaSource},
    model::Unsupported,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// The API's word for a block, and for the format of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Form {
    block: &'static str,
    format: &'static str,
}

/// The names that the documents of a request have: the API wants each once.
#[derive(Debug, Default)]
pub(super) struct DocumentNames(BTreeSet<String>);

impl DocumentNames {
    /// A name that the API takes and no document before has.
    fn take(&mut self, wished: Option<&str>) -> String {
        let base = mended(wished.unwrap_or_default());
        let mut name = base.clone();
        let mut number = 2_u32;
        while !self.0.insert(name.clone()) {
            name = format!("{base} {number}");
            number = number.saturating_add(1);
        }
        name
    }
}

/// Letters, digits, hyphens, brackets and single blanks; anything else becomes a hyphen.
fn mended(name: &str) -> String {
    const LONGEST: usize = 180;
    let fits = |letter: char| letter.is_ascii_alphanumeric() || "-()[]".contains(letter);
    let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
    let mended: String = words
        .chars()
        .take(LONGEST)
        .map(|letter| if fits(letter) || letter == ' ' { letter } else { '-' })
        .collect();
    let mended = mended.trim().to_owned();
    if mended.is_empty() { "Document".to_owned() } else { mended }
}

/// How some media goes out, or why the API takes none such.
pub(super) fn form(media: &Media) -> Result<Form, Unsupported> {
    let lacks =
        |what: &str, hint: &str| Err(Unsupported { feature: format!("{what} input"), hint: hint.to_owned() });
    let (block, format, formats) = match media.kind {
        MediaKind::Image => ("image", image(&media.media_type), "JPEG, PNG, GIF and WebP"),
        MediaKind::File => {
            let format = document(&media.media_type, media.name.as_deref());
            ("document", format, "PDF, CSV, Word, Excel, HTML, Markdown and plain text")
        }
        MediaKind::Video => {
            ("video", video(&media.media_type), "MP4, MOV, MKV, WebM, FLV, MPEG, WMV and 3GP")
        }
        MediaKind::Audio => {
            ("audio", audio(&media.media_type), "MP3, WAV, FLAC, AAC, Ogg, Opus, WebM and M4A")
        }
    };
    match &media.source {
        MediaSource::Bytes { .. } => {}
        MediaSource::Url { url } if url.starts_with("s3://") => {}
        MediaSource::Url { .. } => return lacks(block, "this API fetches from s3:// only; load it first"),
        MediaSource::FileId { .. } => return lacks(block, "this API keeps no files; send the bytes"),
        MediaSource::Blob { .. } => {
            return lacks(block, "load the blob into the message before the call");
        }
    }
    match format {
        Some(format) => Ok(Form { block, format }),
        None => lacks(block, &format!("this API takes {formats}; convert it")),
    }
}

/// The same in the result of a tool, which holds no sound.
pub(super) fn form_in_result(media: &Media) -> Result<Form, Unsupported> {
    if media.kind == MediaKind::Audio {
        let hint = "the result of a tool holds no sound here; send a transcript".to_owned();
        return Err(Unsupported { feature: "audio input".to_owned(), hint });
    }
    form(media)
}

/// The block of some media; `None` when the API takes none such, which the check has said before.
pub(super) fn block(media: &Media, names: &mut DocumentNames) -> Option<Value> {
    let Form { block, format } = form(media).ok()?;
    let source = match &media.source {
        MediaSource::Bytes { data } => json!({"bytes": STANDARD.encode(data)}),
        MediaSource::Url { url } => json!({"s3Location": {"uri": url}}),
        MediaSource::FileId { .. } | MediaSource::Blob { .. } => return None,
    };
    let mut fields = json!({"format": format, "source": source});
    if let (MediaKind::File, Some(fields)) = (media.kind, fields.as_object_mut()) {
        fields.insert("name".to_owned(), names.take(media.name.as_deref()).into());
    }
    Some(json!({ block: fields }))
}

/// The media of an answer's block.
pub(super) fn media_of(block: &str, fields: &Value) -> Option<Media> {
    let kind = match block {
        "image" => MediaKind::Image,
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => return None,
    };
    let source = fields.get("source")?;
    let source = match (source.get("bytes"), source.pointer("/s3Location/uri")) {
        (Some(Value::String(bytes)), _) => MediaSource::Bytes { data: STANDARD.decode(bytes).ok()?.into() },
        (_, Some(Value::String(url))) => MediaSource::Url { url: url.clone() },
        _ => return None,
    };
    let format = fields.get("format").and_then(Value::as_str).unwrap_or("octet-stream");
    Some(Media { kind, media_type: format!("{block}/{format}"), name: None, source })
}

/// A media type without its parameters, in lower case.
fn plain(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn image(media_type: &str) -> Option<&'static str> {
    Some(match plain(media_type).as_str() {
        "image/jpeg" | "image/jpg" => "jpeg",
        "image/png" => "png",
        "image/gif" => "gif",
        "image/webp" => "webp",
        _ => return None,
    })
}

fn document(media_type: &str, name: Option<&str>) -> Option<&'static str> {
    let ending = name.and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending.to_ascii_lowercase());
    Some(match plain(media_type).as_str() {
        "application/pdf" => "pdf",
        "text/csv" => "csv",
        "application/msword" => "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document" => "docx",
        "application/vnd.ms-excel" => "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => "xlsx",
        "text/html" => "html",
        "text/markdown" | "text/x-markdown" => "md",
        "text/plain" if ending.as_deref() == Some("md") => "md",
        "application/json" | "application/xml" | "application/yaml" => "txt",
        text if text.starts_with("text/") => "txt",
        _ => return None,
    })
}

fn video(media_type: &str) -> Option<&'static str> {
    Some(match plain(media_type).as_str() {
        "video/mp4" => "mp4",
        "video/quicktime" | "video/mov" => "mov",
        "video/x-matroska" | "video/mkv" => "mkv",
        "video/webm" => "webm",
        "video/x-flv" | "video/flv" => "flv",
        "video/mpeg" => "mpeg",
        "video/x-ms-wmv" | "video/wmv" => "wmv",
        "video/3gpp" => "three_gp",
        _ => return None,
    })
}

fn audio(media_type: &str) -> Option<&'static str> {
    Some(match plain(media_type).as_str() {
        "audio/mpeg" | "audio/mp3" => "mp3",
        "audio/wav" | "audio/x-wav" | "audio/wave" => "wav",
        "audio/flac" | "audio/x-flac" => "flac",
        "audio/aac" => "aac",
        "audio/ogg" => "ogg",
        "audio/opus" => "opus",
        "audio/webm" => "webm",
        "audio/mp4" | "audio/m4a" | "audio/x-m4a" => "m4a",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_documents_are_mended_and_given_once() {
        let mut names = DocumentNames::default();
        let taken: Vec<String> = [Some("Q3  report.pdf"), Some("Q3 report-pdf"), None, Some("ü"), None]
            .into_iter()
            .map(|name| names.take(name))
            .collect();
        assert_eq!(taken, ["Q3 report-pdf", "Q3 report-pdf 2", "Document", "-", "Document 2"]);
    }
}
