//! `multipart/form-data`, written as RFC 7578 and browsers do.

use agentforge_core::{
    error::{Error, Result},
    json::Digest,
};
use bytes::Bytes;

use super::{body::is_header_text, file::Upload};

/// The parts of a body, in order.
#[derive(Default)]
pub(super) struct Multipart {
    parts: Vec<(String, Bytes)>,
}

impl Multipart {
    /// A field of text.
    pub(super) fn text(&mut self, name: &str, content_type: Option<&str>, text: &str) {
        let mut head = format!("content-disposition: form-data; name=\"{}\"\r\n", quoted(name));
        if let Some(content_type) = content_type {
            head.push_str(&format!("content-type: {content_type}\r\n"));
        }
        self.parts.push((head, Bytes::from(text.to_owned())));
    }

    /// A file. The document's content type stands above the argument's.
    pub(super) fn file(&mut self, name: &str, upload: Upload, declared: Option<&str>) -> Result<()> {
        let content_type = declared.or(upload.media_type.as_deref()).unwrap_or("application/octet-stream");
        if !is_header_text(content_type) {
            return Err(Error::invalid(format!("`media_type` of the file `{name}` is no media type")));
        }
        let file_name = upload.name.as_deref().unwrap_or(name);
        let head = format!(
            "content-disposition: form-data; name=\"{}\"; filename=\"{}\"\r\ncontent-type: {content_type}\r\n",
            quoted(name),
            quoted(file_name)
        );
        self.parts.push((head, upload.bytes));
        Ok(())
    }

    /// The media type with its boundary, and the bytes.
    ///
    /// The boundary is a hash of all parts: a repeated call sends the same bytes, and nobody can write a file that
    /// contains the hash of itself.
    pub(super) fn finish(self) -> (String, Bytes) {
        let pieces: Vec<&[u8]> =
            self.parts.iter().flat_map(|(head, bytes)| [head.as_bytes(), bytes.as_ref()]).collect();
        let boundary: String = Digest::of_parts(&pieces).to_string().chars().take(48).collect();
        let mut body = Vec::with_capacity(pieces.iter().map(|piece| piece.len() + 64).sum());
        for (head, bytes) in &self.parts {
            body.extend_from_slice(format!("--{boundary}\r\n{head}\r\n").as_bytes());
            body.extend_from_slice(bytes);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
        (format!("multipart/form-data; boundary={boundary}"), Bytes::from(body))
    }
}

/// A name between quotes, escaped as browsers do, so that it can end neither the quotes nor the header.
fn quoted(text: &str) -> String {
    let plain = |letter: &char| !letter.is_control() || matches!(letter, '\r' | '\n');
    let text: String = text.chars().filter(plain).collect();
    text.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_neither_its_quotes_nor_the_header() {
        let mut parts = Multipart::default();
        let upload = Upload {
            bytes: Bytes::from_static(b"x"),
            name: Some("a\"; x=\"\r\nevil: 1\0".to_owned()),
            media_type: None,
        };
        parts.file("f", upload, None).unwrap();
        let (_, body) = parts.finish();
        let text = String::from_utf8(body.to_vec()).unwrap();
        assert!(text.contains("filename=\"a%22; x=%22%0D%0Aevil: 1\"\r\n"), "{text}");
    }

    #[test]
    fn a_content_type_with_a_line_break_is_refused() {
        let upload =
            Upload { bytes: Bytes::new(), name: None, media_type: Some("a/b\r\nevil: 1".to_owned()) };
        assert!(Multipart::default().file("f", upload, None).is_err());
    }

    #[test]
    fn the_same_parts_have_the_same_bytes_and_the_boundary_is_in_none() {
        let make = |text: &str| {
            let mut parts = Multipart::default();
            parts.text("note", None, text);
            parts.finish()
        };
        let (media_type, body) = make("hello");
        assert_eq!((media_type.clone(), body), make("hello"));
        let boundary = media_type.rsplit('=').next().unwrap();
        let (other, _) = make(&format!("--{boundary}"));
        assert!(!other.ends_with(boundary));
    }
}
