//! Whether a chain is what was written: every entry in its place, continuing the one before it, unchanged.

use serde::{Deserialize, Serialize};

use super::{AuditEntry, entry::place_behind};
use crate::{id::TenantId, json::Digest};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuditVerdict {
    /// Every entry is linked and whole.
    Intact {
        /// How many.
        entries: u64,
        /// How many were committed and wait to be linked; always 0 where an entry is linked in its own commit.
        #[serde(default)]
        unlinked: u64,
    },
    /// This entry, or the one before it, is not what was written.
    Broken {
        /// The first broken entry.
        seq: u64,
        /// What is wrong with it.
        reason: String,
    },
}

impl AuditVerdict {
    /// Whether nothing is broken.
    pub const fn is_intact(&self) -> bool {
        matches!(self, Self::Intact { .. })
    }

    pub(crate) fn broken(seq: u64, reason: &str) -> Self {
        Self::Broken { seq, reason: reason.to_owned() }
    }
}

/// Checks a run of entries that follows an already checked one; `last` is that one's place and hash.
pub fn verify_audit_chain(
    tenant: TenantId,
    last: Option<(u64, Digest)>,
    entries: &[AuditEntry],
) -> std::result::Result<Option<(u64, Digest)>, AuditVerdict> {
    let mut last = last;
    for entry in entries {
        let (seq, prev) = place_behind(last);
        if entry.seq != seq {
            return Err(AuditVerdict::broken(seq, "the entry is missing"));
        }
        if entry.prev != prev {
            return Err(AuditVerdict::broken(seq, "the entry does not continue the one before it"));
        }
        check_audit_entry(tenant, entry)?;
        last = Some((entry.seq, entry.hash));
    }
    Ok(last)
}

/// Checks an entry on its own, wherever it stands.
pub(crate) fn check_audit_entry(
    tenant: TenantId,
    entry: &AuditEntry,
) -> std::result::Result<(), AuditVerdict> {
    let broken = |reason: &str| Err(AuditVerdict::broken(entry.seq, reason));
    if entry.scope.tenant != tenant {
        return broken("the entry belongs to another tenant");
    }
    if entry.hash != entry.computed_hash() {
        return broken("the entry was changed after it was written");
    }
    if entry.actor != entry.scope.principal.to_string() {
        return broken("the entry is filed under another actor than the one that it names");
    }
    if !entry.detail_is_whole() {
        return broken("the detail was changed after it was written");
    }
    Ok(())
}
