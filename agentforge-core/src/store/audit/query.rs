//! Which entries, and in which order.

use serde::{Deserialize, Serialize};

use super::AuditEntry;
use crate::{
    error::{Error, Result},
    store::{MAX_PAGE, change::check_text},
    time::Timestamp,
};

/// Which entries of the trail: those that fit everything that is named.
///
/// ```
/// use agentforge_core::{context::Principal, id::UserId, store::AuditQuery, testing::fixed_context};
/// let cx = fixed_context();
/// let of_somebody = AuditQuery {
///     actor: Some(Principal::user(UserId::new(&cx)).to_string()),
///     success: Some(false),
///     newest_first: true,
///     ..AuditQuery::default()
/// };
/// assert!(of_somebody.check().is_ok());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuditQuery {
    /// The place where the answer begins, itself included: upward from there, or downward when the newest come first.
    /// None begins at the first, or at the newest.
    pub from: Option<u64>,
    /// At most so many, and at most [`MAX_PAGE`]; 0 means as many.
    pub limit: u32,
    /// Who acted: `user:<uuid>`, `api_key:<uuid>`, `agent:<uuid>` or `system`, as a
    /// [`Principal`](crate::context::Principal) is written.
    pub actor: Option<String>,
    /// What was done.
    pub action: Option<String>,
    /// What sort of thing it was done to.
    pub resource: Option<String>,
    /// Which one.
    pub resource_id: Option<String>,
    /// Whether it was done.
    pub success: Option<bool>,
    /// Not before this instant.
    pub since: Option<Timestamp>,
    /// Before this instant.
    pub until: Option<Timestamp>,
    /// From the greatest place down.
    pub newest_first: bool,
}

impl AuditQuery {
    /// Fails on a limit beyond [`MAX_PAGE`] and on text that no entry can hold.
    pub fn check(&self) -> Result<()> {
        if self.limit > MAX_PAGE {
            return Err(Error::invalid(format!(
                "`limit` is {}; a page holds at most {MAX_PAGE}",
                self.limit
            ))
            .with("field", "limit"));
        }
        let texts = [
            ("audit actor", &self.actor),
            ("audit action", &self.action),
            ("audit resource", &self.resource),
            ("audit resource id", &self.resource_id),
        ];
        texts.into_iter().try_for_each(|(what, text)| check_text(what, text.as_deref().unwrap_or_default()))
    }

    /// How many entries one answer holds at most.
    pub const fn page(&self) -> u32 {
        if self.limit == 0 || self.limit > MAX_PAGE { MAX_PAGE } else { self.limit }
    }

    /// Whether an entry fits everything but the order and the limit: what every backend's search means.
    pub fn matches(&self, entry: &AuditEntry) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|text| text == found);
        let reached = |from| if self.newest_first { entry.seq <= from } else { entry.seq >= from };
        self.from.is_none_or(reached)
            && is(&self.actor, &entry.actor)
            && is(&self.action, &entry.draft.action)
            && is(&self.resource, &entry.draft.resource)
            && (self.resource_id.is_none() || self.resource_id == entry.draft.resource_id)
            && self.success.is_none_or(|success| success == entry.draft.success)
            && self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
    }

    /// Whether it leaves out entries that lie in its range of places.
    pub fn is_filtered(&self) -> bool {
        let everything =
            Self { from: self.from, limit: self.limit, newest_first: self.newest_first, ..Self::default() };
        *self != everything
    }

    /// The same query for what lies behind one page of its answer; none when that was the last page.
    pub fn behind(&self, page: &[AuditEntry]) -> Option<Self> {
        let last = page.last().filter(|_| page.len() >= self.page() as usize)?;
        let from = if self.newest_first { last.seq.checked_sub(1) } else { last.seq.checked_add(1) };
        from.map(|from| Self { from: Some(from), ..self.clone() })
    }
}
