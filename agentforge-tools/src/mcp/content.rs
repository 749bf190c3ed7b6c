//! What a server gives back, as parts of a message. Media that cannot be decoded become a sentence that says so.

use agentforge_core::message::Trust;
use agentforge_core::{
    message::{Media, MediaKind, MediaSource, Part, PartContent},
    tool::ToolOutput,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use rmcp::model::{CallToolResult, ContentBlock, ResourceContents};

use super::fault::quote;

/// The output of a call.
pub(super) fn output(result: CallToolResult) -> ToolOutput {
    let mut parts: Vec<_> = result.content.into_iter().map(part).collect();
    if let (true, Some(value)) = (parts.is_empty(), &result.structured_content) {
        parts.push(Part::text(value.to_string()));
    }
    if parts.is_empty() {
        parts.push(Part::text(if result.is_error == Some(true) { "failed" } else { "done" }));
    }
    ToolOutput {
        parts,
        structured: result.structured_content,
        failed: result.is_error == Some(true),
        trust: Some(Trust::Untrusted),
    }
}

/// One block of content.
pub(super) fn part(block: ContentBlock) -> Part {
    match block {
        ContentBlock::Text(text) => Part::text(text.text),
        ContentBlock::Image(image) => media(MediaKind::Image, image.mime_type, None, &image.data),
        ContentBlock::Audio(audio) => media(MediaKind::Audio, audio.mime_type, None, &audio.data),
        ContentBlock::Resource(embedded) => resource(embedded.resource),
        ContentBlock::ResourceLink(link) => {
            let mut line = format!("resource {} ({})", link.uri, link.name);
            if let Some(description) = link.description {
                line.push_str(&format!(": {description}"));
            }
            Part::text(line)
        }
        _ => Part::text("[content of a kind that this release does not know]"),
    }
}

/// What a resource holds.
pub(super) fn resource(contents: ResourceContents) -> Part {
    match contents {
        ResourceContents::TextResourceContents { text, .. } => Part::text(text),
        ResourceContents::BlobResourceContents { uri, mime_type, blob, .. } => {
            let media_type = mime_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            let kind = match media_type.split('/').next() {
                Some("image") => MediaKind::Image,
                Some("audio") => MediaKind::Audio,
                Some("video") => MediaKind::Video,
                _ => MediaKind::File,
            };
            media(kind, media_type, Some(uri), &blob)
        }
        _ => Part::text("[a resource of a kind that this release does not know]"),
    }
}

fn media(kind: MediaKind, media_type: String, name: Option<String>, data: &str) -> Part {
    match BASE64_STANDARD.decode(data) {
        Ok(data) => Part::new(PartContent::Media(Media {
            kind,
            media_type,
            name,
            source: MediaSource::Bytes { data: Bytes::from(data) },
        })),
        Err(_) => Part::text(format!("[{} whose bytes are no base64]", quote(&media_type))),
    }
}
