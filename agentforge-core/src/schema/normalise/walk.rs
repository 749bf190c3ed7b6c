//! One pass over a document: counts, bounds, and remembers where every schema went.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{MAX_SCHEMA_DEPTH, MAX_SUBSCHEMAS, fault, typing};
use crate::error::Result;

/// Where a schema stands: JSON pointers in the old document and in the new one.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) old: String,
    pub(super) new: String,
    /// The resource that it belongs to: what `#` means here.
    pub(super) base: Base,
    depth: usize,
}

/// A schema with an `$id`, or the whole document.
#[derive(Clone, Default)]
pub(super) struct Base {
    pub(super) old: String,
    pub(super) new: String,
}

impl Place {
    pub(super) fn root() -> Self {
        Self { old: String::new(), new: String::new(), base: Base::default(), depth: 0 }
    }

    /// A place that is the same in both documents, for what a reference points at outside all schemas.
    pub(super) fn unmoved(pointer: &str) -> Self {
        Self { old: pointer.to_owned(), new: pointer.to_owned(), ..Self::root() }
    }

    /// A schema below this one.
    pub(super) fn below(&self, old: &[&str], new: &[&str]) -> Self {
        let join = |start: &str, segments: &[&str]| {
            let mut pointer = start.to_owned();
            for segment in segments {
                pointer.push('/');
                pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
            }
            pointer
        };
        Self {
            old: join(&self.old, old),
            new: join(&self.new, new),
            base: self.base.clone(),
            depth: self.depth + 1,
        }
    }

    /// The place of a member, for a message.
    pub(super) fn at(&self, member: &str) -> String {
        format!("{}/{member}", self.old)
    }
}

/// What a schema is to the one above it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It declares a value: the whole, a property, an item.
    Declared,
    /// It is one of several that apply to the same value, or a condition.
    Applied,
}

/// A `$ref`, `$dynamicRef` or the like.
pub(super) struct Reference {
    /// The schema that holds it, in the new document.
    pub(super) holder: String,
    pub(super) old: String,
    pub(super) base: Base,
    pub(super) target: String,
}

/// One pass over a document.
pub(super) struct Walk {
    /// Where schemas stood, and where they stand.
    pub(super) seen: BTreeMap<String, String>,
    pub(super) references: Vec<Reference>,
    /// The names under which the document may call itself.
    pub(super) own_ids: Vec<String>,
    pub(super) draft: Draft,
    /// Whether the document says what dialect it is in: then it means what that dialect says, and no more.
    pub(super) is_declared: bool,
    count: usize,
}

/// What matters of the dialect that a document names.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Draft {
    Three,
    Four,
    /// Drafts 6 and 7.
    Seven,
    /// 2019-09 and 2020-12, or not said.
    Present,
}

impl Walk {
    pub(super) fn new(root: &Value) -> Self {
        let named = root.get("$schema").and_then(Value::as_str).unwrap_or_default();
        let draft = if named.contains("draft-03") {
            Draft::Three
        } else if named.contains("draft-04") {
            Draft::Four
        } else if named.contains("draft-06") || named.contains("draft-07") {
            Draft::Seven
        } else {
            Draft::Present
        };
        let ids = ["$id", "id"].iter().filter_map(|key| root.get(*key).and_then(Value::as_str));
        let own_ids = ids.map(|id| id.trim_end_matches('#').to_owned()).filter(|id| !id.is_empty()).collect();
        Self {
            seen: BTreeMap::new(),
            references: Vec::new(),
            own_ids,
            draft,
            is_declared: !named.is_empty(),
            count: 0,
        }
    }

    /// A schema in dialect 2020-12.
    pub(super) fn schema(&mut self, value: &Value, place: &Place, role: Role) -> Result<Value> {
        self.count += 1;
        if self.count > MAX_SUBSCHEMAS {
            return Err(fault(&place.old, format!("it holds more than {MAX_SUBSCHEMAS} schemas; split it")));
        }
        if place.depth > MAX_SCHEMA_DEPTH {
            return Err(fault(
                &place.old,
                format!("schemas nest more than {MAX_SCHEMA_DEPTH} deep; use `$ref`"),
            ));
        }
        self.seen.insert(place.old.clone(), place.new.clone());
        match value {
            Value::Bool(_) => Ok(value.clone()),
            Value::Object(fields) => self.object(fields, place, role).map(Value::Object),
            Value::String(text) => match typing::parse(text) {
                Some(parsed) => Ok(Value::Object(parsed.schema)),
                None => Err(unknown_type(&place.old, text)),
            },
            // A property that says nothing takes anything.
            Value::Null if !place.old.is_empty() => Ok(Value::Object(Map::new())),
            Value::Array(list) if !list.is_empty() => {
                let mut all = Vec::with_capacity(list.len());
                for (index, item) in list.iter().enumerate() {
                    let index = index.to_string();
                    let below = place.below(&[&index], &["anyOf", &index]);
                    match self.schema(item, &below, Role::Applied)? {
                        Value::Object(schema) => all.push(schema),
                        _ => return Err(fault(&below.old, "a choice of types holds types and schemas")),
                    }
                }
                Ok(Value::Object(typing::union(all)))
            }
            _ => Err(fault(&place.old, "a schema is an object, a boolean or the name of a type")),
        }
    }

    /// A list of schemas under a keyword.
    pub(super) fn list(
        &mut self,
        list: &[Value],
        place: &Place,
        (old, new): (&str, &str),
        first: usize,
        role: Role,
    ) -> Result<Vec<Value>> {
        list.iter()
            .enumerate()
            .map(|(index, item)| {
                let (before, after) = (index.to_string(), (index + first).to_string());
                self.schema(item, &place.below(&[old, &before], &[new, &after]), role)
            })
            .collect()
    }

    /// Schemas by name under a keyword.
    pub(super) fn map(
        &mut self,
        fields: &Map<String, Value>,
        place: &Place,
        (old, new): (&str, &str),
        role: Role,
    ) -> Result<Map<String, Value>> {
        fields
            .iter()
            .map(|(name, value)| {
                let schema = self.schema(value, &place.below(&[old, name], &[new, name]), role)?;
                Ok((name.clone(), schema))
            })
            .collect()
    }
}

pub(super) fn unknown_type(path: &str, text: &str) -> crate::error::Error {
    let shown: String = text.chars().take(80).collect();
    fault(path, format!("`{shown}` is no type; use string, number, integer, boolean, array, object or null"))
}
