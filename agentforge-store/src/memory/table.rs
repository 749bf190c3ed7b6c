//! An ordered map that can take back whatever happened to it since the last commit: what makes a change set all or
//! nothing without copying the state.

use std::{collections::BTreeMap, ops::RangeBounds};

/// Rows by key, with the rows that they replaced.
pub(super) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    replaced: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Table<K, V> {
    fn default() -> Self {
        Self { rows: BTreeMap::new(), replaced: Vec::new() }
    }
}

impl<K: Ord + Clone, V> Table<K, V> {
    /// The row of a key.
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    /// The rows of a range of keys, in order.
    pub(super) fn range(&self, keys: impl RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(keys)
    }

    /// Writes a row.
    pub(super) fn insert(&mut self, key: K, row: V) {
        let before = self.rows.insert(key.clone(), row);
        self.replaced.push((key, before));
    }

    /// Removes a row; absent is fine.
    pub(super) fn remove(&mut self, key: &K) {
        if let Some((key, before)) = self.rows.remove_entry(key) {
            self.replaced.push((key, Some(before)));
        }
    }

    /// Removes the rows of a range of keys that a predicate chooses, and returns how many.
    pub(super) fn remove_where(&mut self, keys: impl RangeBounds<K>, chosen: impl Fn(&K, &V) -> bool) -> u64 {
        let doomed: Vec<K> =
            self.rows.range(keys).filter(|(key, row)| chosen(key, row)).map(|(key, _)| key.clone()).collect();
        for key in &doomed {
            self.remove(key);
        }
        doomed.len() as u64
    }

    /// Keeps everything that happened since the last commit.
    pub(super) fn commit(&mut self) {
        self.replaced.clear();
    }

    /// Takes back everything that happened since the last commit.
    pub(super) fn roll_back(&mut self) {
        while let Some((key, before)) = self.replaced.pop() {
            match before {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_back_restores_replaced_removed_and_new_rows() {
        let mut table = Table::default();
        table.insert(1, "one");
        table.insert(2, "two");
        table.commit();
        table.insert(1, "changed");
        table.insert(1, "changed again");
        table.remove(&2);
        table.insert(3, "new");
        table.remove(&3);
        table.roll_back();
        let rows: Vec<_> = table.range(..).map(|(key, row)| (*key, *row)).collect();
        assert_eq!(rows, [(1, "one"), (2, "two")]);
    }
}
