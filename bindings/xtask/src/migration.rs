//! `migration`: writes the SQL that stores are made of from the declarations, by way of the store's own test, which
//! holds both equal on every other day. This file passes on what is asked for and shows what came of it.

use crate::command::Command;
use crate::workspace::Workspace;

/// The test that compares what is committed with the declarations, once per backend.
const TEST: &str = "the_committed_migration_is_what_the_declarations_say";
const FOLDER: &str = "agentforge-store/migrations";

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// The first migration anew, as long as nothing is released.
    Foundation,
    /// The next migration under a name.
    Next(String),
    /// What there is becomes final.
    Release,
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<bool, String> {
    let wanted = parse(arguments)?;
    let (key, value) = match &wanted {
        Wanted::Foundation => ("AGENTFORGE_BLESS", "1"),
        Wanted::Next(name) => ("AGENTFORGE_MIGRATION", name.as_str()),
        Wanted::Release => ("AGENTFORGE_RELEASE", "1"),
    };
    let tested = workspace
        .cargo(["test", "--package", "agentforge-store", "--all-features", "--lib", TEST])
        .env(key, value)
        .stream()?;
    let changed =
        Command::new("git").args(["status", "--short", "--", FOLDER]).dir(workspace.root()).stdout()?;
    println!("\n{}", summary(&changed));
    Ok(tested.ok)
}

fn parse(arguments: &[String]) -> Result<Wanted, String> {
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Ok(Wanted::Foundation),
        ["--release"] => Ok(Wanted::Release),
        ["--name", name] if is_name(name) => Ok(Wanted::Next((*name).to_owned())),
        ["--name", name] => Err(format!("`{name}` is no name of a migration; use snake case")),
        other => Err(format!("migration takes `--name NAME` or `--release`, not `{}`", other.join(" "))),
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_')
}

fn summary(changed: &str) -> String {
    match changed.trim_end() {
        "" => format!("{FOLDER} is what the declarations say; nothing was written"),
        files => format!("differs from what is committed:\n{files}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Wanted, String> {
        parse(&arguments.iter().map(|argument| (*argument).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_asked_for_is_understood_or_named() {
        assert_eq!(parsed(&[]), Ok(Wanted::Foundation));
        assert_eq!(parsed(&["--release"]), Ok(Wanted::Release));
        assert_eq!(parsed(&["--name", "more_fields"]), Ok(Wanted::Next("more_fields".to_owned())));
        for wrong in [&["--name"][..], &["--name", "../x"], &["--name", ""], &["more"]] {
            assert!(parsed(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_summary_names_what_was_written() {
        assert!(summary("").contains("nothing was written"));
        assert!(summary(" M a.sql\n").ends_with(" M a.sql"));
    }
}
