//! Index segments in a file.

use agentforge_core::{
    context::CallContext,
    error::Result,
    store::{IndexKey, Manifest, SegmentId, Segments},
};
use async_trait::async_trait;
use bytes::Bytes;

use super::{SqliteStore, row};
use crate::sql::refusal;

#[async_trait]
impl Segments for SqliteStore {
    async fn manifest(&self, cx: &CallContext, index: &IndexKey) -> Result<Manifest> {
        index.check()?;
        let found =
            self.shared.readers.first(cx, self.shared.sql.segments.manifest(cx.tenant(), index)?).await?;
        let Some(found) = found else { return Ok(Manifest::default()) };
        Ok(Manifest { generation: row::count(&found, 0)?, segments: row::json(&found, 1)? })
    }

    async fn segment(&self, cx: &CallContext, index: &IndexKey, segment: SegmentId) -> Result<Bytes> {
        index.check()?;
        let statement = self.shared.sql.segments.segment(cx.tenant(), index, segment)?;
        match self.shared.readers.first(cx, statement).await? {
            Some(found) => row::bytes(&found, 0).map(Bytes::from),
            None => Err(refusal::segment_gone(index, segment)),
        }
    }
}
