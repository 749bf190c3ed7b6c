//! Templates: text with `{{ variables }}`, and JSON whose strings are templates.
//!
//! The language is that of Jinja, with strict undefined, a limit on work and no escaping. A string that is nothing but
//! one `{{ expression }}` keeps the JSON type of its value. A path through null is null: `nodes.book.output.id` is null
//! when `book` was skipped.

mod expression;
mod path;
mod value;

use agentforge_core::error::{Error, Result};
use serde_json::Value;

use expression::{Expression, Text};
use path::Path;

pub use value::TemplateValue;

/// The most bytes that the source of one template may have.
pub const MAX_SOURCE: usize = 16 * 1024;

/// What templates can see.
pub trait Variables {
    /// The input of the run, as `input`.
    fn input(&self) -> &Value;

    /// The run itself, as `run`: its `id` and who it was `started_by`.
    fn run(&self) -> &Value;

    /// A node, as `nodes.<id>`: its `output` and its `outcome`, both null when it was skipped. None when there is no
    /// such node.
    fn node(&self, id: &str) -> Option<NodeValue<'_>>;
}

/// What templates see of a node.
#[derive(Debug, Clone, Copy)]
pub struct NodeValue<'a> {
    /// What it put out.
    pub output: &'a Value,
    /// How it ended.
    pub outcome: &'a Value,
}

/// A template, parsed once.
///
/// ```
/// use agentforge_process::template::{NodeValue, Template, Variables};
/// use serde_json::{Value, json};
///
/// struct Form(Value, Value);
/// impl Variables for Form {
///     fn input(&self) -> &Value { &self.0 }
///     fn run(&self) -> &Value { &self.1 }
///     fn node(&self, _: &str) -> Option<NodeValue<'_>> { None }
/// }
/// let form = Form(json!({"days": 3}), Value::Null);
/// assert_eq!(Template::parse("{{ input.days }}")?.render(&form)?, json!(3));
/// assert_eq!(Template::parse("{{ input.days }} days")?.render(&form)?, json!("3 days"));
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Template {
    body: Body,
    variables: Vec<String>,
}

#[derive(Debug)]
enum Body {
    Literal(String),
    Path(Path),
    Expression(Expression),
    Text(Text),
}

impl Template {
    /// Parses a template; an error says what is wrong with it.
    pub fn parse(source: &str) -> Result<Self> {
        if source.len() > MAX_SOURCE {
            return Err(Error::invalid(format!(
                "the template has {} bytes, {MAX_SOURCE} are allowed; shorten it",
                source.len()
            )));
        }
        if !["{{", "{%", "{#"].iter().any(|mark| source.contains(mark)) {
            return Ok(Self { body: Body::Literal(source.to_owned()), variables: Vec::new() });
        }
        let Some(lone) = lone_expression(source) else {
            let text = Text::parse(source)?;
            return Ok(Self { variables: text.variables(), body: Body::Text(text) });
        };
        if let Some(path) = Path::parse(lone) {
            return Ok(Self { variables: vec![path.to_string()], body: Body::Path(path) });
        }
        let expression = Expression::parse(lone)?;
        Ok(Self { variables: expression.variables(), body: Body::Expression(expression) })
    }

    /// Whether it says the same whatever the variables are.
    pub const fn is_literal(&self) -> bool {
        matches!(self.body, Body::Literal(_))
    }

    /// The variables that it may look up, as dotted paths, sorted.
    pub fn variables(&self) -> &[String] {
        &self.variables
    }

    /// The value: of its own type for a lone expression, text for everything else. An undefined variable is invalid
    /// input and named.
    pub fn render(&self, variables: &dyn Variables) -> Result<Value> {
        match &self.body {
            Body::Literal(text) => Ok(Value::String(text.clone())),
            Body::Path(path) => path.find(variables).map(std::borrow::Cow::into_owned),
            Body::Expression(expression) => {
                let context = expression::context(&self.variables, variables);
                expression.value(context).map_err(|error| self.explain(error, variables))
            }
            Body::Text(text) => {
                let context = expression::context(&self.variables, variables);
                let text = text.render(context).map_err(|error| self.explain(error, variables))?;
                Ok(Value::String(text))
            }
        }
    }

    /// The value as text: a string as it is, null as nothing, everything else as JSON.
    pub fn render_text(&self, variables: &dyn Variables) -> Result<String> {
        Ok(match self.render(variables)? {
            Value::String(text) => text,
            Value::Null => String::new(),
            other => other.to_string(),
        })
    }

    /// The first variable that has no value explains most failures better than the template engine can.
    fn explain(&self, error: Error, variables: &dyn Variables) -> Error {
        let undefined = self
            .variables
            .iter()
            .filter_map(|name| Path::parse(name))
            .find_map(|path| path.find(variables).err());
        match undefined {
            Some(undefined) => undefined.caused_by(error),
            None => error,
        }
    }
}

/// The inside of a source that is one `{{ … }}` and nothing else.
fn lone_expression(source: &str) -> Option<&str> {
    let inner = source.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let inner = inner.strip_prefix(['-', '+']).unwrap_or(inner);
    let inner = inner.strip_suffix(['-', '+']).unwrap_or(inner);
    let marks = ["{{", "}}", "{%", "%}", "{#", "#}"];
    (!marks.iter().any(|mark| inner.contains(mark))).then(|| inner.trim())
}

#[cfg(test)]
mod tests;
