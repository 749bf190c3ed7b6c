//! Definitions that somebody has looked at, by hash. The host stores them; a tool whose definition is not among them,
//! or is not the same any more, cannot be called.

use std::collections::BTreeMap;

use agentforge_core::json::Digest;
use serde::{Deserialize, Serialize};

/// Approved definitions of one server: `{v, tools: {name: sha256}}`, by the name that the server uses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    v: u16,
    tools: BTreeMap<String, Digest>,
}

impl Default for Pins {
    /// Nothing is approved.
    fn default() -> Self {
        Self { v: 1, tools: BTreeMap::new() }
    }
}

impl Pins {
    /// The approved definition of a tool.
    pub fn get(&self, tool: &str) -> Option<Digest> {
        self.tools.get(tool).copied()
    }

    /// Whether nothing is approved.
    pub fn is_empty(&self) -> bool {
        self.tools.is_empty()
    }

    /// Takes over what a report proposes, and forgets what the server took away.
    pub fn approve(&mut self, report: &PinReport) {
        for proposed in report.added.iter().chain(&report.changed) {
            self.tools.insert(proposed.tool.clone(), proposed.digest);
        }
        for removed in &report.removed {
            self.tools.remove(removed);
        }
    }

    pub(super) fn compare<'a>(&self, listed: impl Iterator<Item = &'a Proposed>) -> PinReport {
        let mut report = PinReport::default();
        let mut missing = self.tools.clone();
        for proposed in listed {
            match missing.remove(&proposed.tool) {
                None => report.added.push(proposed.clone()),
                Some(pinned) if pinned != proposed.digest => report.changed.push(proposed.clone()),
                Some(_) => {}
            }
        }
        report.removed = missing.into_keys().collect();
        report
    }
}

/// How what a server lists differs from what was approved.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PinReport {
    /// Tools that nobody has looked at.
    pub added: Vec<Proposed>,
    /// Tools whose definition is another than the approved one.
    pub changed: Vec<Proposed>,
    /// Approved tools that the server does not list any more.
    pub removed: Vec<String>,
    /// Tools that cannot be used at all, approved or not.
    #[serde(default)]
    pub refused: Vec<Refused>,
}

impl PinReport {
    /// Whether there is nothing to look at.
    pub fn is_settled(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// A definition as the server gives it, for somebody to look at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    /// The tool, as the server calls it.
    pub tool: String,
    /// The hash of its canonical definition.
    pub digest: Digest,
    /// The definition itself: name, title, description, schemas and hints. The server wrote it.
    pub definition: serde_json::Value,
}

/// A tool that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The tool, as the server calls it.
    pub tool: String,
    /// What is wrong with it.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn proposed(tool: &str, description: &str) -> Proposed {
        let definition = json!({"name": tool, "description": description});
        Proposed { tool: tool.to_owned(), digest: Digest::of_json(&definition), definition }
    }

    #[test]
    fn a_report_names_what_is_new_what_changed_and_what_went() {
        let first = [proposed("a", "1"), proposed("b", "1")];
        let mut pins = Pins::default();
        pins.approve(&pins.compare(first.iter()));
        assert!(pins.compare(first.iter()).is_settled());

        let then = [proposed("b", "2"), proposed("c", "1")];
        let report = pins.compare(then.iter());
        assert_eq!(report.added.iter().map(|p| p.tool.as_str()).collect::<Vec<_>>(), ["c"]);
        assert_eq!(report.changed.iter().map(|p| p.tool.as_str()).collect::<Vec<_>>(), ["b"]);
        assert_eq!(report.removed, ["a"]);
        pins.approve(&report);
        assert!(pins.compare(then.iter()).is_settled());
    }

    #[test]
    fn pins_are_stored_in_their_first_form() {
        let stored =
            r#"{"v":1,"tools":{"a":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}"#;
        let pins: Pins = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&pins).unwrap(), stored);
    }
}
