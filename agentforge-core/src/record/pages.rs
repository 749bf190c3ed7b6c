//! Everything that a query finds, page by page, for small collections that decisions must know whole.

use crate::{
    context::CallContext,
    error::Result,
    store::{MAX_PAGE, Query, Record, RecordStore, RecordStoreExt, Stored},
};

/// Everything that a query finds.
pub(crate) async fn every<T: Record>(
    records: &dyn RecordStore,
    cx: &CallContext,
    query: Query,
) -> Result<Vec<Stored<T>>> {
    let mut query = query.limit(MAX_PAGE);
    let mut found = Vec::new();
    loop {
        let page = records.list::<T>(cx, &query).await?;
        found.extend(page.records);
        match page.next {
            Some(next) => query = query.after(next),
            None => return Ok(found),
        }
    }
}
