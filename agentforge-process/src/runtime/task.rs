//! The commands of a run that are not answered yet, and how far each has come.

use std::collections::{BTreeMap, VecDeque};

use agentforge_core::{error::Result, time::Timestamp};

use super::rows::{Asked, Permit};
use crate::{
    definition::Compiled,
    engine::{Answer, Command, Emission, Event, Move, Place, State, advance},
};

/// What sort of answer a task waits for. A node has at most one task of each sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wants {
    Effect,
    Timer,
    Signal,
    Child,
}

/// Names a task.
pub(super) type TaskKey = (Place, Wants);

/// A command that is not answered yet.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Task {
    pub(super) command: Command,
    pub(super) stage: Stage,
    /// Counts the tries of an effect from 0.
    pub(super) attempt: u32,
    /// What a person allowed to run.
    pub(super) permit: Option<Permit>,
}

/// How far a task has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stage {
    /// Nothing is done for it yet.
    New,
    /// An effect's intent is written, and nobody knows more.
    Intended,
    /// This driver is calling. Never read from a journal.
    Running,
    /// People were asked.
    Asked(Asked),
    /// A timer runs.
    Due(Timestamp),
    /// It waits for a signal that somebody else sends.
    Listening,
}

/// The state of a run with its open tasks: what a fold of the journal gives and a driver goes on with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Replay {
    pub(super) state: State,
    pub(super) tasks: BTreeMap<TaskKey, Task>,
    /// Events of the process that did not reach the outbox yet.
    pub(super) emissions: VecDeque<(Place, Emission)>,
}

/// What an event came to.
pub(super) struct Applied {
    /// What the nodes did.
    pub(super) moves: Vec<Move>,
    /// The tasks that nobody waits for any more.
    pub(super) dropped: Vec<(TaskKey, Task)>,
}

impl Replay {
    pub(super) fn new(compiled: &Compiled) -> Self {
        Self { state: State::new(compiled), tasks: BTreeMap::new(), emissions: VecDeque::new() }
    }

    /// Takes an event in.
    pub(super) fn apply(&mut self, compiled: &Compiled, event: Event) -> Result<Applied> {
        if let Event::Answered { at, answer } = &event {
            self.tasks.remove(&(*at, wanted(answer)));
        }
        // A failing step ends the driver, so that nobody sees the state that was taken.
        let state = std::mem::replace(&mut self.state, State::new(compiled));
        let progressed = advance(compiled, state, event)?;
        self.state = progressed.state;
        let dropped: Vec<_> = {
            let gone: Vec<_> =
                self.tasks.keys().filter(|(at, _)| !self.state.is_waiting(*at)).copied().collect();
            gone.into_iter().filter_map(|key| self.tasks.remove_entry(&key)).collect()
        };
        for command in progressed.commands {
            let key = match &command {
                Command::Effect { at, .. } => (*at, Wants::Effect),
                Command::Timer { at, .. } => (*at, Wants::Timer),
                Command::AwaitSignal { at, .. } => (*at, Wants::Signal),
                Command::StartChild { at, .. } => (*at, Wants::Child),
                Command::Emit { at, emission } => {
                    self.emissions.push_back((*at, emission.clone()));
                    continue;
                }
                Command::Finish(_) => continue,
            };
            self.tasks.insert(key, Task { command, stage: Stage::New, attempt: 0, permit: None });
        }
        Ok(Applied { moves: progressed.moves, dropped })
    }

    /// The approvals that the run waits for.
    pub(super) fn asked(&self) -> impl Iterator<Item = &Asked> {
        self.tasks.values().filter_map(|task| match &task.stage {
            Stage::Asked(asked) => Some(asked),
            _ => None,
        })
    }

    /// When the first timer is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.tasks
            .values()
            .filter_map(|task| match &task.stage {
                Stage::Due(due) => Some(*due),
                _ => None,
            })
            .min()
    }

    /// The first task for which something can be done now.
    pub(super) fn next_task(&self, now: Timestamp, with_effects: bool) -> Option<(TaskKey, Task)> {
        self.tasks
            .iter()
            .find(|((_, wants), task)| match &task.stage {
                Stage::New | Stage::Intended => with_effects || *wants != Wants::Effect,
                Stage::Due(due) => *due <= now,
                Stage::Running | Stage::Asked(_) | Stage::Listening => false,
            })
            .map(|(key, task)| (*key, task.clone()))
    }

    /// Whether an effect waits for a driver that may call it.
    pub(super) fn has_idle_effects(&self) -> bool {
        self.tasks.iter().any(|((_, wants), task)| {
            *wants == Wants::Effect && matches!(task.stage, Stage::New | Stage::Intended)
        })
    }

    /// Notes how far a task has come.
    pub(super) fn set_stage(&mut self, key: TaskKey, stage: Stage) {
        if let Some(task) = self.tasks.get_mut(&key) {
            task.stage = stage;
        }
    }
}

const fn wanted(answer: &Answer) -> Wants {
    match answer {
        Answer::Effect(_) => Wants::Effect,
        Answer::Timer => Wants::Timer,
        Answer::Signal(_) => Wants::Signal,
        Answer::Child(_) => Wants::Child,
    }
}

/// The key of a node's timer in the store.
pub(super) fn timer_key(compiled: &Compiled, at: Place) -> Result<String> {
    Ok(format!("{}/{}", compiled.node(at.node)?.id, at.iteration))
}
