//! A whole reply, and what a tool makes of it. Pure.

use agentforge_core::{
    error::Result,
    http::{Headers, SecretText},
    message::{Media, MediaKind, MediaSource, Part, PartContent, Trust},
    time::Timestamp,
    tool::ToolOutput,
};
use bytes::Bytes;
use serde_json::Value;

use super::{
    body::{essence, is_json},
    failure,
    operation::RestOperation,
};

/// A reply whose body was read.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

/// What the body of a reply is.
pub(super) enum Content {
    /// Nothing.
    Empty,
    /// JSON.
    Json(Value),
    /// Text of some media type.
    Text(String),
    /// Anything else, with its media type.
    Bytes(String),
}

/// The largest file that is handed over inside an answer; a larger one needs a blob store.
const MAX_INLINE: usize = 1024 * 1024;

impl Reply {
    /// The media type without parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        essence(self.headers.get("content-type").unwrap_or_default())
    }

    /// The body by its media type. JSON that is none is text: the model can read what came instead.
    pub(super) fn content(&self) -> Content {
        if self.body.is_empty() {
            return Content::Empty;
        }
        let media_type = self.media_type();
        // Many services send JSON without saying so.
        let may_be_json = is_json(&media_type) || media_type.is_empty() || media_type == "text/plain";
        if may_be_json
            && let Ok(value) = serde_json::from_slice(&self.body)
            && (is_json(&media_type) || matches!(value, Value::Object(_) | Value::Array(_)))
        {
            return Content::Json(value);
        }
        let textual = is_json(&media_type)
            || media_type.is_empty()
            || media_type.starts_with("text/")
            || media_type.ends_with("xml")
            || media_type.ends_with("yaml")
            || media_type == "application/javascript"
            || media_type == "application/x-ndjson";
        match std::str::from_utf8(&self.body) {
            Ok(text) if textual => Content::Text(text.to_owned()),
            Err(_) if textual && !media_type.is_empty() => {
                Content::Text(String::from_utf8_lossy(&self.body).into_owned())
            }
            _ if media_type.is_empty() => Content::Bytes("application/octet-stream".to_owned()),
            _ => Content::Bytes(media_type),
        }
    }

    /// The reply with every secret of the request blotted out: services quote keys in what they answer.
    pub(super) fn without(mut self, secrets: &[SecretText]) -> Self {
        // A word of a few letters would blot out half of the text.
        let secrets = secrets.iter().map(SecretText::expose).filter(|secret| secret.len() >= 6);
        for secret in secrets {
            if contains(&self.body, secret.as_bytes()) {
                let text = String::from_utf8_lossy(&self.body).replace(secret, HIDDEN);
                self.body = Bytes::from(text);
            }
            let headers = self.headers.iter();
            self.headers = headers.map(|(name, value)| (name, value.replace(secret, HIDDEN))).collect();
        }
        self
    }
}

/// What stands in the place of a secret.
const HIDDEN: &str = "[hidden]";

fn contains(body: &[u8], secret: &[u8]) -> bool {
    match std::str::from_utf8(body) {
        // The search of strings is linear; that of slices is not.
        Ok(text) => std::str::from_utf8(secret).is_ok_and(|secret| text.contains(secret)),
        Err(_) => body.windows(secret.len()).any(|window| window == secret),
    }
}

impl RestOperation {
    /// Whether a status means success.
    pub(super) fn expects(&self, status: u16) -> bool {
        if self.expected.is_empty() { (200..300).contains(&status) } else { self.expected.contains(&status) }
    }

    /// What a model gets of a reply.
    ///
    /// Whatever a model may react to is a failed output. A service that asks to come back later (429 or 503 with
    /// `retry-after`) is a retryable error for the runtime.
    pub fn read(&self, reply: &Reply, now: Timestamp) -> Result<ToolOutput> {
        if !self.expects(reply.status) {
            return failure::of(self, reply, now);
        }
        if let Err(why) = self.response.accepts(&reply.media_type(), reply.body.is_empty()) {
            return Ok(untrusted(ToolOutput::error(format!("`{}` {why}", self.name))));
        }
        let output = match reply.content() {
            Content::Empty => ToolOutput::text(without_body(reply)),
            Content::Json(value) => self.response.json(value)?,
            Content::Text(text) => self.response.text(text),
            Content::Bytes(media_type) if reply.body.len() > MAX_INLINE => ToolOutput::error(format!(
                "`{}` answered with a file of {media_type} and {} bytes, which is too large to hand over",
                self.name,
                reply.body.len()
            )),
            Content::Bytes(media_type) => {
                file(&media_type, reply, MediaSource::Bytes { data: reply.body.clone() })
            }
        };
        Ok(untrusted(output))
    }
}

/// A success without a body: the status in words, and what the headers say.
fn without_body(reply: &Reply) -> String {
    let mut text = match reply.status {
        201 => "created (201)".to_owned(),
        202 => "accepted; it is done later (202)".to_owned(),
        204 => "done (204)".to_owned(),
        status => format!("done ({status}), without content"),
    };
    for name in ["location", "content-type", "content-length", "etag", "last-modified"] {
        if let Some(value) = reply.headers.get(name)
            && !(name == "content-length" && value == "0")
        {
            text.push_str(&format!("\n{name}: {value}"));
        }
    }
    text
}

/// A file as a part, with a line that says what it is.
pub(super) fn file(media_type: &str, reply: &Reply, source: MediaSource) -> ToolOutput {
    let kind = match media_type.split('/').next() {
        Some("image") => MediaKind::Image,
        Some("audio") => MediaKind::Audio,
        Some("video") => MediaKind::Video,
        _ => MediaKind::File,
    };
    let name = file_name(reply.headers.get("content-disposition").unwrap_or_default());
    let called = name.as_deref().map(|name| format!(" named `{name}`")).unwrap_or_default();
    let line = format!("a file{called} of {media_type}, {} bytes", reply.body.len());
    let media = Media { kind, media_type: media_type.to_owned(), name, source };
    let mut output = ToolOutput::text(line);
    output.parts.push(Part::new(PartContent::Media(media)));
    output
}

/// The last part of the file name that a reply gives, without anything that could lead elsewhere.
pub(super) fn file_name(disposition: &str) -> Option<String> {
    let (_, after) = disposition.split_once("filename=")?;
    let name = match after.trim_start().strip_prefix('"') {
        Some(quoted) => quoted.split('"').next().unwrap_or_default(),
        None => after.split(';').next().unwrap_or_default().trim(),
    };
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name.chars().filter(|letter| !letter.is_control()).take(200).collect();
    (!name.is_empty() && !matches!(name.as_str(), "." | "..")).then_some(name)
}

/// Output from outside may carry an attacker's words, whether it is an answer or a failure.
pub(super) fn untrusted(mut output: ToolOutput) -> ToolOutput {
    output.trust = Some(Trust::Untrusted);
    output
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_leads_nowhere() {
        let check =
            |text: &str, expected: Option<&str>| assert_eq!(file_name(text).as_deref(), expected, "{text}");
        check("attachment; filename=\"report.pdf\"", Some("report.pdf"));
        check("attachment; filename=../../etc/passwd; x=1", Some("passwd"));
        check("attachment; filename=\"..\\..\\a.exe\"", Some("a.exe"));
        check("attachment; filename=\"..\"", None);
        check("attachment", None);
    }

    #[test]
    fn a_secret_is_blotted_out_of_bodies_and_headers() {
        let headers = Headers::from_iter([("location", "/x?key=swordfish")]);
        let reply =
            Reply { status: 200, headers, body: Bytes::from_static(b"{\"you sent\": \"swordfish\"}") };
        let reply = reply.without(&[SecretText::from("swordfish"), SecretText::from("you")]);
        assert_eq!(reply.body, Bytes::from_static(b"{\"you sent\": \"[hidden]\"}"));
        assert_eq!(reply.headers.get("location"), Some("/x?key=[hidden]"));
    }
}
