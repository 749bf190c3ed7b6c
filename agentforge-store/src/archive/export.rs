//! From a store to an archive, page by page.

use std::fs;

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::TenantId,
    json::Digest,
    record::TenantRecord,
    store::{
        Filter, PortableReader, PortableRows, PortableTable, Query, RawRecord, Record, RecordStoreExt, Stores,
    },
};
use serde_json::{Value, json};

use super::{
    Archive, ArchiveContents, ArchiveManifest, ArchivePhase, ArchiveProgress, ArchiveScope, ArchiveSection,
    ArchiveStep, ArchiveTenant,
    files::{failed, section_name},
    inside,
    lines::SectionWriter,
    manifest::columns_of,
};

pub(super) async fn export(
    archive: &Archive,
    stores: &Stores,
    cx: &CallContext,
    scope: ArchiveScope,
    progress: &dyn ArchiveProgress,
) -> Result<ArchiveManifest> {
    let (tenants, record) = match scope {
        ArchiveScope::Tenant(TenantId::PLATFORM) => {
            return Err(Error::invalid("the platform's rows go with the whole store, not alone"));
        }
        ArchiveScope::Tenant(tenant) => (vec![tenant], Some(tenant_row(stores, cx, tenant).await?)),
        ArchiveScope::Store => (every_tenant(stores, cx).await?, None),
    };
    archive.prepare().await?;
    let mut written = Vec::with_capacity(tenants.len());
    for id in tenants {
        let exporting = Exporting { archive, stores, cx: inside(cx, id)?, progress };
        let (tables, contents) = exporting.tenant().await?;
        written.push(ArchiveTenant { id, record: record.clone(), tables, contents });
    }
    let manifest = ArchiveManifest::new(cx.now(), scope == ArchiveScope::Store, written);
    let text = serde_json::to_string_pretty(&manifest)
        .map_err(|error| Error::internal("a manifest cannot be written").caused_by(error))?;
    archive.finish(text + "\n").await?;
    Ok(manifest)
}

/// Every tenant by id; the platform's own rows last, so that no tenant is in the list before it is whole.
async fn every_tenant(stores: &Stores, cx: &CallContext) -> Result<Vec<TenantId>> {
    let mut query = Query::new(Filter::True).limit(500);
    let mut tenants = Vec::new();
    loop {
        let page = stores.records.list::<TenantRecord>(cx, &query).await?;
        tenants.extend(page.records.iter().map(|stored| stored.value.id));
        match page.next {
            Some(next) => query.after = Some(next),
            None => break,
        }
    }
    tenants.sort();
    tenants.push(TenantId::PLATFORM);
    Ok(tenants)
}

/// A tenant's row in the list of tenants.
async fn tenant_row(stores: &Stores, cx: &CallContext, tenant: TenantId) -> Result<Value> {
    let found = stores.records.get_many(cx, TenantRecord::SPEC, &[tenant.as_uuid()]).await?;
    let Some(RawRecord { id, version, created_at, updated_at, deleted_at: _, document }) =
        found.into_iter().flatten().next()
    else {
        return Err(
            Error::not_found(format!("there is no tenant {tenant}")).with("tenant", tenant.to_string())
        );
    };
    Ok(json!({
        "id": id, "version": version, "created_at": created_at, "updated_at": updated_at, "document": document,
    }))
}

/// The export of one tenant.
struct Exporting<'a> {
    archive: &'a Archive,
    stores: &'a Stores,
    cx: CallContext,
    progress: &'a dyn ArchiveProgress,
}

impl Exporting<'_> {
    async fn tenant(&self) -> Result<(Vec<ArchiveSection>, ArchiveContents)> {
        let id = self.cx.tenant();
        self.archive
            .on_files(move |folder| {
                let folder = folder.join(format!("tenants/{id}"));
                fs::create_dir_all(&folder).map_err(|error| failed("cannot be written", &folder, error))
            })
            .await?;
        let mut reader = self.stores.portable.reader(&self.cx).await?;
        let (mut sections, mut contents) = (Vec::new(), ArchiveContents::default());
        for (place, table) in self.stores.portable.tables().into_iter().enumerate() {
            let name = section_name(id, place, table.name);
            sections.push(self.section(&mut *reader, &table, name, &mut contents).await?);
        }
        Ok((sections, contents))
    }

    async fn section(
        &self,
        reader: &mut dyn PortableReader,
        table: &PortableTable,
        file: String,
        contents: &mut ArchiveContents,
    ) -> Result<ArchiveSection> {
        let total = Some(reader.count(table).await?);
        let name = file.clone();
        let mut writer =
            self.archive.on_files(move |folder| SectionWriter::create(&folder.join(&name), name)).await?;
        let (mut after, mut done) = (None, 0_u64);
        loop {
            self.cx.check_alive()?;
            let page = reader.rows(table, after.as_ref(), page_of(table)).await?;
            if table.rows == PortableRows::Blobs {
                for row in &page.rows {
                    self.content(row, contents).await?;
                }
            }
            done = done.saturating_add(page.rows.len() as u64);
            writer = self
                .archive
                .on_files(move |_| {
                    writer.push(&page.rows)?;
                    Ok(writer)
                })
                .await?;
            let (phase, tenant, table) = (ArchivePhase::Exporting, self.cx.tenant(), table.name.to_owned());
            self.progress.came(&ArchiveStep { phase, tenant, table, done, total });
            after = match page.next {
                Some(next) => Some(next),
                None => break,
            };
        }
        let sum = self.archive.on_files(move |_| writer.finish()).await?;
        let (table, columns) = (table.name.to_owned(), columns_of(table));
        Ok(ArchiveSection { table, file, columns, rows: sum.rows, bytes: sum.bytes, sha256: sum.sha256 })
    }

    /// The bytes of one blob, unless they are in the archive already.
    async fn content(&self, row: &Value, contents: &mut ArchiveContents) -> Result<()> {
        let (sha256, size) = blob_of(row)?;
        contents.blobs = contents.blobs.saturating_add(1);
        contents.bytes = contents.bytes.saturating_add(size);
        if self.archive.has_content(sha256).await? {
            return Ok(());
        }
        let body = self.stores.blobs.get(&self.cx, sha256).await?;
        self.archive.keep_content(sha256, body).await
    }
}

/// Hash and size of a row of blobs.
pub(super) fn blob_of(row: &Value) -> Result<(Digest, u64)> {
    let sha256 = row.get("sha256").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let size = row.get("size").and_then(Value::as_u64);
    sha256.zip(size).ok_or_else(|| Error::internal("a row of `blobs` has no hash or no size"))
}

/// How many rows are held at once.
const fn page_of(table: &PortableTable) -> u32 {
    match table.rows {
        // One can be many megabytes.
        PortableRows::Segments => 1,
        PortableRows::Records(_) => 64,
        _ => 256,
    }
}
