//! What stands in the source and the migrations: SQL about rows is written in `sql/` alone, only its own modules call a
//! text safe, and what a person wrote into a migration keeps to the rule.

use std::{
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The modules that may tell the driver that a text is safe; each says why it is.
const ASSERTING: &[&str] = &["sql/control.rs", "sql/program.rs", "sql/template.rs"];
/// Words that begin SQL about rows and tables.
const VERBS: &[&str] =
    &["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM ", "CREATE TABLE ", "ALTER TABLE ", "DROP TABLE "];
/// What names of the databases' own catalogs begin with; whoever looks at a database before it is a store reads those.
const CATALOGS: &[&str] = &["pg_", "sqlite_schema", "pragma_", "(", "{", "\\\"{", "\"{"];

/// What is said outside of `#[cfg(test)]`.
#[derive(Default)]
struct Said {
    texts: Vec<String>,
    words: Vec<String>,
}

fn listen(tokens: TokenStream, said: &mut Said) {
    let mut tokens = tokens.into_iter().peekable();
    let mut skipping = false;
    while let Some(token) = tokens.next() {
        match token {
            TokenTree::Punct(mark) if mark.as_char() == '#' => {
                // An attribute, also one of a whole module; documentation is one.
                if matches!(tokens.peek(), Some(TokenTree::Punct(mark)) if mark.as_char() == '!') {
                    tokens.next();
                }
                if let Some(TokenTree::Group(attribute)) = tokens.next() {
                    let text = attribute.stream().to_string().replace(' ', "");
                    skipping |= text == "cfg(test)" || text.starts_with("cfg(all(test");
                }
            }
            TokenTree::Group(group) if skipping => skipping = group.delimiter() != Delimiter::Brace,
            TokenTree::Punct(mark) if skipping => skipping = mark.as_char() != ';',
            _ if skipping => {}
            TokenTree::Group(group) => listen(group.stream(), said),
            TokenTree::Ident(word) => said.words.push(word.to_string()),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    said.texts.push(text.value());
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

fn source_of(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_of(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
}

/// What is wrong with a file of the source.
fn offences(name: &str, source: &str) -> Vec<String> {
    let mut said = Said::default();
    listen(source.parse().unwrap(), &mut said);
    let mut found = Vec::new();
    if said.words.iter().any(|word| word == "AssertSqlSafe") && !ASSERTING.contains(&name) {
        found.push(format!("{name} calls a text safe; let the compiler in `sql/` write it"));
    }
    if !name.starts_with("sql/") {
        let of_rows = said.texts.iter().filter(|text| VERBS.iter().any(|verb| text.contains(verb)));
        found.extend(
            of_rows
                .filter(|text| !is_about_catalogs(text))
                .map(|text| format!("{name} holds SQL about rows; write it in `sql/`: {text}")),
        );
    }
    found
}

/// Whether a text reads nothing but catalogs and settings. Advice about a table, which names none, does too.
fn is_about_catalogs(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.windows(2).all(|pair| match pair {
        ["FROM" | "JOIN" | "INTO" | "UPDATE" | "TABLE", after] => {
            CATALOGS.iter().any(|catalog| after.starts_with(catalog))
        }
        _ => true,
    })
}

#[test]
fn sql_about_rows_is_written_in_one_place_and_called_safe_in_three() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_of(&root, &mut files);
    let mut found = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&root).unwrap().display().to_string();
        // Test modules in files of their own, and what only tests use.
        if name.contains("/tests/") || name.starts_with("testkit/") || name.starts_with("sql/lint/") {
            continue;
        }
        found.extend(offences(&name, &fs::read_to_string(file).unwrap()));
    }
    assert!(files.len() > 60 && found.is_empty(), "{} files\n{}", files.len(), found.join("\n"));
    for name in ASSERTING {
        assert!(root.join(name).exists(), "{name} is gone; take it off the list");
    }
}

#[test]
fn planted_sql_is_found() {
    for (name, source, expected) in [
        ("sqlite/x.rs", r#"fn f() { run("SELECT 1 FROM journal") }"#, 1),
        (
            "sqlite/x.rs",
            r##"fn f() { run(format!(r#"DELETE FROM "{table}" WHERE id = 1 OR id IN (SELECT id FROM users)"#)) }"##,
            1,
        ),
        ("postgres/x.rs", r#"const X: &str = "UPDATE users SET email = ''";"#, 1),
        ("archive/x.rs", "use sqlx::AssertSqlSafe;", 1),
        ("sql/other.rs", "fn f() { sqlx::AssertSqlSafe(text); }", 1),
        ("sql/template.rs", r#"fn f() { AssertSqlSafe("SELECT 1 FROM journal"); }"#, 0),
        ("sqlite/x.rs", r#"const X: &str = "SELECT count(*) FROM sqlite_schema";"#, 0),
        ("sqlite/x.rs", "/// SELECT 1 FROM journal\nfn f() {}", 0),
        ("sqlite/x.rs", r#"#[cfg(test)] mod tests { const X: &str = "SELECT 1 FROM journal"; }"#, 0),
        ("sqlite/x.rs", r#"#[cfg(test)] mod tests; const X: &str = "SELECT 1 FROM journal";"#, 1),
    ] {
        assert_eq!(offences(name, source).len(), expected, "{name}: {source}");
    }
}

/// The function that hosts call from their own SQL is the one thing in a migration that reads and writes rows.
#[cfg(feature = "postgres")]
#[test]
fn the_function_for_hosts_binds_every_mention_of_a_tenants_table() {
    use super::rule;
    use crate::sql::dialect::POSTGRES;

    const PLATFORM: &str = "'00000000-0000-0000-0000-000000000000'";
    let functions = POSTGRES.functions();
    let tables = ["inbox", "dispatch", "tenants"].map(str::to_owned).into();
    let mut seen = 0;
    for statement in functions.split(';').flat_map(|part| part.split("BEGIN\n")) {
        let begins = ["SELECT ", "INSERT INTO ", "UPDATE ", "DELETE FROM "];
        let Some(begin) = begins.iter().filter_map(|verb| statement.find(verb)).min() else { continue };
        let statement = &statement[begin..];
        // `place` is the tenant that the function entered; the default tenant is looked up in the platform's.
        let source = statement
            .replace(&format!("tenant = {PLATFORM}"), "tenant = :tenant")
            .replace("tenant = place", "tenant = :tenant")
            .replace("(place,", "(:tenant,")
            .replace("SELECT place,", "SELECT :tenant,")
            .replace("ON CONFLICT DO NOTHING", "ON CONFLICT (tenant) DO NOTHING");
        assert_eq!(rule::offences("postgres", &source, &tables), Vec::<String>::new());
        seen += 1;
    }
    assert!(seen >= 3, "{seen} statements in {functions}");
}
