//! A plain path such as `nodes.book.output.rooms[0].id`, looked up without the template engine.

use std::{borrow::Cow, fmt};

use agentforge_core::error::{Error, Result};
use serde_json::{Value, json};

use super::Variables;

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Name(String),
    Index(usize),
}

/// A path that begins with `input`, `nodes` or `run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    root: String,
    rest: Vec<Segment>,
}

impl Path {
    /// The path that a text is, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (root, mut rest) = split_name(text)?;
        if !["input", "nodes", "run"].contains(&root) {
            return None;
        }
        let mut segments = Vec::new();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('.') {
                let (name, after) = split_name(after)?;
                segments.push(Segment::Name(name.to_owned()));
                rest = after;
            } else {
                let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
                if !index.bytes().all(|byte| byte.is_ascii_digit()) {
                    return None;
                }
                segments.push(Segment::Index(index.parse().ok()?));
                rest = after;
            }
        }
        Some(Self { root: root.to_owned(), rest: segments })
    }

    /// The value at the path. Null on the way is null at the end; a missing member is invalid input.
    pub(super) fn find<'a>(&self, variables: &'a dyn Variables) -> Result<Cow<'a, Value>> {
        let undefined = || {
            Error::invalid(format!("the variable `{self}` is not defined")).with("variable", self.to_string())
        };
        let (start, rest) = match (self.root.as_str(), self.rest.as_slice()) {
            ("input", rest) => (variables.input(), rest),
            ("run", rest) => (variables.run(), rest),
            (_, [Segment::Name(id), rest @ ..]) => {
                let node = variables.node(id).ok_or_else(undefined)?;
                match rest {
                    [] => {
                        return Ok(Cow::Owned(json!({"output": node.output, "outcome": node.outcome})));
                    }
                    [Segment::Name(part), rest @ ..] if part == "output" => (node.output, rest),
                    [Segment::Name(part), rest @ ..] if part == "outcome" => (node.outcome, rest),
                    _ => return Err(undefined()),
                }
            }
            _ => return Err(undefined()),
        };
        let mut value = start;
        for segment in rest {
            value = match (value, segment) {
                (Value::Null, _) => return Ok(Cow::Borrowed(&Value::Null)),
                (Value::Object(fields), Segment::Name(name)) => fields.get(name).ok_or_else(undefined)?,
                (Value::Array(items), Segment::Index(index)) => items.get(*index).ok_or_else(undefined)?,
                _ => return Err(undefined()),
            };
        }
        Ok(Cow::Borrowed(value))
    }
}

/// The identifier at the beginning of a text, and what follows it.
fn split_name(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, rest) = text.split_at_checked(end)?;
    let first = name.chars().next()?;
    (!first.is_ascii_digit()).then_some((name, rest))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.root)?;
        self.rest.iter().try_for_each(|segment| match segment {
            Segment::Name(name) => write!(f, ".{name}"),
            Segment::Index(index) => write!(f, "[{index}]"),
        })
    }
}
