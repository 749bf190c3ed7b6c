//! What opening a store would do to its tables, to be read before it is done.

use std::fmt;

/// The SQL that brings a store to this version, in order. Empty when there is nothing to do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MigrationPlan {
    /// The steps. Opening runs all of them in one transaction, except that a server's role, which belongs to no schema,
    /// is made before it.
    pub steps: Vec<MigrationStep>,
}

/// One migration, the table of one collection of the host's own, or what a server needs beside tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStep {
    /// The migration's number; none for anything else.
    pub number: Option<u32>,
    /// The name of the migration or of the collection; else what is made, as in `schema agentforge`.
    pub name: String,
    /// The statements.
    pub sql: String,
}

impl MigrationPlan {
    /// Whether there is nothing to do.
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for MigrationPlan {
    /// SQL with a comment in front of every step.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            match step.number {
                Some(number) => writeln!(f, "-- migration {number:04} {}", step.name)?,
                None => writeln!(f, "-- {}", step.name)?,
            }
            writeln!(f, "{}", step.sql.trim())?;
        }
        Ok(())
    }
}
