//! Records on a server.

use std::collections::HashMap;

use agentforge_core::{
    context::CallContext,
    error::Result,
    store::{ChangeSet, CollectionSpec, Page, Position, Query, RawRecord, Receipt, RecordStore, fields_of},
};
use async_trait::async_trait;
use uuid::Uuid;

use super::{PostgresStore, row, transaction};
use crate::sql::{query::CompiledQuery, value::SqlValue};

#[async_trait]
impl RecordStore for PostgresStore {
    async fn get_many(
        &self,
        cx: &CallContext,
        spec: &'static CollectionSpec,
        ids: &[Uuid],
    ) -> Result<Vec<Option<RawRecord>>> {
        let collection = self.shared.sql.catalog.of(spec)?;
        if let [id] = ids {
            let statement = collection.sql.get.bind(cx.tenant(), [SqlValue::from(*id)])?;
            let found = self.shared.pool.first(cx, statement).await?;
            return Ok(vec![found.as_ref().map(row::record).transpose()?]);
        }
        let listed: Vec<SqlValue> = ids.iter().copied().map(SqlValue::from).collect();
        let statement = collection.sql.get_many.bind(cx.tenant(), [self.shared.sql.dialect.list(&listed)])?;
        let mut found = HashMap::with_capacity(ids.len());
        for row in self.shared.pool.all(cx, statement).await? {
            let record = row::record(&row)?;
            found.insert(record.id, record);
        }
        Ok(ids.iter().map(|id| found.get(id).cloned()).collect())
    }

    async fn query(&self, cx: &CallContext, spec: &'static CollectionSpec, query: &Query) -> Result<Page> {
        self.shared.sql.catalog.of(spec)?;
        let tenant = cx.tenant();
        let compiled = CompiledQuery::new(self.shared.sql.dialect, spec, query)?;
        let after = match &query.after {
            Some(cursor) => Some(self.shared.cursors.open(tenant, spec, query, cursor)?),
            None => None,
        };
        let limit = query.limit as usize;
        let mut records = Vec::new();
        // One more than the page holds tells whether there is another.
        for statement in compiled.pages(tenant, after.as_ref(), query.limit.saturating_add(1))? {
            let rows = self.shared.pool.all(cx, statement).await?;
            records.extend(rows.iter().map(row::record).collect::<Result<Vec<_>>>()?);
            if records.len() > limit {
                break;
            }
        }
        let more = records.len() > limit;
        records.truncate(limit);
        let next = match records.last().filter(|_| more) {
            Some(last) => {
                Some(self.shared.cursors.seal(tenant, spec, query, position(spec, query, last)?)?)
            }
            None => None,
        };
        let total = if query.count {
            let counted = self.shared.pool.first(cx, compiled.count(tenant)?).await?;
            Some(counted.map_or(Ok(0), |counted| row::count(&counted, 0))?)
        } else {
            None
        };
        Ok(Page { records, next, total })
    }

    async fn apply(&self, cx: &CallContext, changes: ChangeSet) -> Result<Receipt> {
        transaction::apply(&self.shared, cx, &changes).await
    }
}

fn position(spec: &CollectionSpec, query: &Query, record: &RawRecord) -> Result<Position> {
    let values = query.order.iter().map(|by| fields_of(spec, record, &by.field)).collect::<Result<_>>()?;
    Ok(Position { values, id: record.id })
}
