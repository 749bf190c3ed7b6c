//! From an archive to a store.
//!
//! Nothing is written before the whole archive was checked. A counter of the platform marks an import that goes on, so
//! that its repetition is told from an import into a tenant that has a life of its own.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    id::TenantId,
    record::TenantRecord,
    store::{
        Change, ChangeSet, Filter, PortableRows, PortableTable, PortableWritten, Query, Record,
        RecordStoreExt, Stores,
    },
};
use serde_json::Value;

use super::{
    Archive, ArchiveManifest, ArchivePhase, ArchiveProgress, ArchiveSection, ArchiveStep, ArchiveTenant,
    ImportOptions, Imported, OntoExisting, export::blob_of, inside, verify,
};

/// How many rows are written at once.
const PAGE: usize = 256;

pub(super) async fn import(
    archive: &Archive,
    stores: &Stores,
    cx: &CallContext,
    options: ImportOptions,
    progress: &dyn ArchiveProgress,
) -> Result<Imported> {
    let manifest = verify::manifest(archive).await?;
    let wanted = choose(&manifest, options.tenant)?;
    let tables = stores.portable.tables();
    verify::everything(archive, cx, &manifest, Some((&tables, options.tenant)), progress).await?;

    let mark = format!("agentforge.import:{}", manifest.digest);
    let goes_on = stores.counters.values(cx, &[&mark]).await?.first().is_some_and(|count| *count > 0);
    if !goes_on {
        for tenant in &wanted {
            check_room(stores, cx, tenant, &tables, options.onto).await?;
        }
        count(stores, cx, &mark, 1).await?;
    }
    let mut came = PortableWritten::default();
    for tenant in &wanted {
        let importing = Importing { archive, stores, cx: inside(cx, tenant.id)?, tables: &tables, progress };
        add(&mut came, importing.tenant(tenant).await?);
        if let Some(row) = &tenant.record {
            add(&mut came, write_tenant(stores, cx, row, &tables).await?);
        }
    }
    count(stores, cx, &mark, -1).await?;
    let tenants = wanted.iter().map(|tenant| tenant.id).collect();
    Ok(Imported { tenants, written: came.written, present: came.present })
}

async fn count(stores: &Stores, cx: &CallContext, mark: &str, delta: i64) -> Result<()> {
    let change = Change::Count { key: mark.to_owned(), delta, limit: None };
    stores.records.apply(cx, ChangeSet::new(cx).with(change)).await.map(drop)
}

fn add(sum: &mut PortableWritten, more: PortableWritten) {
    sum.written = sum.written.saturating_add(more.written);
    sum.present = sum.present.saturating_add(more.present);
}

/// The tenants that are asked for.
fn choose(manifest: &ArchiveManifest, only: Option<TenantId>) -> Result<Vec<&ArchiveTenant>> {
    let Some(only) = only else { return Ok(manifest.tenants.iter().collect()) };
    let found: Vec<_> = manifest.tenants.iter().filter(|tenant| tenant.id == only).collect();
    match found.first() {
        None => Err(Error::invalid(format!(
            "the archive holds no tenant {only}, and a tenant cannot be imported under another id: the hashes of its \
             audit trail cover it"
        ))
        .with("tenant", only.to_string())),
        Some(tenant) if tenant.record.is_none() => Err(Error::new(
            ErrorKind::Unsupported,
            "one tenant of a whole store's archive cannot be imported alone; export that tenant by itself",
        )),
        Some(_) => Ok(found),
    }
}

/// Fails when the store has something of the tenant already.
async fn check_room(
    stores: &Stores,
    cx: &CallContext,
    tenant: &ArchiveTenant,
    tables: &[PortableTable],
    onto: OntoExisting,
) -> Result<()> {
    let document = tenant.record.as_ref().and_then(|row| row.get("document"));
    for field in TenantRecord::SPEC.unique.iter().flat_map(|unique| unique.fields).copied() {
        let Some(value) = document.and_then(|document| document.get(field)).and_then(Value::as_str) else {
            continue;
        };
        let others = Query::new(Filter::eq(field, value)).limit(2);
        let others = stores.records.list::<TenantRecord>(cx, &others).await?;
        if others.records.iter().any(|other| other.value.id != tenant.id) {
            let message =
                format!("another tenant has the {field} `{value}`; change it there before the import");
            return Err(Error::conflict(field, message));
        }
    }
    if onto == OntoExisting::Merge {
        return Ok(());
    }
    let occupied = |what: &str| {
        let message = format!(
            "the store has {what} of tenant {} already; import into another store, or ask for a merge",
            tenant.id
        );
        Error::conflict("tenant", message).with("tenant", tenant.id.to_string())
    };
    let known = stores.records.get_many(cx, TenantRecord::SPEC, &[tenant.id.as_uuid()]).await?;
    if known.iter().any(Option::is_some) {
        return Err(occupied("a record"));
    }
    let mut reader = stores.portable.reader(&inside(cx, tenant.id)?).await?;
    for table in tables {
        if reader.count(table).await? > 0 {
            return Err(occupied(&format!("rows in `{}`", table.name)));
        }
    }
    Ok(())
}

/// The tenant's row in the list of tenants, which makes it one of the store's. A store keeps its own default tenant.
async fn write_tenant(
    stores: &Stores,
    cx: &CallContext,
    row: &Value,
    tables: &[PortableTable],
) -> Result<PortableWritten> {
    let list = |table: &&PortableTable| matches!(table.rows, PortableRows::Records(spec) if spec == TenantRecord::SPEC);
    let table =
        tables.iter().find(list).ok_or_else(|| Error::internal("the store has no list of tenants"))?;
    let id = row.get("id").and_then(Value::as_str).and_then(|id| id.parse::<TenantId>().ok());
    let known = match id {
        Some(id) => stores.records.get_many(cx, TenantRecord::SPEC, &[id.as_uuid()]).await?,
        None => Vec::new(),
    };
    if known.iter().any(Option::is_some) {
        return Ok(PortableWritten { written: 0, present: 1 });
    }
    let defaults =
        stores.records.list::<TenantRecord>(cx, &Query::new(Filter::eq("default", true)).limit(1)).await?;
    let mut row = row.clone();
    if !defaults.records.is_empty()
        && let Some(default) = row.pointer_mut("/document/default")
    {
        *default = Value::Bool(false);
    }
    stores.portable.write(cx, table, vec![row]).await
}

/// The import of one tenant.
struct Importing<'a> {
    archive: &'a Archive,
    stores: &'a Stores,
    cx: CallContext,
    tables: &'a [PortableTable],
    progress: &'a dyn ArchiveProgress,
}

/// What a pass over a section came to.
#[derive(Default)]
struct Pass {
    came: PortableWritten,
    /// Why the first of those rows was refused that refer to rows which are not there yet.
    refused: Option<Error>,
}

impl Importing<'_> {
    async fn tenant(&self, tenant: &ArchiveTenant) -> Result<PortableWritten> {
        let mut came = PortableWritten::default();
        let (records, others): (Vec<_>, Vec<_>) = (0..tenant.tables.len()).partition(|place| {
            let section = tenant.tables.get(*place);
            section.is_some_and(|section| self.is_records(section))
        });
        let first_records = records.first().copied().unwrap_or(usize::MAX);
        let before = others.iter().filter(|place| **place < first_records);
        let behind = others.iter().filter(|place| **place >= first_records);
        for section in before.filter_map(|place| tenant.tables.get(*place)) {
            add(&mut came, self.whole(section).await?);
        }
        let records: Vec<_> = records.iter().filter_map(|place| tenant.tables.get(*place)).collect();
        add(&mut came, self.records(&records).await?);
        for section in behind.filter_map(|place| tenant.tables.get(*place)) {
            add(&mut came, self.whole(section).await?);
        }
        Ok(came)
    }

    fn is_records(&self, section: &ArchiveSection) -> bool {
        let of = |table: &&PortableTable| table.name == section.table;
        self.tables.iter().find(of).is_some_and(|table| matches!(table.rows, PortableRows::Records(_)))
    }

    /// All records, in as many passes as their references demand: collections may refer to each other, and records to
    /// later ones of their own collection.
    async fn records(&self, sections: &[&ArchiveSection]) -> Result<PortableWritten> {
        let mut came = PortableWritten::default();
        let mut passes = 0_u32;
        loop {
            let (mut written, mut refused) = (0_u64, None);
            for section in sections {
                let pass = self.pass(section).await?;
                written = written.saturating_add(pass.came.written);
                refused = refused.or(pass.refused);
                if passes == 0 {
                    came.present = came.present.saturating_add(pass.came.present);
                }
            }
            came.written = came.written.saturating_add(written);
            passes = passes.saturating_add(1);
            match refused {
                None => return Ok(came),
                Some(error) if written == 0 => return Err(error),
                Some(_) => {}
            }
        }
    }

    async fn whole(&self, section: &ArchiveSection) -> Result<PortableWritten> {
        let pass = self.pass(section).await?;
        pass.refused.map_or(Ok(pass.came), Err)
    }

    async fn pass(&self, section: &ArchiveSection) -> Result<Pass> {
        let mut pass = Pass::default();
        if section.rows == 0 {
            return Ok(pass);
        }
        let table = verify::table_of(section, self.tables)?;
        let mut reader = verify::open(self.archive, section).await?;
        loop {
            self.cx.check_alive()?;
            let (rows, back) =
                self.archive.on_files(move |_| reader.next(PAGE).map(|rows| (rows, reader))).await?;
            reader = back;
            if rows.is_empty() {
                return Ok(pass);
            }
            let rows: Vec<Value> = rows.into_iter().map(|(_, row)| row).collect();
            if table.rows == PortableRows::Blobs {
                for row in &rows {
                    self.content(row).await?;
                }
            }
            self.write(&table, rows, &mut pass).await?;
            let (phase, tenant, table) = (ArchivePhase::Importing, self.cx.tenant(), section.table.clone());
            let (done, total) = (reader.line(), Some(section.rows));
            self.progress.came(&ArchiveStep { phase, tenant, table, done, total });
        }
    }

    async fn write(&self, table: &PortableTable, rows: Vec<Value>, pass: &mut Pass) -> Result<()> {
        let refers = matches!(table.rows, PortableRows::Records(spec) if !spec.references.is_empty());
        let dangles = |error: &Error| refers && error.kind() == ErrorKind::InvalidInput;
        match self.stores.portable.write(&self.cx, table, rows.clone()).await {
            Ok(came) => {
                add(&mut pass.came, came);
                return Ok(());
            }
            Err(error) if !dangles(&error) => return Err(error),
            Err(_) => {}
        }
        // One of them refers to what is not there yet; the others need not wait for it.
        for row in rows {
            match self.stores.portable.write(&self.cx, table, vec![row]).await {
                Ok(came) => add(&mut pass.came, came),
                Err(error) if dangles(&error) => {
                    pass.refused.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The bytes of one blob, unless the store has them.
    async fn content(&self, row: &Value) -> Result<()> {
        let (sha256, _) = blob_of(row)?;
        match self.stores.blobs.get(&self.cx, sha256).await {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let body = self.archive.content(sha256).await?;
        let kept = self.stores.blobs.put(&self.cx, "application/octet-stream", None, body).await?;
        if kept.sha256 == sha256 {
            return Ok(());
        }
        let message = format!("the bytes of blob {sha256} changed while they were imported; begin again");
        Err(Error::new(ErrorKind::Corrupt, message).with("sha256", sha256.to_string()))
    }
}
