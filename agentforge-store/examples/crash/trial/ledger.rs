//! What the writers said: which sets they tried, and which were acknowledged.

use std::collections::{BTreeMap, BTreeSet};

use super::{Options, writer::Orders};

/// A set by its writer and its number.
pub(crate) type Place = (u64, u64);

/// What the parent knows.
pub(crate) struct Ledger {
    writers: u64,
    /// The number of the next set that a writer has never tried.
    next: BTreeMap<u64, u64>,
    acknowledged: BTreeSet<Place>,
    /// Tried in this life, and not answered.
    open: BTreeSet<Place>,
    /// Left open by the life before.
    unknown: BTreeSet<Place>,
    worked: bool,
    /// How many lives ended amid open sets.
    pub(crate) amid: u64,
    /// What a writer could not do, though nothing excuses it.
    pub(crate) failure: Option<String>,
}

impl Ledger {
    pub(crate) fn new(writers: u64) -> Self {
        Self {
            writers,
            next: BTreeMap::new(),
            acknowledged: BTreeSet::new(),
            open: BTreeSet::new(),
            unknown: BTreeSet::new(),
            worked: false,
            amid: 0,
            failure: None,
        }
    }

    /// What the next life is to do. Of the sets that nobody knows the fate of it repeats half, as a caller who never
    /// got an answer would; the other half is never spoken of again.
    pub(crate) fn orders(&mut self, options: &Options, life: u64, chance: impl Fn(u64) -> u64) -> Orders {
        let unknown = std::mem::take(&mut self.unknown);
        let repeat = unknown.into_iter().filter(|_| chance(2) == 0).collect();
        let next = (0..self.writers).map(|writer| self.next.get(&writer).copied().unwrap_or(0)).collect();
        Orders { url: options.url.clone(), seed: options.seed, life, next, repeat }
    }

    /// Notes what a life said: `try W N`, `ack W N`, or `fail` and why.
    pub(crate) fn note(&mut self, line: &str) {
        let mut words = line.split(' ');
        let word = words.next();
        let mut number = || words.next().and_then(|text| text.parse::<u64>().ok());
        match (word, number(), number()) {
            (Some("try"), Some(writer), Some(number)) => {
                self.open.insert((writer, number));
                let next = self.next.entry(writer).or_default();
                *next = (*next).max(number + 1);
            }
            (Some("ack"), Some(writer), Some(number)) => {
                self.open.remove(&(writer, number));
                self.acknowledged.insert((writer, number));
                self.worked = true;
            }
            _ => self.failure = Some(line.to_owned()),
        }
    }

    pub(crate) fn has_worked(&self) -> bool {
        self.worked
    }

    /// From now on only what comes later counts as work.
    pub(crate) fn rest(&mut self) {
        self.worked = false;
    }

    /// Ends a life: what it left open is unknown.
    pub(crate) fn close_life(&mut self) {
        self.amid += u64::from(!self.open.is_empty());
        self.unknown.append(&mut self.open);
        self.worked = false;
    }

    /// Ends a life as of an earlier moment, or with less than was acknowledged: what is not in `kept` is unknown.
    #[allow(dead_code, reason = "only a loss of power takes back what was said")]
    pub(crate) fn forget(&mut self, kept: &BTreeSet<Place>) {
        let (kept, lost) =
            std::mem::take(&mut self.acknowledged).into_iter().partition(|place| kept.contains(place));
        self.acknowledged = kept;
        self.unknown.extend::<BTreeSet<_>>(lost);
        self.close_life();
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    pub(crate) fn acknowledged_places(&self) -> &BTreeSet<Place> {
        &self.acknowledged
    }

    /// How many sets each writer tried at most.
    pub(crate) fn tried(&self) -> BTreeMap<u64, u64> {
        (0..self.writers).map(|writer| (writer, self.next.get(&writer).copied().unwrap_or(0))).collect()
    }
}
