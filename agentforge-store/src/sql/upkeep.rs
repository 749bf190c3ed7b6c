//! The statements of upkeep, and the order in which every SQL backend runs them: small batches, each in a transaction of
//! its own, so that nobody who writes waits for long.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    record::COLLECTIONS,
    store::{CollectionSpec, DispatchKind, FieldKind, Retention, Swept, check_purge},
};
use async_trait::async_trait;
use uuid::Uuid;

use super::{
    Statements,
    catalog::Catalog,
    ddl::quoted,
    dialect::Dialect,
    schema::{PLATFORM_TABLES, Table},
    template::{Statement, Template},
    value::SqlValue,
};

/// How many rows one statement removes at most.
const BATCH: u32 = 1_000;

/// How many rows that hold contents, up to a quarter of a megabyte each.
const CONTENTS: u32 = 32;

/// The tables whose rows hold contents.
const WIDE: &[&str] = &["blob_chunks", "segments"];

/// What upkeep asks of a backend.
#[async_trait]
pub(crate) trait Broom: Send + Sync {
    /// The ids in the first column of what a statement gives, read beside those who write.
    async fn ids(&self, cx: &CallContext, statement: Statement) -> Result<Vec<Uuid>>;

    /// Runs a statement in a transaction of its own and returns how many rows it removed.
    async fn remove(&self, cx: &CallContext, statement: Statement) -> Result<u64>;
}

pub(crate) struct UpkeepSql {
    old_receipts: Template,
    receipts: Template,
    signals: Template,
    outbox: Template,
    outbox_due: Template,
    inbox: Template,
    unreferenced: Template,
    blobs: Template,
    contents: Template,
    abandoned: Template,
    /// Deleted records that nothing refers to, by collection.
    deleted: Vec<Template>,
    /// Records that nothing refers to, by collection, and then everything else: the template and its batch.
    records: Vec<(&'static str, Template)>,
    everything: Vec<(Template, u32)>,
}

impl UpkeepSql {
    pub(super) fn new(
        dialect: &dyn Dialect,
        catalog: &Catalog,
        host: &[&'static CollectionSpec],
    ) -> Result<Self> {
        let tenant = |source: String| Template::tenant(dialect, &source);
        let batch = |table: &str, key: &str, condition: &str| {
            tenant(format!(
                "DELETE FROM {table} WHERE tenant = :tenant AND {key} IN \
                 (SELECT {key} FROM {table} WHERE tenant = :tenant AND {condition} LIMIT ?)"
            ))
        };
        // What refers stands behind what it refers to, so most goes in the first round.
        let specs = COLLECTIONS.iter().chain(host).rev().copied();
        let kept = specs.clone().filter(|spec| spec.soft_delete);
        let (listed, among) = (dialect.among("id", FieldKind::Id), dialect.among("content", FieldKind::Id));
        Ok(Self {
            // Read page by page in the order of the key: an index over the instant would be paid for by every write.
            old_receipts: tenant(
                "SELECT id FROM change_sets WHERE tenant = :tenant AND id > ? AND at <= ? ORDER BY id LIMIT ?"
                    .to_owned(),
            )?,
            receipts: tenant(format!(
                "DELETE FROM change_sets WHERE tenant = :tenant AND at <= ? AND {listed}"
            ))?,
            signals: batch("signals", "arrival", "consumed_at <= ?")?,
            outbox: batch("outbox", "seq", "at <= ?")?,
            // What made those events due, where nobody delivers.
            outbox_due: tenant(
                "DELETE FROM dispatch WHERE tenant = :tenant AND kind = ? AND id IN \
                 (SELECT id FROM dispatch WHERE tenant = :tenant AND kind = ? AND due <= ? LIMIT ?)"
                    .to_owned(),
            )?,
            inbox: batch("inbox", "id", "input IS NULL AND at <= ?")?,
            unreferenced: tenant(
                "SELECT content FROM blobs WHERE tenant = :tenant AND unreferenced_since <= ? LIMIT ?".to_owned(),
            )?,
            blobs: tenant(format!(
                "DELETE FROM blobs WHERE tenant = :tenant AND unreferenced_since <= ? AND {among}"
            ))?,
            contents: tenant(
                "DELETE FROM blob_chunks WHERE tenant = :tenant AND content = ? AND ordinal IN \
                 (SELECT ordinal FROM blob_chunks WHERE tenant = :tenant AND content = ? LIMIT ?) \
                 AND NOT EXISTS (SELECT 1 FROM blobs WHERE tenant = :tenant AND content = ?)"
                    .to_owned(),
            )?,
            abandoned: tenant(
                "SELECT DISTINCT content FROM blob_chunks WHERE tenant = :tenant AND content > ? AND content < ? \
                 AND NOT EXISTS (SELECT 1 FROM blobs WHERE tenant = :tenant AND content = blob_chunks.content) \
                 ORDER BY content LIMIT ?"
                    .to_owned(),
            )?,
            deleted: kept
                .map(|spec| unreferred(dialect, catalog, spec, " AND doomed.deleted_at <= ?"))
                .collect::<Result<_>>()?,
            records: specs
                .map(|spec| Ok((spec.name, unreferred(dialect, catalog, spec, "")?)))
                .collect::<Result<_>>()?,
            everything: dialect
                .system_tables()
                .iter()
                .filter(|table| !PLATFORM_TABLES.contains(&&*table.name))
                .map(|table| all_rows(dialect, table))
                .collect::<Result<_>>()?,
        })
    }
}

/// Removes records of a collection that no record refers to, kept ones among both.
fn unreferred(
    dialect: &dyn Dialect,
    catalog: &Catalog,
    spec: &'static CollectionSpec,
    condition: &str,
) -> Result<Template> {
    let table = quoted(spec.name);
    let referrers = catalog.named(spec.name).map(|collection| collection.referrers.as_slice());
    let mut source = format!(
        "DELETE FROM {table} WHERE tenant = :tenant AND id IN \
         (SELECT doomed.id FROM {table} AS doomed WHERE doomed.tenant = :tenant{condition}"
    );
    for referrer in referrers.unwrap_or_default() {
        let itself = if referrer.spec.name == spec.name { " AND other.id <> doomed.id" } else { "" };
        source.push_str(&format!(
            " AND NOT EXISTS (SELECT 1 FROM {} AS other WHERE other.tenant = :tenant AND other.{} = doomed.id{itself})",
            quoted(referrer.spec.name),
            quoted(referrer.reference.field)
        ));
    }
    source.push_str(" LIMIT ?)");
    Template::tenant(dialect, &source)
}

/// Removes rows of a table, whatever they are.
fn all_rows(dialect: &dyn Dialect, table: &Table) -> Result<(Template, u32)> {
    let key: Vec<String> =
        table.key.iter().filter(|column| **column != "tenant").map(|column| quoted(column)).collect();
    let (name, key) = (quoted(&table.name), key.join(", "));
    let source = format!(
        "DELETE FROM {name} WHERE tenant = :tenant AND ({key}) IN \
         (SELECT {key} FROM {name} WHERE tenant = :tenant LIMIT ?)"
    );
    let batch = if WIDE.contains(&&*table.name) { CONTENTS } else { BATCH };
    Ok((Template::tenant(dialect, &source)?, batch))
}

/// Sweeps the tenant of a call.
pub(crate) async fn sweep(
    sql: &Statements,
    broom: &dyn Broom,
    cx: &CallContext,
    retention: &Retention,
) -> Result<Swept> {
    let limit = |age| SqlValue::from(Retention::limit(cx.now(), age));
    let sweep = Sweep { sql, broom, cx };
    let of = &sql.upkeep;
    let receipts = sweep.receipts(&limit(retention.receipts)).await?;
    let signals = sweep.batches(&of.signals, &[limit(retention.signals)], BATCH).await?;
    let outbox = sweep.batches(&of.outbox, &[limit(retention.outbox)], BATCH).await?;
    let kind = SqlValue::from(DispatchKind::OUTBOX.as_str());
    sweep.batches(&of.outbox_due, &[kind.clone(), kind, limit(retention.outbox)], BATCH).await?;
    let inbox = sweep.batches(&of.inbox, &[limit(retention.inbox)], BATCH).await?;
    let (blobs, mut pieces) = sweep.blobs(&limit(retention.blobs)).await?;
    pieces += sweep.abandoned(retention.first_live_upload(cx.now())).await?;
    let deleted = sweep.until_nothing_goes(&of.deleted, &[limit(retention.deleted)]).await?;
    Ok(Swept { receipts, signals, outbox, inbox, blobs, pieces, deleted })
}

/// Removes every row of a tenant, inside which the call is.
pub(crate) async fn purge(
    sql: &Statements,
    broom: &dyn Broom,
    cx: &CallContext,
    tenant: TenantId,
) -> Result<u64> {
    check_purge(cx, tenant)?;
    let sweep = Sweep { sql, broom, cx };
    let of = &sql.upkeep;
    let mut removed = 0;
    loop {
        let before = removed;
        for (_, template) in &of.records {
            removed += sweep.batches(template, &[], BATCH).await?;
        }
        if removed == before {
            break;
        }
    }
    sweep.ensure_no_records().await?;
    for (template, batch) in &of.everything {
        removed += sweep.batches(template, &[], *batch).await?;
    }
    Ok(removed)
}

/// A sweep of one tenant.
struct Sweep<'a> {
    sql: &'a Statements,
    broom: &'a dyn Broom,
    cx: &'a CallContext,
}

impl Sweep<'_> {
    /// Runs a template, whose last value is its limit, until a batch is not full.
    async fn batches(&self, template: &Template, values: &[SqlValue], batch: u32) -> Result<u64> {
        let mut removed = 0;
        loop {
            let mut values = values.to_vec();
            values.push(batch.into());
            let statement = template.bind(self.cx.tenant(), values)?;
            let went = self.broom.remove(self.cx, statement).await?;
            removed += went;
            if went < u64::from(batch) {
                return Ok(removed);
            }
        }
    }

    /// Runs templates in turns: what goes in one turn may have held back what goes in the next.
    async fn until_nothing_goes(&self, templates: &[Template], values: &[SqlValue]) -> Result<u64> {
        let mut removed = 0;
        loop {
            let before = removed;
            for template in templates {
                removed += self.batches(template, values, BATCH).await?;
            }
            if removed == before {
                return Ok(removed);
            }
        }
    }

    async fn receipts(&self, until: &SqlValue) -> Result<u64> {
        let (of, tenant) = (&self.sql.upkeep, self.cx.tenant());
        let (mut removed, mut last) = (0, Uuid::nil());
        loop {
            let page = of.old_receipts.bind(tenant, [last.into(), until.clone(), BATCH.into()])?;
            let old = self.broom.ids(self.cx, page).await?;
            let Some(end) = old.last().copied() else { return Ok(removed) };
            last = end;
            let listed = self.list(&old);
            removed += self.broom.remove(self.cx, of.receipts.bind(tenant, [until.clone(), listed])?).await?;
        }
    }

    /// Removes blobs, and then what they held: a blob that is half gone is not there.
    async fn blobs(&self, until: &SqlValue) -> Result<(u64, u64)> {
        let (of, tenant) = (&self.sql.upkeep, self.cx.tenant());
        let (mut blobs, mut pieces) = (0, 0);
        loop {
            let page = of.unreferenced.bind(tenant, [until.clone(), CONTENTS.into()])?;
            let contents = self.broom.ids(self.cx, page).await?;
            let remove = of.blobs.bind(tenant, [until.clone(), self.list(&contents)])?;
            let went = if contents.is_empty() { 0 } else { self.broom.remove(self.cx, remove).await? };
            blobs += went;
            for content in contents {
                pieces += self.contents(content).await?;
            }
            // None of those that were found: somebody came to need them meanwhile.
            if went == 0 {
                return Ok((blobs, pieces));
            }
        }
    }

    /// Removes what uploads wrote that never became blobs.
    async fn abandoned(&self, first_live: Uuid) -> Result<u64> {
        let (mut pieces, mut last) = (0, Uuid::nil());
        loop {
            let page = [last.into(), first_live.into(), BATCH.into()];
            let page = self.sql.upkeep.abandoned.bind(self.cx.tenant(), page)?;
            let contents = self.broom.ids(self.cx, page).await?;
            let Some(end) = contents.last().copied() else { return Ok(pieces) };
            last = end;
            for content in contents {
                pieces += self.contents(content).await?;
            }
        }
    }

    /// Removes the pieces of an upload that is no blob.
    async fn contents(&self, content: Uuid) -> Result<u64> {
        let mut pieces = 0;
        loop {
            let values = [content.into(), content.into(), CONTENTS.into(), content.into()];
            let statement = self.sql.upkeep.contents.bind(self.cx.tenant(), values)?;
            let went = self.broom.remove(self.cx, statement).await?;
            pieces += went;
            if went < u64::from(CONTENTS) {
                return Ok(pieces);
            }
        }
    }

    async fn ensure_no_records(&self) -> Result<()> {
        for (name, _) in &self.sql.upkeep.records {
            let Some(collection) = self.sql.catalog.named(name) else { continue };
            let first = collection.sql.any.bind(self.cx.tenant(), Vec::new())?;
            if !self.broom.ids(self.cx, first).await?.is_empty() {
                return Err(Error::conflict(
                    "tenant",
                    format!(
                        "records of `{name}` refer to each other in a circle, or are still written; stop what writes and try again"
                    ),
                ));
            }
        }
        Ok(())
    }

    fn list(&self, ids: &[Uuid]) -> SqlValue {
        let ids: Vec<SqlValue> = ids.iter().copied().map(SqlValue::from).collect();
        self.sql.dialect.list(&ids)
    }
}
