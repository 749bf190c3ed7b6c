//! Sentences of a passage, each with its exact place. Headings and rules are none; a list item or a table row is one.

use std::ops::Range;

/// Words before a full stop that do not end a sentence.
const ABBREVIATIONS: &[&str] = &[
    "e.g", "i.e", "etc", "dr", "mr", "mrs", "ms", "no", "vs", "approx", "cf", "fig", "st", "prof", "inc",
    "ltd",
];

/// The places of all sentences in a text, without blanks around them.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for block in blocks(text) {
        split(text, block, &mut found);
    }
    found
}

/// Paragraphs and list items; a sentence never runs over their borders.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut blocks = Vec::new();
    let mut open: Option<Range<usize>> = None;
    let mut at = 0;
    let mut fenced = false;
    for line in text.split_inclusive('\n') {
        let place = at..at + line.len();
        at = place.end;
        let bare = line.trim();
        if bare.starts_with("```") {
            fenced = !fenced;
        }
        let alone = bare.starts_with('|');
        let skipped = bare.is_empty()
            || bare.starts_with('#')
            || bare.starts_with("```")
            || fenced
            || bare.chars().all(|letter| "-=*_|:+ ".contains(letter));
        let begins = alone || item_mark(line) > 0;
        if skipped || begins {
            blocks.extend(open.take());
        }
        if skipped {
            continue;
        }
        if alone {
            blocks.push(place);
            continue;
        }
        match &mut open {
            Some(block) => block.end = place.end,
            None => open = Some(place.start + item_mark(line)..place.end),
        }
    }
    blocks.extend(open);
    blocks
}

/// The length of the mark of a list item or a quotation, blanks before and behind it included; zero for other lines.
fn item_mark(line: &str) -> usize {
    let bare = line.trim_start();
    let indent = line.len() - bare.len();
    let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
    let mark = match bare.get(digits..).unwrap_or_default() {
        rest if digits > 0 && (rest.starts_with(". ") || rest.starts_with(") ")) => digits + 2,
        _ if ["- ", "* ", "+ ", "> "].iter().any(|mark| bare.starts_with(mark)) => 2,
        _ if bare.starts_with("• ") => "• ".len(),
        _ => return 0,
    };
    indent + mark
}

fn split(text: &str, block: Range<usize>, found: &mut Vec<Range<usize>>) {
    let Some(inside) = text.get(block.clone()) else { return };
    let mut start = 0;
    let mut letters = inside.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        if !matches!(letter, '.' | '!' | '?' | '…' | '。' | '！' | '？') {
            continue;
        }
        let mut end = at + letter.len_utf8();
        while let Some((at, closing)) = letters.next_if(|(_, next)| "\"”’»)]*_.!?".contains(*next)) {
            end = at + closing.len_utf8();
        }
        let wide = matches!(letter, '。' | '！' | '？');
        let over = letters.peek().is_none_or(|(_, next)| next.is_whitespace());
        if wide || (over && !(letter == '.' && is_abbreviation(inside.get(start..at).unwrap_or_default()))) {
            push(text, block.start + start..block.start + end, found);
            start = end;
        }
    }
    push(text, block.start + start..block.end, found);
}

fn is_abbreviation(before: &str) -> bool {
    let word =
        before.rsplit(|letter: char| letter.is_whitespace() || letter == '(').next().unwrap_or_default();
    let initial = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    initial || ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn push(text: &str, place: Range<usize>, found: &mut Vec<Range<usize>>) {
    let Some(sentence) = text.get(place.clone()) else { return };
    let start = place.start + (sentence.len() - sentence.trim_start().len());
    let end = place.end - (sentence.len() - sentence.trim_end().len());
    if start < end && text.get(start..end).is_some_and(|bare| bare.chars().any(char::is_alphanumeric)) {
        found.push(start..end);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = sentences(text).into_iter().map(|place| &text[place]).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn prose_lists_and_tables() {
        check("One. Two! Is it three? Four", &["One.", "Two!", "Is it three?", "Four"]);
        check("Ask Dr. A. Lovelace, e.g. by mail. Done.", &["Ask Dr. A. Lovelace, e.g. by mail.", "Done."]);
        check("It costs 3.5 days.\nIt runs\nover lines.", &["It costs 3.5 days.", "It runs\nover lines."]);
        check(
            "# Leave\n\nTwo days.\n\n- first item\n- second one. More\n1. third",
            &["Two days.", "first item", "second one.", "More", "third"],
        );
        check("| a | b |\n|---|---|\n| 1 | 2 |", &["| a | b |", "| 1 | 2 |"]);
        check("He said “stop.” Then he left.", &["He said “stop.”", "Then he left."]);
        check("```\ncode. more\n```\nText.", &["Text."]);
        check("これは文です。次の文です。", &["これは文です。", "次の文です。"]);
        check("", &[]);
        check("---\n...", &[]);
    }

    proptest! {
        #[test]
        fn places_are_in_order_and_on_letters(text in "(.|\n|[.?! \n#|-]){0,200}") {
            let mut last = 0;
            for place in sentences(&text) {
                prop_assert!(place.start >= last && place.start < place.end);
                prop_assert!(text.get(place.clone()).is_some());
                last = place.end;
            }
        }
    }
}
