//! Where a sealed value stands. The place is not stored with the value: whoever opens it says where it was found.

use crate::id::TenantId;

use super::cipher::length_prefixed;

/// A table, a column and a row of the tenant that a call is made in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place<'a> {
    table: &'a str,
    column: &'a str,
    row: String,
}

impl<'a> Place<'a> {
    /// The place of a value.
    pub fn new(table: &'a str, column: &'a str, row: impl ToString) -> Self {
        Self { table, column, row: row.to_string() }
    }

    /// What the cipher authenticates besides the ciphertext.
    pub(super) fn associated_data(&self, tenant: TenantId, key: u32) -> Vec<u8> {
        length_prefixed(&[
            b"agentforge.sealed.v1",
            tenant.as_uuid().as_bytes(),
            self.table.as_bytes(),
            self.column.as_bytes(),
            self.row.as_bytes(),
            &key.to_be_bytes(),
        ])
    }
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "`{}.{}` of {}", self.table, self.column, self.row)
    }
}
