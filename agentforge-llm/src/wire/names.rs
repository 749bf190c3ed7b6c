//! Tool names as a provider accepts them, and the way back to ours.

use std::collections::{BTreeMap, BTreeSet};

/// What names a provider accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRule {
    /// The most bytes.
    pub longest: usize,
    /// Which characters besides ASCII letters, digits and `_`.
    pub also: &'static str,
}

impl NameRule {
    /// `[a-zA-Z0-9_-]{1,64}`, which most providers accept.
    pub const COMMON: Self = Self { longest: 64, also: "-" };

    fn accepts(self, name: &str) -> bool {
        (1..=self.longest).contains(&name.len()) && name.chars().all(|letter| self.allows(letter))
    }

    fn allows(self, letter: char) -> bool {
        letter.is_ascii_alphanumeric() || letter == '_' || self.also.contains(letter)
    }

    /// A name that is accepted and still reads like the given one.
    pub(super) fn mend(self, name: &str) -> String {
        if self.accepts(name) {
            return name.to_owned();
        }
        let mended: String = name
            .chars()
            .take(self.longest)
            .map(|letter| if self.allows(letter) { letter } else { '_' })
            .collect();
        if mended.is_empty() { "tool".to_owned() } else { mended }
    }
}

/// Two names for every tool whose own one the provider refuses. Names that it accepts stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolNames {
    outward: BTreeMap<String, String>,
    inward: BTreeMap<String, String>,
}

impl ToolNames {
    /// The names of some tools under a rule. The same tools give the same names, whatever their order.
    ///
    /// ```
    /// use agentforge_llm::wire::{NameRule, ToolNames};
    /// let names = ToolNames::new(["mail.send", "mail_send"], NameRule::COMMON);
    /// assert_eq!(names.to_provider("mail_send"), "mail_send");
    /// assert_eq!(names.to_provider("mail.send"), "mail_send_2");
    /// assert_eq!(names.from_provider("mail_send_2"), "mail.send");
    /// ```
    pub fn new<'a>(tools: impl IntoIterator<Item = &'a str>, rule: NameRule) -> Self {
        let all: BTreeSet<&str> = tools.into_iter().collect();
        let mut taken: BTreeSet<String> =
            all.iter().filter(|name| rule.accepts(name)).map(|name| (*name).to_owned()).collect();
        let mut names = Self::default();
        for name in all.into_iter().filter(|name| !rule.accepts(name)) {
            let base = rule.mend(name);
            let mut mended = base.clone();
            for number in 2_u32.. {
                if taken.insert(mended.clone()) {
                    break;
                }
                let ending = format!("_{number}");
                let room = rule.longest.saturating_sub(ending.len());
                mended = base.chars().take(room).chain(ending.chars()).collect();
            }
            names.inward.insert(mended.clone(), name.to_owned());
            names.outward.insert(name.to_owned(), mended);
        }
        names
    }

    /// What the provider calls our tool.
    pub fn to_provider<'a>(&'a self, name: &'a str) -> &'a str {
        self.outward.get(name).map_or(name, String::as_str)
    }

    /// What we call the provider's tool. A name that the model made up stays.
    #[allow(clippy::wrong_self_convention)]
    pub fn from_provider<'a>(&'a self, name: &'a str) -> &'a str {
        self.inward.get(name).map_or(name, String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_name_is_accepted_and_leads_back(tools in proptest::collection::btree_set(".{0,80}", 0..8)) {
            let names = ToolNames::new(tools.iter().map(String::as_str), NameRule::COMMON);
            let sent: BTreeSet<&str> = tools.iter().map(|name| names.to_provider(name)).collect();
            prop_assert_eq!(sent.len(), tools.len());
            for name in &tools {
                prop_assert!(NameRule::COMMON.accepts(names.to_provider(name)));
                prop_assert_eq!(names.from_provider(names.to_provider(name)), name);
            }
        }
    }
}
