//! One fault of a value, and how the faults of a choice become those of the branch that was meant.

use std::{borrow::Cow, fmt};

use jsonschema::{ValidationError, error::ValidationErrorKind};
use serde::{Deserialize, Serialize};

/// How many faults are reported for one value.
pub const MAX_VIOLATIONS: usize = 32;

/// One fault of a value: where, and what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// A JSON pointer into the value; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "/" } else { &self.path };
        write!(f, "at {path}: {}", self.message)
    }
}

/// Adds the faults of an error. That "no branch fits" helps nobody when only one branch takes a value of this type, as
/// with everything optional: then the faults inside that branch are the ones to tell.
pub(super) fn collect(error: &ValidationError<'_>, found: &mut Vec<Violation>) {
    if found.len() >= MAX_VIOLATIONS {
        return;
    }
    if let ValidationErrorKind::AnyOf { context } | ValidationErrorKind::OneOfNotValid { context } =
        error.kind()
    {
        let whole = error.instance_path().to_string();
        let mut meant = context.iter().filter(|branch| !is_of_another_type(branch, &whole));
        if let (Some(branch), None) = (meant.next(), meant.next())
            && !branch.is_empty()
        {
            for error in branch {
                collect(error, found);
            }
            return;
        }
    }
    found.push(Violation {
        path: error.instance_path().to_string(),
        message: shorten(&error.to_string()).into_owned(),
    });
}

/// Whether a branch speaks of another type of value than the one that is there, or of another constant.
fn is_of_another_type(branch: &[ValidationError<'_>], whole: &str) -> bool {
    branch.iter().any(|error| {
        matches!(
            error.kind(),
            ValidationErrorKind::Type { .. }
                | ValidationErrorKind::Constant { .. }
                | ValidationErrorKind::Enum { .. }
                | ValidationErrorKind::FalseSchema
        ) && error.instance_path().as_str() == whole
    })
}

/// A fault quotes the offending value, which may be of any size.
pub(super) fn shorten(message: &str) -> Cow<'_, str> {
    const MOST: usize = 300;
    let count = message.chars().count();
    if count <= MOST {
        return Cow::Borrowed(message);
    }
    let head: String = message.chars().take(MOST * 2 / 3).collect();
    let tail: String = message.chars().skip(count.saturating_sub(MOST / 3)).collect();
    Cow::Owned(format!("{head} … {tail}"))
}
