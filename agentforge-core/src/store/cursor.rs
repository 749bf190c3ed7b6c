//! Opaque, signed cursors for keyset pagination.
//!
//! A cursor is base64url of version, key id, query hash, sort values, id, and a MAC that also covers the tenant: it is
//! of no use for another tenant, another query, or after a change by hand.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

use super::{CollectionSpec, FieldValue, Query};
use crate::{
    error::{Error, Result},
    id::TenantId,
    json::Digest,
};

/// Where a page ended, as the caller holds it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// A cursor that came from outside; it is checked when it is used.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text to hand out.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a page ended, as a backend uses it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last record's values of the order's keys.
    pub values: Vec<FieldValue>,
    /// The last record's id.
    pub id: Uuid,
}

#[derive(Serialize, Deserialize)]
struct Sealed {
    v: u8,
    k: u32,
    q: String,
    p: Position,
    m: String,
}

/// The key that a store signs cursors with; made when the store is created.
#[derive(Clone)]
pub struct CursorKey {
    id: u32,
    secret: [u8; 32],
}

const VERSION: u8 = 1;

/// The most bytes that the text of a cursor may have.
pub const MAX_CURSOR_BYTES: usize = 4 * 1024;

impl CursorKey {
    /// A key of an id and 32 random bytes.
    pub const fn new(id: u32, secret: [u8; 32]) -> Self {
        Self { id, secret }
    }

    fn mac(&self, tenant: TenantId, query_hash: &str, position: &Position) -> Result<Hmac<Sha256>> {
        let position = serde_json::to_vec(position)
            .map_err(|error| Error::internal("a cursor position cannot be written").caused_by(error))?;
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.secret)
            .map_err(|_| Error::internal("a cursor key has a wrong length"))?;
        for part in
            [&[VERSION][..], &self.id.to_be_bytes(), tenant.as_uuid().as_bytes(), query_hash.as_bytes()]
        {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.update(&position);
        Ok(mac)
    }

    /// The cursor of a position in a tenant's query; `invalid_input` when the values of the order's keys are so long that
    /// it would pass [`MAX_CURSOR_BYTES`].
    pub fn seal(
        &self,
        tenant: TenantId,
        spec: &CollectionSpec,
        query: &Query,
        position: Position,
    ) -> Result<Cursor> {
        let hash = query_hash(spec, query)?;
        let mac = self.mac(tenant, &hash, &position)?.finalize().into_bytes();
        let sealed = Sealed { v: VERSION, k: self.id, q: hash, p: position, m: URL_SAFE_NO_PAD.encode(mac) };
        let json = serde_json::to_vec(&sealed)
            .map_err(|error| Error::internal("a cursor cannot be written").caused_by(error))?;
        let text = URL_SAFE_NO_PAD.encode(json);
        if text.len() > MAX_CURSOR_BYTES {
            return Err(Error::invalid(format!(
                "the page ends at a record whose values make a cursor of {} bytes, more than {MAX_CURSOR_BYTES}; \
                 order by shorter fields",
                text.len()
            ))
            .with("field", "order")
            .with("limit", MAX_CURSOR_BYTES));
        }
        Ok(Cursor(text))
    }

    /// The position that a cursor stands for, when this key made it for this tenant and this query.
    pub fn open(
        &self,
        tenant: TenantId,
        spec: &CollectionSpec,
        query: &Query,
        cursor: &Cursor,
    ) -> Result<Position> {
        let wrong = || {
            Error::invalid("the cursor does not belong to this query; start again from the first page")
                .with("field", "cursor")
        };
        if cursor.0.len() > MAX_CURSOR_BYTES {
            return Err(Error::invalid(format!(
                "a cursor has at most {MAX_CURSOR_BYTES} bytes, not {}; start again from the first page",
                cursor.0.len()
            ))
            .with("field", "cursor")
            .with("limit", MAX_CURSOR_BYTES));
        }
        let bytes = URL_SAFE_NO_PAD.decode(&cursor.0).map_err(|_| wrong())?;
        let sealed: Sealed = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let expected = query_hash(spec, query)?;
        if sealed.v != VERSION || sealed.k != self.id || sealed.q != expected {
            return Err(wrong());
        }
        let given = URL_SAFE_NO_PAD.decode(&sealed.m).map_err(|_| wrong())?;
        self.mac(tenant, &sealed.q, &sealed.p)?.verify_slice(&given).map_err(|_| wrong())?;
        Ok(sealed.p)
    }
}

/// What a cursor is bound to: collection, filter and order, but not the page's size.
fn query_hash(spec: &CollectionSpec, query: &Query) -> Result<String> {
    let filter = serde_json::to_vec(&query.filter)
        .map_err(|error| Error::internal("a filter cannot be written").caused_by(error))?;
    let order = format!("{:?} {}", query.order, query.deleted);
    let digest = Digest::of_parts(&[spec.name.as_bytes(), &filter, order.as_bytes()]);
    Ok(URL_SAFE_NO_PAD.encode(digest.as_bytes().get(..12).unwrap_or_default()))
}

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CursorKey({})", self.id)
    }
}
