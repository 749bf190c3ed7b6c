//! The known word that a mistyped one most likely meant.

/// The known word with the fewest edits to the given one, if that is at most a third of its letters.
fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = given.chars().count().div_ceil(3).max(1);
    known
        .into_iter()
        .map(|word| (distance(given, word), word))
        .filter(|(edits, _)| *edits <= most)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, word)| word)
}

/// A hint for a message: the nearest known word, else all of them.
///
/// ```
/// use agentforge_core::nearest::or_nearest;
/// assert_eq!(or_nearest("aproval", ["tool", "approval"]), "did you mean `approval`?");
/// assert_eq!(or_nearest("xyzzy", ["tool", "approval"]), "known are: tool, approval");
/// ```
pub fn or_nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(given, known.iter().copied()) {
        Some(word) => format!("did you mean `{word}`?"),
        None if known.is_empty() => "there are none".to_owned(),
        None => format!("known are: {}", known.join(", ")),
    }
}

/// Letters to add, drop or change to get from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (index, letter) in from.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(&to) {
            let change = diagonal + usize::from(letter != *other);
            diagonal = *cell;
            left = change.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_nonsense_has_none() {
        let known = ["tool", "approval", "wait"];
        for (given, expected) in
            [("tol", Some("tool")), ("aproval", Some("approval")), ("Wait", Some("wait")), ("xyzzy", None)]
        {
            assert_eq!(nearest(given, known), expected, "{given}");
        }
        assert_eq!((distance("kitten", "sitting"), distance("", "abc"), distance("abc", "")), (3, 3, 3));
    }
}
