//! What cases say instead of panicking.

use std::fmt::Debug;

use serde_json::Value;

use super::Failure;
use crate::error::{Error, ErrorKind};

pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// Fails with the rule unless it holds.
pub(super) fn ensure(holds: bool, rule: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Failure::new(rule)) }
}

/// Fails unless what was found is what was expected.
pub(super) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected {
        return Ok(());
    }
    Err(Failure::new(format!("{what}: found {found:?}, expected {expected:?}")))
}

/// Fails unless there is a value.
pub(super) fn present<T>(what: &str, value: Option<T>) -> Outcome<T> {
    value.ok_or_else(|| Failure::new(format!("{what}: found nothing")))
}

/// Fails unless the result is an error of the kind; returns the error.
pub(super) fn refused<T: Debug>(what: &str, result: Result<T, Error>, kind: ErrorKind) -> Outcome<Error> {
    match result {
        Ok(value) => Err(Failure::new(format!("{what}: expected {kind}, got {value:?}"))),
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => Err(Failure::new(format!("{what}: expected {kind}, got {error:?}"))),
    }
}

/// Fails unless an error carries a value under a key.
pub(super) fn carries(error: &Error, key: &str, expected: impl Into<Value>) -> Outcome {
    let expected = expected.into();
    match error.get(key) {
        Some(found) if *found == expected => Ok(()),
        found => Err(Failure::new(format!("`{key}` is {found:?}, expected {expected} in {error:?}"))),
    }
}
