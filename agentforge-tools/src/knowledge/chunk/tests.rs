//! What is cut where, and that nothing is lost, for any text.

use super::*;
use proptest::prelude::*;

fn pieces(text: &str, max: usize, min: usize) -> Vec<(String, String)> {
    let chunks = ChunkSettings::new(max, min).unwrap().split(text);
    chunks.into_iter().map(|chunk| (chunk.heading, text[chunk.range].to_owned())).collect()
}

fn check(text: &str, expected: &[(&str, &str)]) {
    let found = pieces(text, 60, 20);
    let found: Vec<_> = found.iter().map(|(heading, piece)| (heading.as_str(), piece.as_str())).collect();
    assert_eq!(found, expected);
}

#[test]
fn a_section_is_a_chunk_under_its_headings() {
    check(
        "# Handbook\n\n## Sick leave\n\nCall your lead before nine.\n\n## Parental leave\n\nTake up to twelve weeks.\n",
        &[
            ("Handbook › Sick leave", "# Handbook\n\n## Sick leave\n\nCall your lead before nine."),
            ("Handbook › Parental leave", "## Parental leave\n\nTake up to twelve weeks."),
        ],
    );
}

#[test]
fn tiny_sections_join_their_siblings_and_never_the_next_chapter() {
    check(
        "# A\n\n## One\nx\n\n## Two\ny\n\n# B\nz\n",
        &[("A", "# A\n\n## One\nx\n\n## Two\ny"), ("B", "# B\nz")],
    );
}

#[test]
fn underlined_headings_count() {
    check(
        "Handbook\n========\n\nSick leave\n----------\nCall your lead.\n",
        &[("Handbook › Sick leave", "Handbook\n========\n\nSick leave\n----------\nCall your lead.")],
    );
}

#[test]
fn paragraphs_fill_a_chunk_and_split_between() {
    check(
        "First paragraph of some words.\n\nSecond paragraph of words.\n\nThird paragraph of more.",
        &[
            ("", "First paragraph of some words.\n\nSecond paragraph of words."),
            ("", "Third paragraph of more."),
        ],
    );
}

#[test]
fn a_list_that_fits_is_not_torn() {
    check(
        "Before the list there are words.\n\n- one item here\n- two items here\n\n- three items",
        &[
            ("", "Before the list there are words."),
            ("", "- one item here\n- two items here\n\n- three items"),
        ],
    );
}

#[test]
fn a_long_list_splits_between_items_and_keeps_continuations() {
    check(
        "- first item that is long\n  and goes on\n- second item that is long\n- third item",
        &[("", "- first item that is long\n  and goes on"), ("", "- second item that is long\n- third item")],
    );
}

#[test]
fn the_head_of_a_table_stays_with_its_first_row() {
    check(
        "Some words before the table.\n\n| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n| 7 | 8 |\n| 9 | 10 |",
        &[
            ("", "Some words before the table."),
            ("", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n| 7 | 8 |"),
            ("", "| 9 | 10 |"),
        ],
    );
}

#[test]
fn a_hash_in_code_is_no_heading() {
    check("```sh\n# comment\n\nrun\n```\nAfter.", &[("", "```sh\n# comment\n\nrun\n```\nAfter.")]);
}

#[test]
fn long_prose_splits_after_sentences() {
    check(
        "The first sentence is here. The second sentence is a bit longer. The third.",
        &[("", "The first sentence is here."), ("", "The second sentence is a bit longer. The third.")],
    );
}

#[test]
fn blank_texts_have_no_chunk() {
    check(" \r\n\t\n\u{a0}", &[]);
    check("", &[]);
}

#[test]
fn carriage_returns_do_not_hide_the_structure() {
    check(
        "# A\r\n\r\nText of the first.\r\n\r\n# B\r\n\r\nText of the second.\r\n",
        &[("A", "# A\r\n\r\nText of the first."), ("B", "# B\r\n\r\nText of the second.")],
    );
}

#[test]
fn a_gigantic_heading_is_cut_in_the_path() {
    let text = format!("# {}\n\n{}", "h".repeat(100_000), "word ".repeat(20_000));
    let chunks = ChunkSettings::default().split(&text);
    assert!(chunks.iter().all(|chunk| chunk.heading.len() <= 120));
}

#[test]
fn settings_that_cannot_work_are_refused() {
    for (max, min) in [(0, 0), (100, 0), (100, 51), (usize::MAX, usize::MAX)] {
        assert!(ChunkSettings::new(max, min).is_err(), "{max} {min}");
    }
    assert_eq!(ChunkSettings::default().fingerprint(), "markdown/1 200..900");
}

fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        "#{1,7} ?[a-z ]{0,20}",
        "[-*+•] [a-zß ]{0,40}",
        "[0-9]{1,3}[.)] [a-z]{0,9}",
        "\\| [a-z|]{0,30}",
        Just("|---|---|".to_owned()),
        Just("```".to_owned()),
        Just("~~~~".to_owned()),
        Just("-----".to_owned()),
        Just("==".to_owned()),
        "([A-Za-zäß]{1,9}[.!?]? ){0,60}",
        "[日本語。！]{0,80}",
        "\\PC{0,200}",
        "[ \t\u{a0}\u{2003}]{0,8}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    let lines = proptest::collection::vec(
        (line(), prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("")]),
        0..60,
    );
    lines.prop_map(|lines| lines.into_iter().flat_map(|(line, end)| [line, end.to_owned()]).collect())
}

proptest! {
    #[test]
    fn chunks_are_ordered_exact_and_complete(text in text(), max in 2_usize..300, share in 2_usize..6) {
        let settings = ChunkSettings::new(max, (max / share).max(1)).unwrap();
        let chunks = settings.split(&text);
        let mut end = 0;
        for chunk in &chunks {
            prop_assert!(chunk.range.start >= end && chunk.range.end > chunk.range.start);
            prop_assert!(text[end..chunk.range.start].trim().is_empty());
            let piece = &text[chunk.range.clone()];
            prop_assert_eq!(piece.trim(), piece);
            prop_assert!(piece.chars().count() <= max);
            end = chunk.range.end;
        }
        prop_assert!(text[end..].trim().is_empty());
        prop_assert_eq!(settings.split(&text), chunks);
    }
}
