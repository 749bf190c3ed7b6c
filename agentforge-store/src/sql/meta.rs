//! The statements of what a store knows about itself: its migrations, its keys, and the host's own collections.

use agentforge_core::{error::Result, json::Digest, time::Timestamp};
use bytes::Bytes;

use super::{
    dialect::Dialect,
    template::{Statement, Template},
};

pub(crate) struct MetaSql {
    value: Template,
    keep_value: Template,
    replace_value: Template,
    migrations: Template,
    keep_migration: Template,
    host_collections: Template,
    keep_host_collection: Template,
    begin_epochs: Template,
}

impl MetaSql {
    pub(super) fn new(dialect: &dyn Dialect) -> Result<Self> {
        let platform = |source: &str| Template::platform(dialect, source);
        Ok(Self {
            value: platform("SELECT value FROM store_meta WHERE key = ?")?,
            keep_value: platform("INSERT INTO store_meta (key, value) VALUES (?, ?)")?,
            replace_value: platform(
                "INSERT INTO store_meta (key, value) VALUES (?, ?) \
                 ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            )?,
            migrations: platform("SELECT number, name, checksum FROM migrations ORDER BY number")?,
            keep_migration: platform(
                "INSERT INTO migrations (number, name, checksum, at) VALUES (?, ?, ?, ?)",
            )?,
            host_collections: platform("SELECT name, checksum FROM host_collections")?,
            keep_host_collection: platform(
                "INSERT INTO host_collections (name, checksum, at) VALUES (?, ?, ?)",
            )?,
            begin_epochs: platform("INSERT INTO dispatch_epochs (one, last) VALUES (1, 0)")?,
        })
    }

    /// The bytes under a key.
    pub(crate) fn value(&self, key: &str) -> Result<Statement> {
        self.value.bind_platform([key.into()])
    }

    /// Keeps bytes under a new key.
    pub(crate) fn keep_value(&self, key: &str, value: Bytes) -> Result<Statement> {
        self.keep_value.bind_platform([key.into(), value.into()])
    }

    /// Keeps bytes under a key, whatever was there.
    pub(crate) fn replace_value(&self, key: &str, value: Bytes) -> Result<Statement> {
        self.replace_value.bind_platform([key.into(), value.into()])
    }

    /// `number, name, checksum` of the migrations that ran.
    pub(crate) fn migrations(&self) -> Result<Statement> {
        self.migrations.bind_platform(Vec::new())
    }

    /// Remembers that a migration ran.
    pub(crate) fn keep_migration(
        &self,
        number: u32,
        name: &str,
        checksum: Digest,
        at: Timestamp,
    ) -> Result<Statement> {
        self.keep_migration.bind_platform([number.into(), name.into(), checksum.into(), at.into()])
    }

    /// `name, checksum` of the host's own collections.
    pub(crate) fn host_collections(&self) -> Result<Statement> {
        self.host_collections.bind_platform(Vec::new())
    }

    /// Remembers the table of a host's own collection.
    pub(crate) fn keep_host_collection(
        &self,
        name: &str,
        checksum: Digest,
        at: Timestamp,
    ) -> Result<Statement> {
        self.keep_host_collection.bind_platform([name.into(), checksum.into(), at.into()])
    }

    /// Sets the epoch of dispatch rows before the first.
    pub(crate) fn begin_epochs(&self) -> Result<Statement> {
        self.begin_epochs.bind_platform(Vec::new())
    }
}
