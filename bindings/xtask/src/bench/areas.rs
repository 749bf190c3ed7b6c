//! What is measured: the areas, and in each our program first and its peers after it.

/// One comparison.
pub(crate) struct Area {
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    /// What one run does, for the reader of the results.
    pub(crate) work: &'static str,
    pub(crate) programs: &'static [Entry],
}

/// One program of an area.
pub(crate) struct Entry {
    /// As the program names itself in its line of JSON.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Measured runs per start of the program: enough for a second or so.
    pub(crate) iterations: u64,
}

pub(crate) enum Kind {
    /// `benches/src/bin/<area>.rs`, built with the release profile.
    Ours,
    /// `benches/peers/<name>/<area>.py` in a virtual environment made of the `requirements.txt` beside it.
    Python,
}

pub(crate) const AREAS: &[Area] = &[Area {
    name: "agents",
    title: "Overhead of one agent run",
    work: "One run of an agent: two model calls and one tool call on a scripted model that answers at once, so that \
           what is left is the framework. The agent is built once and nothing leaves the process. Ours journals every \
           step, audits, and checks permissions in its memory store; the peers keep nothing.",
    programs: &[
        Entry { name: "agentforge", kind: Kind::Ours, iterations: 5_000 },
        Entry { name: "pydantic-ai", kind: Kind::Python, iterations: 300 },
        Entry { name: "langgraph", kind: Kind::Python, iterations: 300 },
    ],
}];
