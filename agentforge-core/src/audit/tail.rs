//! What entries come to that are read one after the other, in memory that does not grow with them: the same for whoever
//! writes an export and for whoever checks it.

use super::{
    Checkpoint,
    export::{ExportEnd, ExportHead},
    merkle::{Frontier, leaf},
};
use crate::{
    id::TenantId,
    json::Digest,
    store::{AuditEntry, AuditVerdict, check_audit_entry, verify_audit_chain},
};

pub(super) struct Tail {
    tenant: TenantId,
    /// Where the entries begin, of which then none is missing; none when a filter chose them.
    gapless_from: Option<u64>,
    /// To compare with, when the entries are all from the first one on.
    checkpoint: Option<Checkpoint>,
    last: Option<(u64, Digest)>,
    tree: Frontier,
    erased: u64,
    broken: Option<AuditVerdict>,
}

impl Tail {
    pub(super) fn new(head: &ExportHead) -> Self {
        let from = head.query.from.unwrap_or_default();
        let gapless_from = (!head.query.is_filtered()).then_some(from);
        let mut tail = Self {
            tenant: head.tenant,
            gapless_from,
            checkpoint: head.checkpoint.clone().filter(|_| gapless_from == Some(0)),
            last: None,
            tree: Frontier::default(),
            erased: 0,
            broken: None,
        };
        tail.compare();
        tail
    }

    pub(super) fn push(&mut self, entry: &AuditEntry) {
        if let Err(verdict) = self.check(entry) {
            self.broken.get_or_insert(verdict);
        }
        self.last = Some((entry.seq, entry.hash));
        self.tree.push(leaf(entry.hash.as_bytes()));
        self.erased = self.erased.saturating_add(u64::from(entry.is_erased()));
        self.compare();
    }

    fn check(&self, entry: &AuditEntry) -> Result<(), AuditVerdict> {
        let Some(from) = self.gapless_from else {
            if self.last.is_some_and(|(seq, _)| entry.seq <= seq) {
                return Err(AuditVerdict::broken(entry.seq, "the entry does not stand in its place"));
            }
            return check_audit_entry(self.tenant, entry);
        };
        // What the first entry of a part continues is not here.
        let outside = || from.checked_sub(1).map(|seq| (seq, entry.prev));
        verify_audit_chain(self.tenant, self.last.or_else(outside), std::slice::from_ref(entry)).map(drop)
    }

    fn compare(&mut self) {
        let reached = self.checkpoint.as_ref().filter(|checkpoint| checkpoint.size == self.tree.size());
        if reached.is_some_and(|checkpoint| checkpoint.root != self.tree.root()) {
            self.broken.get_or_insert(AuditVerdict::broken(0, "the entries are not those of the checkpoint"));
        }
    }

    pub(super) const fn erased(&self) -> u64 {
        self.erased
    }

    /// How many of the entries the checkpoint is about.
    pub(super) fn covered(&self) -> u64 {
        self.checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size.min(self.tree.size()))
    }

    pub(super) fn end(&self) -> ExportEnd {
        let entries = self.tree.size();
        let beyond = self.checkpoint.as_ref().is_some_and(|checkpoint| checkpoint.size > entries);
        let verdict = match &self.broken {
            Some(broken) => broken.clone(),
            None if beyond => AuditVerdict::broken(entries, "the entries end before those of the checkpoint"),
            None => AuditVerdict::Intact { entries, unlinked: 0 },
        };
        ExportEnd { entries, root: self.tree.root(), verdict }
    }
}
