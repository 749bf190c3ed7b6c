//! The step: an event goes in, a state and commands come out.

use std::collections::VecDeque;

use agentforge_core::{
    error::{Error, ErrorKind, ErrorReport, Result},
    message::Trust,
};
use serde_json::{Value, json};

use super::{Answer, Command, End, Event, NodeState, Place, Scope, State, state::EdgeState};
use crate::{
    definition::{Compiled, CompiledNode, NodeIndex},
    node::{Progress, Turn, Visit, WithoutEdge},
};

/// Takes an event into the state. The same state and event always give the same state and commands. After the end of a
/// run nothing changes any more. Fails only when the event cannot belong to a run of this definition.
///
/// ```
/// use agentforge_process::{Catalogue, Definition, compile, engine::{Command, End, Event, Started, State, step}};
/// # use agentforge_core::{context::Principal, id::{RunId, UserId}, testing::fixed_context};
/// # use serde_json::json;
/// let definition = Definition::parse(&json!({
///     "v": 1, "name": "nap",
///     "nodes": [{"id": "sleep", "type": "wait", "config": {"for": "PT1H"}}],
/// }))?;
/// let compiled = compile(definition, &Catalogue::standard(), None)?;
/// # let cx = fixed_context();
/// # let (run, started_by) = (RunId::new(&cx), Principal::user(UserId::new(&cx)));
/// let started = Event::Started(Started { run, input: json!({}), started_by });
/// let (state, commands) = step(&compiled, State::new(&compiled), started)?;
/// assert!(matches!(commands[0], Command::Timer { .. }) && state.end().is_none());
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
pub fn step(compiled: &Compiled, state: State, event: Event) -> Result<(State, Vec<Command>)> {
    advance(compiled, state, event).map(|progressed| (progressed.state, progressed.commands))
}

/// What came of a step, with the moves that a timeline shows.
#[derive(Debug, Clone, PartialEq)]
pub struct Progressed {
    /// The state after the event.
    pub state: State,
    /// What is to be done.
    pub commands: Vec<Command>,
    /// What the nodes did, in order.
    pub moves: Vec<Move>,
}

/// What a node did in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// It began.
    Entered(Place),
    /// It ended well.
    Done(Place),
    /// It ended with an error.
    Failed(Place),
}

/// [`step`], with the moves of the nodes.
pub fn advance(compiled: &Compiled, state: State, event: Event) -> Result<Progressed> {
    if !state.fits(compiled) {
        return Err(Error::new(ErrorKind::Corrupt, "the state belongs to another definition"));
    }
    let mut machine =
        Machine { compiled, state, commands: Vec::new(), moves: Vec::new(), ready: VecDeque::new() };
    if machine.state.end.is_none() {
        machine.take(event)?;
    }
    Ok(Progressed { state: machine.state, commands: machine.commands, moves: machine.moves })
}

struct Machine<'a> {
    compiled: &'a Compiled,
    state: State,
    commands: Vec<Command>,
    moves: Vec<Move>,
    /// Nodes whose token has come, in the order in which it did.
    ready: VecDeque<NodeIndex>,
}

impl Machine<'_> {
    fn take(&mut self, event: Event) -> Result<()> {
        let begun = !self.state.run.is_null();
        match event {
            Event::Started(_) if begun => {
                return Err(Error::new(ErrorKind::Corrupt, "the run began twice; its journal is damaged"));
            }
            Event::Started(started) => {
                self.state.run = json!({"id": started.run, "started_by": started.started_by});
                self.state.input = started.input;
                self.ready.push_back(self.compiled.start());
            }
            _ if !begun => {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "the journal does not begin with the run's start",
                ));
            }
            Event::Cancelled => {
                self.finish(End::Cancelled);
                return Ok(());
            }
            Event::Answered { at, answer } => {
                if !self.state.is_waiting(at) {
                    return Ok(());
                }
                if let Answer::Effect(result) | Answer::Child(result) = &answer
                    && result.trust() == Trust::Untrusted
                {
                    self.state.trust = Trust::Untrusted;
                }
                let turn = {
                    let node = self.compiled.node(at.node)?;
                    let scope = Scope::new(self.compiled, &self.state);
                    node.behaviour.answered(&Visit { at, scope: &scope }, &answer)
                };
                self.play(at, turn)?;
            }
        }
        self.run_ready()
    }

    /// Enters nodes until all of them wait or the run has ended.
    fn run_ready(&mut self) -> Result<()> {
        while self.state.end.is_none() {
            let Some(index) = self.ready.pop_front() else {
                if !self.state.nodes.contains(&NodeState::Waiting) {
                    let end = self.completed();
                    self.finish(end);
                }
                return Ok(());
            };
            let at = Place { node: index, iteration: 0 };
            self.moves.push(Move::Entered(at));
            let turn = {
                let node = self.compiled.node(index)?;
                let scope = Scope::new(self.compiled, &self.state);
                node.behaviour.enter(&Visit { at, scope: &scope })
            };
            self.play(at, turn)?;
        }
        Ok(())
    }

    /// Takes a node's turn into the state.
    fn play(&mut self, at: Place, turn: Result<Turn>) -> Result<()> {
        let node = self.compiled.node(at.node)?;
        let turn = match turn {
            Ok(turn) => turn,
            Err(error) if error.kind() == ErrorKind::Corrupt => return Err(error),
            Err(error) => Turn::failed(node.failure(), error.to_report()),
        };
        for command in turn.commands {
            if let Command::Finish(end) = command {
                self.finish(end);
                return Ok(());
            }
            self.commands.push(command);
        }
        match turn.progress {
            Progress::Waiting => self.set_node(at.node, NodeState::Waiting),
            Progress::Done { outcome, output } => {
                self.moves.push(Move::Done(at));
                self.leave(at.node, node, outcome, output, None)
            }
            Progress::Failed { outcome, mut error } => {
                self.moves.push(Move::Failed(at));
                error.details.entry("node").or_insert_with(|| json!(node.id));
                let output = json!({"error": error});
                self.leave(at.node, node, outcome, output, Some(error))
            }
        }
    }

    /// Ends a node: takes the edges of its outcome and closes the others.
    fn leave(
        &mut self,
        index: NodeIndex,
        node: &CompiledNode,
        outcome: &'static str,
        output: Value,
        error: Option<ErrorReport>,
    ) -> Result<()> {
        self.set_node(index, NodeState::Done { outcome: json!(outcome), output })?;
        let leads = |name: &str| node.outgoing.iter().any(|edge| self.compiled.leaves_on(*edge, name));
        let rule = node.outcomes.iter().find(|known| known.name == outcome).map(|known| known.without_edge);
        let taken = match rule {
            _ if leads(outcome) => outcome,
            Some(WithoutEdge::Follows(other)) if leads(other) => other,
            // An unknown outcome fails the run too: nobody can have drawn an edge for it.
            Some(WithoutEdge::FailsRun) | None => {
                let error = error.unwrap_or_else(|| unhandled(node, outcome));
                self.finish(End::Failed { error });
                return Ok(());
            }
            Some(WithoutEdge::EndsBranch | WithoutEdge::Follows(_)) => {
                self.state.ends.push(index);
                outcome
            }
        };
        let edges: Vec<_> = node
            .outgoing
            .iter()
            .map(|edge| {
                (
                    *edge,
                    if self.compiled.leaves_on(*edge, taken) { EdgeState::Taken } else { EdgeState::Dead },
                )
            })
            .collect();
        self.resolve(edges)
    }

    /// Sets edges, and passes on what that means: a node all of whose edges are settled runs or is skipped.
    fn resolve(&mut self, edges: Vec<(usize, EdgeState)>) -> Result<()> {
        let mut work: VecDeque<_> = edges.into();
        while let Some((edge, settled)) = work.pop_front() {
            let slot = self.state.edges.get_mut(edge).ok_or_else(dangling)?;
            *slot = settled;
            let target = self.compiled.edges().get(edge).ok_or_else(dangling)?.to;
            let node = self.compiled.node(target)?;
            let states = || node.incoming.iter().filter_map(|edge| self.state.edges.get(*edge));
            if states().any(|state| *state == EdgeState::Open) {
                continue;
            }
            if states().any(|state| *state == EdgeState::Taken) {
                self.ready.push_back(target);
            } else {
                work.extend(node.outgoing.iter().map(|edge| (*edge, EdgeState::Dead)));
                self.set_node(target, NodeState::Skipped)?;
            }
        }
        Ok(())
    }

    /// The end of a run with nothing left to do.
    fn completed(&self) -> End {
        let output = match (&self.compiled.output(), self.state.ends.as_slice()) {
            (Some(output), _) => match output.render(&Scope::new(self.compiled, &self.state)) {
                Ok(output) => output,
                Err(error) => {
                    let error = error.with("at", "/output").to_report();
                    return End::Failed { error };
                }
            },
            (None, [only]) => self.output_of(*only),
            (None, several) => several
                .iter()
                .filter_map(|index| {
                    Some((self.compiled.node(*index).ok()?.id.clone(), self.output_of(*index)))
                })
                .collect::<serde_json::Map<_, _>>()
                .into(),
        };
        End::Completed { output }
    }

    fn output_of(&self, index: NodeIndex) -> Value {
        match self.state.node(index) {
            Some(NodeState::Done { output, .. }) => output.clone(),
            _ => Value::Null,
        }
    }

    /// Ends the run. What was commanded in the same step is no longer wanted, except what was already said.
    fn finish(&mut self, end: End) {
        self.ready.clear();
        self.commands.retain(|command| matches!(command, Command::Emit { .. }));
        self.commands.push(Command::Finish(end.clone()));
        self.state.end = Some(end);
    }

    fn set_node(&mut self, index: NodeIndex, state: NodeState) -> Result<()> {
        *self.state.nodes.get_mut(index.as_usize()).ok_or_else(dangling)? = state;
        Ok(())
    }
}

fn unhandled(node: &CompiledNode, outcome: &str) -> ErrorReport {
    Error::internal(format!("the node ended in `{outcome}`, which its type does not declare"))
        .with("node", node.id.clone())
        .to_report()
}

fn dangling() -> Error {
    Error::internal("a compiled definition points beyond its own nodes or edges")
}
