//! Random gadgets and random questions about them, from values that databases like to get wrong.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{collections::GADGETS, random::Choices};
use crate::{
    store::{Direction, FieldKind, FieldValue, Filter, OrderBy, Ordering, Query, RawRecord, SYSTEM_FIELDS},
    time::Timestamp,
};

const TEXTS: &[&str] = &[
    "", " a", "\"", "%", "10", "9", "A", "Z", "\\", "_", "a", "a%", "a'b", "a\u{301}", "aa", "ab", "a_", "b",
    "aa A%10", "z", "á", "é", "\u{fb00}", "\u{fffd}", "😀", "\n",
];
const PREFIXES: &[&str] = &["", "a", "A", "a%", "_", "é", "\u{fb00}", "😀", "\\", "aa", "\u{fffd}"];
const SOUGHT: &[&str] = &["", "a", "A%", "aa a", "É", "1 0", "10", "b Z", "😀", "\u{fb00}", "a\u{301}"];
const NUMBERS: &[i64] = &[i64::MIN, -1, 0, 1, 2, 9_007_199_254_740_993, i64::MAX];
const INSTANTS: &[&str] = &[
    "1969-12-31T23:59:59.999999Z",
    "1970-01-01T00:00:00Z",
    "1970-01-01T01:00:00+01:00",
    "2026-01-01T00:00:00.000001Z",
    "2026-01-01T00:00:00.5Z",
    "9000-01-01T00:00:00Z",
];
const MAKERS: &[&str] = &[
    "00000000-0000-0000-0000-000000000000",
    "67e55044-10b1-426f-9247-bb680e5fe0c8",
    "67E55044-10B1-426F-9247-BB680E5FE0C8",
    "80000000-0000-4000-8000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
];

/// A gadget in which every field is absent, null or one of a few values, so that many are equal.
pub(super) fn random_document(choices: &Choices) -> Value {
    let mut document = json!({ "extra": choices.below(10) });
    let values = [
        ("flag", json!(choices.one_in(2))),
        ("size", json!(choices.of(NUMBERS))),
        ("label", json!(choices.of(TEXTS))),
        ("maker", json!(choices.of(MAKERS))),
        ("due", json!(choices.of(INSTANTS))),
    ];
    if let Value::Object(fields) = &mut document {
        for (name, value) in values {
            match choices.below(6) {
                0 => {}
                1 => drop(fields.insert(name.to_owned(), Value::Null)),
                _ => drop(fields.insert(name.to_owned(), value)),
            }
        }
    }
    document
}

/// A question about gadgets: a filter of any form, up to three keys of order, a small page.
pub(super) fn random_query(choices: &Choices, model: &[RawRecord]) -> Query {
    let mut query = Query::new(random_filter(choices, model, 3));
    for _ in 0..choices.below(4) {
        let (field, _) = random_field(choices);
        let direction = if choices.one_in(2) { Direction::Ascending } else { Direction::Descending };
        query.order.push(OrderBy { field, direction });
    }
    query.limit = 1 + u32::try_from(choices.below(40)).unwrap_or(0);
    query.count = choices.one_in(3);
    query
}

fn random_field(choices: &Choices) -> (String, FieldKind) {
    let fields: Vec<_> = GADGETS.fields.iter().chain(SYSTEM_FIELDS).collect();
    let field = fields.get(choices.below(fields.len()));
    field.map_or(("id".to_owned(), FieldKind::Id), |field| (field.name.to_owned(), field.kind))
}

fn random_filter(choices: &Choices, model: &[RawRecord], depth: usize) -> Filter {
    let some = |most| (0..choices.below(most)).map(|_| random_filter(choices, model, depth - 1)).collect();
    match choices.below(if depth == 0 { 6 } else { 10 }) {
        0 if choices.one_in(4) => Filter::True,
        0 if choices.one_in(4) => Filter::False,
        0 | 6 => Filter::IsNull(random_field(choices).0),
        1 | 2 => {
            let (field, kind) = random_field(choices);
            Filter::Eq(field, random_value(choices, model, kind))
        }
        3 => {
            let (field, kind) = random_field(choices);
            let values = (0..choices.below(4)).map(|_| random_value(choices, model, kind)).collect();
            Filter::In(field, values)
        }
        4 => {
            let (field, kind) = random_field(choices);
            let order = match choices.below(4) {
                0 => Ordering::Less,
                1 => Ordering::LessOrEqual,
                2 => Ordering::Greater,
                _ => Ordering::GreaterOrEqual,
            };
            Filter::Compare(field, order, random_value(choices, model, kind))
        }
        5 if choices.one_in(2) => Filter::words("label", choices.of(SOUGHT)),
        5 => Filter::StartsWith("label".to_owned(), choices.of(PREFIXES).to_owned()),
        7 => Filter::All(some(4)),
        8 => Filter::Any(some(4)),
        _ => Filter::Not(Box::new(random_filter(choices, model, depth - 1))),
    }
}

/// A value that a field of the kind may hold, mostly one that a record does hold.
fn random_value(choices: &Choices, model: &[RawRecord], kind: FieldKind) -> FieldValue {
    let record = model.get(choices.below(model.len()));
    let instant = |text: &str| text.parse().unwrap_or(Timestamp::UNIX_EPOCH);
    if choices.one_in(8) {
        return FieldValue::Null;
    }
    match (kind, record) {
        (FieldKind::Bool, _) => FieldValue::Bool(choices.one_in(2)),
        (FieldKind::Int, _) => FieldValue::Int(choices.of(NUMBERS)),
        (FieldKind::Text, _) => FieldValue::Text(choices.of(TEXTS).to_owned()),
        (FieldKind::Id, Some(record)) if choices.one_in(2) => FieldValue::Id(record.id),
        (FieldKind::Id, _) => FieldValue::Id(Uuid::try_parse(choices.of(MAKERS)).unwrap_or_default()),
        (FieldKind::Time, Some(record)) if choices.one_in(2) => FieldValue::Time(record.updated_at),
        (FieldKind::Time, _) => FieldValue::Time(instant(choices.of(INSTANTS))),
    }
}
