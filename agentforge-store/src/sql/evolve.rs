//! Writes the next migration: from the text of the schema that is committed to the one that the declarations say.
//!
//! Until the first release there is one migration, which is written anew. A release freezes it by committing
//! `schema.sql`, the text of everything that all migrations together make; from then on a difference becomes the next
//! numbered file. What SQL cannot do without knowing the rows is refused, with what to write by hand.

use std::{
    collections::BTreeMap,
    env,
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Statements, ddl, dialect::Dialect, record::BODY, words::SUFFIX};

const FUNCTION: &str = "CREATE FUNCTION ";

/// A statement of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Table(Table),
    Index {
        name: String,
        text: String,
    },
    View {
        name: String,
        text: String,
    },
    /// Anything else. It is run once, and never undone.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Table {
    name: String,
    columns: BTreeMap<String, String>,
    /// Keys and references.
    rules: Vec<String>,
    /// What stands behind the closing parenthesis.
    close: String,
    text: String,
}

/// The parts of a text that the generator wrote.
fn parts(text: &str) -> Vec<Part> {
    let (mut parts, mut statement, mut quoted) = (Vec::new(), String::new(), false);
    for line in text.lines() {
        if statement.is_empty() && (line.trim().is_empty() || line.starts_with("--")) {
            continue;
        }
        statement.push_str(line);
        statement.push('\n');
        quoted ^= quotes(line) % 2 == 1;
        if line.ends_with(';') && !quoted {
            parts.push(part(std::mem::take(&mut statement)));
        }
    }
    assert!(statement.trim().is_empty(), "a statement of the schema has no end: {statement}");
    parts
}

/// How many of `$word$`, the quotes of a function's body, a line has.
fn quotes(line: &str) -> usize {
    let between: Vec<&str> = line.split('$').collect();
    let words = between.iter().skip(1).take(between.len().saturating_sub(2));
    words.filter(|word| word.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')).count()
}

fn part(text: String) -> Part {
    let name = || text.split('"').nth(1).unwrap_or_default().to_owned();
    if text.starts_with("CREATE TABLE ") {
        return Part::Table(table(name(), text));
    }
    if text.starts_with("CREATE INDEX ") || text.starts_with("CREATE UNIQUE INDEX ") {
        return Part::Index { name: name(), text };
    }
    if text.starts_with("CREATE VIEW ") || text.starts_with("CREATE OR REPLACE VIEW ") {
        return Part::View { name: name(), text };
    }
    Part::Other(text)
}

fn table(name: String, text: String) -> Table {
    let mut table = Table { name, columns: BTreeMap::new(), rules: Vec::new(), close: String::new(), text };
    for line in table.text.clone().lines().skip(1) {
        let line = line.trim().trim_end_matches(',');
        if line.starts_with(')') {
            line.clone_into(&mut table.close);
        } else if let Some((column, kind)) = line.strip_prefix('"').and_then(|rest| rest.split_once("\" ")) {
            table.columns.insert(column.to_owned(), kind.to_owned());
        } else {
            table.rules.push(line.to_owned());
        }
    }
    table
}

/// The statements that lead from one schema to another, or everything that stands in the way.
pub(crate) fn difference(old: &str, new: &str) -> Result<String, Vec<String>> {
    let (old, new) = (parts(old), parts(new));
    let (mut before, mut text, mut behind, mut problems) =
        (String::new(), String::new(), String::new(), Vec::new());
    let named = |parts: &[Part]| -> BTreeMap<(u8, String), Part> {
        let key = |part: &Part| match part {
            Part::Table(table) => Some((0, table.name.clone())),
            Part::Index { name, .. } => Some((1, name.clone())),
            Part::View { name, .. } => Some((2, name.clone())),
            Part::Other(_) => None,
        };
        parts.iter().filter_map(|part| Some((key(part)?, part.clone()))).collect()
    };
    let (known, wanted) = (named(&old), named(&new));
    for (key, part) in &known {
        match (part, wanted.get(key)) {
            (Part::Table(table), None) => problems.push(format!(
                "table `{}` is no longer declared: write by hand what becomes of its rows, then DROP TABLE",
                table.name
            )),
            (Part::Index { name, text }, other) if other != Some(part) => {
                let _ = writeln!(before, "DROP INDEX \"{name}\";");
                if !matches!(other, Some(Part::Index { .. })) && text.contains("UNIQUE") {
                    let _ =
                        writeln!(before, "-- `{name}` was unique: what it kept apart may meet from now on.");
                }
            }
            (Part::View { name, .. }, other) if other != Some(part) => {
                let _ = writeln!(before, "DROP VIEW \"{name}\";");
            }
            _ => {}
        }
    }
    for part in &old {
        let Part::Other(gone) = part else { continue };
        if !new.contains(part) && !new.iter().any(|part| replaces(part, gone)) {
            let first = gone.lines().next().unwrap_or_default();
            problems.push(format!("`{first}` is no longer declared: write by hand what undoes it"));
        }
    }
    for part in &new {
        match part {
            Part::Table(table) => {
                if let Some(Part::Table(before)) = known.get(&(0, table.name.clone())) {
                    alter(before, table, &mut text, &mut problems);
                    continue;
                }
                text.push_str(&table.text);
                let of = table.name.strip_suffix(SUFFIX).map(|name| (0, name.to_owned()));
                if of.is_some_and(|of| known.contains_key(&of)) {
                    text.push_str("-- Records that are there have no words until they are written again.\n");
                }
            }
            Part::Index { name, text: index } => {
                if known.get(&(1, name.clone())) != Some(part) {
                    behind.push_str(index);
                }
            }
            Part::View { name, text: view } => {
                if known.get(&(2, name.clone())) != Some(part) {
                    behind.push_str(view);
                }
            }
            Part::Other(other) => {
                let again = old
                    .iter()
                    .any(|part| matches!(part, Part::Other(gone) if replaces(part, other) && gone != other));
                if again {
                    text.push_str(&other.replacen(FUNCTION, "CREATE OR REPLACE FUNCTION ", 1));
                } else if !old.contains(part) {
                    text.push_str(other);
                }
            }
        }
    }
    if problems.is_empty() { Ok(before + &text + &behind) } else { Err(problems) }
}

/// Whether a statement makes a function that another one makes too, of the same arguments.
fn replaces(part: &Part, other: &str) -> bool {
    let head = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    matches!(part, Part::Other(text) if text.starts_with(FUNCTION) && head(text) == head(other))
}

fn alter(before: &Table, after: &Table, text: &mut String, problems: &mut Vec<String>) {
    let name = &after.name;
    for (column, kind) in &before.columns {
        match after.columns.get(column) {
            Some(found) if found == kind => {}
            Some(found) => problems.push(format!(
                "column `{column}` of `{name}` becomes `{found}` and was `{kind}`: write by hand a new table, copy the \
                 rows, and rename it"
            )),
            None => problems.push(format!(
                "column `{column}` of `{name}` is no longer declared: write by hand what becomes of what it holds, \
                 then ALTER TABLE \"{name}\" DROP COLUMN \"{column}\""
            )),
        }
    }
    for (column, kind) in after.columns.iter().filter(|(column, _)| !before.columns.contains_key(*column)) {
        if kind.contains("NOT NULL") {
            problems.push(format!(
                "column `{column}` of `{name}` is new and never null: write by hand what rows that are there get, in a \
                 new table with it, or declare it nullable"
            ));
        } else {
            let _ = writeln!(text, "ALTER TABLE \"{name}\" ADD COLUMN \"{column}\" {kind};");
            if after.columns.contains_key(BODY) {
                let _ = writeln!(
                    text,
                    "-- Records that are there hold null in `{column}` until they are written again: fill it here if \
                     they are to be found by it."
                );
            }
        }
    }
    if before.rules != after.rules || before.close != after.close {
        problems.push(format!(
            "the key, the references or the layout of `{name}` changed: write by hand a new table, copy the rows, and \
             rename it"
        ));
    }
}

/// Holds what is committed equal to the declarations, or writes it, as the environment asks:
/// `AGENTFORGE_BLESS=1` writes the first migration anew while nothing is released; `AGENTFORGE_MIGRATION=name` writes
/// the next one; `AGENTFORGE_RELEASE=1` freezes what there is.
pub(crate) fn committed(dialect: &'static dyn Dialect, carried: &[(u32, &str)]) -> Result<(), String> {
    let sql = Statements::new(dialect, &[]).map_err(|error| error.to_string())?;
    let declared = ddl::foundation(dialect, &sql.catalog);
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("migrations").join(dialect.name());
    let asked = |name: &str| env::var(name).ok().filter(|value| !value.is_empty() && value != "0");
    write(
        &folder,
        &declared,
        asked("AGENTFORGE_BLESS").is_some(),
        asked("AGENTFORGE_MIGRATION").as_deref(),
        asked("AGENTFORGE_RELEASE").is_some(),
    )?;
    let files = files(&folder).map_err(|error| error.to_string())?;
    let missing =
        files.iter().find(|file| !carried.iter().any(|(number, name)| **file == file_name(*number, name)));
    match missing {
        None if files.len() == carried.len() => Ok(()),
        None => Err(format!("{} carries migrations that are not in {}", dialect.name(), folder.display())),
        Some(file) => Err(format!(
            "{file} was written and is not carried yet; add it to MIGRATIONS in agentforge-store/src/{}/migrate.rs",
            dialect.name()
        )),
    }
}

fn write(
    folder: &Path,
    declared: &str,
    bless: bool,
    name: Option<&str>,
    release: bool,
) -> Result<(), String> {
    let (foundation, frozen) = (folder.join(file_name(1, "foundation")), folder.join("schema.sql"));
    let failed = |path: &Path, error: io::Error| format!("{}: {error}", path.display());
    let put = |path: &Path, text: &str| fs::write(path, text).map_err(|error| failed(path, error));
    let Ok(schema) = fs::read_to_string(&frozen) else {
        if bless || name.is_some() {
            put(&foundation, declared)?;
        }
        let committed = fs::read_to_string(&foundation).map_err(|error| failed(&foundation, error))?;
        if committed != declared {
            return Err(format!(
                "{} differs from the declarations; `cargo xtask migration` writes it anew while nothing is released",
                foundation.display()
            ));
        }
        return if release { put(&frozen, declared) } else { Ok(()) };
    };
    if schema == declared {
        return Ok(());
    }
    let difference = difference(&schema, declared).map_err(|problems| {
        format!("{} cannot be written from the declarations:\n  {}", folder.display(), problems.join("\n  "))
    })?;
    let Some(name) = name else {
        return Err(format!(
            "the declarations differ from {}; `cargo xtask migration --name NAME` writes the next one:\n{difference}",
            frozen.display()
        ));
    };
    if name.is_empty()
        || !name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_' || letter.is_ascii_digit())
    {
        return Err(format!("`{name}` is no name of a migration; use snake case"));
    }
    let next = files(folder).map_err(|error| failed(folder, error))?.len();
    let next = u32::try_from(next).unwrap_or(u32::MAX).saturating_add(1);
    let text =
        format!("-- Written by `cargo xtask migration`. Released migrations never change.\n{difference}");
    put(&folder.join(file_name(next, name)), &text)?;
    put(&frozen, declared)
}

fn file_name(number: u32, name: &str) -> String {
    format!("{number:04}_{name}.sql")
}

/// The migrations in a folder, in order.
fn files(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if Path::new(&name).extension().is_some_and(|kind| kind == "sql") && name != "schema.sql" {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    const THINGS: &str = "CREATE TABLE \"things\" (\n    \"tenant\" BLOB NOT NULL,\n    \"id\" BLOB NOT NULL,\n    \
                          \"name\" TEXT,\n    PRIMARY KEY (\"tenant\", \"id\")\n) STRICT;\n";
    const BY_NAME: &str = "CREATE INDEX \"things_name_index\" ON \"things\" (\"tenant\", \"name\");\n";
    const ONE_NAME: &str = "CREATE UNIQUE INDEX \"things_name_key\" ON \"things\" (\"tenant\", \"name\");\n";
    const VIEW: &str = "CREATE VIEW \"things_view\" AS SELECT id FROM things;\n";
    const START: &str = "CREATE FUNCTION start(a text)\nAS $start$\nBEGIN\n  SELECT 1;\nEND\n$start$;\n";

    fn of(parts: &[&str]) -> String {
        format!("-- a comment\n\n{}", parts.join("\n"))
    }

    #[test]
    fn what_can_be_written_is_written_in_an_order_that_runs() {
        let more = THINGS.replace("    PRIMARY", "    \"size\" INTEGER,\n    PRIMARY");
        let others = THINGS.replace("things", "others");
        let started = START.replace("SELECT 1", "SELECT 2");
        let replaced = started.replace("CREATE", "CREATE OR REPLACE");
        let no_longer = format!(
            "DROP INDEX \"things_name_key\";\n-- `things_name_key` was unique: what it kept apart may meet from now \
             on.\n{BY_NAME}"
        );
        let cases: [(&str, Vec<&str>, Vec<&str>, &str); 8] = [
            ("nothing", vec![THINGS, BY_NAME], vec![THINGS, BY_NAME], ""),
            ("a new table", vec![THINGS], vec![THINGS, &others], &others),
            (
                "a new nullable column",
                vec![THINGS],
                vec![&more],
                "ALTER TABLE \"things\" ADD COLUMN \"size\" INTEGER;\n",
            ),
            ("a new index", vec![THINGS], vec![THINGS, BY_NAME], BY_NAME),
            ("a dropped index", vec![THINGS, BY_NAME], vec![THINGS], "DROP INDEX \"things_name_index\";\n"),
            (
                "another view",
                vec![THINGS, VIEW],
                vec![THINGS, "CREATE VIEW \"things_view\" AS SELECT name FROM things;\n"],
                "DROP VIEW \"things_view\";\nCREATE VIEW \"things_view\" AS SELECT name FROM things;\n",
            ),
            ("another function of the same name", vec![START], vec![&started], &replaced),
            ("an index in place of a unique one", vec![THINGS, ONE_NAME], vec![THINGS, BY_NAME], &no_longer),
        ];
        for (what, old, new, expected) in cases {
            assert_eq!(difference(&of(&old), &of(&new)).as_deref(), Ok(expected), "{what}");
        }
    }

    #[test]
    fn what_needs_a_hand_is_refused_with_what_to_write() {
        let column = |from: &str, to: &str| THINGS.replace(from, to);
        let cases: [(&str, String, &str); 7] = [
            ("a dropped table", String::new(), "DROP TABLE"),
            ("a dropped column", column("    \"name\" TEXT,\n", ""), "DROP COLUMN \"name\""),
            ("another type", column("\"name\" TEXT", "\"name\" INTEGER"), "becomes `INTEGER` and was `TEXT`"),
            (
                "no longer nullable",
                column("\"name\" TEXT", "\"name\" TEXT NOT NULL"),
                "becomes `TEXT NOT NULL`",
            ),
            (
                "a new column that is never null",
                column("    PRIMARY", "    \"n\" TEXT NOT NULL,\n    PRIMARY"),
                "nullable",
            ),
            ("another key", column("\"tenant\", \"id\"", "\"id\""), "the key"),
            ("another layout", column("STRICT", "STRICT, WITHOUT ROWID"), "the layout"),
        ];
        for (what, new, told) in cases {
            let problems = difference(THINGS, &new).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(told), "{what}: {problems:?}");
        }
        let both =
            difference(THINGS, &column("    \"name\" TEXT,\n", "    \"n\" TEXT NOT NULL,\n")).unwrap_err();
        assert_eq!(both.len(), 2, "every problem is told: {both:?}");
        let sequence = difference("CREATE SEQUENCE \"s\";\n", "").unwrap_err();
        assert!(sequence[0].contains("CREATE SEQUENCE"), "{sequence:?}");
    }

    #[test]
    fn a_release_freezes_and_then_each_difference_becomes_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        let read = |name: &str| fs::read_to_string(path.join(name)).unwrap();
        let first = of(&[THINGS]);
        write(path, &first, true, None, false).unwrap();
        assert_eq!(read("0001_foundation.sql"), first);
        let second = of(&[THINGS, BY_NAME]);
        assert!(write(path, &second, false, None, false).is_err(), "a difference is told");
        write(path, &second, true, None, true).unwrap();
        assert_eq!((read("0001_foundation.sql"), read("schema.sql")), (second.clone(), second.clone()));

        let third = of(&[THINGS]);
        let told = write(path, &third, true, None, false).unwrap_err();
        assert!(told.contains("--name") && told.contains("DROP INDEX"), "{told}");
        assert_eq!(read("0001_foundation.sql"), second, "a released migration never changes");
        assert!(write(path, &third, false, Some("../x"), false).is_err());
        write(path, &third, false, Some("fewer_indexes"), false).unwrap();
        assert!(read("0002_fewer_indexes.sql").ends_with("DROP INDEX \"things_name_index\";\n"));
        assert_eq!(read("schema.sql"), third);
        write(path, &third, false, None, false).unwrap();
        assert_eq!(files(path).unwrap(), ["0001_foundation.sql", "0002_fewer_indexes.sql"]);
    }

    #[cfg(feature = "sqlite")]
    #[test]
    fn the_schema_of_the_declarations_is_understood_whole() {
        let sql = Statements::new(crate::sql::dialect::SQLITE, &[]).unwrap();
        let declared = ddl::foundation(crate::sql::dialect::SQLITE, &sql.catalog);
        let parts = parts(&declared);
        let tables = parts.iter().filter(|part| matches!(part, Part::Table(_))).count();
        assert_eq!(tables, declared.matches("CREATE TABLE").count());
        assert!(parts.iter().all(|part| !matches!(part, Part::Other(_))));
        assert_eq!(difference(&declared, &declared).as_deref(), Ok(""));
        let rebuilt = difference("", &declared).unwrap();
        assert_eq!(rebuilt.matches("CREATE ").count(), declared.matches("CREATE ").count());
    }
}
