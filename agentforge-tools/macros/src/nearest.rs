//! The nearest known name to a mistyped one, for messages that teach.

/// `unknown …` with the nearest known name, or with all of them when none is near.
pub(crate) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 3)
        .min();
    match nearest {
        Some((_, candidate)) => format!("unknown {what} `{name}`; did you mean `{candidate}`?"),
        None => format!("unknown {what} `{name}`; known are: {}", known.join(", ")),
    }
}

/// The number of single-letter edits between two names.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (line, letter) in left.chars().enumerate() {
        let mut next = vec![line + 1];
        for ((other, above), above_right) in right.iter().zip(&row).zip(row.iter().skip(1)) {
            let beside = next.last().copied().unwrap_or_default();
            let replaced = above + usize::from(letter != *other);
            next.push(replaced.min(beside + 1).min(above_right + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_names_the_nearest_option() {
        let check = |name, expected: &str| {
            let message = unknown("option", name, &["read_only", "destructive", "version"]);
            assert_eq!(message, format!("unknown option `{name}`; {expected}"));
        };
        check("readonly", "did you mean `read_only`?");
        check("verison", "did you mean `version`?");
        check("cost", "known are: read_only, destructive, version");
    }

    #[test]
    fn distances_count_edits() {
        for (left, right, expected) in [("", "", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("é", "e", 1)]
        {
            assert_eq!(distance(left, right), expected, "{left} {right}");
        }
    }
}
