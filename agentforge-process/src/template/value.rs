//! A JSON value whose strings are templates, keys excepted.

use agentforge_core::error::{Error, Result};
use serde_json::{Map, Value};

use super::{Template, Variables};

/// JSON with templates in its strings.
#[derive(Debug)]
pub enum TemplateValue {
    /// A value without any template.
    Literal(Value),
    /// A string that is a template.
    Template(Template),
    /// A list with templates inside.
    List(Vec<TemplateValue>),
    /// An object with templates inside.
    Object(Vec<(String, TemplateValue)>),
}

impl TemplateValue {
    /// Parses every string. Each fault comes with the JSON pointer of its string.
    pub fn parse(value: &Value) -> Result<Self, Vec<(String, Error)>> {
        let mut faults = Vec::new();
        let parsed = build(value, "", &mut faults);
        if faults.is_empty() { Ok(parsed) } else { Err(faults) }
    }

    /// Whether it holds no template.
    pub const fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Every template with the JSON pointer of its string.
    pub fn templates(&self) -> Vec<(String, &Template)> {
        let mut found = Vec::new();
        self.collect("", &mut found);
        found
    }

    fn collect<'a>(&'a self, path: &str, found: &mut Vec<(String, &'a Template)>) {
        match self {
            Self::Literal(_) => {}
            Self::Template(template) => found.push((path.to_owned(), template)),
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.collect(&format!("{path}/{index}"), found);
                }
            }
            Self::Object(fields) => {
                for (key, field) in fields {
                    field.collect(&below(path, key), found);
                }
            }
        }
    }

    /// The value with every template rendered; an error names the place under `path`.
    pub fn render(&self, variables: &dyn Variables) -> Result<Value> {
        self.render_at("", variables)
    }

    fn render_at(&self, path: &str, variables: &dyn Variables) -> Result<Value> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Template(template) => {
                template.render(variables).map_err(|error| error.with("path", path.to_owned()))
            }
            Self::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| item.render_at(&format!("{path}/{index}"), variables))
                .collect::<Result<_>>()
                .map(Value::Array),
            Self::Object(fields) => fields
                .iter()
                .map(|(key, field)| Ok((key.clone(), field.render_at(&below(path, key), variables)?)))
                .collect::<Result<Map<_, _>>>()
                .map(Value::Object),
        }
    }
}

fn build(value: &Value, path: &str, faults: &mut Vec<(String, Error)>) -> TemplateValue {
    match value {
        Value::String(source) => match Template::parse(source) {
            Ok(template) if template.is_literal() => TemplateValue::Literal(value.clone()),
            Ok(template) => TemplateValue::Template(template),
            Err(error) => {
                faults.push((path.to_owned(), error));
                TemplateValue::Literal(Value::Null)
            }
        },
        Value::Array(items) => {
            let built: Vec<_> = items
                .iter()
                .enumerate()
                .map(|(index, item)| build(item, &format!("{path}/{index}"), faults))
                .collect();
            if built.iter().all(TemplateValue::is_literal) {
                TemplateValue::Literal(value.clone())
            } else {
                TemplateValue::List(built)
            }
        }
        Value::Object(fields) => {
            let built: Vec<_> = fields
                .iter()
                .map(|(key, field)| (key.clone(), build(field, &below(path, key), faults)))
                .collect();
            if built.iter().all(|(_, field)| field.is_literal()) {
                TemplateValue::Literal(value.clone())
            } else {
                TemplateValue::Object(built)
            }
        }
        other => TemplateValue::Literal(other.clone()),
    }
}

fn below(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}
