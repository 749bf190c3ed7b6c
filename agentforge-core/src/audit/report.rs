//! Checks an exported trail without a store.

use std::io::BufRead;

use serde::de::DeserializeOwned;

use super::{
    CheckpointVerifier,
    export::{EXPORT_VERSION, EndLine, ExportEnd, ExportHead, HeadLine},
    tail::Tail,
};
use crate::{
    error::{Error, ErrorKind, Result},
    store::{AuditEntry, AuditVerdict},
};

/// What an exported trail was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportReport {
    /// What was exported. Its checkpoint stands here only when somebody trusted has signed it.
    pub head: ExportHead,
    /// How many entries it holds and that they are whole, or the first that is not.
    ///
    /// Of the answer to a filter every entry is checked for itself; that none was left out shows in nothing but the
    /// number and the root in the last line, which whoever changes the file can change too.
    pub verdict: AuditVerdict,
    /// How many entries had their detail erased.
    pub erased: u64,
    /// How many of the entries, from the first one on, are those of a checkpoint that somebody trusted has signed.
    pub signed: u64,
}

/// Checks an export line by line, in memory that does not grow with it.
#[derive(Default)]
pub struct ExportVerifier<'a> {
    trusted: Option<&'a dyn CheckpointVerifier>,
    line: u64,
    begun: Option<(ExportHead, Tail)>,
    end: Option<ExportEnd>,
}

impl<'a> ExportVerifier<'a> {
    /// Without anybody to trust, a checkpoint in the file counts for nothing.
    pub fn new(trusted: Option<&'a dyn CheckpointVerifier>) -> Self {
        Self { trusted, ..Self::default() }
    }

    /// The next line. One that is none of an export is `corrupt`.
    pub fn line(&mut self, line: &str) -> Result<()> {
        self.line = self.line.saturating_add(1);
        if self.end.is_some() {
            return Err(self.unreadable("stands behind the last line of the export"));
        }
        let Some((_, tail)) = &mut self.begun else {
            let HeadLine { export: mut head } = self.read(line, "is not the first line of an export")?;
            if head.v != EXPORT_VERSION {
                let message = format!("the export has form {}; this release reads {EXPORT_VERSION}", head.v);
                return Err(Error::new(ErrorKind::Unsupported, message));
            }
            head.checkpoint = self.trusted_checkpoint(&head)?;
            self.begun = Some((head.clone(), Tail::new(&head)));
            return Ok(());
        };
        if let Ok(EndLine { end }) = serde_json::from_str(line) {
            self.end = Some(end);
            return Ok(());
        }
        match serde_json::from_str::<AuditEntry>(line) {
            // Whatever else a line says is covered by no hash, so it must say nothing else.
            Ok(entry) if serde_json::to_string(&entry).is_ok_and(|written| written == line) => {
                tail.push(&entry);
                Ok(())
            }
            Ok(_) => Err(self.unreadable("says more than an entry of an audit trail, or says it otherwise")),
            Err(error) => Err(self.unreadable("is no entry of an audit trail").caused_by(error)),
        }
    }

    /// What all lines came to; `corrupt` when the last one is missing.
    pub fn finish(self) -> Result<ExportReport> {
        let (Some((head, tail)), Some(end)) = (self.begun, self.end) else {
            return Err(Error::new(ErrorKind::Corrupt, "the export has no last line; it was cut off"));
        };
        let found = tail.end();
        let verdict = match found.verdict {
            AuditVerdict::Intact { entries, .. } if entries != end.entries || found.root != end.root => {
                let reason = format!("the last line tells of {} other entries", end.entries);
                AuditVerdict::Broken { seq: entries.min(end.entries), reason }
            }
            verdict => verdict,
        };
        let signed = if verdict.is_intact() { tail.covered() } else { 0 };
        Ok(ExportReport { head, verdict, erased: tail.erased(), signed })
    }

    /// The checkpoint of the first line, if there is somebody to trust; an error when it is not by them.
    fn trusted_checkpoint(&self, head: &ExportHead) -> Result<Option<super::Checkpoint>> {
        let (Some(trusted), Some(checkpoint)) = (self.trusted, &head.checkpoint) else { return Ok(None) };
        if checkpoint.tenant != head.tenant {
            return Err(Error::new(ErrorKind::Corrupt, "the checkpoint in the export is of another tenant"));
        }
        trusted.verify(&checkpoint.key_id, checkpoint.text().as_bytes(), &checkpoint.signature)?;
        Ok(Some(checkpoint.clone()))
    }

    fn read<T: DeserializeOwned>(&self, line: &str, fault: &str) -> Result<T> {
        serde_json::from_str(line).map_err(|error| self.unreadable(fault).caused_by(error))
    }

    fn unreadable(&self, fault: &str) -> Error {
        Error::new(ErrorKind::Corrupt, format!("line {} {fault}", self.line)).with("line", self.line)
    }
}

/// Checks a whole export.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::{audit, json::Digest};
/// let file = "";
/// let error = audit::verify_export(file.as_bytes(), None).unwrap_err();
/// assert_eq!(error.to_string(), "the export has no last line; it was cut off");
/// ```
pub fn verify_export(export: impl BufRead, trusted: Option<&dyn CheckpointVerifier>) -> Result<ExportReport> {
    let mut verifier = ExportVerifier::new(trusted);
    for line in export.lines() {
        let line = line.map_err(|error| {
            Error::new(ErrorKind::Transport, "the export cannot be read").caused_by(error)
        })?;
        verifier.line(&line)?;
    }
    verifier.finish()
}
