//! What is to be measured, and in how many rounds.

use agentforge_benches::option;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is to be measured.
pub(crate) struct Plan {
    only: Option<String>,
    /// Rounds in which both sides are measured in turn.
    pub(crate) rounds: usize,
    /// The folder of the built peers.
    pub(crate) peers: Option<String>,
}

impl Plan {
    pub(crate) fn from_arguments() -> Self {
        let rounds = option("--rounds").and_then(|rounds| rounds.parse().ok());
        Self { only: option("--only"), rounds: rounds.unwrap_or(40), peers: option("--peers") }
    }

    pub(crate) fn wants(&self, group: &str, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| format!("{group} {name}").contains(only))
    }

    /// Whether something of a group is wanted that has these names.
    pub(crate) fn wants_any(&self, group: &str, names: &[&str]) -> bool {
        names.iter().any(|name| self.wants(group, name))
    }
}

/// Lets this process hold a thousand connections; where it may not, the measurement says so by failing.
pub(crate) fn open_many_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
