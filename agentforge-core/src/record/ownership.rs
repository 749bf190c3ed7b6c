//! Whose a thing is and where it is filed: owner, team, project and tags, the same for every record that people own.

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    context::CallContext,
    error::{Error, Result},
    id::{ProjectId, TeamId, UserId},
};

/// Owner, team, project and tags. Flattened into a record's document, so that lists filter by each of them.
///
/// The owner may read, change and delete the thing without any role. The team and the project only file it: they grant
/// nothing by themselves, an access list does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership {
    /// Who owns it; none for a thing of the tenant.
    #[serde(default)]
    pub owner: Option<UserId>,
    /// The team that it is filed under.
    #[serde(default)]
    pub team: Option<TeamId>,
    /// The project that it is filed under.
    #[serde(default)]
    pub project: Option<ProjectId>,
    /// Words that people find it by.
    #[serde(default)]
    pub tags: Tags,
}

impl Ownership {
    /// What the person behind a call makes, in the call's project.
    pub fn of(cx: &CallContext) -> Self {
        Self { owner: cx.scope().person(), project: cx.project(), ..Self::default() }
    }
}

/// A set of tags. In a document it is one text, sorted, with a space between two tags, so that it can be searched like
/// any text field.
///
/// ```
/// use agentforge_core::record::Tags;
/// let tags = Tags::new(["hr", "policy-2026", "hr"])?;
/// assert_eq!(tags.to_string(), "hr policy-2026");
/// assert!(tags.contains("hr") && Tags::new(["Not lower case"]).is_err());
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Tags(BTreeSet<String>);

/// The most tags that a thing has, and the longest tag in bytes.
const MOST_TAGS: usize = 32;
const LONGEST_TAG: usize = 64;

impl Tags {
    /// A set of tags: at most 32, each of 1 to 64 bytes of lower-case letters, digits, `-` and `_`.
    pub fn new(tags: impl IntoIterator<Item = impl Into<String>>) -> Result<Self> {
        let tags: BTreeSet<String> = tags.into_iter().map(Into::into).collect();
        if tags.len() > MOST_TAGS {
            return Err(Error::invalid(format!(
                "{} tags are too many; {MOST_TAGS} are the most",
                tags.len()
            ))
            .with("field", "tags"));
        }
        if let Some(wrong) = tags.iter().find(|tag| !is_tag(tag)) {
            return Err(Error::invalid(format!(
                "`{wrong}` is no tag; use up to {LONGEST_TAG} bytes of lower-case letters, digits, `-` and `_`"
            ))
            .with("field", "tags"));
        }
        Ok(Self(tags))
    }

    /// Whether a tag is among them.
    pub fn contains(&self, tag: &str) -> bool {
        self.0.contains(tag)
    }

    /// The tags in their order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn is_tag(tag: &str) -> bool {
    let fits =
        |letter: char| letter.is_alphanumeric() && !letter.is_uppercase() || matches!(letter, '-' | '_');
    !tag.is_empty() && tag.len() <= LONGEST_TAG && tag.chars().all(fits)
}

impl fmt::Display for Tags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, tag) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(tag)?;
        }
        Ok(())
    }
}

impl Serialize for Tags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::new(text.split(' ').filter(|tag| !tag.is_empty())).map_err(de::Error::custom)
    }
}
