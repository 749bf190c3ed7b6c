//! Brings a schema to this version: embedded, numbered, checksummed, forward only, in one transaction that only one
//! process of all is in.

use std::collections::HashMap;

use agentforge_core::{
    context::{CallContext, Randomness},
    error::{Error, ErrorKind, Result},
    json::Digest,
    store::{CollectionSpec, CursorKey},
};
use bytes::Bytes;
use sqlx::{PgConnection, Row};

use super::{error::translate, lock_number, row, run};
use crate::{
    migration::{MigrationPlan, MigrationStep},
    sql::{
        Statements,
        control::{self, Name},
        ddl, wall,
    },
};

struct Migration {
    number: u32,
    name: &'static str,
    sql: &'static str,
}

const MIGRATIONS: &[Migration] = &[Migration {
    number: 1,
    name: "foundation",
    sql: include_str!("../../migrations/postgres/0001_foundation.sql"),
}];

/// The key of the secret that signs cursors.
const CURSOR_KEY: &str = "cursor_key";
const CURSOR_KEY_ID: u32 = 1;

/// Whether the schema has a table of migrations, and how many other things are in it.
const CONTENTS: &str = "SELECT count(*) FILTER (WHERE c.relname = 'migrations' AND c.relkind = 'r'), count(*) \
                        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1";
const HAS_SCHEMA: &str = "SELECT count(*) FROM pg_namespace WHERE nspname = $1";
/// Whether a role is there, and whether a user may take it.
const ROLE: &str = "SELECT count(*), coalesce(bool_or(pg_has_role($2, oid, 'MEMBER')), false) \
                    FROM pg_roles WHERE rolname = $1";
/// Whether a user may take every role.
const SUPERUSER: &str = "SELECT coalesce(bool_or(rolsuper), false) FROM pg_roles WHERE rolname = $1";
/// Sees one state of the database and refuses to change it.
const LOOK: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// How often making the role is tried: it belongs to the whole server, and another database may make it just now.
const TRIES: u32 = 5;

/// Where a store is, and as whom.
pub(super) struct Schema {
    pub(super) name: Name,
    pub(super) role: Name,
    /// The user who connects.
    pub(super) user: String,
}

fn newest() -> u32 {
    MIGRATIONS.last().map_or(0, |migration| migration.number)
}

fn make_schema(name: &Name) -> String {
    format!("CREATE SCHEMA \"{}\"", name.as_str())
}

/// Brings a schema to this version and gives the key that signs its cursors.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    sql: &Statements,
    schema: &Schema,
    host: &[&'static CollectionSpec],
    cx: &CallContext,
    random: &dyn Randomness,
) -> Result<CursorKey> {
    let mut making = Making { connection, sql, schema };
    if let Some(cursors) = making.ready(host).await? {
        return Ok(cursors);
    }
    making.make_role().await?;
    making.control("BEGIN").await?;
    let done = making.bring_up(host, cx, random).await;
    match &done {
        Ok(_) => making.control(control::COMMIT).await?,
        // The first failure is the one to tell; without a commit nothing was changed.
        Err(_) => making.control(control::ROLLBACK).await.unwrap_or_default(),
    }
    done
}

/// What a look at a schema came to.
pub(super) struct Look {
    /// What is still to be done.
    pub(super) plan: MigrationPlan,
    /// The host's collections that have a table; none as long as there is no wall for them to stand behind.
    pub(super) walled: Option<Vec<&'static CollectionSpec>>,
}

/// What is still to be done to a schema. Fails where bringing it up would, and leaves the connection in a transaction
/// that cannot write.
pub(super) async fn look(
    connection: &mut PgConnection,
    sql: &Statements,
    schema: &Schema,
    host: &[&'static CollectionSpec],
) -> Result<Look> {
    let mut making = Making { connection, sql, schema };
    making.control(LOOK).await?;
    making.look(host).await
}

struct Making<'a> {
    connection: &'a mut PgConnection,
    sql: &'a Statements,
    schema: &'a Schema,
}

impl Making<'_> {
    async fn control(&mut self, statement: &'static str) -> Result<()> {
        run::control(self.connection, statement).await.map_err(translate)
    }

    /// Runs statements that make something, which may lack the right to.
    async fn make(&mut self, text: String) -> Result<()> {
        let made = run::control(self.connection, control::text(text)).await;
        made.map_err(|error| self.not_made(error))
    }

    fn not_made(&self, error: sqlx::Error) -> Error {
        let refused = error
            .as_database_error()
            .and_then(sqlx::error::DatabaseError::code)
            .is_some_and(|code| code == "42501");
        if !refused {
            return translate(error);
        }
        Error::invalid(format!(
            "the user may not make the schema `{}`, its tables or the role `{}`; name a user who may as \
             `migration_url`, or make them once with that user",
            self.schema.name.as_str(),
            self.schema.role.as_str()
        ))
        .caused_by(error)
    }

    fn corrupt(&self, why: &str) -> Error {
        let name = self.schema.name.as_str();
        Error::new(ErrorKind::Corrupt, format!("the schema `{name}` {why}")).with("schema", name.to_owned())
    }

    /// Whether there is a store in the schema. Fails when there is something else.
    async fn is_there(&mut self) -> Result<bool> {
        let found = sqlx::query(CONTENTS)
            .bind(self.schema.name.as_str())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(translate)?;
        match (row::int(&found, 0)?, row::int(&found, 1)?) {
            (0, 0) => Ok(false),
            (0, _) => {
                Err(self.corrupt("holds tables of another program; choose another one with `?schema=`"))
            }
            _ => Ok(true),
        }
    }

    /// The key that signs cursors, when there is nothing to do.
    async fn ready(&mut self, host: &[&'static CollectionSpec]) -> Result<Option<CursorKey>> {
        if !self.is_there().await? || self.version().await? < newest() {
            return Ok(None);
        }
        if !self.missing(host).await?.is_empty() || !self.has_role().await? {
            return Ok(None);
        }
        self.cursors().await
    }

    /// What is still to be done, and what stands already.
    async fn look(&mut self, host: &[&'static CollectionSpec]) -> Result<Look> {
        let there = self.is_there().await?;
        let version = if there { self.version().await? } else { 0 };
        let missing = if there { self.missing(host).await? } else { host.to_vec() };
        if there && self.cursors().await?.is_none() {
            return Err(self.lost_keys());
        }
        let roles = self.role_statements().await?;
        let walled = (version == newest() && roles.is_empty()).then(|| {
            let stands =
                |spec: &&&'static CollectionSpec| !missing.iter().any(|other| other.name == spec.name);
            host.iter().filter(stands).copied().collect()
        });
        if walled.is_some() && missing.is_empty() {
            return Ok(Look { plan: MigrationPlan::default(), walled });
        }
        let has_schema = self.has_schema().await?;
        Ok(Look { plan: self.plan(roles, has_schema, version, &missing, host), walled })
    }

    /// The steps of [`migrate`], in its order.
    fn plan(
        &self,
        roles: Vec<String>,
        has_schema: bool,
        version: u32,
        missing: &[&'static CollectionSpec],
        host: &[&'static CollectionSpec],
    ) -> MigrationPlan {
        let (name, role) = (self.schema.name.as_str(), self.schema.role.as_str());
        let other = |name: String, sql: String| MigrationStep { number: None, name, sql };
        let mut steps = Vec::new();
        if !roles.is_empty() {
            steps.push(other(format!("role {role}"), format!("{};\n", roles.join(";\n"))));
        }
        let make = if has_schema { String::new() } else { format!("{};\n", make_schema(&self.schema.name)) };
        // What follows names tables without their schema, and must not end up in another one when it is run by hand.
        steps.push(other(format!("schema {name}"), format!("{make}SET search_path = \"{name}\";\n")));
        let numbered = MIGRATIONS.iter().filter(|migration| migration.number > version);
        steps.extend(numbered.map(|migration| MigrationStep {
            number: Some(migration.number),
            name: migration.name.to_owned(),
            sql: migration.sql.to_owned(),
        }));
        steps.extend(missing.iter().map(|spec| {
            other(spec.name.to_owned(), ddl::collection(self.sql.dialect, &self.sql.catalog, spec))
        }));
        steps.push(other(format!("rights of {role}"), self.rights(host)));
        MigrationPlan { steps }
    }

    /// The statements that make the role and lend it.
    async fn role_statements(&mut self) -> Result<Vec<String>> {
        let (there, lent) = self.role().await?;
        let lent = lent || (!there && self.is_superuser().await?);
        let mut statements = Vec::new();
        if !there {
            statements.push(wall::make_role(&self.schema.role));
        }
        if !lent {
            statements.push(wall::lend_role(&self.schema.role, &self.schema.user));
        }
        Ok(statements)
    }

    async fn is_superuser(&mut self) -> Result<bool> {
        let found = sqlx::query(SUPERUSER)
            .bind(self.schema.user.as_str())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(translate)?;
        found.try_get(0).map_err(translate)
    }

    async fn has_schema(&mut self) -> Result<bool> {
        let found = sqlx::query(HAS_SCHEMA)
            .bind(self.schema.name.as_str())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(translate)?;
        Ok(row::int(&found, 0)? > 0)
    }

    fn rights(&self, host: &[&'static CollectionSpec]) -> String {
        let tables = ddl::tables(self.sql.dialect, &self.sql.catalog, host);
        wall::rights(&self.schema.name, &self.schema.role, &self.schema.user, &tables)
    }

    fn lost_keys(&self) -> Error {
        self.corrupt("has lost its keys; restore it from a backup")
    }

    /// The migration that ran last. Fails when none did, or one that this version does not know, or another one.
    async fn version(&mut self) -> Result<u32> {
        let mut version = 0;
        let all = run::all(self.connection, self.sql.meta.migrations()?).await.map_err(translate)?;
        if all.is_empty() {
            let why = "has tables, but no migration made them; restore it from a backup, or choose another one with \
                       `?schema=`";
            return Err(self.corrupt(why));
        }
        for ran in all {
            let (number, name): (u32, String) = (row::count(&ran, 0)?, row::text(&ran, 1)?);
            let newest = newest();
            if number > newest {
                let why = format!(
                    "has version {number}, and this version of agentforge knows up to {newest}; use the newer \
                     agentforge that wrote it, or another schema"
                );
                let error = self.corrupt(&why);
                return Err(error.with("found_version", number).with("supported_version", newest));
            }
            let known = MIGRATIONS.iter().find(|migration| migration.number == number);
            let expected = known.map(|migration| Digest::of_bytes(migration.sql.as_bytes()));
            if expected != Some(row::digest(&ran, 2)?) {
                let why = format!(
                    "was made by another migration {number} `{name}` than this version carries; restore it from a \
                     backup, or use the agentforge that wrote it"
                );
                return Err(self.corrupt(&why).with("migration", number));
            }
            version = version.max(number);
        }
        Ok(version)
    }

    async fn has_role(&mut self) -> Result<bool> {
        let found = self.role().await?;
        Ok(found.0 && found.1)
    }

    /// Whether the role is there, and whether the user who connects may take it.
    async fn role(&mut self) -> Result<(bool, bool)> {
        let found = sqlx::query(ROLE)
            .bind(self.schema.role.as_str())
            .bind(self.schema.user.as_str())
            .fetch_one(&mut *self.connection)
            .await
            .map_err(translate)?;
        Ok((row::int(&found, 0)? > 0, found.try_get(1).map_err(translate)?))
    }

    /// Makes the role and lets the user take it.
    async fn make_role(&mut self) -> Result<()> {
        let mut tries = 0;
        loop {
            let (there, lent) = self.role().await?;
            let statement = match (there, lent) {
                (true, true) => return Ok(()),
                (false, _) => wall::make_role(&self.schema.role),
                (true, false) => wall::lend_role(&self.schema.role, &self.schema.user),
            };
            let made = run::control(self.connection, control::text(statement)).await;
            tries += 1;
            if let Err(error) = made {
                // Another process, perhaps on another database of the server, does the same just now.
                let met = error
                    .as_database_error()
                    .and_then(sqlx::error::DatabaseError::code)
                    .is_some_and(|code| ["23505", "42710", "XX000"].contains(&&*code));
                if !met || tries > TRIES {
                    return Err(self.not_made(error));
                }
            }
        }
    }

    /// Does what is still to be done, seen from inside the transaction.
    async fn bring_up(
        &mut self,
        host: &[&'static CollectionSpec],
        cx: &CallContext,
        random: &dyn Randomness,
    ) -> Result<CursorKey> {
        let number = lock_number(&[b"agentforge.migrate", self.schema.name.as_str().as_bytes()]);
        run::control(self.connection, control::hold(number)).await.map_err(translate)?;
        if !self.has_schema().await? {
            self.make(make_schema(&self.schema.name)).await?;
        }
        let version = if self.is_there().await? { self.version().await? } else { 0 };
        for migration in MIGRATIONS.iter().filter(|migration| migration.number > version) {
            self.make(migration.sql.to_owned()).await?;
            let checksum = Digest::of_bytes(migration.sql.as_bytes());
            let keep = self.sql.meta.keep_migration(migration.number, migration.name, checksum, cx.now())?;
            run::one(self.connection, keep).await.map_err(translate)?;
        }
        if version == 0 {
            self.found(cx, random).await?;
        }
        for spec in self.missing(host).await? {
            let ddl = ddl::collection(self.sql.dialect, &self.sql.catalog, spec);
            let checksum = Digest::of_bytes(ddl.as_bytes());
            self.make(ddl).await?;
            let keep = self.sql.meta.keep_host_collection(spec.name, checksum, cx.now())?;
            run::one(self.connection, keep).await.map_err(translate)?;
        }
        self.make(self.rights(host)).await?;
        let cursors = self.cursors().await?;
        cursors.ok_or_else(|| self.lost_keys())
    }

    /// What only a new store gets.
    async fn found(&mut self, cx: &CallContext, random: &dyn Randomness) -> Result<()> {
        let mut secret = [0; 32];
        random.fill(&mut secret);
        let created = Bytes::from(cx.now().to_string());
        let meta = &self.sql.meta;
        for keep in [
            meta.keep_value(CURSOR_KEY, Bytes::copy_from_slice(&secret))?,
            meta.keep_value("created", created)?,
        ] {
            run::one(self.connection, keep).await.map_err(translate)?;
        }
        Ok(())
    }

    async fn cursors(&mut self) -> Result<Option<CursorKey>> {
        let found = run::first(self.connection, self.sql.meta.value(CURSOR_KEY)?).await.map_err(translate)?;
        let Some(found) = found else { return Ok(None) };
        let secret: Option<[u8; 32]> = row::bytes(&found, 0)?.try_into().ok();
        Ok(secret.map(|secret| CursorKey::new(CURSOR_KEY_ID, secret)))
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
                    return Err(self.corrupt(&why).with("collection", spec.name));
                }
            }
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{dialect::POSTGRES, evolve};

    #[test]
    fn the_committed_migration_is_what_the_declarations_say() {
        let carried: Vec<_> = MIGRATIONS.iter().map(|migration| (migration.number, migration.name)).collect();
        evolve::committed(POSTGRES, &carried).unwrap();
    }

    #[test]
    fn migrations_are_numbered_without_a_gap() {
        assert!(MIGRATIONS.iter().zip(1..).all(|(migration, number)| migration.number == number));
    }
}
