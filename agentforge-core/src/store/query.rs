//! A question to a collection, and one page of its answer.

use super::{Cursor, Filter, RawRecord};

/// The most records that one page holds.
pub const MAX_PAGE: u32 = 1_000;

/// Up or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Null and the smallest first.
    Ascending,
    /// The greatest first, null last.
    Descending,
}

/// One key of an order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OrderBy {
    /// The field.
    pub field: String,
    /// Up or down.
    pub direction: Direction,
}

/// A question to a collection. Records come in the given order, ties by id in the direction of the last key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Which records.
    pub filter: Filter,
    /// In which order; by id when empty.
    pub order: Vec<OrderBy>,
    /// How many at most; at least 1 and at most [`MAX_PAGE`].
    pub limit: u32,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// Whether to count all records that the filter finds.
    pub count: bool,
    /// Whether soft-deleted records are shown too.
    pub deleted: bool,
}

impl Query {
    /// The first 50 records that a filter finds.
    pub const fn new(filter: Filter) -> Self {
        Self { filter, order: Vec::new(), limit: 50, after: None, count: false, deleted: false }
    }

    /// Smallest first.
    #[must_use]
    pub fn ascending(mut self, field: impl Into<String>) -> Self {
        self.order.push(OrderBy { field: field.into(), direction: Direction::Ascending });
        self
    }

    /// Greatest first.
    #[must_use]
    pub fn descending(mut self, field: impl Into<String>) -> Self {
        self.order.push(OrderBy { field: field.into(), direction: Direction::Descending });
        self
    }

    /// At most so many.
    #[must_use]
    pub const fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// The page after a cursor.
    #[must_use]
    pub fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// With the number of all records that the filter finds.
    #[must_use]
    pub const fn counted(mut self) -> Self {
        self.count = true;
        self
    }
}

/// One page.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T = RawRecord> {
    /// The records.
    pub records: Vec<T>,
    /// Where the next page begins; none at the end.
    pub next: Option<Cursor>,
    /// How many there are in all, when the query asked.
    pub total: Option<u64>,
}
