//! `approval`: asks people and waits. Outcomes: `approved`, `rejected`, and `expired`, which goes where `rejected` goes
//! unless it has edges of its own.
//!
//! The output is `{state, verb, by, payload, at}` whatever the outcome. Without an edge for it a rejection is no error:
//! the branch ends, and a run that has nothing else to do completes with that output.

use std::sync::Arc;

use agentforge_core::{
    approval::{ApprovalState, ApprovalVerb, Resolution},
    error::{Error, ErrorKind, Result},
    schema::{Schema, Validator},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Builder, Node, NodeType, Outcome, People, PeopleConfig, Turn, Visit, people::AssigneesConfig};
use crate::{
    Period,
    engine::{Answer, Await, Command, Question},
    template::{Template, TemplateValue},
};

/// The node type `approval`.
#[derive(Debug, Clone, Copy, Default)]
pub struct ApprovalType;

/// The configuration of an approval node.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ApprovalConfig {
    /// The question in a line; a template.
    title: String,
    /// What there is to see before deciding: text or an object, with templates.
    #[serde(default)]
    detail: Value,
    /// Who may decide. Whoever has the permission `processes:approve` when nobody is named.
    #[serde(default)]
    assignees: AssigneesConfig,
    /// How many must say yes; 1 when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100))]
    quorum: Option<u32>,
    /// How long people have; for ever when absent.
    #[serde(default)]
    expires_in: Option<Period>,
    /// The JSON Schema of what an approver fills in. A yes whose payload does not fit is asked for again.
    #[serde(default)]
    #[schemars(schema_with = "any_schema")]
    form: Option<Value>,
}

fn any_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": ["object", "boolean", "null"]})
}

const APPROVED: &str = "approved";
const REJECTED: &str = "rejected";
const EXPIRED: &str = "expired";

impl NodeType for ApprovalType {
    fn name(&self) -> &'static str {
        "approval"
    }

    fn description(&self) -> &'static str {
        "Asks people and waits for their answer. A waiting run costs nothing and survives a restart."
    }

    fn config(&self) -> Schema {
        Schema::of::<ApprovalConfig>()
    }

    fn outcomes(&self) -> &'static [Outcome] {
        const { &[Outcome::ends(APPROVED), Outcome::ends(REJECTED), Outcome::follows(EXPIRED, REJECTED)] }
    }

    fn default_outcome(&self) -> Option<&'static str> {
        None
    }

    fn build(&self, config: &Value, builder: &mut Builder<'_>) -> Option<Arc<dyn Node>> {
        let config: ApprovalConfig = builder.config(config)?;
        let title = builder.template("/title", &config.title);
        if config.title.trim().is_empty() {
            builder.problem("/title", "the question is empty; say what is to be approved");
        }
        let detail = builder.template_value("/detail", &config.detail);
        let people = PeopleConfig {
            assignees: config.assignees,
            quorum: config.quorum,
            expires_in: config.expires_in,
        };
        let people = People::build(&people, "", builder);
        let form = match config.form {
            Some(schema) => Some((builder.schema("/form", &schema)?, schema)),
            None => None,
        };
        Some(Arc::new(Approval { title: title?, detail: detail?, people: people?, form }))
    }
}

#[derive(Debug)]
struct Approval {
    title: Template,
    detail: TemplateValue,
    people: People,
    form: Option<(Validator, Value)>,
}

impl Approval {
    fn ask(&self, visit: &Visit<'_>, problem: Option<String>) -> Result<Turn> {
        let question = Question {
            title: self.title.render_text(visit.scope).map_err(|error| error.with("path", "/title"))?,
            detail: self.detail.render(visit.scope)?,
            form: self.form.as_ref().map(|(_, schema)| schema.clone()),
            problem,
            assignees: self.people.assignees(visit.scope)?,
            quorum: self.people.quorum,
            expires_in: self.people.expires_in,
        };
        Ok(Turn::wait([Command::AwaitSignal { at: visit.at, signal: Await::Answer(question) }]))
    }

    /// What is wrong with what the approver filled in.
    fn misfit(&self, payload: &Value) -> Option<String> {
        let (validator, _) = self.form.as_ref()?;
        validator.check("what was filled in", payload).err().map(|error| error.message().to_owned())
    }
}

impl Node for Approval {
    fn enter(&self, visit: &Visit<'_>) -> Result<Turn> {
        self.ask(visit, None)
    }

    fn answered(&self, visit: &Visit<'_>, answer: &Answer) -> Result<Turn> {
        let Answer::Signal(payload) = answer else { return Ok(Turn::wait([])) };
        let resolution: Resolution = serde_json::from_value(payload.clone()).map_err(|error| {
            Error::new(ErrorKind::Corrupt, "the answer to an approval cannot be read").caused_by(error)
        })?;
        let decision = resolution.decision;
        let outcome = match resolution.state {
            ApprovalState::Approved => APPROVED,
            ApprovalState::Expired => EXPIRED,
            ApprovalState::Rejected | ApprovalState::Cancelled => REJECTED,
            ApprovalState::Open => return Ok(Turn::wait([])),
        };
        let filled_in = decision
            .as_ref()
            .filter(|decision| matches!(decision.verb, ApprovalVerb::Approve | ApprovalVerb::Edit))
            .map_or(&Value::Null, |decision| &decision.payload);
        if outcome == APPROVED
            && let Some(problem) = self.misfit(filled_in)
        {
            return self.ask(visit, Some(problem));
        }
        let output = json!({
            "state": outcome,
            "verb": decision.as_ref().map(|decision| decision.verb),
            "by": decision.as_ref().map(|decision| &decision.by),
            "payload": decision.as_ref().map_or(&Value::Null, |decision| &decision.payload),
            "at": decision.as_ref().map(|decision| decision.at),
        });
        Ok(Turn::done(outcome, output))
    }
}
