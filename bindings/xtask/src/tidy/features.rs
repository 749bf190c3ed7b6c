//! FEATURES.md promises nothing that is not shown: every capability that works, wholly or partly, names a test or an
//! example that exists. Tables have the columns `capability | state | shown by`; `shown by` holds backticked
//! `path::test_name` (from the root) or `example:NAME`, and `—` for what is planned.

use std::collections::BTreeSet;

use crate::tidy::Problem;
use crate::tidy::files::Tree;

const FILE: &str = "FEATURES.md";
const COLUMNS: &[&str] = &["capability", "state", "shown by"];

pub(crate) fn check(tree: &Tree) -> Vec<Problem> {
    let Some(file) = tree.file(FILE) else {
        return vec![Problem::new(
            FILE,
            "is missing: list every capability with its state and what shows it",
        )];
    };
    let rows = match rows(&file.text) {
        Ok(rows) if rows.is_empty() => {
            return vec![Problem::new(FILE, format!("has no table {}", COLUMNS.join(" | ")))];
        }
        Ok(rows) => rows,
        Err(problem) => return vec![problem],
    };
    let examples = examples(tree);
    rows.iter()
        .flat_map(|row| problems(tree, &examples, row).into_iter().map(|it| Problem::at(FILE, row.line, it)))
        .collect()
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    capability: String,
    state: String,
    shown_by: String,
}

/// The rows of every table with our columns. Other tables are left alone, unless one starts with our first column.
fn rows(text: &str) -> Result<Vec<Row>, Problem> {
    let (mut rows, mut in_table) = (Vec::new(), false);
    for (index, line) in text.lines().enumerate() {
        let Some(cells) = cells(line) else {
            in_table = false;
            continue;
        };
        let lower: Vec<String> = cells.iter().map(|cell| cell.to_lowercase()).collect();
        if lower.first().is_some_and(|cell| cell == "capability") {
            if lower != COLUMNS {
                return Err(Problem::at(FILE, index + 1, format!("the columns are {}", COLUMNS.join(" | "))));
            }
            in_table = true;
        } else if in_table && !cells.iter().all(|cell| cell.chars().all(|it| it == '-' || it == ':')) {
            let [capability, state, shown_by] = cells.as_slice() else {
                return Err(Problem::at(FILE, index + 1, format!("{} cells where 3 belong", cells.len())));
            };
            let (capability, state, shown_by) = (capability.clone(), state.clone(), shown_by.clone());
            rows.push(Row { line: index + 1, capability, state, shown_by });
        }
    }
    Ok(rows)
}

/// The cells of a table line; `\|` is no border.
fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    let escaped = inner.replace("\\|", "\u{0}");
    Some(escaped.split('|').map(|cell| cell.replace('\u{0}', "|").trim().to_owned()).collect())
}

fn problems(tree: &Tree, examples: &BTreeSet<String>, row: &Row) -> Vec<String> {
    let name = &row.capability;
    match row.state.as_str() {
        "planned" if row.shown_by == "—" => Vec::new(),
        "planned" => vec![format!("`{name}` is planned, so nothing shows it: write — or change its state")],
        "works" | "partial" => {
            let references: Vec<&str> = row.shown_by.split('`').skip(1).step_by(2).collect();
            if references.is_empty() {
                return vec![format!(
                    "`{name}` names no test or example: add one in backticks, or call it planned"
                )];
            }
            references
                .into_iter()
                .filter_map(|reference| missing(tree, examples, reference))
                .map(|problem| format!("`{name}`: {problem}"))
                .collect()
        }
        other => vec![format!("`{name}` has the state `{other}`: it is works, partial or planned")],
    }
}

/// What is wrong with a reference, if anything.
fn missing(tree: &Tree, examples: &BTreeSet<String>, reference: &str) -> Option<String> {
    if let Some(example) = reference.strip_prefix("example:") {
        return (!examples.contains(example)).then(|| format!("there is no example `{example}`"));
    }
    let Some((path, test)) = reference.split_once("::") else {
        return Some(format!("`{reference}` is neither `path::test_name` nor `example:NAME`"));
    };
    let test = test.rsplit("::").next().unwrap_or(test);
    let Some(file) = tree.file(path) else {
        return Some(format!("there is no file `{path}`"));
    };
    let keyword = if file.has_extension("py") { "def" } else { "fn" };
    (!defines(&file.text, keyword, test)).then(|| format!("`{path}` has no `{keyword} {test}`"))
}

fn defines(text: &str, keyword: &str, name: &str) -> bool {
    let definition = format!("{keyword} {name}");
    text.match_indices(&definition).any(|(at, _)| {
        let after = text.get(at + definition.len()..).unwrap_or_default();
        let before = text.get(..at).unwrap_or_default();
        after.starts_with(['(', '<']) && !before.ends_with(|it: char| it.is_alphanumeric() || it == '_')
    })
}

/// Example targets by cargo's layout (`examples/x.rs`, `examples/x/main.rs`, `[[example]]`), and packages under
/// `examples/` whose program is the example.
fn examples(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (folder, manifest) in tree.manifests() {
        let Ok(table) = toml::from_str::<toml::Table>(&manifest.text) else { continue };
        let declared = table.get("example").and_then(toml::Value::as_array).into_iter().flatten();
        names.extend(declared.filter_map(|it| it.get("name")?.as_str().map(str::to_owned)));
        if folder.starts_with("examples/") {
            let name = table.get("package").and_then(|it| it.get("name")).and_then(toml::Value::as_str);
            names.extend(name.map(str::to_owned));
        }
        let prefix = if folder.is_empty() { "examples/".to_owned() } else { format!("{folder}/examples/") };
        for file in tree.rust().filter_map(|file| file.path.strip_prefix(&prefix)) {
            let name = file.strip_suffix("/main.rs").or_else(|| file.strip_suffix(".rs"));
            names.extend(name.filter(|name| !name.contains('/')).map(str::to_owned));
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Fixture;

    const HEAD: &str = "# Features\n\nprose\n\n| capability | state | shown by |\n|---|:-:|---|\n";

    fn check_row(row: &str, expected: Option<&str>) {
        let fixture = Fixture::new(&[
            ("Cargo.toml", "[package]\nname = \"a\"\n"),
            ("examples/quickstart/main.rs", ""),
            ("examples/chat/Cargo.toml", "[package]\nname = \"chat\"\n"),
            ("a/tests/main.rs", "#[test]\nfn a_run_survives() {}\nasync fn streams<T>() {}\n"),
            ("b/test_all.py", "def test_it():\n    pass\n"),
            (FILE, &format!("{HEAD}{row}\n\n| other | table |\n|---|---|\n| x | y |\n")),
        ]);
        let problems = check(&Tree::read(fixture.root()).unwrap());
        match expected {
            None => assert!(problems.is_empty(), "{row}: {problems:?}"),
            Some(part) => {
                assert!(problems.iter().any(|it| it.message.contains(part)), "{row}: {problems:?}");
                assert_eq!(problems[0].line, Some(7));
            }
        }
    }

    #[test]
    fn rows_with_something_to_show_pass() {
        check_row("| Runs survive | works | `a/tests/main.rs::a_run_survives` |", None);
        check_row("| Streams | partial | `a/tests/main.rs::module::streams`, `example:quickstart` |", None);
        check_row("| Chat | works | `example:chat` |", None);
        check_row("| Python | works | `b/test_all.py::test_it` |", None);
        check_row("| a \\| b | planned | — |", None);
    }

    #[test]
    fn rows_that_flatter_fail() {
        check_row("| Runs | works | — |", Some("names no test or example"));
        check_row("| Runs | partial | soon |", Some("names no test or example"));
        check_row("| Runs | works | `a/tests/main.rs::a_run` |", Some("has no `fn a_run`"));
        check_row("| Runs | works | `a/tests/gone.rs::a_run` |", Some("no file `a/tests/gone.rs`"));
        check_row("| Runs | works | `example:gone` |", Some("no example `gone`"));
        check_row("| Runs | works | `a_run_survives` |", Some("neither"));
        check_row("| Runs | planned | `example:quickstart` |", Some("is planned"));
        check_row("| Runs | done | `example:quickstart` |", Some("works, partial or planned"));
        check_row("| Runs | works |", Some("2 cells"));
        let two = "| Runs | works | `example:quickstart` `a/tests/main.rs::gone` |";
        check_row(two, Some("has no `fn gone`"));
    }

    #[test]
    fn a_missing_file_or_table_fails() {
        let fixture = Fixture::new(&[("Cargo.toml", "[package]\nname = \"a\"\n")]);
        assert!(check(&Tree::read(fixture.root()).unwrap())[0].message.contains("is missing"));
        fixture.write(FILE, "# Features\n");
        assert!(check(&Tree::read(fixture.root()).unwrap())[0].message.contains("has no table"));
    }
}
