//! An entry before and after it is linked, and what its hashes cover.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value;

use super::AuditDraft;
use crate::{
    context::{CallContext, Principal},
    error::{Error, Result},
    event::EventScope,
    id::CorrelationId,
    json::{Digest, to_canonical},
    time::Timestamp,
};

/// What the hash of an entry begins with, so that it is the hash of nothing else.
const ENTRY_DOMAIN: &[u8] = b"agentforge.audit.v1";
/// What the digest of a detail begins with.
const DETAIL_DOMAIN: &[u8] = b"agentforge.audit.detail.v1";

/// Random bytes in front of a detail, so that nobody finds out an erased one by trying what it may have been. Erased
/// together with it. 32 hexadecimal digits outside.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuditSalt([u8; 16]);

impl AuditSalt {
    /// A fresh one.
    pub fn new(cx: &CallContext) -> Self {
        let mut bytes = [0; 16];
        cx.random().fill(&mut bytes);
        Self(bytes)
    }

    /// The salt of stored bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for AuditSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for AuditSalt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for AuditSalt {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("not the salt of an audit entry; expected 32 hexadecimal digits");
        if text.len() != 32 || !text.bytes().all(|letter| letter.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        u128::from_str_radix(text, 16).map(|number| Self(number.to_be_bytes())).map_err(|_| wrong())
    }
}

impl Serialize for AuditSalt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AuditSalt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// An entry as it stands in the trail.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its place in the tenant's chain, counted from zero.
    pub seq: u64,
    /// When its change set was given to the store.
    pub at: Timestamp,
    /// By whom.
    pub scope: EventScope,
    /// Who acted, as a text to search by: `user:<uuid>`, `api_key:<uuid>`, `agent:<uuid>` or `system`, as the scope's
    /// principal is written.
    pub actor: String,
    /// The request that it belongs to.
    pub correlation: CorrelationId,
    /// What was done.
    #[serde(flatten)]
    pub draft: AuditDraft,
    /// What the digest of the detail is salted with; none once the detail was erased.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<AuditSalt>,
    /// The digest of salt and detail at the time of writing.
    pub detail_digest: Digest,
    /// The hash of the entry before, zeros for the first.
    pub prev: Digest,
    /// The hash of this entry.
    pub hash: Digest,
}

/// An entry that has no place in the chain yet. Everything that does not depend on its place is settled: whoever links
/// it, and whenever, changes nothing of what it says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnlinkedAuditEntry {
    /// When its change set was given to the store.
    pub at: Timestamp,
    /// By whom.
    pub scope: EventScope,
    /// The request that it belongs to.
    pub correlation: CorrelationId,
    /// What was done.
    #[serde(flatten)]
    pub draft: AuditDraft,
    /// What the digest of the detail is salted with.
    pub salt: AuditSalt,
    /// The digest of salt and detail.
    pub detail_digest: Digest,
}

impl UnlinkedAuditEntry {
    /// The entry behind the one whose place and hash are given; the first of its chain when there is none. Every
    /// backend links with this.
    pub fn link(self, last: Option<(u64, Digest)>) -> AuditEntry {
        let (seq, prev) = place_behind(last);
        let mut entry = AuditEntry {
            seq,
            at: self.at,
            actor: self.scope.principal.to_string(),
            scope: self.scope,
            correlation: self.correlation,
            draft: self.draft,
            salt: Some(self.salt),
            detail_digest: self.detail_digest,
            prev,
            hash: prev,
        };
        entry.hash = entry.computed_hash();
        entry
    }
}

impl AuditEntry {
    /// What a draft becomes in a call, but for its place in the chain.
    ///
    /// ```
    /// use agentforge_core::{store::{AuditDraft, AuditEntry}, testing::fixed_context};
    /// let cx = fixed_context();
    /// let draft = AuditDraft::done("users:write", "user", 7, serde_json::json!({"name": "Ada"}));
    /// let first = AuditEntry::unlinked(&cx, cx.now(), draft.clone()).link(None);
    /// let second = AuditEntry::unlinked(&cx, cx.now(), draft).link(Some((first.seq, first.hash)));
    /// assert_eq!((second.seq, second.prev), (1, first.hash));
    /// ```
    pub fn unlinked(cx: &CallContext, at: Timestamp, draft: AuditDraft) -> UnlinkedAuditEntry {
        let salt = AuditSalt::new(cx);
        UnlinkedAuditEntry {
            at,
            scope: EventScope::of(cx),
            correlation: cx.correlation(),
            detail_digest: digest_of(&salt, &draft.detail),
            draft,
            salt,
        }
    }

    /// Forgets what the entry says beyond its fields. The chain still verifies, since it covers a digest alone.
    pub fn erase_detail(&mut self) {
        self.draft.detail = Value::Null;
        self.salt = None;
    }

    /// Whether the detail was erased.
    pub const fn is_erased(&self) -> bool {
        self.salt.is_none()
    }

    /// Whether the detail is the one that was written, or was erased as a whole.
    pub(super) fn detail_is_whole(&self) -> bool {
        match &self.salt {
            Some(salt) => digest_of(salt, &self.draft.detail) == self.detail_digest,
            None => self.draft.detail.is_null(),
        }
    }

    /// The hash that the fields come to: SHA-256 over domain, predecessor, place, instant in microseconds, tenant,
    /// principal, on behalf of, project, correlation, action, resource, resource id, success and digest of the detail,
    /// in this order. Each stands behind its length as eight bytes, integers as eight bytes, ids as sixteen, all
    /// greatest byte first; one that may be absent stands behind a byte 1, or is a byte 0.
    pub(super) fn computed_hash(&self) -> Digest {
        let mut fields = Fields::new(ENTRY_DOMAIN);
        fields.field(self.prev.as_bytes());
        fields.field(&self.seq.to_be_bytes());
        fields.field(&self.at.as_micros().to_be_bytes());
        fields.field(self.scope.tenant.as_uuid().as_bytes());
        fields.principal(&self.scope.principal);
        fields.maybe(self.scope.on_behalf_of.as_ref(), Fields::principal);
        fields.maybe(self.scope.project, |fields, project| fields.field(project.as_uuid().as_bytes()));
        fields.field(self.correlation.as_uuid().as_bytes());
        fields.field(self.draft.action.as_bytes());
        fields.field(self.draft.resource.as_bytes());
        fields.maybe(self.draft.resource_id.as_deref(), |fields, id| fields.field(id.as_bytes()));
        fields.field(&[u8::from(self.draft.success)]);
        fields.field(self.detail_digest.as_bytes());
        fields.digest()
    }
}

/// The place and predecessor of what follows an entry.
pub(super) fn place_behind(last: Option<(u64, Digest)>) -> (u64, Digest) {
    match last {
        Some((seq, hash)) => (seq.saturating_add(1), hash),
        None => (0, Digest::from_bytes([0; 32])),
    }
}

fn digest_of(salt: &AuditSalt, detail: &Value) -> Digest {
    let mut fields = Fields::new(DETAIL_DOMAIN);
    fields.field(salt.as_bytes());
    fields.field(to_canonical(detail).as_bytes());
    fields.digest()
}

/// What is hashed, field by field, so that no two lists of fields come to the same bytes.
struct Fields(Vec<u8>);

impl Fields {
    fn new(domain: &[u8]) -> Self {
        let mut fields = Self(Vec::with_capacity(512));
        fields.field(domain);
        fields
    }

    fn field(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.0.push(u8::from(value.is_some()));
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn principal(&mut self, principal: &Principal) {
        match principal {
            Principal::User { id } => {
                self.field(b"user");
                self.field(id.as_uuid().as_bytes());
            }
            Principal::ApiKey { id, owner } => {
                self.field(b"api_key");
                self.field(id.as_uuid().as_bytes());
                self.field(owner.as_uuid().as_bytes());
            }
            Principal::Agent { id } => {
                self.field(b"agent");
                self.field(id.as_uuid().as_bytes());
            }
            Principal::System { reason } => {
                self.field(b"system");
                self.field(reason.as_bytes());
            }
        }
    }

    fn digest(&self) -> Digest {
        Digest::of_bytes(&self.0)
    }
}
