//! Every Rust file opens with `//!` lines that say what it owns.

use crate::tidy::Problem;
use crate::tidy::files::{File, Tree};

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    tree.rust()
        .filter(|file| !is_exempt(file) && !opens_with_docs(&file.text))
        .map(|file| {
            Problem::at(&file.path, 1, "open the file with one to five `//!` lines that say what it owns")
        })
        .collect()
}

/// Build scripts, and fixtures that are read and not kept: what a compile-fail test shows to the compiler.
fn is_exempt(file: &File) -> bool {
    file.name() == "build.rs" || file.path.contains("tests/ui/")
}

fn opens_with_docs(text: &str) -> bool {
    text.lines()
        .next()
        .is_some_and(|line| line.strip_prefix("//!").is_some_and(|rest| !rest.trim().is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    #[test]
    fn a_file_without_a_header_fails() {
        let fixture = Fixture::new(&[
            ("a/src/good.rs", "//! Owns it.\nfn a() {}\n"),
            ("a/src/bad.rs", "fn a() {}\n"),
            ("a/src/comment.rs", "// Owns it.\n"),
            ("a/src/hollow.rs", "//!\n//! Owns it.\n"),
            ("a/src/empty.rs", ""),
            ("a/build.rs", "fn main() {}\n"),
            ("a/tests/ui/wrong.rs", "fn main() {}\n"),
        ]);
        let problems = check(&Tree::read(fixture.root()).unwrap());
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["a/src/bad.rs", "a/src/comment.rs", "a/src/empty.rs", "a/src/hollow.rs"]);
    }
}
