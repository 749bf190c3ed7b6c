//! Compares what was acknowledged with what was found. Pure, so that a test can plant histories that are wrong.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{ledger::Place, set::PARTS};

/// How often every part of a set was found.
pub(crate) type Seen = [u32; PARTS.len()];

/// What a census found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// By set.
    pub(crate) sets: BTreeMap<Place, Seen>,
    /// What counts the sets of a writer, by writer: the version of a record, the length of a journal, a counter, the
    /// generation of an index.
    pub(crate) tallies: BTreeMap<u64, Vec<u64>>,
    /// Things that belong to no set that anybody tried, or that are not what their set says.
    pub(crate) strange: u64,
}

/// What the trial came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Report {
    /// Sets that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Acknowledged sets that are there whole.
    pub(crate) found: u64,
    /// Acknowledged sets of which something is missing.
    pub(crate) lost: u64,
    /// Which those are.
    pub(crate) missing: BTreeSet<Place>,
    /// Sets that left something twice, and repetitions that were applied.
    pub(crate) doubled: u64,
    /// Sets, acknowledged or not, of which only a part is there.
    pub(crate) torn: u64,
    /// What belongs to no set.
    pub(crate) strange: u64,
    /// What is wrong with the audit chain; nothing when it is intact.
    pub(crate) broken_chain: Option<String>,
    /// How often the writers were killed.
    pub(crate) kills: u64,
    /// How often there were open sets at that moment.
    pub(crate) amid: u64,
    /// Sets that nobody acknowledged and that are there whole, as they may be.
    pub(crate) unacknowledged: u64,
    /// Acknowledged sets that were applied once more, to no effect.
    pub(crate) repeated: u64,
    /// The backend.
    pub(crate) backend: String,
    /// What ids and moments came from.
    pub(crate) seed: u64,
}

impl Report {
    /// Whether nothing is wrong, and something was tried.
    pub(crate) fn is_clean(&self) -> bool {
        self.acknowledged > 0
            && self.found == self.acknowledged
            && (self.lost, self.doubled, self.torn, self.strange) == (0, 0, 0, 0)
            && self.broken_chain.is_none()
    }

    /// One line of JSON.
    pub(crate) fn to_json(&self) -> String {
        let chain = self.broken_chain.as_deref().unwrap_or("intact");
        let rest = json!({
            "torn": self.torn,
            "strange": self.strange,
            "kills": self.kills,
            "kills_amid_open_sets": self.amid,
            "unacknowledged_and_whole": self.unacknowledged,
            "repeated": self.repeated,
            "backend": self.backend,
            "seed": self.seed,
        });
        // The five that matter come first, which a map of JSON values would not keep.
        format!(
            "{{\"acknowledged\":{},\"found\":{},\"lost\":{},\"doubled\":{},\"chain\":{},{}",
            self.acknowledged,
            self.found,
            self.lost,
            self.doubled,
            Value::from(chain),
            rest.to_string().trim_start_matches('{')
        )
    }
}

/// Judges what was found.
pub(crate) fn judge(acknowledged: &BTreeSet<Place>, found: &Found) -> Report {
    let mut report =
        Report { acknowledged: acknowledged.len() as u64, strange: found.strange, ..Report::default() };
    let whole = |seen: &Seen| seen.iter().all(|times| *times > 0);
    for place in acknowledged {
        if found.sets.get(place).is_some_and(whole) {
            report.found += 1;
        } else {
            report.lost += 1;
            report.missing.insert(*place);
        }
    }
    let mut there: BTreeMap<u64, u64> = BTreeMap::new();
    for (place, seen) in &found.sets {
        if whole(seen) {
            *there.entry(place.0).or_default() += 1;
            report.unacknowledged += u64::from(!acknowledged.contains(place));
        } else {
            report.torn += 1;
        }
        report.doubled += u64::from(seen.iter().any(|times| *times > 1));
    }
    for (writer, tallies) in &found.tallies {
        let expected = there.get(writer).copied().unwrap_or(0);
        for tally in tallies {
            report.doubled += tally.saturating_sub(expected);
            report.torn += expected.saturating_sub(*tally);
        }
    }
    report
}
