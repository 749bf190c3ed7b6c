//! Words of a text, as [`super::Filter::Words`] compares them and as backends index them.
//!
//! A word is a run of letters and digits in lower case. Nothing is stemmed and no form is normalised: this finds what
//! people type into a search box over names, and is no text retrieval.

use std::collections::BTreeSet;

/// The most words of one text that are kept; later ones are not found.
pub const MAX_WORDS: usize = 64;

/// The most bytes of a word that are kept; two words that differ only behind them are the same.
pub const MAX_WORD_BYTES: usize = 64;

/// The distinct words of a text in the order in which they first stand there, at most [`MAX_WORDS`] of at most
/// [`MAX_WORD_BYTES`] each.
///
/// ```
/// use agentforge_core::store::words;
/// assert_eq!(words("Invoice no. 17, INVOICE of ÉCOLE"), ["invoice", "no", "17", "of", "école"]);
/// ```
pub fn words(text: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(lower)
        .filter(|word| !word.is_empty() && seen.insert(word.clone()))
        .take(MAX_WORDS)
        .collect()
}

/// A word in lower case, letter by letter so that a prefix of a word is a prefix of its lower case: a sigma is the
/// same at the end of a word as inside it, and the dot that lower case sets over a Turkish I is left out.
fn lower(word: &str) -> String {
    let mut lower = String::with_capacity(word.len().min(MAX_WORD_BYTES));
    let letters = word.chars().flat_map(char::to_lowercase).filter(|letter| letter.is_alphanumeric());
    for letter in letters.map(|letter| if letter == 'ς' { 'σ' } else { letter }) {
        if lower.len() + letter.len_utf8() > MAX_WORD_BYTES {
            break;
        }
        lower.push(letter);
    }
    lower
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &[&str]) {
        assert_eq!(words(text), expected, "{text:?}");
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        check("", &[]);
        check(" -- \u{0}…", &[]);
        check("Docs/Q3_Report.pdf", &["docs", "q3", "report", "pdf"]);
        check("a A á Á a", &["a", "á"]);
        check("東京 Straße İstanbul ΟΔΟΣ οδός", &["東京", "straße", "istanbul", "οδοσ", "οδόσ"]);
    }

    #[test]
    fn a_long_text_and_a_long_word_are_cut() {
        let many: Vec<String> = (0..10_000).map(|number| format!("w{number}")).collect();
        assert_eq!(words(&many.join(" ")), many[..MAX_WORDS]);
        let long = words(&"é".repeat(1_000));
        assert_eq!(long, ["é".repeat(MAX_WORD_BYTES / 2)]);
    }

    proptest! {
        #[test]
        fn words_of_words_are_the_same_words_and_stay_within_their_bounds(text in "\\PC{0,300}") {
            let found = words(&text);
            prop_assert_eq!(words(&found.join(" ")), found.clone());
            prop_assert!(found.len() <= MAX_WORDS);
            prop_assert!(found.iter().all(|word| !word.is_empty() && word.len() <= MAX_WORD_BYTES));
        }

        #[test]
        fn the_beginning_of_a_word_begins_its_lower_case(word in "\\w{1,20}", cut in 0_usize..20) {
            let begin: String = word.chars().take(cut).collect();
            prop_assert!(lower(&word).starts_with(&lower(&begin)));
        }
    }
}
