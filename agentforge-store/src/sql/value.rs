//! The values that statements bind: what every backend can store, and how the types of core become one of them.

use std::sync::Arc;

use agentforge_core::{
    error::{Error, Result},
    id::{ChangeSetId, KnowledgeBaseId, RunId, TenantId},
    json::Digest,
    store::FieldValue,
    time::Timestamp,
};
use bytes::Bytes;
use serde::Serialize;
use uuid::Uuid;

/// A value to bind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SqlValue {
    Null,
    Int(i64),
    Text(Arc<str>),
    Id(Uuid),
    Bytes(Bytes),
}

impl SqlValue {
    /// The JSON text of a value.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self> {
        serde_json::to_string(value)
            .map(Self::from)
            .map_err(|error| Error::invalid("a value cannot be written as JSON").caused_by(error))
    }

    /// The value, or null.
    pub(crate) fn maybe(value: Option<impl Into<Self>>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

macro_rules! into_sql_value {
    ($($from:ty => $make:expr;)*) => {$(
        impl From<$from> for SqlValue {
            fn from(value: $from) -> Self {
                $make(value)
            }
        }
    )*};
}

into_sql_value! {
    bool => |value| Self::Int(i64::from(value));
    i64 => Self::Int;
    u32 => |value| Self::Int(i64::from(value));
    u16 => |value| Self::Int(i64::from(value));
    // A count that no row ever reaches; beyond it nothing is found, as beyond the last row.
    u64 => |value| Self::Int(i64::try_from(value).unwrap_or(i64::MAX));
    String => |value: String| Self::Text(value.into());
    &str => |value: &str| Self::Text(value.into());
    Uuid => Self::Id;
    Bytes => Self::Bytes;
    Timestamp => |value: Timestamp| Self::Int(value.as_micros());
    Digest => |value: Digest| Self::Bytes(Bytes::copy_from_slice(value.as_bytes()));
    TenantId => |value: TenantId| Self::Id(value.as_uuid());
    RunId => |value: RunId| Self::Id(value.as_uuid());
    ChangeSetId => |value: ChangeSetId| Self::Id(value.as_uuid());
    KnowledgeBaseId => |value: KnowledgeBaseId| Self::Id(value.as_uuid());
}

impl From<FieldValue> for SqlValue {
    fn from(value: FieldValue) -> Self {
        match value {
            FieldValue::Null => Self::Null,
            FieldValue::Bool(value) => value.into(),
            FieldValue::Int(value) => value.into(),
            FieldValue::Time(value) => value.into(),
            FieldValue::Id(value) => value.into(),
            FieldValue::Text(value) => value.into(),
        }
    }
}
