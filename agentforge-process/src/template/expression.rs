//! The template engine behind our own types: nothing of minijinja leaves this file.

use std::sync::LazyLock;

use agentforge_core::{
    error::{Error, Result},
    json::{check_storable, encoded_len},
};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};
use serde_json::{Map, Value};

use super::Variables;

/// How many instructions one rendering may take.
const FUEL: u64 = 50_000;

/// The most bytes that one rendering may give.
const MAX_OUTPUT: usize = 256 * 1024;

const NAME: &str = "template";

/// The settings of every template. It holds no template and never changes.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(64);
    environment
});

/// A lone expression.
pub(super) struct Expression(Box<minijinja::Expression<'static, 'static>>);

impl Expression {
    pub(super) fn parse(source: &str) -> Result<Self> {
        let expression = ENVIRONMENT.compile_expression_owned(source.to_owned()).map_err(translate)?;
        Ok(Self(Box::new(expression)))
    }

    pub(super) fn variables(&self) -> Vec<String> {
        sorted(self.0.undeclared_variables(true))
    }

    pub(super) fn value(&self, context: minijinja::Value) -> Result<Value> {
        let value = self.0.eval(context).map_err(translate)?;
        if value.is_undefined() {
            return Err(Error::invalid("the expression has no value"));
        }
        let value = serde_json::to_value(&value)
            .map_err(|error| Error::invalid("the expression's value is no JSON").caused_by(error))?;
        check_size(encoded_len(&value))?;
        check_storable(&value)?;
        Ok(value)
    }
}

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expression")
    }
}

/// Text with expressions and statements.
pub(super) struct Text(Box<Environment<'static>>);

impl Text {
    pub(super) fn parse(source: &str) -> Result<Self> {
        let mut environment = ENVIRONMENT.clone();
        environment.add_template_owned(NAME, source.to_owned()).map_err(translate)?;
        Ok(Self(Box::new(environment)))
    }

    pub(super) fn variables(&self) -> Vec<String> {
        self.0.get_template(NAME).map(|text| sorted(text.undeclared_variables(true))).unwrap_or_default()
    }

    pub(super) fn render(&self, context: minijinja::Value) -> Result<String> {
        let text = self.0.get_template(NAME).and_then(|text| text.render(context)).map_err(translate)?;
        check_size(text.len())?;
        if text.contains('\0') {
            return Err(Error::invalid("the template gives text with a NUL character; remove it"));
        }
        Ok(text)
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Text")
    }
}

/// The variables that a template names, and no others: outputs of nodes may be large.
pub(super) fn context(names: &[String], variables: &dyn Variables) -> minijinja::Value {
    let mut context = Map::new();
    let mut nodes = Map::new();
    for name in names {
        let mut parts = name.split('.');
        match (parts.next(), parts.next()) {
            (Some("input"), _) => {
                context.insert("input".to_owned(), variables.input().clone());
            }
            (Some("run"), _) => {
                context.insert("run".to_owned(), variables.run().clone());
            }
            (Some("nodes"), Some(id)) if !nodes.contains_key(id) => {
                if let Some(node) = variables.node(id) {
                    let value = serde_json::json!({"output": node.output, "outcome": node.outcome});
                    nodes.insert(id.to_owned(), value);
                }
            }
            _ => {}
        }
    }
    context.insert("nodes".to_owned(), Value::Object(nodes));
    minijinja::value::Serde(context).into()
}

/// Names that templates may use without defining them, for example `range`.
pub(super) fn is_built_in(name: &str) -> bool {
    ENVIRONMENT.globals().any(|(global, _)| global == name)
}

fn sorted(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().filter(|name| !is_built_in(name)).collect();
    names.sort();
    names
}

fn check_size(bytes: usize) -> Result<()> {
    if bytes > MAX_OUTPUT {
        return Err(Error::invalid(format!("the template gives {bytes} bytes, {MAX_OUTPUT} are allowed")));
    }
    Ok(())
}

fn translate(error: minijinja::Error) -> Error {
    let what = match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    };
    let line =
        error.line().filter(|line| *line > 1).map_or_else(String::new, |line| format!(" in line {line}"));
    Error::invalid(format!("the template does not work{line}: {what}"))
}
