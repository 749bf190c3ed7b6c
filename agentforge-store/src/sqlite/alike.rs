//! Sets whose steps have the same texts: they go into one program, step by step, so that their rows can be written
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

/// Sorts sets by the texts of their steps.
pub(super) fn alike(sets: &[Vec<Unfolded>]) -> Vec<Vec<Alike<'_>>> {
    let mut alike: BTreeMap<Vec<usize>, Vec<Alike<'_>>> = BTreeMap::new();
    for (place, set) in sets.iter().enumerate() {
        let set = Alike::new(place, set);
        let texts = set.steps().map(|step| step.statement.text().as_ptr().addr()).collect();
        alike.entry(texts).or_default().push(set);
    }
    alike.into_values().collect()
}

/// The first statement of every set, then the second of every set, and so on.
pub(super) fn step_by_step<'a>(sets: &'a [Alike<'_>]) -> Vec<&'a Statement> {
    let mut steps: Vec<_> = sets.iter().map(Alike::steps).collect();
    let mut ordered = Vec::new();
    loop {
        let before = ordered.len();
        ordered.extend(steps.iter_mut().filter_map(Iterator::next).map(|step| &step.statement));
        if ordered.len() == before {
            return ordered;
        }
    }
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
