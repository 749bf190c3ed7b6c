//! Patterns of names: `*` is any text, `#` a digit, everything else itself without regard to the case of ASCII letters.

/// Whether a text is what a pattern says. Linear in practice: after a mismatch only the last star is tried again.
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut at, mut place) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while let Some(letter) = text.get(place) {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(own) if own.eq_ignore_ascii_case(letter) || (*own == b'#' && letter.is_ascii_digit()) => {
                at += 1;
                place += 1;
            }
            _ => {
                let Some((star_at, from)) = star else { return false };
                star = Some((star_at, from + 1));
                at = star_at + 1;
                place = from + 1;
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|byte| *byte == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_number_sign_a_digit_and_the_whole_name_counts() {
        for (pattern, name, expected) in [
            ("gpt-4o", "GPT-4o", true),
            ("gpt-4o", "gpt-4o-mini", false),
            ("gpt-4o*", "gpt-4o-mini", true),
            ("*:gpt-5*", "azure:gpt-5-mini", true),
            ("*claude*", "us.anthropic.claude-3", true),
            ("*claude*", "claud", false),
            ("*-tts", "x-tts", true),
            ("*-tts", "x-tts-1", false),
            ("*-tts-*", "x-tts-1", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("o#", "o3", true),
            ("o#", "ox", false),
            ("m-####-##-##", "m-2025-01-31", true),
            ("m-####-##-##", "m-2025-01-3", false),
            ("m-#*", "m-1-preview", true),
            ("**", "", true),
            ("", "", true),
            ("", "x", false),
            ("\u{e9}*", "\u{e9}:x", true),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
