//! Index segments in memory.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    store::{IndexKey, Manifest, SegmentId, Segments},
};
use async_trait::async_trait;
use bytes::Bytes;

use super::{MemoryStore, table::Table};

#[derive(Default)]
pub(super) struct SegmentRows {
    pub(super) manifests: Table<(TenantId, IndexKey), Manifest>,
    pub(super) segments: Table<(TenantId, IndexKey, SegmentId), Bytes>,
}

impl SegmentRows {
    /// Stores a segment that no manifest names yet. Repeating the same bytes is harmless.
    pub(super) fn put(
        &mut self,
        tenant: TenantId,
        index: IndexKey,
        segment: SegmentId,
        bytes: Bytes,
    ) -> Result<()> {
        let key = (tenant, index, segment);
        match self.segments.get(&key) {
            Some(present) if *present != bytes => Err(Error::conflict(
                "segment",
                format!("segment {segment} is already stored with other bytes; segments never change"),
            )),
            Some(_) => Ok(()),
            None => {
                self.segments.insert(key, bytes);
                Ok(())
            }
        }
    }

    /// Makes exactly these segments the index and returns its new generation.
    pub(super) fn swap(
        &mut self,
        tenant: TenantId,
        index: IndexKey,
        expected: u64,
        segments: Vec<SegmentId>,
    ) -> Result<u64> {
        let key = (tenant, index);
        let before = self.manifests.get(&key).cloned().unwrap_or_default();
        if before.generation != expected {
            return Err(Error::conflict(
                "generation",
                format!(
                    "index `{}` is at generation {}, not {expected}; read it again",
                    key.1.kind, before.generation
                ),
            )
            .with("current_version", before.generation));
        }
        for segment in &segments {
            if self.segments.get(&(tenant, key.1.clone(), *segment)).is_none() {
                return Err(Error::not_found(format!(
                    "index `{}` has no segment {segment}; put it before the swap",
                    key.1.kind
                ))
                .with("segment", segment.to_string()));
            }
        }
        for dropped in before.segments.iter().filter(|segment| !segments.contains(segment)) {
            self.segments.remove(&(tenant, key.1.clone(), *dropped));
        }
        let generation = expected.saturating_add(1);
        self.manifests.insert(key, Manifest { generation, segments });
        Ok(generation)
    }

    pub(super) fn purge(&mut self, tenant: TenantId) -> u64 {
        let Self { manifests, segments } = self;
        manifests.remove_where(.., |(of, _), _| *of == tenant)
            + segments.remove_where(.., |(of, ..), _| *of == tenant)
    }

    pub(super) fn commit(&mut self) {
        let Self { manifests, segments } = self;
        manifests.commit();
        segments.commit();
    }

    pub(super) fn roll_back(&mut self) {
        let Self { manifests, segments } = self;
        manifests.roll_back();
        segments.roll_back();
    }
}

#[async_trait]
impl Segments for MemoryStore {
    async fn manifest(&self, cx: &CallContext, index: &IndexKey) -> Result<Manifest> {
        cx.check_alive()?;
        index.check()?;
        let state = self.state();
        Ok(state.segments.manifests.get(&(cx.tenant(), index.clone())).cloned().unwrap_or_default())
    }

    async fn segment(&self, cx: &CallContext, index: &IndexKey, segment: SegmentId) -> Result<Bytes> {
        cx.check_alive()?;
        index.check()?;
        let state = self.state();
        let rows = &state.segments;
        let visible = rows
            .manifests
            .get(&(cx.tenant(), index.clone()))
            .is_some_and(|manifest| manifest.segments.contains(&segment));
        let bytes = rows.segments.get(&(cx.tenant(), index.clone(), segment)).filter(|_| visible);
        bytes.cloned().ok_or_else(|| {
            Error::not_found(format!(
                "index `{}` has no segment {segment}; read the manifest again",
                index.kind
            ))
            .with("segment", segment.to_string())
        })
    }
}
