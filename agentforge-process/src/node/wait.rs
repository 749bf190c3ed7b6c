//! `wait`: sleeps for a time, or until an instant. Outcome: `done`.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    error::{Error, Result},
    schema::Schema,
    time::Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Builder, Node, NodeType, Outcome, Turn, Visit};
use crate::{
    Period,
    engine::{Answer, Command, When},
    template::Template,
};

/// The node type `wait`.
#[derive(Debug, Clone, Copy, Default)]
pub struct WaitType;

/// The configuration of a wait node: exactly one of both.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitConfig {
    /// How long to sleep.
    #[serde(default, rename = "for")]
    period: Option<Period>,
    /// Until when to sleep: RFC 3339, a template. An instant in the past is over at once.
    #[serde(default)]
    until: Option<String>,
}

const DONE: &str = "done";

impl NodeType for WaitType {
    fn name(&self) -> &'static str {
        "wait"
    }

    fn description(&self) -> &'static str {
        "Sleeps for a time, or until an instant. A sleeping run costs nothing."
    }

    fn config(&self) -> Schema {
        Schema::of::<WaitConfig>()
    }

    fn outcomes(&self) -> &'static [Outcome] {
        const { &[Outcome::ends(DONE)] }
    }

    fn default_outcome(&self) -> Option<&'static str> {
        Some(DONE)
    }

    fn build(&self, config: &Value, builder: &mut Builder<'_>) -> Option<Arc<dyn Node>> {
        let config: WaitConfig = builder.config(config)?;
        match (config.period, config.until) {
            (Some(period), None) => Some(Arc::new(Wait::For(period.as_duration()))),
            (None, Some(until)) => {
                let template = builder.template("/until", &until)?;
                if template.is_literal() && until.parse::<Timestamp>().is_err() {
                    builder.problem("/until", format!("`{until}` is no RFC 3339 instant"));
                }
                Some(Arc::new(Wait::Until(template)))
            }
            _ => {
                builder.problem("", "say either `for`, such as \"PT48H\", or `until`, an RFC 3339 instant");
                None
            }
        }
    }
}

#[derive(Debug)]
enum Wait {
    For(Duration),
    Until(Template),
}

impl Node for Wait {
    fn enter(&self, visit: &Visit<'_>) -> Result<Turn> {
        let when = match self {
            Self::For(period) => When::After(*period),
            Self::Until(template) => {
                let text = template.render_text(visit.scope)?;
                When::At(text.parse().map_err(|error: Error| error.with("path", "/until"))?)
            }
        };
        Ok(Turn::wait([Command::Timer { at: visit.at, when }]))
    }

    fn answered(&self, _visit: &Visit<'_>, answer: &Answer) -> Result<Turn> {
        Ok(match answer {
            Answer::Timer => Turn::done(DONE, json!({})),
            _ => Turn::wait([]),
        })
    }
}
