//! Makes checkpoints and holds a trail against them.

use std::sync::Arc;

use super::{
    Checkpoint, CheckpointSigner, CheckpointSink, CheckpointVerifier,
    merkle::{Frontier, leaf},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    json::Digest,
    store::{AuditLog, AuditQuery, AuditVerdict, verify_audit_chain},
};

/// Makes checkpoints with a signer, keeps them in a sink, and holds trails against what is kept there. A cheap clone.
///
/// ```
/// # #[cfg(feature = "checkpoint")]
/// # fn example() -> agentforge_core::Result<()> {
/// use std::sync::Arc;
/// use agentforge_core::audit::{CheckpointFile, Checkpoints, Ed25519Signer, TrustedKeys};
/// # let offload: Arc<dyn agentforge_core::runtime::Offload> = unimplemented!();
/// let signer = Ed25519Signer::new("audit-2026", &[7; 32])?;
/// let trusted = TrustedKeys::new([signer.key().clone()]);
/// let sink = CheckpointFile::new("/mnt/write-once/checkpoints.jsonl", offload);
/// let checkpoints = Checkpoints::new("example.com/audit", Arc::new(signer), Arc::new(trusted), Arc::new(sink))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Checkpoints {
    origin: String,
    signer: Arc<dyn CheckpointSigner>,
    trusted: Arc<dyn CheckpointVerifier>,
    sink: Arc<dyn CheckpointSink>,
}

impl Checkpoints {
    /// Checkpoints of trails of an origin: a text such as `example.com/audit` that names the host for ever.
    pub fn new(
        origin: impl Into<String>,
        signer: Arc<dyn CheckpointSigner>,
        trusted: Arc<dyn CheckpointVerifier>,
        sink: Arc<dyn CheckpointSink>,
    ) -> Result<Self> {
        let origin = origin.into();
        if origin.is_empty() || origin.chars().any(char::is_whitespace) {
            let message =
                format!("`{origin}` is no origin of checkpoints; use a text such as `example.com/audit`");
            return Err(Error::invalid(message).with("field", "origin"));
        }
        Ok(Self { origin, signer, trusted, sink })
    }

    /// Signs what the tenant's trail is now and keeps it; gives the last one again when nothing was written since.
    ///
    /// Reads and checks only what came after the last checkpoint. A trail that does not go on from it, or that is
    /// broken, is `corrupt`, and nothing is signed.
    pub async fn checkpoint(&self, cx: &CallContext, log: &dyn AuditLog) -> Result<Checkpoint> {
        let last = self.sink.last(cx).await?;
        let (mut tree, mut end) = (Frontier::default(), None);
        if let Some(last) = &last {
            self.check(cx, last)?;
            tree = last.tree()?;
            end = last.size.checked_sub(1).map(|seq| (seq, last.head));
        }
        if let Some((seq, head)) = end {
            let query = AuditQuery { from: Some(seq), limit: 1, ..AuditQuery::default() };
            let found = log.entries(cx, &query).await?;
            if found.first().map(|entry| (entry.seq, entry.hash)) != Some((seq, head)) {
                let reason = "the entry is not the one that the last checkpoint was made of";
                return Err(unsigned(&AuditVerdict::broken(seq, reason)));
            }
        }
        let mut next = Some(AuditQuery { from: Some(tree.size()), ..AuditQuery::default() });
        while let Some(query) = next {
            let page = log.entries(cx, &query).await?;
            end = verify_audit_chain(cx.tenant(), end, &page).map_err(|verdict| unsigned(&verdict))?;
            for entry in &page {
                tree.push(leaf(entry.hash.as_bytes()));
            }
            next = query.behind(&page);
        }
        match last {
            Some(last) if last.size == tree.size() => Ok(last),
            _ => self.sign(cx, &tree, end.map(|(_, head)| head)).await,
        }
    }

    async fn sign(&self, cx: &CallContext, tree: &Frontier, head: Option<Digest>) -> Result<Checkpoint> {
        let mut checkpoint = Checkpoint {
            v: Checkpoint::VERSION,
            origin: self.origin.clone(),
            tenant: cx.tenant(),
            size: tree.size(),
            root: tree.root(),
            head: head.unwrap_or(Digest::from_bytes([0; 32])),
            at: cx.now(),
            key_id: self.signer.key_id().to_owned(),
            signature: Vec::new(),
            frontier: tree.parts().to_vec(),
        };
        checkpoint.signature = self.signer.sign(cx, checkpoint.text().as_bytes()).await?;
        self.check(cx, &checkpoint)?;
        self.sink.keep(cx, &checkpoint).await?;
        Ok(checkpoint)
    }

    /// Holds the tenant's whole trail against every checkpoint that was kept of it.
    pub async fn verify(&self, cx: &CallContext, log: &dyn AuditLog) -> Result<AuditVerdict> {
        let kept = self.sink.kept(cx).await?;
        if let Some(foreign) = kept.iter().find(|checkpoint| checkpoint.origin != self.origin) {
            return Err(foreign_origin(&foreign.origin, &self.origin));
        }
        verify_against(cx, log, &*self.trusted, &kept).await
    }

    /// The last checkpoint of the tenant's trail that was kept.
    pub async fn last(&self, cx: &CallContext) -> Result<Option<Checkpoint>> {
        self.sink.last(cx).await
    }

    /// Fails unless a checkpoint is of this origin and signed by somebody trusted.
    fn check(&self, cx: &CallContext, checkpoint: &Checkpoint) -> Result<()> {
        if checkpoint.origin != self.origin {
            return Err(foreign_origin(&checkpoint.origin, &self.origin));
        }
        check_signature(cx, &*self.trusted, checkpoint)
    }
}

/// Holds the tenant's whole trail against checkpoints: finds what [`AuditLog::verify`] finds, and beyond that a history
/// that was written anew with hashes that fit, and a tail that was cut off.
///
/// A checkpoint of another tenant is invalid input; one that nobody trusted has signed is an error too, since it proves
/// nothing.
pub async fn verify_against(
    cx: &CallContext,
    log: &dyn AuditLog,
    trusted: &dyn CheckpointVerifier,
    checkpoints: &[Checkpoint],
) -> Result<AuditVerdict> {
    let mut due: Vec<&Checkpoint> = checkpoints.iter().collect();
    due.iter().try_for_each(|checkpoint| check_signature(cx, trusted, checkpoint))?;
    due.sort_by_key(|checkpoint| checkpoint.size);
    let mut due = due.into_iter().peekable();
    let mut against = Against { tree: Frontier::default(), agreed: 0 };
    let (mut end, mut next) = (None, Some(AuditQuery::default()));
    if let Err(verdict) = against.compare(&mut due) {
        return Ok(verdict);
    }
    while let Some(query) = next {
        let page = log.entries(cx, &query).await?;
        for entry in &page {
            end = match verify_audit_chain(cx.tenant(), end, std::slice::from_ref(entry)) {
                Ok(end) => end,
                Err(verdict) => return Ok(verdict),
            };
            against.tree.push(leaf(entry.hash.as_bytes()));
            if let Err(verdict) = against.compare(&mut due) {
                return Ok(verdict);
            }
        }
        next = query.behind(&page);
    }
    let entries = against.tree.size();
    Ok(match due.next() {
        None => AuditVerdict::Intact { entries, unlinked: 0 },
        Some(missing) => {
            let reason = format!("the trail ends before the {} entries of a checkpoint", missing.size);
            AuditVerdict::Broken { seq: entries, reason }
        }
    })
}

/// A walk along a trail, past the checkpoints that were made of it.
pub(super) struct Against {
    pub(super) tree: Frontier,
    /// How many entries the last checkpoint that agreed was made of.
    pub(super) agreed: u64,
}

impl Against {
    /// Compares the tree with every checkpoint that was made of so many entries as it has now.
    pub(super) fn compare<'a>(
        &mut self,
        due: &mut std::iter::Peekable<impl Iterator<Item = &'a Checkpoint>>,
    ) -> std::result::Result<(), AuditVerdict> {
        while let Some(checkpoint) = due.next_if(|checkpoint| checkpoint.size == self.tree.size()) {
            if checkpoint.root != self.tree.root() {
                let reason = format!(
                    "the entries from {} to {} are not those of a checkpoint; one of them was changed together with \
                     everything after it",
                    self.agreed, checkpoint.size
                );
                return Err(AuditVerdict::Broken { seq: self.agreed, reason });
            }
            self.agreed = checkpoint.size;
        }
        Ok(())
    }
}

/// Fails unless a checkpoint is of the tenant and signed by somebody trusted.
pub(super) fn check_signature(
    cx: &CallContext,
    trusted: &dyn CheckpointVerifier,
    checkpoint: &Checkpoint,
) -> Result<()> {
    if checkpoint.v != Checkpoint::VERSION {
        let message =
            format!("a checkpoint has form {}; this release reads {}", checkpoint.v, Checkpoint::VERSION);
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    if checkpoint.tenant != cx.tenant() {
        return Err(Error::invalid("the checkpoint is of another tenant's trail").with("field", "checkpoint"));
    }
    trusted.verify(&checkpoint.key_id, checkpoint.text().as_bytes(), &checkpoint.signature)
}

/// A trail that was found to be broken is not vouched for.
fn unsigned(verdict: &AuditVerdict) -> Error {
    let nothing = "nothing was signed";
    match verdict {
        AuditVerdict::Broken { seq, reason } => {
            let message = format!("the audit trail is broken at entry {seq}: {reason}; {nothing}");
            Error::new(ErrorKind::Corrupt, message).with("seq", *seq)
        }
        AuditVerdict::Intact { .. } => Error::internal(nothing),
    }
}

fn foreign_origin(found: &str, own: &str) -> Error {
    Error::invalid(format!("a checkpoint is of the origin `{found}` and not of `{own}`"))
        .with("field", "origin")
}
