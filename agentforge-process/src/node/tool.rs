//! `tool`: calls a tool. Outcomes: `ok`, and `error`, which fails the run unless an edge handles it.
//!
//! The output of `ok` is the tool's value, or its text when it has none; that of `error` is `{"error": …}`.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    error::Result,
    schema::{Schema, Validator},
    tool::ToolSpec,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Builder, Node, NodeType, Outcome, People, PeopleConfig, Turn, Visit};
use crate::{
    Period,
    definition::{faults, or_nearest},
    engine::{Answer, Command, Effect, EffectResult, InDoubt, ToolEffect},
    template::TemplateValue,
};

/// The node type `tool`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ToolType;

/// The configuration of a tool node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ToolConfig {
    /// The name of the tool.
    tool: String,
    /// Its arguments, with templates. A string that is one `{{ expression }}` keeps the type of its value.
    #[serde(default = "no_arguments")]
    #[schemars(schema_with = "any_object")]
    arguments: Value,
    /// How long one call may take; never longer than the host allows.
    #[serde(default)]
    timeout: Option<Period>,
    /// What happens to a call of which nobody knows whether it took effect, because the process died meanwhile. Only
    /// tools that may not simply be called again can be in doubt.
    #[serde(default)]
    in_doubt: InDoubt,
    /// Whom to ask when the call needs approval or is in doubt.
    #[serde(default)]
    approval: PeopleConfig,
}

fn no_arguments() -> Value {
    json!({})
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object"})
}

const OK: &str = "ok";
const ERROR: &str = "error";

impl NodeType for ToolType {
    fn name(&self) -> &'static str {
        "tool"
    }

    fn description(&self) -> &'static str {
        "Calls a tool with arguments from the input and from earlier nodes."
    }

    fn config(&self) -> Schema {
        Schema::of::<ToolConfig>()
    }

    fn outcomes(&self) -> &'static [Outcome] {
        const { &[Outcome::ends(OK), Outcome::fails(ERROR)] }
    }

    fn default_outcome(&self) -> Option<&'static str> {
        Some(OK)
    }

    fn build(&self, config: &Value, builder: &mut Builder<'_>) -> Option<Arc<dyn Node>> {
        let config: ToolConfig = builder.config(config)?;
        let arguments = builder.template_value("/arguments", &config.arguments);
        let people = People::build(&config.approval, "/approval", builder);
        let spec = builder.tools().map(|tools| (tools, tools.spec(&config.tool)));
        match (spec, &arguments) {
            (Some((_, Some(spec))), Some(arguments)) => {
                check_arguments(spec, &config.arguments, arguments, builder);
            }
            (Some((tools, None)), _) => {
                let hint = or_nearest(&config.tool, tools.names());
                builder.problem("/tool", format!("there is no tool `{}`; {hint}", config.tool));
            }
            _ => {}
        }
        Some(Arc::new(Tool {
            name: config.tool,
            arguments: arguments?,
            timeout: config.timeout.map(Period::as_duration),
            in_doubt: config.in_doubt,
            people: people?,
        }))
    }
}

/// Checks arguments against the tool's schema as far as they are known before a run: all of it when they hold no
/// template, else their names.
fn check_arguments(spec: &ToolSpec, source: &Value, arguments: &TemplateValue, builder: &mut Builder<'_>) {
    let schema = spec.input.as_value();
    if arguments.is_literal() {
        let Ok(validator) = Validator::new(&spec.input) else { return };
        for fault in faults(&validator, schema, source) {
            builder.problem(&format!("/arguments{}", fault.path), fault.message);
        }
        return;
    }
    let names = |key: &str| schema.get(key).cloned().unwrap_or(Value::Null);
    let shape = json!({
        "type": "object",
        "properties": names("properties").as_object().map(|properties| {
            properties.keys().map(|name| (name.clone(), json!({}))).collect::<serde_json::Map<_, _>>()
        }).unwrap_or_default(),
        "required": names("required").as_array().cloned().unwrap_or_default(),
        "additionalProperties": names("additionalProperties") != Value::Bool(false),
    });
    let Ok(validator) = Validator::new(&Schema::from_value(shape.clone())) else { return };
    for fault in faults(&validator, &shape, source) {
        builder.problem(&format!("/arguments{}", fault.path), fault.message);
    }
}

#[derive(Debug)]
struct Tool {
    name: String,
    arguments: TemplateValue,
    timeout: Option<Duration>,
    in_doubt: InDoubt,
    people: People,
}

impl Node for Tool {
    fn enter(&self, visit: &Visit<'_>) -> Result<Turn> {
        let effect = Effect::Tool(ToolEffect {
            tool: self.name.clone(),
            arguments: self.arguments.render(visit.scope)?,
            timeout: self.timeout,
            in_doubt: self.in_doubt,
            assignees: self.people.assignees(visit.scope)?,
            quorum: self.people.quorum,
            expires_in: self.people.expires_in,
        });
        Ok(Turn::wait([Command::Effect { at: visit.at, effect }]))
    }

    fn answered(&self, _visit: &Visit<'_>, answer: &Answer) -> Result<Turn> {
        Ok(match answer {
            Answer::Effect(EffectResult::Ok { output, .. }) => Turn::done(OK, output.clone()),
            Answer::Effect(EffectResult::Failed { error, .. }) => Turn::failed(ERROR, error.clone()),
            _ => Turn::wait([]),
        })
    }
}
