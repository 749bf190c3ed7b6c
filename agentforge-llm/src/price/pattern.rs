//! Patterns of model names: `*` is any text, `#` a digit, everything else itself without case.

/// Whether a name in lower case fits a pattern in lower case. Linear in the name for each `*`.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return begins(name, pattern).is_some_and(str::is_empty);
    };
    let Some(mut name) = begins(name, first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return ends(name, part);
        }
        match name.char_indices().find_map(|(at, _)| begins(name.get(at..)?, part)) {
            Some(after) => name = after,
            None if part.is_empty() => {}
            None => return false,
        }
    }
    true
}

/// What follows a beginning without `*`.
fn begins<'a>(name: &'a str, literal: &str) -> Option<&'a str> {
    let mut letters = name.chars();
    for wanted in literal.chars() {
        let letter = letters.next()?;
        let same = if wanted == '#' { letter.is_ascii_digit() } else { letter == wanted };
        if !same {
            return None;
        }
    }
    Some(letters.as_str())
}

fn ends(name: &str, literal: &str) -> bool {
    let (length, wanted) = (name.chars().count(), literal.chars().count());
    let Some(skipped) = length.checked_sub(wanted) else { return false };
    let at = name.char_indices().nth(skipped).map_or(name.len(), |(at, _)| at);
    name.get(at..).is_some_and(|end| begins(end, literal) == Some(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_number_sign_a_digit() {
        for (pattern, name, expected) in [
            ("gpt-4o", "gpt-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("*claude*", "us.anthropic.claude-3", true),
            ("*claude*", "claude", true),
            ("*claude*", "claud", false),
            ("*-tts", "x-tts", true),
            ("*-tts", "x-tts-1", false),
            ("*-tts-*", "x-tts-1", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("o#", "o3", true),
            ("o#", "ox", false),
            ("m-####-##-##", "m-2025-01-31", true),
            ("m-####-##-##", "m-2025-01-3", false),
            ("m-#*", "m-1-preview", true),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
            ("*é", "caf\u{e9}", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
