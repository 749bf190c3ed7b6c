//! Whose turn it is: rows by key, one at a time of each key, keys in the order in which they became ready.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::store::OutboxRow;

/// Rows that were read and not offered yet.
#[derive(Default)]
pub(super) struct Queue {
    lanes: BTreeMap<String, Lane>,
    ready: VecDeque<String>,
    /// Keys that are left alone for now; their rows are not kept.
    blocked: BTreeSet<String>,
    /// The blocked keys of which there was a row.
    skipped: BTreeSet<String>,
    waiting: usize,
}

#[derive(Default)]
struct Lane {
    rows: VecDeque<OutboxRow>,
    busy: bool,
}

impl Queue {
    /// A queue that leaves some keys alone.
    pub(super) fn without(blocked: impl IntoIterator<Item = String>) -> Self {
        Self { blocked: blocked.into_iter().collect(), ..Self::default() }
    }

    /// Takes a row in, behind those of its key that came before.
    pub(super) fn push(&mut self, row: OutboxRow) {
        if self.blocked.contains(&row.key) {
            self.skipped.insert(row.key);
            return;
        }
        let lane = self.lanes.entry(row.key.clone()).or_default();
        if lane.rows.is_empty() && !lane.busy {
            self.ready.push_back(row.key.clone());
        }
        lane.rows.push_back(row);
        self.waiting = self.waiting.saturating_add(1);
    }

    /// The next row whose key has none on its way. The key is busy from now on.
    pub(super) fn next(&mut self) -> Option<OutboxRow> {
        let key = self.ready.pop_front()?;
        let lane = self.lanes.get_mut(&key)?;
        let row = lane.rows.pop_front()?;
        lane.busy = true;
        self.waiting = self.waiting.saturating_sub(1);
        Some(row)
    }

    /// The row of a key has arrived: the next one may go.
    pub(super) fn arrived(&mut self, key: &str) {
        let Some(lane) = self.lanes.get_mut(key) else { return };
        lane.busy = false;
        if lane.rows.is_empty() {
            self.lanes.remove(key);
        } else {
            self.ready.push_back(key.to_owned());
        }
    }

    /// Leaves a key alone from now on, and forgets its rows.
    pub(super) fn block(&mut self, key: &str) {
        let lane = self.lanes.remove(key).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(lane.rows.len());
        self.ready.retain(|ready| ready != key);
        self.blocked.insert(key.to_owned());
        self.skipped.insert(key.to_owned());
    }

    /// The keys that were left alone although there was a row for them.
    pub(super) fn skipped(&self) -> &BTreeSet<String> {
        &self.skipped
    }

    /// How many rows wait for their turn.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{event::Event, testing::fixed_context};

    fn row(seq: u64, key: &str) -> OutboxRow {
        let event = Event::new(&fixed_context(), "thing.happened", serde_json::json!(null));
        OutboxRow { seq, key: key.to_owned(), event }
    }

    fn queue(rows: &[(u64, &str)]) -> Queue {
        let mut queue = Queue::default();
        for (seq, key) in rows {
            queue.push(row(*seq, key));
        }
        queue
    }

    fn next(queue: &mut Queue) -> Option<u64> {
        queue.next().map(|row| row.seq)
    }

    #[test]
    fn one_row_of_each_key_is_on_its_way() {
        let mut queue = queue(&[(1, "a"), (2, "a"), (3, "b"), (4, "a")]);
        assert_eq!([next(&mut queue), next(&mut queue), next(&mut queue)], [Some(1), Some(3), None]);
        queue.arrived("a");
        queue.push(row(5, "b"));
        assert_eq!([next(&mut queue), next(&mut queue)], [Some(2), None]);
        queue.arrived("b");
        queue.arrived("a");
        assert_eq!([next(&mut queue), next(&mut queue)], [Some(5), Some(4)]);
        assert_eq!(queue.waiting(), 0);
    }

    #[test]
    fn a_blocked_key_is_forgotten_and_skipped() {
        let mut queue = queue(&[(1, "a"), (2, "a"), (3, "b")]);
        assert_eq!(next(&mut queue), Some(1));
        queue.block("a");
        queue.push(row(4, "a"));
        assert_eq!([next(&mut queue), next(&mut queue)], [Some(3), None]);
        assert_eq!(queue.waiting(), 0);
        assert_eq!(queue.skipped().iter().collect::<Vec<_>>(), ["a"]);
        let untouched = Queue::without(["c".to_owned()]);
        assert!(untouched.skipped().is_empty());
    }
}
