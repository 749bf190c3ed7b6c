//! Plays compiled definitions by hand: answers commands and keeps what happened.

use std::{collections::BTreeMap, sync::Arc};

use agentforge_core::{
    approval::{ApprovalDecision, ApprovalState, ApprovalVerb, Resolution},
    context::Principal,
    error::Error,
    id::{ApprovalId, RunId, UserId},
    json::Digest,
    message::Trust,
    schema::Schema,
    testing::fixed_context,
    tool::{Annotations, FunctionTool, Registry, ToolSpec},
};
use agentforge_process::{
    Catalogue, Compiled, Definition, compile,
    engine::{Answer, Command, EffectResult, End, Event, NodeState, Place, Started, State, step},
};
use serde_json::{Value, json};

/// A tool named `note` that takes `text` and perhaps `days`.
pub(crate) fn tools() -> Registry {
    let schema = Schema::from_value(json!({
        "type": "object",
        "properties": {"text": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["text"],
        "additionalProperties": false,
    }));
    let tool = FunctionTool::new("note", "Writes a note.", |_cx, arguments: Value| async move {
        Ok::<_, Error>(arguments)
    })
    .with_spec(|spec| ToolSpec { input: schema, ..spec }.annotated(Annotations::READ_ONLY));
    Registry::new().with(Arc::new(tool)).unwrap()
}

pub(crate) fn process(nodes: Value, edges: Value) -> Value {
    json!({"v": 1, "name": "test", "nodes": nodes, "edges": edges})
}

pub(crate) fn call(id: &str) -> Value {
    json!({"id": id, "type": "tool", "config": {"tool": "note", "arguments": {"text": id}}})
}

pub(crate) fn compiled(definition: &Value) -> Compiled {
    let definition = Definition::parse(definition).unwrap();
    compile(definition, &Catalogue::standard(), Some(&tools())).unwrap()
}

pub(crate) fn started(input: Value) -> Event {
    let cx = fixed_context();
    let started_by = Principal::user(UserId::new(&cx));
    Event::Started(Started { run: RunId::new(&cx), input, started_by })
}

/// What an effect comes to when it works.
pub(crate) fn ok(output: Value) -> Answer {
    Answer::Effect(EffectResult::Ok { output, trust: Trust::Trusted })
}

pub(crate) fn failed(message: &str) -> Answer {
    let error = Error::invalid(message).to_report();
    Answer::Effect(EffectResult::Failed { error, trust: Trust::Trusted })
}

/// What people answer.
pub(crate) fn resolved(state: ApprovalState, verb: Option<ApprovalVerb>, payload: Value) -> Answer {
    let cx = fixed_context();
    let decision = verb.map(|verb| ApprovalDecision {
        by: Principal::user(UserId::new(&cx)),
        on_behalf_of: None,
        verb,
        payload,
        at: cx.now(),
    });
    let digest = Digest::of_bytes(b"asked");
    let resolution = Resolution { approval: ApprovalId::new(&cx), digest, state, decision };
    Answer::Signal(serde_json::to_value(resolution).unwrap())
}

/// A run that is played by hand.
pub(crate) struct Play {
    pub(crate) compiled: Compiled,
    pub(crate) state: State,
    /// Everything that happened, for a replay.
    pub(crate) events: Vec<Event>,
    /// Everything that was commanded, by event.
    pub(crate) commands: Vec<Vec<Command>>,
}

impl Play {
    pub(crate) fn of(definition: &Value) -> Self {
        Self::with(compiled(definition), json!({}))
    }

    pub(crate) fn with(compiled: Compiled, input: Value) -> Self {
        let state = State::new(&compiled);
        let mut play = Self { compiled, state, events: Vec::new(), commands: Vec::new() };
        play.tell(started(input));
        play
    }

    pub(crate) fn tell(&mut self, event: Event) {
        let (state, commands) = step(&self.compiled, self.state.clone(), event.clone()).unwrap();
        self.state = state;
        self.events.push(event);
        self.commands.push(commands);
    }

    pub(crate) fn place(&self, node: &str) -> Place {
        Place { node: self.compiled.index(node).unwrap(), iteration: 0 }
    }

    pub(crate) fn answer(&mut self, node: &str, answer: Answer) -> &mut Self {
        let at = self.place(node);
        self.tell(Event::Answered { at, answer });
        self
    }

    /// The nodes that the last event made command something, in order.
    pub(crate) fn commanded(&self) -> Vec<String> {
        let commands = self.commands.last().unwrap();
        let places = commands.iter().filter_map(Command::at);
        places.map(|at| self.compiled.nodes()[index(&self.compiled, at)].id.clone()).collect()
    }

    pub(crate) fn end(&self) -> Option<&End> {
        self.state.end()
    }

    pub(crate) fn output(&self) -> &Value {
        match self.end() {
            Some(End::Completed { output }) => output,
            other => panic!("the run did not complete: {other:?}"),
        }
    }

    pub(crate) fn is_skipped(&self, node: &str) -> bool {
        self.state.node(self.place(node).node) == Some(&NodeState::Skipped)
    }

    /// Every command that is not answered yet, by place.
    pub(crate) fn open(&self) -> BTreeMap<Place, Command> {
        let commands = self.commands.iter().flatten();
        commands
            .filter_map(|command| Some((command.at()?, command.clone())))
            .filter(|(at, _)| self.state.is_waiting(*at))
            .collect()
    }

    /// Plays the same events again from nothing and compares every command.
    pub(crate) fn replay(&self) {
        let mut state = State::new(&self.compiled);
        for (event, expected) in self.events.iter().zip(&self.commands) {
            // A snapshot that was written and read again must go on in the same way.
            let snapshot = serde_json::to_value(&state).unwrap();
            let read: State = serde_json::from_value(snapshot).unwrap();
            let (next, commands) = step(&self.compiled, read, event.clone()).unwrap();
            assert_eq!(&commands, expected);
            state = next;
        }
        assert_eq!(state, self.state);
    }
}

fn index(compiled: &Compiled, at: Place) -> usize {
    let ids: Vec<_> = compiled.nodes().iter().map(|node| compiled.index(&node.id).unwrap()).collect();
    ids.iter().position(|index| *index == at.node).unwrap()
}
