//! Node types that a host might add: they use the commands that the standard types do not.

use std::sync::Arc;

use agentforge_core::{error::Result, schema::Schema};
use serde_json::{Value, json};

use crate::{
    Catalogue,
    engine::{Answer, Await, ChildStart, Command, EffectResult, Emission},
    node::{Builder, Node, NodeType, Outcome, Turn, Visit},
};

/// The standard catalogue with `say`, `listen` and `child`.
pub(super) fn catalogue() -> Result<Catalogue> {
    ["say", "listen", "child"]
        .into_iter()
        .try_fold(Catalogue::standard(), |catalogue, name| catalogue.with(Arc::new(HostType(name))))
}

struct HostType(&'static str);

impl NodeType for HostType {
    fn name(&self) -> &'static str {
        self.0
    }

    fn description(&self) -> &'static str {
        "A node of the host."
    }

    fn config(&self) -> Schema {
        Schema::any_object()
    }

    fn outcomes(&self) -> &'static [Outcome] {
        const { &[Outcome::ends("done"), Outcome::fails("error")] }
    }

    fn default_outcome(&self) -> Option<&'static str> {
        Some("done")
    }

    fn build(&self, _config: &Value, _builder: &mut Builder<'_>) -> Option<Arc<dyn Node>> {
        Some(Arc::new(Host(self.0)))
    }
}

struct Host(&'static str);

impl Node for Host {
    fn enter(&self, visit: &Visit<'_>) -> Result<Turn> {
        let at = visit.at;
        Ok(match self.0 {
            "say" => {
                let emission = Emission { kind: "stamp.given".to_owned(), data: json!({"stamp": 1}) };
                Turn { commands: vec![Command::Emit { at, emission }], ..Turn::done("done", json!({})) }
            }
            "listen" => {
                let signal = Await::Named("stamp".to_owned());
                Turn::wait([Command::AwaitSignal { at, signal }])
            }
            _ => {
                let child = ChildStart { process: "another".to_owned(), input: json!({}) };
                Turn::wait([Command::StartChild { at, child }])
            }
        })
    }

    fn answered(&self, _visit: &Visit<'_>, answer: &Answer) -> Result<Turn> {
        Ok(match answer {
            Answer::Signal(payload) => Turn::done("done", payload.clone()),
            Answer::Child(EffectResult::Failed { error, .. }) => Turn::failed("error", error.clone()),
            _ => Turn::wait([]),
        })
    }
}
