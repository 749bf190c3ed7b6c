//! Checks that fail with a sentence.

use std::fmt::Debug;

use agentforge_core::{
    error::{ErrorKind, Result},
    testkit::Failure,
};

/// Fails unless it holds.
pub(super) fn ensure(holds: bool, what: impl Into<String>) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(Failure::new(what)) }
}

/// Fails unless both are equal.
pub(super) fn equal<T: PartialEq + Debug>(what: &str, found: T, expected: T) -> Result<(), Failure> {
    ensure(found == expected, format!("{what}: found {found:?}, expected {expected:?}"))
}

/// Fails unless it is an error of this kind.
pub(super) fn fails<T>(what: &str, found: Result<T>, expected: ErrorKind) -> Result<(), Failure> {
    match found {
        Ok(_) => Err(Failure::new(format!("{what}: succeeded, expected `{expected}`"))),
        Err(error) if error.kind() == expected => Ok(()),
        Err(error) => Err(Failure::new(format!("{what}: failed with {error:?}, expected `{expected}`"))),
    }
}

/// The thing, or a failure that says that it is missing.
pub(super) fn present<T>(what: &str, thing: Option<T>) -> Result<T, Failure> {
    thing.ok_or_else(|| Failure::new(format!("{what} is missing")))
}
