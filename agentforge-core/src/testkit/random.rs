//! Seeded choices for generated cases.

use crate::{context::Randomness, testing::SeededRandom};

/// A sequence of choices that is the same in every run.
pub(super) struct Choices(SeededRandom);

impl Choices {
    pub(super) const fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    /// A number below the bound; 0 when the bound is 0.
    pub(super) fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        let bound = bound.max(1) as u64;
        usize::try_from(u64::from_le_bytes(bytes) % bound).unwrap_or(0)
    }

    /// True once in so many times.
    pub(super) fn one_in(&self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of the values; the default of the type when there is none.
    pub(super) fn of<T: Clone + Default>(&self, values: &[T]) -> T {
        values.get(self.below(values.len())).cloned().unwrap_or_default()
    }
}
