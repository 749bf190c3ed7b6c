//! Parts of a JSON value by path: `/orders/0/id` as a JSON pointer, or `orders[].id` in plain words.

use std::collections::BTreeMap;

use agentforge_core::error::{Error, Result};
use serde_json::{Map, Value};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// A field, or an index into an array.
    Key(String),
    /// Every item of an array.
    Each,
}

/// A path into a JSON value. The empty one is the whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path(Vec<Step>);

/// More steps than any reply needs.
const MAX_STEPS: usize = 32;

impl Path {
    /// Reads a JSON pointer, where `*` stands for every item, or a path with dots.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let steps = match text.strip_prefix('/') {
            Some(pointer) => pointer.split('/').map(of_pointer).collect::<Vec<_>>(),
            None if text.is_empty() || text == "$" => Vec::new(),
            None => of_words(text.strip_prefix("$.").unwrap_or(text))?,
        };
        if steps.len() > MAX_STEPS {
            return Err(Error::invalid(format!("the path `{text}` has more than {MAX_STEPS} steps")));
        }
        Ok(Self(steps))
    }

    /// The part under the path; a path through every item of an array leads to the first.
    pub(super) fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, step| match (step, value) {
            (Step::Each, Value::Array(items)) => items.first(),
            (Step::Key(key), Value::Array(items)) => items.get(key.parse::<usize>().ok()?),
            (Step::Key(key), Value::Object(fields)) => fields.get(key),
            _ => None,
        })
    }

    /// The field of an object at the top that the path begins with.
    pub(super) fn take(&self, value: &mut Value) -> Option<Value> {
        let mut place = value;
        for step in &self.0 {
            place = match (step, place) {
                (Step::Key(key), Value::Object(fields)) => fields.get_mut(key)?,
                (Step::Key(key), Value::Array(items)) => items.get_mut(key.parse::<usize>().ok()?)?,
                _ => return None,
            };
        }
        Some(place.take())
    }

    /// Puts a value under the path, making objects on the way.
    pub(super) fn put(&self, value: &mut Value, new: Value) -> Option<()> {
        let mut place = value;
        for step in &self.0 {
            let Step::Key(key) = step else { return None };
            if place.is_null() {
                *place = Value::Object(Map::new());
            }
            place = place.as_object_mut()?.entry(key.clone()).or_insert(Value::Null);
        }
        *place = new;
        Some(())
    }
}

fn of_pointer(token: &str) -> Step {
    match token {
        "*" | "-" => Step::Each,
        token => Step::Key(token.replace("~1", "/").replace("~0", "~")),
    }
}

fn of_words(text: &str) -> Result<Vec<Step>> {
    let wrong = || {
        Error::invalid(format!(
            "`{text}` is no path; write for example `customer.name`, `orders[].id` or `/orders/0/id`"
        ))
    };
    let mut steps = Vec::new();
    for word in text.split('.') {
        let (name, mut brackets) = word.split_at(word.find('[').unwrap_or(word.len()));
        if name.is_empty() && (brackets.is_empty() || !steps.is_empty()) {
            return Err(wrong());
        }
        if !name.is_empty() {
            steps.push(Step::Key(name.to_owned()));
        }
        while let Some(inner) = brackets.strip_prefix('[') {
            let (index, rest) = inner.split_once(']').ok_or_else(wrong)?;
            steps.push(match index {
                "" | "*" => Step::Each,
                digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => Step::Key(digits.to_owned()),
                _ => return Err(wrong()),
            });
            brackets = rest;
        }
        if !brackets.is_empty() {
            return Err(wrong());
        }
    }
    Ok(steps)
}

/// Several paths as one tree.
#[derive(Debug, Default)]
pub(super) struct Picked {
    whole: bool,
    steps: BTreeMap<Step, Picked>,
}

impl Picked {
    /// The tree of some paths.
    pub(super) fn of(paths: &[Path]) -> Self {
        let mut root = Self::default();
        for path in paths {
            let mut place = &mut root;
            for step in &path.0 {
                place = place.steps.entry(step.clone()).or_default();
            }
            place.whole = true;
        }
        root
    }

    /// What the paths lead to, in the shape that it had. A field's name applied to an array means every item.
    pub(super) fn from(&self, value: Value) -> Option<Value> {
        if self.whole {
            return Some(value);
        }
        match value {
            Value::Object(mut fields) => {
                let mut kept = Map::new();
                for (step, below) in &self.steps {
                    let Step::Key(key) = step else { continue };
                    if let Some(found) = fields.remove(key).and_then(|value| below.from(value)) {
                        kept.insert(key.clone(), found);
                    }
                }
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(items) => {
                let index = |index: usize| self.steps.get(&Step::Key(index.to_string()));
                let each = self.steps.get(&Step::Each).unwrap_or(self);
                let kept = items.into_iter().enumerate();
                let kept = kept.filter_map(|(at, item)| index(at).unwrap_or(each).from(item));
                Some(Value::Array(kept.collect()))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pick(paths: &[&str], value: Value) -> Option<Value> {
        let paths: Vec<_> = paths.iter().map(|path| Path::parse(path).unwrap()).collect();
        Picked::of(&paths).from(value)
    }

    #[test]
    fn picked_fields_keep_the_shape_of_the_value() {
        let value = json!({
            "orders": [{"id": 1, "customer": {"name": "Ada", "mail": "x"}}, {"id": 2}],
            "next": "c2",
            "a/b": 3,
        });
        let check = |paths: &[&str], expected: Value| {
            assert_eq!(pick(paths, value.clone()), Some(expected), "{paths:?}");
        };
        check(&["orders[].id"], json!({"orders": [{"id": 1}, {"id": 2}]}));
        check(&["orders.id"], json!({"orders": [{"id": 1}, {"id": 2}]}));
        check(&["/orders/*/id", "next"], json!({"orders": [{"id": 1}, {"id": 2}], "next": "c2"}));
        check(&["orders[].customer.name"], json!({"orders": [{"customer": {"name": "Ada"}}]}));
        check(&["orders[1]"], json!({"orders": [{"id": 2}]}));
        check(&["/orders/1/id"], json!({"orders": [{"id": 2}]}));
        check(&["/a~1b"], json!({"a/b": 3}));
        assert_eq!(pick(&["nothing.here"], value.clone()), None);
        assert_eq!(pick(&["orders", "orders[].id"], value.clone()).unwrap()["orders"], value["orders"]);
    }

    #[test]
    fn a_path_is_read_in_both_spellings_and_nonsense_is_refused() {
        let value = json!({"data": {"list": [{"x": 7}]}});
        for text in ["data.list[0].x", "/data/list/0/x", "$.data.list[].x"] {
            assert_eq!(Path::parse(text).unwrap().get(&value), Some(&json!(7)), "{text}");
        }
        for text in ["a..b", "a[", "a[x]", "a[0]b", ".", "a.[0]"] {
            assert!(Path::parse(text).is_err(), "{text}");
        }
        let mut made = json!({"a": {"b": 1}});
        Path::parse("a.c.d").unwrap().put(&mut made, json!(2)).unwrap();
        assert_eq!(made, json!({"a": {"b": 1, "c": {"d": 2}}}));
    }
}
