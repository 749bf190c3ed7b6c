//! Writers that are killed in the middle of their work lose nothing that was acknowledged, and the judge who says so
//! sees what is planted.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "trials are tests, which the lints cannot tell without the built-in harness"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use libtest_mimic::{Failed, Trial};

use super::{backend::trial, summary::Summary, trial as crash};
use crash::{
    Hazard, Options, Report,
    judge::{Found, judge},
};

const KILLS: u64 = 20;

pub(crate) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
    let trials = vec![
        trial(summary, "crash", "sqlite_loses_no_acknowledged_set_when_its_writers_are_killed", sqlite),
        trial(summary, "crash", "the_judge_sees_what_is_lost_doubled_torn_or_strange", planted),
    ];
    #[cfg(feature = "postgres")]
    let trials = trials.into_iter().chain(postgres::trials(summary)).collect();
    trials
}

#[cfg(feature = "postgres")]
mod postgres {
    //! The same on a server that writes through to its disk. Whether there must be one is decided beside its suite.

    use std::sync::Arc;

    use agentforge_core::error::Error;
    use agentforge_store::testkit::PostgresServer;
    use libtest_mimic::{Failed, Trial};

    use super::{Hazard, KILLS, Options, Summary, crash, ensure_clean, trial};

    pub(super) fn trials(summary: &Arc<Summary>) -> Vec<Trial> {
        if PostgresServer::missing().is_some() {
            return Vec::new();
        }
        vec![
            trial(
                summary,
                "crash",
                "postgres_loses_no_acknowledged_set_when_its_writers_are_killed",
                writers,
            ),
            trial(summary, "crash", "postgres_loses_no_acknowledged_set_when_it_is_killed_too", server),
        ]
    }

    fn options(server: &PostgresServer, kills: u64) -> Options {
        let url = format!("{}?schema=crash&sslmode=disable", server.url());
        Options { url, kills, ..Options::default() }
    }

    fn writers() -> Result<(), Failed> {
        let server = PostgresServer::start_durable()?;
        ensure_clean(&crash::run(&options(&server, KILLS), Hazard::Writer)?)
    }

    fn server() -> Result<(), Failed> {
        let server = PostgresServer::start_durable()?;
        let mut restart = || {
            let again = server.stop_immediate().and_then(|()| server.start_again());
            again.map_err(|failure| Error::internal(failure.reason().to_owned()))
        };
        ensure_clean(&crash::run(&options(&server, KILLS / 2), Hazard::WriterAndServer(&mut restart))?)
    }
}

fn sqlite() -> Result<(), Failed> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite:{}", folder.path().join("crash.db").display());
    ensure_clean(&crash::run(&Options { url, kills: KILLS, ..Options::default() }, Hazard::Writer)?)
}

fn ensure_clean(report: &Report) -> Result<(), Failed> {
    // Some lives end before they have begun a set; where most do, nothing was tried.
    if report.is_clean() && report.amid * 2 > report.kills && report.repeated > 0 {
        return Ok(());
    }
    Err(report.to_json().into())
}

/// Three whole sets of a writer.
fn whole() -> (BTreeSet<(u64, u64)>, Found) {
    let places = [(0, 0), (0, 1), (0, 2)];
    let sets = places.map(|place| (place, [1; 7]));
    let found =
        Found { sets: BTreeMap::from(sets), tallies: BTreeMap::from([(0, vec![3, 3, 3, 3])]), strange: 0 };
    (BTreeSet::from(places), found)
}

/// What is made of a whole history.
type Plant<'a> = dyn Fn(&mut BTreeSet<(u64, u64)>, &mut Found) + 'a;

fn planted() -> Result<(), Failed> {
    let of = |plant: &Plant<'_>| {
        let (mut acknowledged, mut found) = whole();
        plant(&mut acknowledged, &mut found);
        judge(&acknowledged, &found)
    };
    let counts = |report: &Report| {
        let Report { lost, doubled, torn, strange, .. } = report;
        ((*lost, *doubled, *torn, *strange), report.is_clean())
    };
    let check = |what: &str, report: Report, expected| match counts(&report) {
        found if found == expected => Ok(()),
        _ => Err(format!("{what}: {}", report.to_json())),
    };
    check("a whole history", of(&|_, _| {}), ((0, 0, 0, 0), true))?;
    check(
        "nothing was tried",
        of(&|known, found| (*known, *found) = Default::default()),
        ((0, 0, 0, 0), false),
    )?;
    let lost = of(&|_, found| {
        found.sets.remove(&(0, 1));
        found.tallies.insert(0, vec![2; 4]);
    });
    check("a set is gone", lost, ((1, 0, 0, 0), false))?;
    let unknown = of(&|known, _| {
        known.remove(&(0, 1));
    });
    check("a whole set that nobody acknowledged", unknown, ((0, 0, 0, 0), true))?;
    for part in 0..7 {
        let torn = of(&|_, found| {
            found.sets.insert((0, 1), std::array::from_fn(|place| u32::from(place != part)));
            found.tallies.insert(0, vec![2; 4]);
        });
        check("a part of an acknowledged set is gone", torn, ((1, 0, 1, 0), false))?;
        let half = of(&|known, found| {
            known.remove(&(0, 1));
            found.sets.insert((0, 1), std::array::from_fn(|place| u32::from(place == part)));
            found.tallies.insert(0, vec![2; 4]);
        });
        check("a part of an unacknowledged set is there", half, ((0, 0, 1, 0), false))?;
        let twice = of(&|_, found| {
            found.sets.insert((0, 1), std::array::from_fn(|place| 1 + u32::from(place == part)));
        });
        check("a part is there twice", twice, ((0, 1, 0, 0), false))?;
    }
    for tally in 0..4 {
        let counted_twice = of(&|_, found| found.tallies.get_mut(&0).unwrap()[tally] += 1);
        check("a set was counted twice", counted_twice, ((0, 1, 0, 0), false))?;
        let not_counted = of(&|_, found| found.tallies.get_mut(&0).unwrap()[tally] -= 1);
        check("a set was not counted", not_counted, ((0, 0, 1, 0), false))?;
    }
    check("a row of nobody's", of(&|_, found| found.strange = 1), ((0, 0, 0, 1), false))?;
    let broken = Report { broken_chain: Some("x".to_owned()), ..of(&|_, _| {}) };
    check("a broken chain", broken, ((0, 0, 0, 0), false))?;
    Ok(())
}
