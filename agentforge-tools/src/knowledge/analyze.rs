//! From text to the terms that keyword search compares.
//!
//! A term is a run of Unicode letters and digits, in lower case and stemmed by the English Snowball stemmer; the 33
//! stop words of Lucene are dropped. Chinese and Japanese signs are terms of their own, since nothing parts their
//! words. Texts in other languages are found by their unstemmed words.

use std::collections::BTreeMap;

use rust_stemmers::{Algorithm, Stemmer};

/// Changes when the same text gives other terms; an index built with another must be rebuilt.
pub const ANALYZER: &str = "english/1";

/// Longer runs are cut: both in a document and in a question, so they still find each other.
const MAX_TERM_CHARS: usize = 64;

/// Sorted.
const STOP_WORDS: [&str; 33] = [
    "a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is", "it", "no",
    "not", "of", "on", "or", "such", "that", "the", "their", "then", "there", "these", "they", "this", "to",
    "was", "will", "with",
];

/// How often each term occurs, in the order of the terms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TermCounts {
    /// Occurrences by term.
    pub terms: BTreeMap<String, u32>,
    /// All occurrences.
    pub length: u32,
}

/// Counts the terms of a text.
///
/// ```
/// use agentforge_tools::knowledge::analyze::count_terms;
/// let counts = count_terms("The days of leave: 25 Days!");
/// assert_eq!(counts.terms.get("day"), Some(&2));
/// assert_eq!(counts.length, 4);
/// ```
pub fn count_terms(text: &str) -> TermCounts {
    let mut counts = TermCounts::default();
    each_term(text, |term| {
        counts.length = counts.length.saturating_add(1);
        match counts.terms.get_mut(term) {
            Some(count) => *count = count.saturating_add(1),
            None => {
                counts.terms.insert(term.to_owned(), 1);
            }
        }
    });
    counts
}

/// Gives every term of a text in order.
pub fn each_term(text: &str, mut give: impl FnMut(&str)) {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut word = String::new();
    let mut chars = 0;
    let mut end_word = |word: &mut String, chars: &mut usize| {
        if !word.is_empty() && STOP_WORDS.binary_search(&word.as_str()).is_err() {
            give(&stemmer.stem(word));
        }
        word.clear();
        *chars = 0;
    };
    for letter in text.chars() {
        if stands_alone(letter) {
            end_word(&mut word, &mut chars);
            word.push(letter);
            end_word(&mut word, &mut chars);
        } else if letter.is_alphanumeric() {
            if chars < MAX_TERM_CHARS {
                word.extend(letter.to_lowercase());
            }
            chars += 1;
        } else {
            end_word(&mut word, &mut chars);
        }
    }
    end_word(&mut word, &mut chars);
}

/// Han, Hiragana and Katakana.
fn stands_alone(letter: char) -> bool {
    matches!(letter, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}')
        && letter.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str, expected: &[&str]) {
        let mut found = Vec::new();
        each_term(text, |term| found.push(term.to_owned()));
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn words_are_lowered_stemmed_and_stopped() {
        check("The aircraft's wings WERE heated.", &["aircraft", "s", "wing", "were", "heat"]);
        check("snake_case-and.dots/42", &["snake", "case", "dot", "42"]);
        check("Grüße, ÉCOLE!", &["grüße", "école"]);
        check("25 working days, day by day", &["25", "work", "day", "day", "day"]);
        check("休暇は25日", &["休", "暇", "は", "25", "日"]);
        check("", &[]);
        check("the of and", &[]);
    }

    #[test]
    fn stop_words_are_sorted() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn an_endless_word_is_cut_the_same_way_everywhere() {
        let long = "x".repeat(1_000_000);
        let counts = count_terms(&long);
        assert_eq!(counts.terms, count_terms(&"x".repeat(64)).terms);
        assert_eq!(counts.length, 1);
    }

    proptest! {
        #[test]
        fn any_text_has_terms_without_blanks(text in "\\PC{0,300}") {
            let counts = count_terms(&text);
            prop_assert_eq!(counts.terms.values().sum::<u32>(), counts.length);
            prop_assert!(counts.terms.keys().all(|term| !term.is_empty() && !term.contains(char::is_whitespace)));
        }
    }
}
