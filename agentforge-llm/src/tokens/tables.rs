//! OpenAI's tables of byte pairs, as `tiktoken-rs` embeds them, each read when it is first needed.
//!
//! A text is counted piece by piece. The tables' splitting rules run on a backtracking engine that gives up, with a
//! panic, on some hundreds of thousands of blanks in a row, and a single word of that size costs more than its length.

use std::sync::OnceLock;

use tiktoken_rs::CoreBPE;

use super::{TokenCount, family::Encoding};

/// The most bytes that are counted at once.
const PIECE: usize = 32 * 1024;

/// The tables that were needed so far.
#[derive(Default)]
pub(super) struct Tables {
    o200k: OnceLock<Option<CoreBPE>>,
    cl100k: OnceLock<Option<CoreBPE>>,
}

impl Tables {
    /// Whether the table is there. Reads it when it was not.
    pub(super) fn load(&self, encoding: Encoding) -> bool {
        self.table(encoding).is_some()
    }

    /// How many tokens a text has; words that mean something to the model alone, such as `<|endoftext|>`, are text.
    pub(super) fn count(&self, encoding: Encoding, text: &str) -> Option<TokenCount> {
        self.table(encoding).map(|table| in_pieces(text, PIECE, |piece| table.count_ordinary(piece)))
    }

    fn table(&self, encoding: Encoding) -> Option<&CoreBPE> {
        // What is embedded is readable; a build in which it is not falls back to guesses.
        let table = match encoding {
            Encoding::O200k => self.o200k.get_or_init(|| tiktoken_rs::o200k_base().ok()),
            Encoding::Cl100k => self.cl100k.get_or_init(|| tiktoken_rs::cl100k_base().ok()),
        };
        table.as_ref()
    }
}

/// The sum over pieces of at most `most` bytes: exact as long as each cut is one that the tables make anyway.
fn in_pieces(text: &str, most: usize, count: impl Fn(&str) -> usize) -> TokenCount {
    let mut sum = TokenCount::exact(0);
    let mut rest = text;
    while !rest.is_empty() {
        let whole = (rest.len() <= most).then_some(rest.len());
        let (at, clean) = match whole.or_else(|| seam(rest, most)) {
            Some(at) => (at, true),
            // At least one character, so that every turn gets on.
            None => (rest.floor_char_boundary(most).max(rest.ceil_char_boundary(1)), false),
        };
        let (piece, after) = rest.split_at(at);
        let tokens = u64::try_from(count(piece)).unwrap_or(u64::MAX);
        sum = sum.plus(if clean { TokenCount::exact(tokens) } else { TokenCount::estimated(tokens) });
        rest = after;
    }
    sum
}

/// The last place up to `most` at which every table starts a new word: before a single blank between two characters
/// that are none. No rule spans it, and none looks across it.
fn seam(text: &str, most: usize) -> Option<usize> {
    let (head, _) = text.split_at_checked(text.floor_char_boundary(most))?;
    memchr::memrchr_iter(b' ', head.as_bytes()).find(|at| {
        let (before, after) = text.split_at(*at);
        let solid = |character: Option<char>| character.is_some_and(|it| !it.is_whitespace());
        solid(before.chars().next_back()) && solid(after.chars().nth(1))
    })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_are_short_and_all_of_the_text() {
        let check = |text: &str, most: usize, pieces: usize, exact: bool| {
            let (seen, turns) = (Cell::new(0), Cell::new(0));
            let sum = in_pieces(text, most, |piece| {
                assert!(piece.len() <= most.max(4), "{piece:?}");
                seen.set(seen.get() + piece.len());
                turns.set(turns.get() + 1);
                1
            });
            assert_eq!((seen.get(), turns.get(), sum.is_exact()), (text.len(), pieces, exact), "{text:?}");
        };
        check("", 4, 0, true);
        check("word", 4, 1, true);
        check("a b c d", 4, 2, true);
        check("aaaaaaaaaa", 4, 3, false);
        check("ab  cd  ef", 4, 3, false);
        check("字字字", 2, 3, false);
    }

    /// One test for both tables: reading one takes a second in a build that is not optimised.
    #[test]
    fn pieces_count_as_the_whole_does_wherever_they_say_that_they_are_exact() {
        let tables = Tables::default();
        for encoding in [Encoding::O200k, Encoding::Cl100k] {
            let table = tables.table(encoding).unwrap();
            let texts = "( ?[a-zA-Z0-9é字🙂'!/.,\u{301}\u{a0}]{1,6}[ \n\t\r]{0,3}){0,40}";
            let config =
                ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
            proptest!(config, |(text in texts, most in 4_usize..60)| {
                let pieces = in_pieces(&text, most, |piece| table.count_ordinary(piece));
                if pieces.is_exact() {
                    prop_assert_eq!(pieces.tokens, table.count_ordinary(&text) as u64);
                }
            });
        }
    }
}
