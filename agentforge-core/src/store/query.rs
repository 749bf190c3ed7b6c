//! A question to a collection, and one page of its answer.

use super::{CollectionSpec, Cursor, Filter, RawRecord};
use crate::error::{Error, Result};

/// The most records that one page holds.
pub const MAX_PAGE: u32 = 1_000;

/// The most keys that an order may have.
pub const MAX_ORDER_KEYS: usize = 8;

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

    /// Fails when the query asks for what the collection does not declare, or for more than a limit. Every backend
    /// checks with this before it reads.
    pub fn check(&self, spec: &CollectionSpec) -> Result<()> {
        if self.limit == 0 || self.limit > MAX_PAGE {
            return Err(Error::invalid(format!("a page holds 1 to {MAX_PAGE} records, not {}", self.limit))
                .with("field", "limit")
                .with("limit", MAX_PAGE));
        }
        if self.order.len() > MAX_ORDER_KEYS {
            return Err(Error::invalid(format!(
                "an order has {} keys, more than {MAX_ORDER_KEYS}; leave out the last ones",
                self.order.len()
            ))
            .with("field", "order")
            .with("limit", MAX_ORDER_KEYS));
        }
        self.filter.check(spec)?;
        match self.order.iter().find(|by| spec.field(&by.field).is_none()) {
            None => Ok(()),
            Some(by) => {
                Err(Error::invalid(format!("`{}` has no field `{}` to order by", spec.name, by.field))
                    .with("field", by.field.clone()))
            }
        }
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
