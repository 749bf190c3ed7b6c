//! Percent-encoding: whatever a model writes stays inside the place it was written for.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but the unreserved characters of RFC 3986.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What `allowReserved` leaves as it is. The characters that would begin another parameter, or end the query, are
/// encoded all the same: a document may ask for readable slashes and never for an injection.
const RESERVED: &AsciiSet = &STRICT
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b',')
    .remove(b';');

/// How text is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    /// Everything but unreserved characters is encoded.
    Strict,
    /// Reserved characters stay, where they cannot end the value.
    Reserved,
    /// Nothing is encoded: header values.
    None,
}

impl Escape {
    /// The text as it is sent.
    pub(super) fn of(self, text: &str) -> String {
        match self {
            Self::Strict => encode(text),
            Self::Reserved => utf8_percent_encode(text, RESERVED).to_string(),
            Self::None => text.to_owned(),
        }
    }
}

/// Everything but unreserved characters encoded.
pub(super) fn encode(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Whether a segment of a path is one that every client and server resolves away, in any spelling.
pub(super) fn is_dot_segment(segment: &str) -> bool {
    let decoded = percent_decode_str(segment).decode_utf8_lossy();
    matches!(decoded.as_ref(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unreserved_characters_stay() {
        assert_eq!(encode("a-._~Z9"), "a-._~Z9");
        assert_eq!(encode("a/b?c&d=e#f g\r\n%2e"), "a%2Fb%3Fc%26d%3De%23f%20g%0D%0A%252e");
        assert_eq!(encode("ü"), "%C3%BC");
    }

    #[test]
    fn reserved_characters_stay_only_where_they_end_nothing() {
        assert_eq!(Escape::Reserved.of("a/b:c?d&e=f#g+h i"), "a/b:c?d%26e%3Df%23g%2Bh%20i");
    }

    #[test]
    fn dot_segments_are_seen_in_every_spelling() {
        for segment in [".", "..", "%2e", "%2E%2e", ".%2E"] {
            assert!(is_dot_segment(segment), "{segment}");
        }
        for segment in ["", "...", "a.", "%252e%252e"] {
            assert!(!is_dot_segment(segment), "{segment}");
        }
    }
}
