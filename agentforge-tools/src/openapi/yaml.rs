//! YAML as JSON: the core schema of YAML 1.2 and merge keys, bounded in size, in depth and in what aliases repeat.

use std::collections::HashMap;

use agentforge_core::error::{Error, Result};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde_json::{Map, Number, Value};

/// How many values a document may have once its aliases are repeated.
const MAX_VALUES: usize = 4_000_000;

/// How deep values may lie in each other; as deep as JSON may.
const MAX_DEPTH: usize = 120;

/// A list or a map that is not closed yet.
enum Open {
    List(Vec<Value>),
    Map { fields: Map<String, Value>, merged: Vec<Value>, key: Option<String> },
}

struct Frame {
    open: Open,
    anchor: usize,
    values: usize,
}

/// Reads the first document of a YAML text.
pub(super) fn read(text: &str) -> Result<Value> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            Error::invalid(format!(
                "the document is no YAML at line {}: {}",
                error.marker().line(),
                error.info()
            ))
        })?;
        let at = |message: &str| Error::invalid(format!("line {}: {message}", span.start.line()));
        match event {
            Event::SequenceStart(anchor, _) => builder.open(Open::List(Vec::new()), anchor).map_err(at)?,
            Event::MappingStart(anchor, _) => {
                let map = Open::Map { fields: Map::new(), merged: Vec::new(), key: None };
                builder.open(map, anchor).map_err(at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.close().map_err(at)?,
            Event::Scalar(text, style, anchor, tag) => {
                builder.scalar(&text, style, anchor, tag.as_deref()).map_err(at)?;
            }
            Event::Alias(anchor) => builder.alias(anchor).map_err(at)?,
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }
    Ok(builder.whole.unwrap_or(Value::Null))
}

#[derive(Default)]
struct Builder {
    frames: Vec<Frame>,
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
    whole: Option<Value>,
}

impl Builder {
    fn open(&mut self, open: Open, anchor: usize) -> Result<(), &'static str> {
        if self.frames.len() >= MAX_DEPTH {
            return Err("the document lies deeper in itself than 120 levels");
        }
        if let Some(Frame { open: Open::Map { key: None, .. }, .. }) = self.frames.last() {
            return Err("a list or a map is no key");
        }
        self.frames.push(Frame { open, anchor, values: 1 });
        Ok(())
    }

    fn close(&mut self) -> Result<(), &'static str> {
        let Some(frame) = self.frames.pop() else { return Ok(()) };
        let value = match frame.open {
            Open::List(items) => Value::Array(items),
            Open::Map { mut fields, merged, .. } => {
                // What a map says itself stands above what is merged into it.
                for (key, value) in merged
                    .into_iter()
                    .filter_map(|value| match value {
                        Value::Object(map) => Some(map),
                        _ => None,
                    })
                    .flatten()
                {
                    fields.entry(key).or_insert(value);
                }
                Value::Object(fields)
            }
        };
        self.put(value, frame.anchor, frame.values)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
    ) -> Result<(), &'static str> {
        if let Some(Frame { open: Open::Map { key: key @ None, .. }, .. }) = self.frames.last_mut() {
            // Keys are text, whatever they look like: `200:` is a status.
            *key = Some(text.to_owned());
            if anchor != 0 {
                self.anchors.insert(anchor, (Value::from(text), 1));
            }
            return Ok(());
        }
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
        let value = match style {
            ScalarStyle::Plain if !is_text => plain(text),
            _ => Value::from(text),
        };
        self.put(value, anchor, 1)
    }

    fn alias(&mut self, anchor: usize) -> Result<(), &'static str> {
        // An anchor is known once its value is closed, so one inside of itself is not.
        let (value, values) =
            self.anchors.get(&anchor).cloned().ok_or("an alias stands inside of what it repeats")?;
        if let Some(Frame { open: Open::Map { key: key @ None, .. }, .. }) = self.frames.last_mut() {
            *key = Some(value.as_str().ok_or("a list or a map is no key")?.to_owned());
            return Ok(());
        }
        self.put(value, 0, values)
    }

    fn put(&mut self, value: Value, anchor: usize, values: usize) -> Result<(), &'static str> {
        // What lies inside was counted when it was put; only an alias brings in more than one value at once.
        self.values = self.values.saturating_add(if anchor == 0 { values } else { 1 });
        if self.values > MAX_VALUES {
            return Err("the aliases repeat more than a document may hold");
        }
        if anchor != 0 {
            self.values = self.values.saturating_add(values);
            self.anchors.insert(anchor, (value.clone(), values));
        }
        let Some(frame) = self.frames.last_mut() else {
            self.whole = Some(value);
            return Ok(());
        };
        frame.values = frame.values.saturating_add(values);
        match &mut frame.open {
            Open::List(items) => items.push(value),
            Open::Map { fields, merged, key } => match key.take() {
                Some(key) if key == "<<" => match value {
                    Value::Array(items) => merged.extend(items),
                    value => merged.push(value),
                },
                Some(key) => {
                    fields.insert(key, value);
                }
                None => {}
            },
        }
        Ok(())
    }
}

/// A scalar without quotes, by the core schema.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        text => number(text).map_or_else(|| Value::from(text), Value::Number),
    }
}

fn number(text: &str) -> Option<Number> {
    let first = text.bytes().next()?;
    if !(first.is_ascii_digit() || matches!(first, b'-' | b'+' | b'.')) {
        return None;
    }
    let radix = |digits: &str, radix| u64::from_str_radix(digits, radix).ok().map(Number::from);
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if let Ok(integer) = digits.parse::<i64>() {
        return Some(Number::from(integer));
    }
    if let Ok(integer) = digits.parse::<u64>() {
        return Some(Number::from(integer));
    }
    // `.inf`, `.nan` and words such as `1.2.3` stay text.
    let numeric = digits.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    if numeric { digits.parse().ok().and_then(Number::from_f64) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(text: &str, expected: Value) {
        assert_eq!(read(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn scalars_are_read_by_the_core_schema() {
        check("[1, -2, 0x1f, 0o17, 1.5, 1e3, +4]", json!([1, -2, 31, 15, 1.5, 1000.0, 4]));
        check(
            "[~, null, true, False, yes, on, .inf, 1.2.3, 2026-01-01]",
            json!([null, null, true, false, "yes", "on", ".inf", "1.2.3", "2026-01-01"]),
        );
        check("['1', \"true\", !!str 5]", json!(["1", "true", "5"]));
        check("200: a\nno: b\n", json!({"200": "a", "no": "b"}));
        check("a: |\n  x\n  y\nb: >\n  x\n  y\n", json!({"a": "x\ny\n", "b": "x y\n"}));
        check("", Value::Null);
    }

    #[test]
    fn aliases_and_merge_keys_are_followed() {
        check(
            "a: &x {k: 1, l: 2}\nb: *x\nc: {<<: *x, k: 3}\n",
            json!({"a": {"k": 1, "l": 2}, "b": {"k": 1, "l": 2}, "c": {"k": 3, "l": 2}}),
        );
        check("a: &k key\n*k : 1\n", json!({"a": "key", "key": 1}));
        check("c:\n  <<: [{a: 1}, {a: 2, b: 3}]\n", json!({"c": {"a": 1, "b": 3}}));
    }

    #[test]
    fn a_bomb_of_aliases_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for level in 1..12 {
            let below = format!("*a{},", level - 1).repeat(9);
            text.push_str(&format!("a{level}: &a{level} [{below}]\n"));
        }
        assert!(read(&text).unwrap_err().message().contains("aliases"));
    }

    #[test]
    fn depth_and_loops_are_refused() {
        assert!(read(&"[".repeat(10_000)).is_err());
        assert!(read("a: &a [*a]").unwrap_err().message().contains("inside of what it repeats"));
        assert!(read("? [a]\n: b\n").is_err());
        assert!(read("a: *nothing").is_err());
        assert!(read("a: b: c").unwrap_err().message().contains("line 1"));
    }
}
