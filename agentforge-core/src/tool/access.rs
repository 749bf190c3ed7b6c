//! What a call reads and writes, so that calls that do not touch the same may run at once.

use serde::{Deserialize, Serialize};

use super::ToolSpec;

/// What a call touches, by names of resources that tools agree on: `file:/notes/a.md`, `orders`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    /// It reads these; without any it touches nothing that others share.
    Reads(Vec<String>),
    /// It writes these, and reads them or not.
    Writes(Vec<String>),
    /// Nothing else may run meanwhile.
    Alone,
}

impl Access {
    /// What the annotations allow to say: readers together, writers of one tool one after the other, and what may
    /// destroy something alone.
    pub fn of_spec(spec: &ToolSpec) -> Self {
        let annotations = spec.annotations;
        if annotations.read_only {
            Self::Reads(Vec::new())
        } else if annotations.destructive {
            Self::Alone
        } else {
            Self::Writes(vec![spec.name.clone()])
        }
    }

    /// Whether two calls must not run at once.
    pub fn conflicts(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Alone, _) | (_, Self::Alone) => true,
            (Self::Reads(_), Self::Reads(_)) => false,
            (Self::Writes(mine), Self::Writes(theirs) | Self::Reads(theirs))
            | (Self::Reads(theirs), Self::Writes(mine)) => mine.iter().any(|name| theirs.contains(name)),
        }
    }
}
