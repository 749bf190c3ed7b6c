//! Rust source with comments and literals blanked out, so that rules see code alone. Lines and columns stay.

/// Replaces every character of comments, strings and character literals by a space; line ends are kept.
pub(crate) fn code_only(source: &str) -> String {
    let mut scanner = Scanner { rest: source, code: String::with_capacity(source.len()), after_word: false };
    while let Some(next) = scanner.rest.chars().next() {
        scanner.advance(next);
    }
    scanner.code
}

struct Scanner<'a> {
    rest: &'a str,
    code: String,
    /// The last character belonged to an identifier, so that the `r` of `for"` starts no raw string.
    after_word: bool,
}

impl Scanner<'_> {
    fn advance(&mut self, next: char) {
        let blank = if self.rest.starts_with("//") {
            self.rest.find('\n').unwrap_or(self.rest.len())
        } else if self.rest.starts_with("/*") {
            block_comment(self.rest)
        } else if next == '"' {
            string(self.rest)
        } else if next == '\'' {
            character(self.rest)
        } else if next == 'r' && !self.after_word {
            raw_string(self.rest)
        } else {
            0
        };
        let (taken, rest) = self.rest.split_at(if blank == 0 { next.len_utf8() } else { blank });
        if blank == 0 {
            self.code.push_str(taken);
        } else {
            self.code.extend(taken.chars().map(|it| if it == '\n' { '\n' } else { ' ' }));
        }
        // `b` before a quote is a prefix of the literal, as `br"…"` shows.
        self.after_word = blank == 0 && (next.is_alphanumeric() || next == '_') && next != 'b';
        self.rest = rest;
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest.starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `'a'`, `'\n'` and `'\u{1f600}'`, but not the lifetime `'a`.
fn character(text: &str) -> usize {
    let mut characters = text.char_indices().skip(1);
    match characters.next() {
        Some((_, '\\')) => {
            // The escaped character itself may be a quote.
            characters.next();
            characters.find(|(_, it)| *it == '\'').map_or(0, |(at, _)| at + 1)
        }
        Some(_) => characters.next().filter(|(_, it)| *it == '\'').map_or(0, |(at, _)| at + 1),
        None => 0,
    }
}

/// `r"…"` and `r#"…"#`; nothing for an identifier such as `r#type`.
fn raw_string(text: &str) -> usize {
    let hashes = text.chars().skip(1).take_while(|it| *it == '#').count();
    let Some(body) = text.get(1 + hashes..).and_then(|rest| rest.strip_prefix('"')) else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    body.find(&end).map_or(text.len(), |at| text.len() - body.len() + at + end.len())
}

/// The lines, from 1, of items under `#[cfg(test)]`, the attribute included.
pub(crate) fn test_lines(code: &str) -> Vec<std::ops::RangeInclusive<usize>> {
    let mut ranges: Vec<std::ops::RangeInclusive<usize>> = Vec::new();
    let mut offset = 0;
    for (index, line) in code.split_inclusive('\n').enumerate() {
        let number = index + 1;
        let inside = ranges.last().is_some_and(|range| range.contains(&number));
        let attribute = line.trim_start();
        if !inside && (attribute.starts_with("#[cfg(test)]") || attribute.starts_with("#[cfg(all(test")) {
            let item = code.get(offset..).unwrap_or_default();
            let lines = item.get(..item_end(item)).unwrap_or(item).lines().count();
            ranges.push(number..=number + lines.max(1) - 1);
        }
        offset += line.len();
    }
    ranges
}

/// Where the item that begins here ends: at its `;`, or at the brace that closes its body.
fn item_end(code: &str) -> usize {
    let mut depth = 0_u32;
    for (at, character) in code.char_indices() {
        match character {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        assert_eq!(code_only(source).split_whitespace().collect::<Vec<_>>().join(" "), expected, "{source}");
        assert_eq!(code_only(source).lines().count(), source.lines().count());
    }

    #[test]
    fn comments_and_literals_are_blank() {
        check("a // b\nc", "a c");
        check("a /* b /* c */ d */ e", "a e");
        check(r#"a "b \" c" d"#, "a d");
        check("a r#\"b \" c\"# d", "a d");
        check("a br\"x\" d", "a b d");
        check("let r#type = 1;", "let r#type = 1;");
        check("for<'a> fn(&'a str, 'x', '\\'', '\"') b", "for<'a> fn(&'a str, , , ) b");
        check("'\\u{1f600}' \"ü\" ü", "ü");
        check("a \"never closed", "a");
    }

    #[test]
    fn test_items_are_found() {
        let code = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { }\n}\nfn c() {}\n#[cfg(test)]\nmod more;\nfn d() {}\n";
        assert_eq!(test_lines(code), [2..=5, 7..=8]);
    }
}
