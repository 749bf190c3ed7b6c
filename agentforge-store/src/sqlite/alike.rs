//! Sets whose steps have the same texts: they go into one program, change by change, so that their rows can be written
//! together. Sets that wait at the same time have no order among them.

use std::collections::BTreeMap;

use agentforge_core::store::Receipt;

use super::{change::Unfolded, run::Came};
use crate::sql::{
    change::Step,
    program::PROGRAM_LIMIT,
    template::{MERGED, Statement},
};

/// One of the sets.
pub(super) struct Alike<'a> {
    /// Its place among all sets that wait.
    pub(super) place: usize,
    set: &'a [Unfolded],
}

impl<'a> Alike<'a> {
    pub(super) const fn new(place: usize, set: &'a [Unfolded]) -> Self {
        Self { place, set }
    }

    pub(super) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.set.iter().flat_map(|unfolded| &unfolded.steps)
    }

    /// The receipt, when the steps came to what they must.
    pub(super) fn receipt(&self, came: &[&Came]) -> Option<Receipt> {
        let mut rest = came;
        let applied = self.set.iter().map(|unfolded| {
            let (came, later) = rest.split_at_checked(unfolded.steps.len())?;
            rest = later;
            unfolded.applied(came)
        });
        let applied = applied.collect::<Option<Vec<_>>>()?;
        Some(Receipt { applied, replayed: false })
    }
}

/// Sorts sets by the texts of their steps, and by which of them belong to one change.
pub(super) fn alike(sets: &[Vec<Unfolded>]) -> Vec<Vec<Alike<'_>>> {
    let mut alike: BTreeMap<Vec<Vec<usize>>, Vec<Alike<'_>>> = BTreeMap::new();
    let texts = |change: &Unfolded| {
        change.steps.iter().map(|step| step.statement.text().as_ptr().addr()).collect::<Vec<_>>()
    };
    for (place, set) in sets.iter().enumerate() {
        let key = set.iter().map(texts).collect();
        alike.entry(key).or_default().push(Alike::new(place, set));
    }
    alike.into_values().collect()
}

/// The first change of every set, then the second of every set, and so on; each statement with its set's place among
/// these. The steps of one change stay together, since one may read what the one before it wrote.
pub(super) fn change_by_change<'a>(sets: &'a [Alike<'_>]) -> Vec<(usize, &'a Statement)> {
    let changes = sets.first().map_or(0, |first| first.set.len());
    let of_change = |change: usize| {
        sets.iter().enumerate().flat_map(move |(place, alike)| {
            let steps = alike.set.get(change).into_iter().flat_map(|unfolded| &unfolded.steps);
            steps.map(move |step| (place, &step.statement))
        })
    };
    (0..changes).flat_map(of_change).collect()
}

/// How many of so many equal sets go into the next program, when each has so many rows, which are written together,
/// and so many other statements. Few sizes keep few programs prepared.
pub(super) fn copies(sets: usize, rows: usize, others: usize) -> usize {
    let fits = |copies: &usize| {
        *copies <= sets && copies.saturating_mul(others).saturating_add(rows) <= PROGRAM_LIMIT
    };
    MERGED.into_iter().find(fits).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::copies;

    #[test]
    fn many_small_sets_share_a_program_and_a_big_one_stands_alone() {
        assert_eq!([copies(200, 3, 0), copies(63, 3, 0), copies(3, 3, 0)], [64, 16, 1]);
        assert_eq!([copies(200, 0, 1), copies(200, 2, 3), copies(200, 0, 20)], [64, 16, 1]);
        assert_eq!(copies(200, 1_000, 0), 1);
    }
}
