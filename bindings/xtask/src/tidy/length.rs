//! A Rust file holds one idea: at most 800 lines without its tests, and a note from 500 on.

use crate::tidy::Problem;
use crate::tidy::files::{File, Tree};
use crate::tidy::source::{code_only, test_lines};

const MOST: usize = 800;
const LONG: usize = 500;

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    longer_than(tree, MOST)
        .map(|(file, lines)| {
            let message =
                format!("{lines} lines without tests, {MOST} allowed: move its second idea to its own file");
            Problem::new(&file.path, message)
        })
        .collect()
}

/// Files that are allowed and yet worth a question.
pub(crate) fn long(tree: &Tree) -> Vec<Problem> {
    longer_than(tree, LONG)
        .filter(|(_, lines)| *lines <= MOST)
        .map(|(file, lines)| {
            Problem::new(&file.path, format!("{lines} lines without tests: which second idea moved in?"))
        })
        .collect()
}

fn longer_than(tree: &Tree, limit: usize) -> impl Iterator<Item = (&File, usize)> {
    tree.rust()
        .filter(|file| !file.path.contains("/tests/") && file.name() != "tests.rs")
        .map(|file| (file, lines_without_tests(&file.text)))
        .filter(move |(_, lines)| *lines > limit)
}

fn lines_without_tests(text: &str) -> usize {
    let tests: usize = test_lines(&code_only(text)).into_iter().map(Iterator::count).sum();
    text.lines().count() - tests
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    fn lines(count: usize) -> String {
        "fn a() {}\n".repeat(count)
    }

    #[test]
    fn a_file_over_the_limit_fails_and_tests_do_not_count() {
        let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400), lines(600));
        let fixture = Fixture::new(&[
            ("a/src/short.rs", &lines(500)),
            ("a/src/long.rs", &lines(501)),
            ("a/src/too_long.rs", &lines(801)),
            ("a/src/tested.rs", &tested),
            ("a/src/tests.rs", &lines(900)),
            ("a/tests/main.rs", &lines(900)),
        ]);
        let tree = Tree::read(fixture.root()).unwrap();
        let paths = |problems: Vec<Problem>| problems.into_iter().map(|it| it.path).collect::<Vec<_>>();
        assert_eq!(paths(check(&tree)), ["a/src/too_long.rs"]);
        assert_eq!(paths(long(&tree)), ["a/src/long.rs"]);
    }
}
