//! Words: how texts are compared. Lower case, a light English stem, and no words that every text has.

use std::collections::BTreeSet;

/// Words that say nothing about what a text is about.
const STOP_WORDS: &[&str] = &[
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "ask", "at", "be", "been",
    "being", "but", "by", "can", "could", "did", "do", "does", "doing", "for", "from", "get", "give", "had",
    "has", "have", "having", "he", "her", "here", "hers", "him", "his", "how", "i", "if", "in", "into", "is",
    "it", "its", "just", "know", "let", "like", "many", "may", "me", "might", "more", "most", "much", "must",
    "my", "need", "no", "not", "now", "of", "off", "on", "one", "or", "our", "out", "over", "please", "say",
    "says", "shall", "she", "should", "show", "so", "some", "such", "tell", "than", "that", "the", "their",
    "them", "then", "there", "these", "they", "this", "those", "to", "under", "up", "us", "use", "used",
    "uses", "using", "want", "was", "we", "were", "what", "when", "where", "which", "who", "whom", "whose",
    "why", "will", "with", "would", "you", "your",
];

/// The stem of a word in lower case.
pub(super) fn stem(word: &str) -> String {
    let mut word = word.to_lowercase();
    if word.len() > 4 {
        for (ending, instead) in [("ies", "y"), ("ied", "y")] {
            if let Some(rest) = word.strip_suffix(ending) {
                return format!("{rest}{instead}");
            }
        }
    }
    for (ending, shortest) in [("ing", 6), ("ed", 5)] {
        if word.len() >= shortest
            && let Some(rest) = word.strip_suffix(ending)
        {
            return without_double(rest).to_owned();
        }
    }
    if word.len() > 4 && ["ches", "shes", "sses", "xes", "zes"].iter().any(|ending| word.ends_with(ending)) {
        word.truncate(word.len() - 2);
    } else if word.len() > 3
        && word.ends_with('s')
        && !["ss", "us", "is"].iter().any(|ending| word.ends_with(ending))
    {
        word.truncate(word.len() - 1);
    }
    match word.strip_suffix('e') {
        Some(rest) if rest.len() > 3 => rest.to_owned(),
        _ => word,
    }
}

/// `runn` to `run`; `fill` and `miss` stay, as their stems end so too.
fn without_double(stem: &str) -> &str {
    let mut letters = stem.chars().rev();
    match (letters.next(), letters.next()) {
        (Some(last), Some(before)) if last == before && !"lsz".contains(last) => {
            stem.strip_suffix(last).unwrap_or(stem)
        }
        _ => stem.strip_suffix('e').filter(|rest| rest.len() > 3).unwrap_or(stem),
    }
}

/// Whether a word says nothing about what a text is about.
pub(super) fn is_stop_word(word: &str) -> bool {
    STOP_WORDS.binary_search(&word.to_lowercase().as_str()).is_ok()
}

/// The stems of all words of a text that say something. `leaveBalance` and `leave_balance` are two words.
pub(super) fn stems(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for run in text.split(|letter: char| !letter.is_alphanumeric() && letter != '\'' && letter != '’') {
        let run = run.trim_matches(['\'', '’']);
        let run = ["'s", "’s"].into_iter().find_map(|ending| run.strip_suffix(ending)).unwrap_or(run);
        for word in humps(run) {
            if !is_stop_word(word) && word.chars().any(char::is_alphanumeric) {
                found.insert(stem(word));
            }
        }
    }
    found
}

/// Splits `camelCase` before every capital that follows a small letter.
fn humps(run: &str) -> impl Iterator<Item = &str> {
    let mut rest = run;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut small = false;
        let cut = rest
            .char_indices()
            .find(|(_, letter)| {
                let hump = small && letter.is_uppercase();
                small = letter.is_lowercase();
                hump
            })
            .map_or(rest.len(), |(at, _)| at);
        let (word, more) = rest.split_at_checked(cut)?;
        rest = more;
        Some(word)
    })
}

/// How many words a text has, the offline model's stand-in for tokens.
pub(super) fn count(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_sorted_for_the_binary_search() {
        assert!(STOP_WORDS.is_sorted());
    }

    #[test]
    fn forms_of_one_word_share_a_stem() {
        for forms in [
            &["day", "days", "Day's"][..],
            &["carry", "carried", "carries", "carrying"],
            &["request", "requested", "requests", "requesting"],
            &["balance", "balances", "balancing"],
            &["leave", "leaves", "leaving"],
            &["plan", "planned", "planning"],
            &["policy", "policies"],
            &["box", "boxes"],
            &["expense", "expenses"],
            &["bonus"],
            &["address"],
        ] {
            let all: BTreeSet<String> = forms.iter().flat_map(|form| stems(form)).collect();
            assert_eq!(all.len(), 1, "{forms:?}: {all:?}");
        }
    }

    #[test]
    fn names_of_tools_are_words() {
        let words: Vec<String> = stems("getLeaveBalance get_leave-balance").into_iter().collect();
        assert_eq!(words, ["balanc", "leav"]);
    }
}
