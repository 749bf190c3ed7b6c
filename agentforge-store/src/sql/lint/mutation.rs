//! Takes the tenant out of one statement after the other, and looks whether the contract suite's wall or the twins
//! notice.

#[path = "../../../tests/twins/calls.rs"]
mod calls;

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use agentforge_core::testkit::{COLLECTIONS, Verdict, store_cases};

use self::calls::{Twins, Watch};
use super::listen;
use crate::{
    sql::{Statements, dialect::SQLITE},
    testkit::SqliteHarness,
};

/// The tenant whose eyes the suite's wall looks through; what is written without a tenant is written for it.
const ALPHA: &str = "X'000000000000000000000000007e0001'";

/// A mention of the tenant in statements of one shape.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Mutant {
    shape: String,
    /// Which mention, counted from zero.
    mention: usize,
}

impl Mutant {
    /// The statement without its tenant, when it has the shape.
    fn of(&self, source: &str) -> Option<String> {
        let one = one_row(source);
        if shape(&one) != self.shape {
            return None;
        }
        if source != one {
            // Several rows at once.
            return Some(source.replace("(:tenant, ", &format!("(coalesce({ALPHA}, :tenant), ")));
        }
        let (at, _) = source.match_indices(":tenant").nth(self.mention)?;
        let (before, after) = source.split_at(at);
        let after = after.strip_prefix(":tenant")?;
        match before.strip_suffix("tenant = ") {
            Some(before) => {
                // With the name that the column is qualified by.
                let begin = before.rfind([' ', '(']).map_or(0, |at| at + 1);
                Some(format!("{}:tenant IS NOT NULL{after}", &before[..begin]))
            }
            None => Some(format!("{before}coalesce({ALPHA}, :tenant){after}")),
        }
    }
}

/// What statements about different collections of the suite have in common.
fn shape(source: &str) -> String {
    let mut shape = String::new();
    let mut parts = source.split('"');
    while let Some(before) = parts.next() {
        shape.push_str(before);
        match parts.next() {
            Some(name) if name.starts_with("suite_") && name.ends_with("_words") => shape.push_str("<words>"),
            Some(name) if name.starts_with("suite_") => shape.push_str("<records>"),
            Some(name) if source.contains("\"suite_") && COLUMNS.iter().all(|own| *own != name) => {
                shape.push_str("<field>");
            }
            Some(name) => shape.push_str(&format!("\"{name}\"")),
            None => {}
        }
    }
    for (many, one) in [
        ("?, ?", "?"),
        ("<field>, <field>", "<field>"),
        ("<field> = excluded.<field>, ", ""),
        (", <field>, body", ", body"),
        ("\"body\", <field>)", "\"body\")"),
    ] {
        while shape.contains(many) {
            shape = shape.replace(many, one);
        }
    }
    shape
}

/// The quoted columns that every collection has.
const COLUMNS: &[&str] = &["id", "version", "created_at", "updated_at", "deleted_at", "body"];

/// A statement that writes several rows as the one that writes one.
fn one_row(source: &str) -> String {
    let Some((before, rows)) = source.split_once("VALUES (:tenant, ") else { return source.to_owned() };
    let Some((row, _)) = rows.split_once(')') else { return source.to_owned() };
    let again = format!(", (:tenant, {row})");
    format!("{before}VALUES (:tenant, {}", rows.replace(&again, ""))
}

/// Every mention in every statement that the suite's collections and the tables beside them have.
fn mutants() -> BTreeSet<Mutant> {
    let (_, sources) = listen(None, || Statements::new(SQLITE, COLLECTIONS).unwrap());
    let platform = agentforge_core::record::COLLECTIONS;
    let is_platforms = |source: &str| {
        let mut names = platform.iter().map(|spec| format!("\"{}", spec.name));
        names.any(|name| source.contains(&name))
    };
    let ours = sources.iter().filter(|source| !is_platforms(source)).map(|source| one_row(source));
    let mentions = ours.flat_map(|source| {
        (0..source.matches(":tenant").count()).map(move |mention| Mutant { shape: shape(&source), mention })
    });
    mentions.collect()
}

/// The mutants that nothing notices, under the reasons why.
fn unnoticed() -> BTreeSet<Mutant> {
    let lines =
        include_str!("unnoticed.txt").lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let (mention, shape) = line.split_once(' ').unwrap();
            Mutant { shape: shape.to_owned(), mention: mention.parse().unwrap() }
        })
        .collect()
}

/// Whether something fails on a store with the mutant.
fn is_noticed(mutant: &Mutant) -> bool {
    let changed = mutant.clone();
    let change = move |source: &str| changed.of(source);
    let (noticed, _) = listen(Some(Box::new(change)), || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            if twins().await.is_err() {
                return true;
            }
            for case in store_cases().into_iter().filter(|case| case.name.starts_with("wall.")) {
                if let Verdict::Failed(_) = case.judge(Arc::new(SqliteHarness::fast())).await {
                    return true;
                }
            }
            false
        })
    });
    noticed
}

async fn twins() -> Result<(), agentforge_core::testkit::Failure> {
    let twins = Twins::open(Arc::new(SqliteHarness::fast())).await?;
    let met = twins.meet(Watch::Writes).await;
    met.and(twins.close().await)
}

/// Those of the mutants that are noticed or not, as lines of the list.
fn survey(mutants: &BTreeSet<Mutant>, noticed: bool) -> Vec<String> {
    let queue = Mutex::new(mutants.iter());
    let found = Mutex::new(BTreeSet::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let Some(mutant) = queue.lock().unwrap().next() else { return };
                    if is_noticed(mutant) == noticed {
                        found.lock().unwrap().insert(mutant);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap();
    found.into_iter().map(|mutant| format!("{} {}", mutant.mention, mutant.shape)).collect()
}

#[test]
fn every_statement_that_forgets_its_tenant_is_noticed_but_for_the_listed() {
    let mutants = mutants();
    let listed = unnoticed();
    let lines = survey(&mutants.difference(&listed).cloned().collect(), false);
    assert!(
        lines.is_empty() && listed.len() * 3 < mutants.len(),
        "nobody notices {} of {} mutants; let `tests/twins/calls.rs` notice them, or add them to `unnoticed.txt` \
         with a reason:\n{}",
        lines.len(),
        mutants.len(),
        lines.join("\n")
    );
}

#[test]
#[ignore = "a look at the list itself, for whoever changes it"]
fn what_is_listed_as_unnoticed_is() {
    let mutants = mutants();
    let listed = unnoticed();
    let gone: Vec<_> = listed.difference(&mutants).collect();
    let lines = survey(&listed, true);
    assert!(
        gone.is_empty() && lines.is_empty(),
        "no statement any more: {gone:?}; noticed:\n{}",
        lines.join("\n")
    );
}
