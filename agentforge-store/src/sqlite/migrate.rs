//! Brings the tables of a file to this version: embedded, numbered, checksummed, forward only, in one transaction.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use agentforge_core::{
    context::{CallContext, Randomness},
    error::Result,
    json::Digest,
    store::{CollectionSpec, CursorKey},
};
use bytes::Bytes;
use sqlx::{Row, SqliteConnection};

use super::{error::translate, inspect::corrupt, row, run};
use crate::{
    migration::{MigrationPlan, MigrationStep},
    sql::{Statements, ddl, program::Program},
};

/// Marks a file as ours: `AFst` in its header.
pub(super) const PROGRAM: u32 = 0x4146_7374;

struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
    /// Writes the number into the header.
    mark: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "foundation",
    sql: include_str!("../../migrations/sqlite/0001_foundation.sql"),
    mark: "PRAGMA user_version = 1",
}];

/// The key of the secret that signs cursors.
const CURSOR_KEY: &str = "cursor_key";
const CURSOR_KEY_ID: u32 = 1;
/// The key of the list of what migrations made, with the hash of each.
const SCHEMA: &str = "schema";

fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

/// Fails when a file was written by a newer version.
pub(super) fn check_version(path: &Path, found: u32) -> Result<()> {
    let newest = newest();
    if found <= newest {
        return Ok(());
    }
    let why = format!(
        "has schema version {found}, and this version of agentforge knows up to {newest}; use the newer \
         agentforge that wrote it, or another file"
    );
    Err(corrupt(path, &why).with("found_version", found).with("supported_version", newest))
}

/// Brings a file to this version and gives the key that signs its cursors.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    sql: &Statements,
    host: &[&'static CollectionSpec],
    path: &Path,
    cx: &CallContext,
    random: &dyn Randomness,
) -> Result<CursorKey> {
    let mut file = File { connection, sql, path };
    if let Some(cursors) = file.ready(host).await? {
        return Ok(cursors);
    }
    file.control("BEGIN IMMEDIATE").await?;
    let done = file.bring_up(host, cx, random).await;
    match &done {
        Ok(_) => file.control("COMMIT").await?,
        // The first failure is the one to tell; without a commit nothing was changed.
        Err(_) => file.control("ROLLBACK").await.unwrap_or_default(),
    }
    done
}

/// What is to be done where nothing is.
pub(super) fn whole_plan(sql: &Statements, host: &[&'static CollectionSpec]) -> MigrationPlan {
    steps(sql, 0, host)
}

/// What is still to be done to a file. Fails where bringing it up would.
pub(super) async fn plan_of(
    connection: &mut SqliteConnection,
    sql: &Statements,
    host: &[&'static CollectionSpec],
    path: &Path,
) -> Result<MigrationPlan> {
    let mut file = File { connection, sql, path };
    let version = file.version().await?;
    check_version(path, version)?;
    file.check_migrations().await?;
    file.check_schema().await?;
    let missing = file.missing(host).await?;
    Ok(steps(sql, version, &missing))
}

fn steps(sql: &Statements, version: u32, host: &[&'static CollectionSpec]) -> MigrationPlan {
    let numbered = MIGRATIONS.iter().filter(|migration| migration.number > version);
    let numbered = numbered.map(|migration| MigrationStep {
        number: Some(migration.number),
        name: migration.name.to_owned(),
        sql: migration.sql.to_owned(),
    });
    let host = host.iter().map(|spec| MigrationStep {
        number: None,
        name: spec.name.to_owned(),
        sql: ddl::collection(sql.dialect, &sql.catalog, spec),
    });
    MigrationPlan { steps: numbered.chain(host).collect() }
}

struct File<'a> {
    connection: &'a mut SqliteConnection,
    sql: &'a Statements,
    path: &'a Path,
}

impl File<'_> {
    async fn control(&mut self, statement: &'static str) -> Result<()> {
        let mut program = Program::default();
        program.control(statement);
        run::program(self.connection, program).await.map(drop).map_err(translate)
    }

    async fn version(&mut self) -> Result<u32> {
        let found = sqlx::query("PRAGMA user_version").fetch_one(&mut *self.connection).await;
        let version: i64 = found.and_then(|found| found.try_get(0)).map_err(translate)?;
        Ok(u32::try_from(version).unwrap_or(u32::MAX))
    }

    /// The key that signs cursors, when there is nothing to do.
    async fn ready(&mut self, host: &[&'static CollectionSpec]) -> Result<Option<CursorKey>> {
        let version = self.version().await?;
        check_version(self.path, version)?;
        if version < newest() {
            return Ok(None);
        }
        self.check_migrations().await?;
        self.check_schema().await?;
        if !self.missing(host).await?.is_empty() {
            return Ok(None);
        }
        self.cursors().await
    }

    /// Does what is still to be done, seen from inside the transaction.
    async fn bring_up(
        &mut self,
        host: &[&'static CollectionSpec],
        cx: &CallContext,
        random: &dyn Randomness,
    ) -> Result<CursorKey> {
        let version = self.version().await?;
        check_version(self.path, version)?;
        if version > 0 {
            self.check_migrations().await?;
            self.check_schema().await?;
        }
        for migration in MIGRATIONS.iter().filter(|migration| migration.number > version) {
            let mut program = Program::default();
            program.control(migration.sql);
            program.control(migration.mark);
            let checksum = Digest::of_bytes(migration.sql.as_bytes());
            program.push(&self.sql.meta.keep_migration(
                migration.number,
                migration.name,
                checksum,
                cx.now(),
            )?);
            run::program(self.connection, program).await.map_err(translate)?;
        }
        if version == 0 {
            self.found(cx, random).await?;
        }
        for spec in self.missing(host).await? {
            let ddl = ddl::collection(self.sql.dialect, &self.sql.catalog, spec);
            let checksum = Digest::of_bytes(ddl.as_bytes());
            let mut program = Program::default();
            program.ddl(ddl);
            program.push(&self.sql.meta.keep_host_collection(spec.name, checksum, cx.now())?);
            run::program(self.connection, program).await.map_err(translate)?;
        }
        self.keep_schema().await?;
        let cursors = self.cursors().await?;
        cursors.ok_or_else(|| corrupt(self.path, "has lost its keys; restore it from a backup"))
    }

    /// What only a new store gets.
    async fn found(&mut self, cx: &CallContext, random: &dyn Randomness) -> Result<()> {
        let mut secret = [0; 32];
        random.fill(&mut secret);
        let created = Bytes::from(cx.now().to_string());
        let mut program = Program::default();
        program.push(&self.sql.meta.keep_value(CURSOR_KEY, Bytes::copy_from_slice(&secret))?);
        program.push(&self.sql.meta.keep_value("created", created)?);
        program.push(&self.sql.meta.begin_epochs()?);
        program.control("PRAGMA application_id = 0x41467374");
        run::program(self.connection, program).await.map(drop).map_err(translate)
    }

    async fn cursors(&mut self) -> Result<Option<CursorKey>> {
        let found = run::first(self.connection, self.sql.meta.value(CURSOR_KEY)?).await.map_err(translate)?;
        let Some(found) = found else { return Ok(None) };
        let secret: Option<[u8; 32]> = row::bytes(&found, 0)?.try_into().ok();
        Ok(secret.map(|secret| CursorKey::new(CURSOR_KEY_ID, secret)))
    }

    /// What migrations made, by name: tables, indexes, views and triggers.
    async fn schema(&mut self) -> Result<BTreeMap<String, Digest>> {
        let rows = sqlx::query("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL")
            .fetch_all(&mut *self.connection)
            .await
            .map_err(translate)?;
        let named = rows.iter().map(|row| {
            let sql = row::text(row, 1)?;
            Ok((row::text(row, 0)?, Digest::of_bytes(sql.as_bytes())))
        });
        named.collect()
    }

    /// Keeps what is there now, to be compared when the file is opened.
    async fn keep_schema(&mut self) -> Result<()> {
        let mut text = String::new();
        for (name, digest) in self.schema().await? {
            text.push_str(&format!("{name} {digest}\n"));
        }
        let mut program = Program::default();
        program.push(&self.sql.meta.replace_value(SCHEMA, Bytes::from(text))?);
        run::program(self.connection, program).await.map(drop).map_err(translate)
    }

    /// Fails when something that migrations made is gone or was changed. What others added is none of our affair.
    async fn check_schema(&mut self) -> Result<()> {
        let kept = run::first(self.connection, self.sql.meta.value(SCHEMA)?).await.map_err(translate)?;
        let Some(kept) = kept else { return Ok(()) };
        let kept = String::from_utf8(row::bytes(&kept, 0)?).unwrap_or_default();
        let found = self.schema().await?;
        for line in kept.lines() {
            let Some((name, digest)) = line.split_once(' ') else { continue };
            let why = match found.get(name) {
                None => format!("has lost `{name}`, which its migrations made; restore it from a backup"),
                Some(found) if found.to_string() != digest => {
                    format!("has another `{name}` than its migrations made; restore it from a backup")
                }
                Some(_) => continue,
            };
            return Err(corrupt(self.path, &why).with("name", name));
        }
        Ok(())
    }

    /// Fails when a migration that ran is not the one that this version carries.
    async fn check_migrations(&mut self) -> Result<()> {
        for ran in run::all(self.connection, self.sql.meta.migrations()?).await.map_err(translate)? {
            let (number, name): (u32, String) = (row::count(&ran, 0)?, row::text(&ran, 1)?);
            check_version(self.path, number)?;
            let known = MIGRATIONS.iter().find(|migration| migration.number == number);
            let expected = known.map(|migration| Digest::of_bytes(migration.sql.as_bytes()));
            if expected != Some(row::digest(&ran, 2)?) {
                let why = format!(
                    "was made by another migration {number} `{name}` than this version carries; restore it from \
                     a backup, or use the agentforge that wrote it"
                );
                return Err(corrupt(self.path, &why).with("migration", number));
            }
        }
        Ok(())
    }

    /// The host's collections without a table. Fails when one has a table of another declaration.
    async fn missing(&mut self, host: &[&'static CollectionSpec]) -> Result<Vec<&'static CollectionSpec>> {
        if host.is_empty() {
            return Ok(Vec::new());
        }
        let rows = run::all(self.connection, self.sql.meta.host_collections()?).await.map_err(translate)?;
        let mut made = HashMap::with_capacity(rows.len());
        for row in &rows {
            made.insert(row::text(row, 0)?, row::digest(row, 1)?);
        }
        let mut missing = Vec::new();
        for spec in host {
            let ddl = ddl::collection(self.sql.dialect, &self.sql.catalog, spec);
            match made.get(spec.name) {
                None => missing.push(*spec),
                Some(checksum) if *checksum == Digest::of_bytes(ddl.as_bytes()) => {}
                Some(_) => {
                    let why = format!(
                        "has a table for another declaration of `{}`; declare it as before, or under another name",
                        spec.name
                    );
                    return Err(corrupt(self.path, &why).with("collection", spec.name));
                }
            }
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{dialect::SQLITE, evolve};

    #[test]
    fn the_committed_migration_is_what_the_declarations_say() {
        let carried: Vec<_> = MIGRATIONS.iter().map(|migration| (migration.number, migration.name)).collect();
        evolve::committed(SQLITE, &carried).unwrap();
    }

    #[test]
    fn the_mark_in_the_header_is_the_programs() {
        assert_eq!(PROGRAM.to_be_bytes(), *b"AFst");
        assert!(MIGRATIONS.iter().zip(1..).all(|(migration, number)| {
            migration.number == number && migration.mark == format!("PRAGMA user_version = {number}")
        }));
    }
}
