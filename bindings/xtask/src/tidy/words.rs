//! Words that say that a file is not finished, or speak of how it came about instead of what it is.

use crate::tidy::Problem;
use crate::tidy::files::Tree;

/// Split, so that this file does not hold what it forbids.
const WORDS: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("AI-", "generated"),
    concat!("AI ", "generated"),
];

const EXTENSIONS: &[&str] = &["rs", "md", "toml", "py", "ts", "js", "mjs", "sql", "yml", "yaml"];

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in
        tree.files().iter().filter(|file| EXTENSIONS.iter().any(|extension| file.has_extension(extension)))
    {
        for (number, line) in file.lines() {
            for word in WORDS.iter().filter(|word| holds(line, word)) {
                let message = format!("`{word}`: finish it, or open an issue and say plainly what is absent");
                problems.push(Problem::at(&file.path, number, message));
            }
        }
    }
    problems
}

/// Whether the line holds the word with no letter, digit or underscore on either side.
fn holds(line: &str, word: &str) -> bool {
    let in_word = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word).any(|(at, _)| {
        !line.get(..at).unwrap_or_default().ends_with(in_word)
            && !line.get(at + word.len()..).unwrap_or_default().starts_with(in_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    #[test]
    fn unfinished_words_fail_where_people_read() {
        for word in WORDS {
            let fixture = Fixture::new(&[
                ("a/src/lib.rs", &format!("//! Docs.\n// {word}: later\n")),
                ("README.md", &format!("{word}\n")),
                ("data.csv", &format!("{word}\n")),
                ("b/src/lib.rs", &format!("//! A{word}B and {word}_NAME\n")),
            ]);
            let problems = check(&Tree::read(fixture.root()).unwrap());
            let places: Vec<_> = problems.iter().map(|it| (it.path.as_str(), it.line)).collect();
            assert_eq!(places, [("README.md", Some(1)), ("a/src/lib.rs", Some(2))], "{word}");
        }
    }
}
