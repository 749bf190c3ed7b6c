//! In which letters a page is written: by its byte order mark, its header, its own word, or its bytes.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// How far into a page its own word is looked for, as browsers do.
const PRESCAN: usize = 1024;

/// The text of a body. `declared` is the content type of the reply; only pages speak for themselves.
pub(super) fn decode(body: &[u8], declared: Option<&str>, is_page: bool) -> String {
    // A byte order mark wins over everything, and `decode` heeds it.
    let of_header = declared.and_then(|declared| label_in(declared.as_bytes())).and_then(Encoding::for_label);
    let encoding =
        of_header.or_else(|| if is_page { of_page(body) } else { None }).unwrap_or_else(|| guess(body));
    encoding.decode(body).0.into_owned()
}

/// What a page says in its first `meta` that says it.
fn of_page(body: &[u8]) -> Option<&'static Encoding> {
    let start = body.get(..PRESCAN).unwrap_or(body).to_ascii_lowercase();
    let mut rest = start.as_slice();
    while let Some(at) = find(rest, b"<meta") {
        rest = rest.get(at + 5..)?;
        let tag = rest.split(|byte| *byte == b'>').next().unwrap_or_default();
        if let Some(encoding) = label_in(tag).and_then(Encoding::for_label) {
            // A page whose tags were just read byte by byte is not in UTF-16, whatever it says.
            return Some(if encoding == UTF_16BE || encoding == UTF_16LE { UTF_8 } else { encoding });
        }
    }
    None
}

/// The label after `charset =`, with or without quotes.
fn label_in(text: &[u8]) -> Option<&[u8]> {
    let lower = text.to_ascii_lowercase();
    let mut from = 0;
    loop {
        from += find(lower.get(from..)?, b"charset")? + b"charset".len();
        let after = text.get(from..)?.trim_ascii_start();
        let Some(value) = after.strip_prefix(b"=").map(<[u8]>::trim_ascii_start) else { continue };
        let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
        let end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b';' | b'"' | b'\'' | b'>' | b'/');
        return value.split(end).next().filter(|label| !label.is_empty());
    }
}

/// Nobody said it: what is valid UTF-8 hardly means anything else, and the rest is what browsers take for the west.
fn guess(body: &[u8]) -> &'static Encoding {
    if std::str::from_utf8(body).is_ok() { UTF_8 } else { WINDOWS_1252 }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|window| window == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_wins_over_the_header_and_the_header_over_the_page() {
        let check = |body: &[u8], declared: Option<&str>, expected: &str| {
            assert!(decode(body, declared, true).ends_with(expected), "{declared:?} {body:?}");
        };
        check(b"\xef\xbb\xbf\xc3\xa4", Some("text/html; charset=iso-8859-1"), "ä");
        check(b"\xff\xfe\xe4\x00", Some("text/html; charset=utf-8"), "ä");
        check(b"\xe4", Some("text/html; charset=ISO-8859-1"), "ä");
        check(b"\xe4", Some("text/html;charset=\"latin1\""), "ä");
        check(b"<meta charset=utf-8>\xe4", Some("text/html; charset=iso-8859-1"), "ä");
        check(b"<meta charset='koi8-r'>\xc1", Some("text/html"), "а");
        check(b"<META content='text/html; Charset = windows-1251 ' http-equiv=Content-Type>\xe0", None, "а");
        check(b"<meta name=x><meta charset=\"shift_jis\">\x82\xa0", None, "あ");
        check("<meta charset=utf-16>ä".as_bytes(), None, "ä");
        check("<meta charset=nonsense>ä".as_bytes(), None, "ä");
        check("ä".as_bytes(), None, "ä");
        check(b"caf\xe9", None, "café");
        check(b"caf\xe9", Some("text/html; charset=nonsense"), "café");
    }

    #[test]
    fn only_pages_speak_for_themselves() {
        let body = b"<meta charset=koi8-r>\xc3\xa4";
        assert!(decode(body, Some("text/plain"), false).ends_with('ä'));
        let far = [&[b' '; PRESCAN][..], b"<meta charset=koi8-r>\xc1"].concat();
        assert!(decode(&far, None, true).ends_with('Á'));
    }
}
