//! What a request holds that could be an argument: quoted texts, names, codes, numbers, dates, e-mail addresses; each
//! with its place, so that one is not used twice.

use std::{collections::BTreeSet, ops::Range};

use super::{
    clause::{bare, begins_clause},
    words::{is_stop_word, stem},
};

/// Something that could be an argument.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Found<T> {
    pub(super) place: Range<usize>,
    pub(super) value: T,
}

/// A number with the words beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quantity {
    pub(super) value: f64,
    pub(super) before: String,
    pub(super) after: String,
}

/// Everything in a request that could be an argument.
#[derive(Debug, Default)]
pub(super) struct Material {
    pub(super) quoted: Vec<Found<String>>,
    /// Names of people, places, things. One at the beginning of a sentence may be a plain word and stands last.
    pub(super) names: Vec<Found<String>>,
    /// Letters with digits: `A-17`, `#42`.
    pub(super) codes: Vec<Found<String>>,
    pub(super) numbers: Vec<Found<Quantity>>,
    pub(super) dates: Vec<Found<String>>,
    pub(super) emails: Vec<Found<String>>,
    /// All words as stems in a row.
    pub(super) row: String,
}

/// Capitalised words that are no names.
const CALENDAR: &[&str] = &[
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "hello",
    "hi",
    "hey",
    "dear",
    "thanks",
    "thank",
    "yes",
    "ok",
    "okay",
    "today",
    "tomorrow",
    "yesterday",
];

const NUMBER_WORDS: &[&str] = &[
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

struct Token<'a> {
    /// With the marks that cling to it.
    raw: &'a str,
    /// The marks before it.
    lead: &'a str,
    /// Without them.
    word: &'a str,
    place: Range<usize>,
    /// It begins a sentence.
    first: bool,
}

impl Material {
    pub(super) fn of(request: &str) -> Self {
        let mut material = Self { quoted: quoted(request), row: stems_in_a_row(request), ..Self::default() };
        let quotes = material.quoted.iter().map(|quote| quote.place.clone()).collect::<Vec<_>>();
        let mut quotes = quotes.into_iter().peekable();
        let tokens = tokens(request);
        let mut weak = Vec::new();
        let mut place = 0;
        while let Some(token) = tokens.get(place) {
            place += 1;
            // Both lists are in the order of their places.
            while quotes.next_if(|quote| quote.end <= token.place.start).is_some() {}
            if quotes.peek().is_some_and(|quote| quote.contains(&token.place.start)) {
                continue;
            }
            if material.single(token, tokens.get(place.wrapping_sub(2)), tokens.get(place)) || !is_name(token)
            {
                continue;
            }
            let mut last = token;
            // A mark after a word, or a possessive, ends a name of several words.
            while let Some(next) = tokens.get(place)
                && last.raw.ends_with(last.word)
                && !is_possessive(last.word)
                && is_name(next)
                && !next.first
            {
                last = next;
                place += 1;
            }
            let whole = token.place.start..last.place.end;
            let Some(text) = request.get(whole.clone()) else { continue };
            let name = without_possessive(text);
            let found = Found { place: whole, value: name.split_whitespace().collect::<Vec<_>>().join(" ") };
            let sure = !token.first || last.place != token.place || is_possessive(text);
            if sure { material.names.push(found) } else { weak.push(found) }
        }
        material.names.append(&mut weak);
        material
    }

    /// Takes a token that is an argument by itself.
    fn single(&mut self, token: &Token<'_>, before: Option<&Token<'_>>, after: Option<&Token<'_>>) -> bool {
        let found = |value: &str| Found { place: token.place.clone(), value: value.to_owned() };
        let word = token.word;
        if is_email(word) {
            self.emails.push(found(word));
        } else if is_date(word) {
            self.dates.push(found(word));
        } else if token.lead.ends_with('#') {
            self.codes.push(found(word));
        } else if let Some(value) = number(token) {
            let beside = |token: Option<&Token<'_>>| token.map(|token| stem(token.word)).unwrap_or_default();
            let value = Quantity { value, before: beside(before), after: beside(after) };
            self.numbers.push(Found { place: token.place.clone(), value });
        } else if word.chars().any(char::is_alphabetic) && word.chars().any(|letter| letter.is_ascii_digit())
        {
            self.codes.push(found(without_possessive(word)));
        } else {
            return false;
        }
        true
    }
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found: Vec<Token<'_>> = Vec::new();
    let mut at = 0;
    let mut first = true;
    for piece in text.split_inclusive(char::is_whitespace) {
        let raw = piece.trim_end();
        let word = bare(raw);
        if !word.is_empty() {
            let lead = raw.split(word).next().unwrap_or_default();
            let start = at + lead.len();
            found.push(Token { raw, lead, word, place: start..start + word.len(), first });
            first = false;
        }
        first = first || raw.ends_with(['.', '?', '!', ':', ';']) || piece.ends_with('\n');
        at += piece.len();
    }
    found
}

/// Texts in quotation marks of every sort. An apostrophe is none: the mark must stand at the border of a word.
fn quoted(text: &str) -> Vec<Found<String>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, char)> = None;
    let mut before = ' ';
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        let after = letters.peek().map_or(' ', |(_, next)| *next);
        match open {
            None => {
                let closing = match letter {
                    '"' => Some('"'),
                    '“' | '„' => Some('”'),
                    '«' => Some('»'),
                    '`' => Some('`'),
                    '\'' | '‘' if !before.is_alphanumeric() && after.is_alphanumeric() => Some('’'),
                    _ => None,
                };
                open = closing.map(|closing| (at + letter.len_utf8(), closing));
            }
            Some((start, closing)) => {
                let plain = closing == '’' && letter == '\'';
                let german = closing == '”' && letter == '“';
                let closes = letter == closing || plain || german;
                if closes && (closing != '’' || !after.is_alphanumeric()) {
                    if let Some(inside) =
                        text.get(start..at).map(str::trim).filter(|inside| !inside.is_empty())
                    {
                        found.push(Found { place: start..at, value: inside.to_owned() });
                    }
                    open = None;
                }
            }
        }
        before = letter;
    }
    found
}

fn is_name(token: &Token<'_>) -> bool {
    let word = without_possessive(token.word);
    let mut letters = word.chars();
    let capital = letters.next().is_some_and(char::is_uppercase);
    // A word in capitals alone is an abbreviation more often than a name.
    let small = letters.clone().any(char::is_lowercase);
    let plain = word.chars().all(|letter| letter.is_alphabetic() || "-'’.".contains(letter));
    capital
        && small
        && plain
        && !is_stop_word(word)
        && !begins_clause(word)
        && !CALENDAR.contains(&word.to_lowercase().as_str())
}

fn is_possessive(text: &str) -> bool {
    without_possessive(text).len() < text.len()
}

fn without_possessive(text: &str) -> &str {
    ["'s", "’s"].into_iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(text)
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty()
            && host.contains('.')
            && !host.contains('@')
            && !host.starts_with('.')
            && !host.ends_with('.')
    })
}

/// `2026-03-01`, a day that exists.
fn is_date(word: &str) -> bool {
    word.len() == 10 && word.parse::<jiff::civil::Date>().is_ok()
}

fn number(token: &Token<'_>) -> Option<f64> {
    let word = token.word.to_lowercase();
    if let Some(place) = NUMBER_WORDS.iter().position(|number| *number == word) {
        return u32::try_from(place).ok().map(f64::from);
    }
    let digits = token.word.replace(',', "");
    let plain = digits.starts_with(|letter: char| letter.is_ascii_digit())
        && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.');
    let negative = token.lead.ends_with('-');
    let value = digits.parse::<f64>().ok().filter(|_| plain)?;
    Some(if negative { -value } else { value })
}

/// The stems of a request's words in a row, blanks between them, to look for values of several words.
pub(super) fn stems_in_a_row(text: &str) -> String {
    let mut row = String::from(" ");
    for word in text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        row.push_str(&stem(word));
        row.push(' ');
    }
    row
}

/// Whether all of the stems occur in one set.
pub(super) fn share(a: &BTreeSet<String>, b: &BTreeSet<String>) -> usize {
    a.iter().filter(|word| b.contains(*word)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<T: Clone>(found: &[Found<T>]) -> Vec<T> {
        found.iter().map(|one| one.value.clone()).collect()
    }

    #[test]
    fn names_are_found_and_plain_words_are_not() {
        let check = |request: &str, expected: &[&str]| {
            assert_eq!(values(&Material::of(request).names), expected, "{request:?}");
        };
        check("How many days does Ada Lovelace have left?", &["Ada Lovelace"]);
        check("What is Ada's balance on Monday?", &["Ada"]);
        check("Ada's balance?", &["Ada"]);
        check("Give Ada and Grace five days", &["Ada", "Grace"]);
        check("Fly from Berlin, Paris or New York.", &["Berlin", "Paris", "New York"]);
        check("Balance of the HR team", &["Balance"]);
        check("how many days are left?", &[]);
        check("Ask Jean-Luc O'Neill", &["Jean-Luc O'Neill"]);
    }

    #[test]
    fn numbers_codes_dates_and_addresses_are_told_apart() {
        let material = Material::of(
            "Book 3 days from 2026-03-01, order A-17 (#42) for ada@example.org: 1,250.5 € and two cakes",
        );
        assert_eq!(values(&material.dates), ["2026-03-01"]);
        assert_eq!(values(&material.emails), ["ada@example.org"]);
        assert_eq!(values(&material.codes), ["A-17", "42"]);
        let numbers: Vec<_> = material.numbers.iter().map(|found| found.value.value).collect();
        assert_eq!(numbers, [3.0, 1250.5, 2.0]);
        assert_eq!(material.numbers[0].value.after, "day");
    }

    #[test]
    fn quotations_of_every_sort() {
        let check = |request: &str, expected: &[&str]| {
            assert_eq!(values(&Material::of(request).quoted), expected, "{request:?}");
        };
        check("search \"annual leave\" and “sick days” and «x»", &["annual leave", "sick days", "x"]);
        check("the word 'maybe' isn't Ada's", &["maybe"]);
        check("„so“ and 'it's fine'", &["so", "it's fine"]);
        check("an open \"quote", &[]);
        check("\"\"", &[]);
    }
}
