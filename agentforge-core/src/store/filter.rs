//! The filter tree: what a query asks for and what authorisation allows, in one form.
//!
//! A backend compiles it to a predicate; [`Filter::matches`] is the reference that every backend must agree with. It
//! is two-valued: a comparison with null is false, and only [`Filter::IsNull`] finds nulls.

use std::cmp;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{CollectionSpec, FieldKind, FieldSpec, RawRecord, words::words};
use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// A value of a promoted field. The order is the order of every backend: null first, text by bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "snake_case")]
pub enum FieldValue {
    /// No value.
    Null,
    /// A boolean; false before true.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An instant.
    Time(Timestamp),
    /// An id.
    Id(Uuid),
    /// Text.
    Text(String),
}

impl FieldValue {
    /// Whether a field of this kind can hold the value.
    pub const fn fits(&self, kind: FieldKind) -> bool {
        matches!(
            (self, kind),
            (Self::Null, _)
                | (Self::Bool(_), FieldKind::Bool)
                | (Self::Int(_), FieldKind::Int)
                | (Self::Text(_), FieldKind::Text)
                | (Self::Id(_), FieldKind::Id)
                | (Self::Time(_), FieldKind::Time)
        )
    }

    /// The value of a declared field in a document.
    pub fn extract(spec: &CollectionSpec, field: &FieldSpec, document: &Value) -> Result<Self> {
        let wrong = |expected: &str| {
            Error::invalid(format!("`{}` of `{}` must be {expected} or null", field.name, spec.name))
                .with("field", field.name)
        };
        let value = match document.get(field.name) {
            None | Some(Value::Null) => return Ok(Self::Null),
            Some(value) => value,
        };
        match field.kind {
            FieldKind::Bool => value.as_bool().map(Self::Bool).ok_or_else(|| wrong("a boolean")),
            FieldKind::Int => value.as_i64().map(Self::Int).ok_or_else(|| wrong("an integer")),
            FieldKind::Text => {
                value.as_str().map(|text| Self::Text(text.to_owned())).ok_or_else(|| wrong("text"))
            }
            FieldKind::Id => value
                .as_str()
                .and_then(|text| Uuid::try_parse(text).ok())
                .map(Self::Id)
                .ok_or_else(|| wrong("a UUID")),
            FieldKind::Time => value
                .as_str()
                .and_then(|text| text.parse().ok())
                .map(Self::Time)
                .ok_or_else(|| wrong("an RFC 3339 instant")),
        }
    }
}

macro_rules! into_field_value {
    ($($from:ty => $make:expr;)*) => {$(
        impl From<$from> for FieldValue {
            fn from(value: $from) -> Self {
                $make(value)
            }
        }
    )*};
}

into_field_value! {
    bool => FieldValue::Bool;
    i64 => FieldValue::Int;
    String => FieldValue::Text;
    &str => |text: &str| FieldValue::Text(text.to_owned());
    Uuid => FieldValue::Id;
    Timestamp => FieldValue::Time;
    crate::id::UserId => |id: crate::id::UserId| FieldValue::Id(id.as_uuid());
    crate::id::RunId => |id: crate::id::RunId| FieldValue::Id(id.as_uuid());
    crate::id::KnowledgeBaseId => |id: crate::id::KnowledgeBaseId| FieldValue::Id(id.as_uuid());
    crate::id::DocumentId => |id: crate::id::DocumentId| FieldValue::Id(id.as_uuid());
    crate::id::ProcessId => |id: crate::id::ProcessId| FieldValue::Id(id.as_uuid());
}

/// How two values compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ordering {
    /// The field is less than the value.
    Less,
    /// The field is less than the value or equal.
    LessOrEqual,
    /// The field is greater than the value.
    Greater,
    /// The field is greater than the value or equal.
    GreaterOrEqual,
}

impl Ordering {
    /// Whether a field's value stands in this order to another.
    pub fn holds(self, field: &FieldValue, value: &FieldValue) -> bool {
        let order = field.cmp(value);
        match self {
            Self::Less => order == cmp::Ordering::Less,
            Self::LessOrEqual => order != cmp::Ordering::Greater,
            Self::Greater => order == cmp::Ordering::Greater,
            Self::GreaterOrEqual => order != cmp::Ordering::Less,
        }
    }
}

/// A predicate over the promoted fields of a record.
///
/// ```
/// use agentforge_core::store::Filter;
/// let mine_or_open = Filter::any([Filter::eq("state", "open"), Filter::eq("owner", uuid::Uuid::nil())]);
/// assert_ne!(mine_or_open, Filter::False);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// Everything.
    True,
    /// Nothing.
    False,
    /// The field equals the value. Never true for null.
    Eq(String, FieldValue),
    /// The field stands in an order to the value. Never true for null.
    Compare(String, Ordering, FieldValue),
    /// The field is one of the values. Never true for null.
    In(String, Vec<FieldValue>),
    /// The text field begins with the text, by bytes.
    StartsWith(String, String),
    /// Every word of the text begins a word of the field, as [`super::words`] cuts both; true when the text has no
    /// words. The collection must name the field in its `search`.
    Words(String, String),
    /// The field has no value.
    IsNull(String),
    /// All of them; true when there are none.
    All(Vec<Filter>),
    /// At least one of them; false when there are none.
    Any(Vec<Filter>),
    /// Not that.
    Not(Box<Filter>),
}

impl Filter {
    /// The field equals the value.
    pub fn eq(field: impl Into<String>, value: impl Into<FieldValue>) -> Self {
        Self::Eq(field.into(), value.into())
    }

    /// The field is one of the values.
    pub fn is_in(field: impl Into<String>, values: impl IntoIterator<Item = impl Into<FieldValue>>) -> Self {
        Self::In(field.into(), values.into_iter().map(Into::into).collect())
    }

    /// Every word of the text begins a word of the field.
    ///
    /// ```
    /// use agentforge_core::store::{FieldValue, Filter};
    /// let name = |_: &str| FieldValue::from("Quarterly report, Berlin");
    /// assert!(Filter::words("name", "ber REP").matches(&name));
    /// assert!(!Filter::words("name", "port").matches(&name));
    /// ```
    pub fn words(field: impl Into<String>, text: impl Into<String>) -> Self {
        Self::Words(field.into(), text.into())
    }

    /// All of them.
    pub fn all(filters: impl IntoIterator<Item = Filter>) -> Self {
        Self::All(filters.into_iter().collect())
    }

    /// At least one of them.
    pub fn any(filters: impl IntoIterator<Item = Filter>) -> Self {
        Self::Any(filters.into_iter().collect())
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Filter) -> Self {
        match (self, other) {
            (Self::True, filter) | (filter, Self::True) => filter,
            (Self::False, _) | (_, Self::False) => Self::False,
            (a, b) => Self::All(vec![a, b]),
        }
    }

    /// Fails when the filter names a field that the collection does not declare, compares it with another type or with
    /// text that holds a NUL, or nests too deeply.
    pub fn check(&self, spec: &CollectionSpec) -> Result<()> {
        self.check_within(spec, MAX_FILTER_DEPTH)
    }

    fn check_within(&self, spec: &CollectionSpec, depth_left: usize) -> Result<()> {
        if depth_left == 0 {
            return Err(Error::invalid("the filter is nested too deeply; flatten it"));
        }
        match self {
            Self::True | Self::False => Ok(()),
            Self::Eq(field, value) | Self::Compare(field, _, value) => declared(spec, field, [value]),
            Self::In(_, values) if values.len() > MAX_LISTED => Err(Error::invalid(format!(
                "a filter lists {} values, more than {MAX_LISTED}; ask in several queries",
                values.len()
            ))
            .with("limit", MAX_LISTED)),
            Self::In(field, values) => declared(spec, field, values),
            Self::Words(field, text) => searchable(spec, field, text),
            Self::IsNull(field) => declared(spec, field, []),
            Self::StartsWith(field, prefix) => declared(spec, field, [&FieldValue::Text(prefix.clone())]),
            Self::All(filters) | Self::Any(filters) => {
                filters.iter().try_for_each(|filter| filter.check_within(spec, depth_left - 1))
            }
            Self::Not(filter) => filter.check_within(spec, depth_left - 1),
        }
    }

    /// The reference meaning of the filter over the fields of a record, as [`fields_of`] gives them.
    pub fn matches(&self, field: &dyn Fn(&str) -> FieldValue) -> bool {
        match self {
            Self::True => true,
            Self::False => false,
            Self::Eq(name, value) => *value != FieldValue::Null && field(name) == *value,
            Self::Compare(name, order, value) => match field(name) {
                FieldValue::Null => false,
                present => *value != FieldValue::Null && order.holds(&present, value),
            },
            Self::In(name, values) => {
                let present = field(name);
                present != FieldValue::Null && values.contains(&present)
            }
            Self::StartsWith(name, prefix) => {
                matches!(field(name), FieldValue::Text(text) if text.starts_with(prefix.as_str()))
            }
            Self::Words(name, text) => match (field(name), words(text)) {
                (_, sought) if sought.is_empty() => true,
                (FieldValue::Text(present), sought) => begin_words_of(&present, &sought),
                _ => false,
            },
            Self::IsNull(name) => field(name) == FieldValue::Null,
            Self::All(filters) => filters.iter().all(|filter| filter.matches(field)),
            Self::Any(filters) => filters.iter().any(|filter| filter.matches(field)),
            Self::Not(filter) => !filter.matches(field),
        }
    }
}

/// How deeply filters may nest.
const MAX_FILTER_DEPTH: usize = 32;

/// The most values that [`Filter::In`] may list.
pub const MAX_LISTED: usize = 10_000;

fn begin_words_of(text: &str, sought: &[String]) -> bool {
    let present = words(text);
    sought.iter().all(|sought| present.iter().any(|word| word.starts_with(sought)))
}

fn searchable(spec: &CollectionSpec, name: &str, text: &str) -> Result<()> {
    if !spec.search.contains(&name) {
        let message = match spec.search {
            [] => format!("`{}` has no field whose words can be searched", spec.name),
            known => format!(
                "the words of `{name}` of `{}` cannot be searched, only those of {}",
                spec.name,
                known.join(", ")
            ),
        };
        return Err(Error::invalid(message).with("field", name));
    }
    super::change::check_text(name, text)
}

fn declared<'a>(
    spec: &CollectionSpec,
    name: &str,
    values: impl IntoIterator<Item = &'a FieldValue>,
) -> Result<()> {
    let field = spec.field(name).ok_or_else(|| {
        let known: Vec<_> = spec.fields.iter().map(|field| field.name).collect();
        Error::invalid(format!(
            "`{}` has no field `{name}` to filter by; it has {}",
            spec.name,
            known.join(", ")
        ))
        .with("field", name)
    })?;
    for value in values {
        if !value.fits(field.kind) {
            return Err(Error::invalid(format!(
                "`{name}` of `{}` is compared with {value:?}, which is not of kind {:?}",
                spec.name, field.kind
            ))
            .with("field", name));
        }
        if let FieldValue::Text(text) = value {
            super::change::check_text(name, text)?;
        }
    }
    Ok(())
}

/// The value of a field of a stored record, system fields included.
pub fn fields_of(spec: &CollectionSpec, record: &RawRecord, name: &str) -> Result<FieldValue> {
    Ok(match name {
        "id" => FieldValue::Id(record.id),
        "version" => FieldValue::Int(i64::try_from(record.version).unwrap_or(i64::MAX)),
        "created_at" => FieldValue::Time(record.created_at),
        "updated_at" => FieldValue::Time(record.updated_at),
        _ => match spec.field(name) {
            Some(field) => FieldValue::extract(spec, field, &record.document)?,
            None => FieldValue::Null,
        },
    })
}
