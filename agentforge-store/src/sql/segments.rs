//! The statements of index segments and of the manifests that name them.

use agentforge_core::{
    error::Result,
    id::TenantId,
    store::{FieldKind, FieldValue, IndexKey, SegmentId},
};
use bytes::Bytes;

use super::{
    change::Step,
    dialect::Dialect,
    template::{Statement, Template},
    value::SqlValue,
};

pub(crate) struct SegmentSql {
    manifest: Template,
    segment: Template,
    stored: Template,
    put: Template,
    drop: Template,
    swap: Template,
}

const OF_INDEX: &str = "tenant = :tenant AND knowledge_base = ? AND kind = ?";

impl SegmentSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let tenant = |source: String| Template::tenant(dialect, &source);
        let listed = dialect.among("segment", FieldKind::Id);
        let named = dialect.listed_ids(
            "(SELECT segments FROM segment_manifests WHERE tenant = :tenant \
                                        AND knowledge_base = ? AND kind = ?)",
        );
        Ok(Self {
            manifest: tenant(format!("SELECT generation, segments FROM segment_manifests WHERE {OF_INDEX}"))?,
            segment: tenant(format!(
                "SELECT bytes FROM segments WHERE {OF_INDEX} AND segment = ? AND segment IN ({named})"
            ))?,
            stored: tenant(format!("SELECT segment FROM segments WHERE {OF_INDEX} AND {listed}"))?,
            put: tenant(
                "INSERT INTO segments (tenant, knowledge_base, kind, segment, bytes) \
                 VALUES (:tenant, ?, ?, ?, ?) ON CONFLICT (tenant, knowledge_base, kind, segment) \
                 DO UPDATE SET bytes = segments.bytes WHERE segments.bytes = excluded.bytes"
                    .to_owned(),
            )?,
            drop: tenant(format!(
                "DELETE FROM segments WHERE {OF_INDEX} AND segment IN ({named}) AND NOT {listed}"
            ))?,
            swap: tenant(format!(
                "INSERT INTO segment_manifests (tenant, knowledge_base, kind, generation, segments) \
                 SELECT :tenant, ?, ?, 1, ? \
                 WHERE coalesce((SELECT generation FROM segment_manifests WHERE {OF_INDEX}), 0) = ? \
                 AND (SELECT count(*) FROM segments WHERE {OF_INDEX} AND {listed}) = ? \
                 ON CONFLICT (tenant, knowledge_base, kind) DO UPDATE SET \
                 generation = segment_manifests.generation + 1, segments = excluded.segments \
                 WHERE segment_manifests.generation = ?"
            ))?,
        })
    }

    /// `generation, segments` of an index.
    pub(crate) fn manifest(&self, tenant: TenantId, index: &IndexKey) -> Result<Statement> {
        self.manifest.bind(tenant, of_index(index))
    }

    /// The bytes of a segment that the manifest names.
    pub(crate) fn segment(
        &self,
        tenant: TenantId,
        index: &IndexKey,
        segment: SegmentId,
    ) -> Result<Statement> {
        let [knowledge_base, kind] = of_index(index);
        let values = [knowledge_base.clone(), kind.clone(), segment.into(), knowledge_base, kind];
        self.segment.bind(tenant, values)
    }

    /// Which of these segments are stored, named by a manifest or not.
    pub(crate) fn stored(
        &self,
        dialect: &dyn Dialect,
        tenant: TenantId,
        index: &IndexKey,
        segments: &[SegmentId],
    ) -> Result<Statement> {
        let [knowledge_base, kind] = of_index(index);
        self.stored.bind(tenant, [knowledge_base, kind, list(dialect, segments)])
    }

    /// Stores a segment; changes nothing when another one of this id is there.
    pub(super) fn put(
        &self,
        tenant: TenantId,
        index: &IndexKey,
        segment: SegmentId,
        bytes: &Bytes,
    ) -> Result<Step> {
        let [knowledge_base, kind] = of_index(index);
        Ok(Step::one(self.put.bind(tenant, [knowledge_base, kind, segment.into(), bytes.clone().into()])?))
    }

    /// Drops what the present manifest names and the new one does not, then writes the new one.
    pub(super) fn swap(
        &self,
        dialect: &dyn Dialect,
        tenant: TenantId,
        index: &IndexKey,
        expected: u64,
        segments: &[SegmentId],
    ) -> Result<Vec<Step>> {
        let [knowledge_base, kind] = of_index(index);
        let named = list(dialect, segments);
        let distinct: std::collections::BTreeSet<_> = segments.iter().collect();
        let drop =
            [knowledge_base.clone(), kind.clone(), knowledge_base.clone(), kind.clone(), named.clone()];
        let swap = [
            knowledge_base.clone(),
            kind.clone(),
            SqlValue::json(&segments)?,
            knowledge_base.clone(),
            kind.clone(),
            expected.into(),
            knowledge_base,
            kind,
            named,
            (distinct.len() as u64).into(),
            expected.into(),
        ];
        Ok(vec![Step::any(self.drop.bind(tenant, drop)?), Step::one(self.swap.bind(tenant, swap)?)])
    }
}

fn of_index(index: &IndexKey) -> [SqlValue; 2] {
    [index.knowledge_base.into(), index.kind.as_str().into()]
}

fn list(dialect: &dyn Dialect, segments: &[SegmentId]) -> SqlValue {
    let ids: Vec<SqlValue> = segments.iter().map(|segment| FieldValue::Id(*segment).into()).collect();
    dialect.list(&ids)
}
