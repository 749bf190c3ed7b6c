//! What templates of a node see of a run.

use serde_json::Value;

use super::{NodeState, State};
use crate::{
    definition::Compiled,
    template::{NodeValue, Variables},
};

/// A run as templates see it.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    compiled: &'a Compiled,
    state: &'a State,
}

impl<'a> Scope<'a> {
    /// The view of a state.
    pub const fn new(compiled: &'a Compiled, state: &'a State) -> Self {
        Self { compiled, state }
    }
}

impl Variables for Scope<'_> {
    fn input(&self) -> &Value {
        &self.state.input
    }

    fn run(&self) -> &Value {
        &self.state.run
    }

    fn node(&self, id: &str) -> Option<NodeValue<'_>> {
        let index = self.compiled.index(id)?;
        match self.state.node(index)? {
            NodeState::Done { outcome, output } => Some(NodeValue { output, outcome }),
            NodeState::Skipped => Some(NodeValue { output: &Value::Null, outcome: &Value::Null }),
            NodeState::Pending | NodeState::Waiting => None,
        }
    }
}
