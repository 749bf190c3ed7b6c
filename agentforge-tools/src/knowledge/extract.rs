//! From the bytes of a file to the one immutable text of a document. It reads Markdown and plain text in UTF-8.

use agentforge_core::error::{Error, ErrorKind, Result};

/// The longest name of a source, in bytes.
pub const MAX_SOURCE_BYTES: usize = 1_024;

/// What other files begin with.
const FORMATS: [(&[u8], &str); 5] = [
    (b"%PDF-", "a PDF file"),
    (b"PK\x03\x04", "a ZIP archive or an Office file"),
    (b"\xD0\xCF\x11\xE0", "an old Office file"),
    (b"\xFF\xFE", "text in UTF-16"),
    (b"\xFE\xFF", "text in UTF-16"),
];

/// The text of a file. A byte order mark is dropped; anything but UTF-8 text is `unsupported`, and says what it looks
/// like.
pub fn plain_text<'a>(source: &str, bytes: &'a [u8]) -> Result<&'a str> {
    let unsupported = |what: &str| {
        Error::new(
            ErrorKind::Unsupported,
            format!(
                "`{source}` is {what}; only Markdown and plain text in UTF-8 can be read, so convert it first"
            ),
        )
        .with("source", source)
    };
    if let Some((_, what)) = FORMATS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(unsupported(what));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|error| unsupported("not UTF-8").with("byte", error.valid_up_to()).caused_by(error))?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// Fails when a text cannot become a document: nothing in it to find, or a NUL, which no store keeps.
pub fn check_document(source: &str, text: &str) -> Result<()> {
    check_source(source)?;
    if let Some(at) = text.find('\0') {
        return Err(Error::invalid(format!(
            "`{source}` holds a NUL character at byte {at}; it is no text, or must be cleaned first"
        ))
        .with("source", source)
        .with("byte", at));
    }
    if text.trim().is_empty() {
        return Err(Error::invalid(format!("`{source}` is empty; there is nothing in it to find"))
            .with("source", source));
    }
    Ok(())
}

/// Fails when a text cannot name a source.
pub fn check_source(source: &str) -> Result<()> {
    let fault = if source.trim().is_empty() {
        "a document needs a source: a name that people recognise, for example its path".to_owned()
    } else if source.len() > MAX_SOURCE_BYTES {
        format!("a source is named in at most {MAX_SOURCE_BYTES} bytes; this one has {}", source.len())
    } else if source.contains(char::is_control) {
        format!("the source {source:?} holds a control character; remove it")
    } else {
        return Ok(());
    };
    Err(Error::invalid(fault).with("field", "source"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_or_named_for_what_they_are() {
        let check = |bytes: &[u8], expected: Result<&str, &str>| match (plain_text("a", bytes), expected) {
            (Ok(text), Ok(expected)) => assert_eq!(text, expected),
            (Err(error), Err(part)) => assert!(error.message().contains(part), "{error}"),
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        };
        check(b"# Hi", Ok("# Hi"));
        check("\u{feff}Grüße".as_bytes(), Ok("Grüße"));
        check(b"%PDF-1.7 ...", Err("a PDF file"));
        check(b"PK\x03\x04...", Err("Office"));
        check(b"\xFF\xFEh\0", Err("UTF-16"));
        check(b"caf\xe9", Err("not UTF-8"));
    }

    #[test]
    fn what_cannot_be_a_document_says_why() {
        let check = |source: &str, text: &str, part: &str| {
            let error = check_document(source, text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(error.message().contains(part), "{error}");
        };
        check("a.md", "one\0two", "NUL character at byte 3");
        check("a.md", " \r\n\u{a0}", "empty");
        check(" ", "text", "needs a source");
        check("a\nb", "text", "control character");
        check(&"x".repeat(2_000), "text", "at most 1024 bytes");
        assert!(check_document("a.md", "text").is_ok());
    }
}
