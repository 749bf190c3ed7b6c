//! Why changes are refused, in the same words on every backend.

use agentforge_core::{
    error::{Error, ErrorKind},
    id::RunId,
    json::Digest,
    store::{CollectionSpec, Expect, IndexKey, Lease, SegmentId},
};
use uuid::Uuid;

/// Whether a record's version is what a change expects; `present` is none where there is no record.
pub(crate) fn unexpected_version(
    spec: &CollectionSpec,
    id: Uuid,
    present: Option<u64>,
    expect: Expect,
) -> Option<Error> {
    let message = match (expect, present) {
        (Expect::Anything, _) | (Expect::Absent, None) => return None,
        (Expect::Version(expected), Some(version)) if expected == version => return None,
        (Expect::Absent, Some(version)) => {
            format!("record {id} of `{}` already exists at version {version}", spec.name)
        }
        (Expect::Version(expected), Some(version)) => {
            format!("record {id} of `{}` is at version {version}, not {expected}; read it again", spec.name)
        }
        (Expect::Version(expected), None) => {
            format!("record {id} of `{}` is gone and not at version {expected}; read it again", spec.name)
        }
    };
    Some(Error::conflict("version", message).with("collection", spec.name).with("current_version", present))
}

/// A unique key is taken.
pub(crate) fn taken(collection: &str, fields: &str) -> Error {
    Error::conflict(fields, format!("another record of `{collection}` has the same {fields}; choose another"))
        .with("collection", collection)
}

/// A reference names nothing.
pub(crate) fn dangling(spec: &CollectionSpec, field: &str, target: &str, id: Uuid) -> Error {
    Error::invalid(format!("`{field}` of `{}` names record {id}, which `{target}` does not have", spec.name))
        .with("field", field)
}

/// A record that is to be deleted is not there.
pub(crate) fn missing_record(spec: &CollectionSpec, id: Uuid) -> Error {
    Error::not_found(format!("no record {id} in `{}`", spec.name)).with("collection", spec.name)
}

/// A record is still referred to.
pub(crate) fn restricted(spec: &CollectionSpec, id: Uuid, referrer: &CollectionSpec, field: &str) -> Error {
    Error::conflict(
        field,
        format!(
            "record {id} of `{}` is still referred to by `{}`; delete that first",
            spec.name, referrer.name
        ),
    )
    .with("collection", referrer.name)
}

/// Another owner's lease is alive.
pub(crate) fn leased(lease: &Lease) -> Error {
    Error::conflict(
        "lease",
        format!(
            "run {} is leased to `{}` until {}; wait or take over then",
            lease.run, lease.owner, lease.until
        ),
    )
    .with("until", lease.until.to_string())
    .with("current_epoch", lease.epoch)
}

/// An epoch does not hold the lease of a run.
pub(crate) fn fenced(run: RunId, epoch: u64, lease: Option<&Lease>) -> Error {
    let error = Error::new(
        ErrorKind::Fenced,
        format!("epoch {epoch} does not hold the lease of run {run}; stop, or take the lease anew"),
    );
    match lease {
        Some(lease) => error.with("current_epoch", lease.epoch),
        None => error,
    }
}

/// A journal does not end where it was expected to.
pub(crate) fn moved(run: RunId, next: u64, expected: u64) -> Error {
    Error::conflict(
        "seq",
        format!("the journal of run {run} goes on at {next}, not at {expected}; read it again"),
    )
    .with("current_seq", next)
}

/// A counter would pass its limit, or what it can hold at all.
pub(crate) fn counted_out(key: &str, current: i64, delta: i64, limit: Option<i64>) -> Error {
    match (current.checked_add(delta), limit) {
        (Some(_), Some(limit)) => Error::new(
            ErrorKind::QuotaExceeded,
            format!("counter `{key}` stands at {current} of {limit} and cannot take {delta} more"),
        )
        .with("current", current)
        .with("limit", limit),
        _ => Error::invalid(format!("counter `{key}` cannot hold {current} and {delta} more")),
    }
}

/// A segment of the same id has other bytes.
pub(crate) fn segment_changed(segment: SegmentId) -> Error {
    Error::conflict(
        "segment",
        format!("segment {segment} is already stored with other bytes; segments never change"),
    )
}

/// An index has moved on.
pub(crate) fn generation_moved(index: &IndexKey, generation: u64, expected: u64) -> Error {
    Error::conflict(
        "generation",
        format!("index `{}` is at generation {generation}, not {expected}; read it again", index.kind),
    )
    .with("current_generation", generation)
}

/// A manifest names a segment that was never put.
pub(crate) fn segment_unknown(index: &IndexKey, segment: SegmentId) -> Error {
    Error::not_found(format!("index `{}` has no segment {segment}; put it before the swap", index.kind))
        .with("segment", segment.to_string())
}

/// A segment is not part of the index now.
pub(crate) fn segment_gone(index: &IndexKey, segment: SegmentId) -> Error {
    Error::not_found(format!("index `{}` has no segment {segment}; read the manifest again", index.kind))
        .with("segment", segment.to_string())
}

/// The trail does not reach so far.
pub(crate) fn missing_entry(seq: u64) -> Error {
    Error::not_found(format!("the audit trail has no entry {seq}")).with("seq", seq)
}

/// The tenant has no such bytes.
pub(crate) fn missing_blob(sha256: Digest) -> Error {
    Error::not_found(format!("no blob {sha256}; put its bytes first")).with("sha256", sha256.to_string())
}
