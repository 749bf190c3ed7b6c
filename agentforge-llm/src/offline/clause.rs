//! Clauses: the several things that one request may ask for.

use std::{collections::BTreeSet, ops::Range};

use super::words::{is_stop_word, stems};

/// One thing that is asked for.
#[derive(Debug)]
pub(super) struct Clause<'a> {
    /// Its words.
    pub(super) text: &'a str,
    /// Its place in the request.
    pub(super) place: Range<usize>,
    /// What it is about.
    pub(super) stems: BTreeSet<String>,
    /// Whether it wants to know something.
    pub(super) question: bool,
    /// Whether it asks how something is done, rather than to do it.
    pub(super) how_to: bool,
}

/// The most clauses that are looked at.
const MOST: usize = 24;

/// Words that begin a question.
const ASKING: &[&str] = &[
    "what", "how", "who", "whom", "whose", "when", "where", "which", "why", "does", "do", "did", "is", "are",
    "am", "can", "could", "will", "would", "should", "may", "must", "has", "have", "was", "were",
];

/// Words that ask to be told.
const TELLING: &[&str] = &[
    "tell",
    "explain",
    "describe",
    "show",
    "find",
    "search",
    "look",
    "list",
    "summarise",
    "summarize",
    "quote",
];

/// Words that ask to do something.
const DOING: &[&str] = &[
    "add",
    "approve",
    "calculate",
    "cancel",
    "close",
    "compute",
    "convert",
    "create",
    "delete",
    "fetch",
    "get",
    "give",
    "grant",
    "invite",
    "make",
    "notify",
    "open",
    "pay",
    "please",
    "promote",
    "publish",
    "register",
    "reject",
    "remind",
    "remove",
    "send",
    "submit",
    "translate",
    "update",
    "write",
];

/// The same, for words that are nouns as often.
const DOING_OR_NOUN: &[&str] = &[
    "ask", "assign", "book", "call", "change", "check", "enter", "file", "fly", "forward", "mail", "message",
    "move", "order", "refund", "request", "run", "schedule", "set", "start", "stop", "transfer", "upgrade",
];

/// Words that follow a verb and no noun.
const OBJECTS: &[&str] = &[
    "a", "an", "the", "my", "me", "our", "us", "his", "her", "their", "this", "that", "these", "it", "him",
    "them",
];

/// Whether a word can begin a clause of its own.
pub(super) fn begins_clause(word: &str) -> bool {
    let word = word.to_lowercase();
    [ASKING, TELLING, DOING, DOING_OR_NOUN].iter().any(|list| list.contains(&word.as_str()))
}

/// Whether two words that follow `and` begin a clause of their own.
fn goes_on(word: &str, next: &str) -> bool {
    let noun = DOING_OR_NOUN.contains(&word.to_lowercase().as_str());
    let object = OBJECTS.contains(&next.to_lowercase().as_str())
        || next.starts_with(|letter: char| letter.is_uppercase() || letter.is_ascii_digit());
    begins_clause(word) && (!noun || object)
}

/// The clauses of a request. At least one, when the request has a word.
pub(super) fn clauses(request: &str) -> Vec<Clause<'_>> {
    let mut found = Vec::new();
    let mut start = 0;
    let words: Vec<Range<usize>> = words(request).collect();
    for (number, place) in words.iter().enumerate() {
        let next = words.get(number + 1);
        let word = request.get(place.clone()).unwrap_or_default();
        let word_at = |place: Option<&Range<usize>>| {
            place.and_then(|place| request.get(place.clone())).map_or("", bare)
        };
        let (next_word, word_after) = (word_at(next), word_at(words.get(number + 2)));
        let ends = word.ends_with(['?', '!', ';'])
            || (word.ends_with('.') && next_word.chars().next().is_some_and(char::is_uppercase))
            || request
                .get(place.end..next.map_or(request.len(), |next| next.start))
                .is_some_and(|gap| gap.contains('\n'));
        let joins = ["and", "then", "also", "plus"].contains(&bare(word).to_lowercase().as_str())
            && goes_on(next_word, word_after);
        let comma = word.ends_with(',') && goes_on(next_word, word_after) && !is_auxiliary(next_word);
        if joins {
            push(request, start..place.start, &mut found);
            start = place.end;
        } else if ends || comma {
            push(request, start..place.end, &mut found);
            start = place.end;
        }
    }
    push(request, start..request.len(), &mut found);
    if found.len() > MOST {
        // What is asked stands at the beginning or at the end of a long text.
        found.drain(MOST / 2..found.len() - MOST / 2);
    }
    found
}

/// `Ada, is she …` goes on; `…, what about …` begins anew.
fn is_auxiliary(word: &str) -> bool {
    ["is", "are", "was", "were", "has", "have", "may", "must", "will"].contains(&word.to_lowercase().as_str())
}

fn push<'a>(request: &'a str, place: Range<usize>, found: &mut Vec<Clause<'a>>) {
    let Some(text) = request.get(place.clone()) else { return };
    let lead =
        text.len() - text.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',').len();
    let text = text.trim_matches(|letter: char| letter.is_whitespace() || letter == ',');
    let stems = stems(text);
    let mut spoken = text.split_whitespace().map(|word| bare(word).to_lowercase());
    let first =
        spoken.by_ref().find(|word| !matches!(word.as_str(), "" | "please" | "and" | "then" | "also" | "so"));
    let first = first.unwrap_or_default();
    let second = spoken.next().unwrap_or_default();
    let question = text.ends_with('?') || [ASKING, TELLING].iter().any(|list| list.contains(&first.as_str()));
    if (stems.is_empty() && !question) || !text.contains(char::is_alphanumeric) {
        return;
    }
    let start = place.start + lead;
    found.push(Clause {
        text,
        place: start..start + text.len(),
        stems,
        question,
        how_to: first == "how" && ["do", "does", "can", "could", "should", "to"].contains(&second.as_str()),
    });
}

/// The places of all words, with the marks that cling to them.
fn words(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive(char::is_whitespace).filter_map(move |piece| {
        let start = at;
        at += piece.len();
        let word = piece.trim_end();
        (!word.is_empty()).then(|| start..start + word.len())
    })
}

/// A word without the marks that cling to it.
pub(super) fn bare(word: &str) -> &str {
    word.trim_matches(|letter: char| !letter.is_alphanumeric())
}

/// Whether a clause says enough to be searched for on its own.
pub(super) fn stands_alone(clause: &Clause<'_>) -> bool {
    clause.text.split_whitespace().filter(|word| !is_stop_word(bare(word))).count() >= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(request: &str, expected: &[&str]) {
        let found = clauses(request);
        assert_eq!(found.iter().map(|clause| clause.text).collect::<Vec<_>>(), expected, "{request:?}");
        for clause in &found {
            assert_eq!(&request[clause.place.clone()], clause.text);
        }
    }

    #[test]
    fn a_request_falls_into_what_it_asks_for() {
        check("How many days are left?", &["How many days are left?"]);
        check(
            "How many days does Ada have, and what does the handbook say about sick leave?",
            &["How many days does Ada have", "what does the handbook say about sick leave?"],
        );
        check("Leave and sickness rules?", &["Leave and sickness rules?"]);
        check("Leave and request forms?", &["Leave and request forms?"]);
        check("Find Ada and request a day", &["Find Ada", "request a day"]);
        check("Book a room. Then tell me the rules.", &["Book a room.", "tell me the rules."]);
        check("Search the rules then send a mail", &["Search the rules", "send a mail"]);
        check("Version 2.5 of the plan", &["Version 2.5 of the plan"]);
        check("", &[]);
        check("…, ?", &[]);
    }

    #[test]
    fn a_long_text_keeps_its_beginning_and_its_end() {
        let text: String =
            (0..100).fold(String::new(), |text, number| text + &format!("Fact{number} holds. "));
        let found = clauses(&text);
        assert_eq!(found.len(), MOST);
        assert_eq!((found[0].text, found[MOST - 1].text), ("Fact0 holds.", "Fact99 holds."));
    }

    #[test]
    fn questions_and_ways_are_told_from_orders() {
        let look = |text: &str| clauses(text).first().map(|clause| (clause.question, clause.how_to));
        assert_eq!(look("How do I cancel an order?"), Some((true, true)));
        assert_eq!(look("Tell me the rules"), Some((true, false)));
        assert_eq!(look("Cancel order A17"), Some((false, false)));
        assert_eq!(look("Hello there"), Some((false, false)));
    }
}
