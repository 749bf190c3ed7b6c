//! Does what the open tasks need: sets timers, asks people, prepares calls.

use std::time::Duration;

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    event::Event,
    message::Trust,
    store::{Change, Timer},
    time::Timestamp,
    tool::Prepared,
};
use serde_json::json;

use super::{
    drive::Drive,
    rows::{EVENT_EMITTED, NewRow},
    task::{Stage, Task, TaskKey, timer_key},
};
use crate::engine::{Answer, Await, Command, Effect, EffectResult, When};

/// What a round of work came to.
pub(super) struct Worked {
    /// Calls that start once the batch is committed.
    pub(super) launches: Vec<Launch>,
    /// Whether the engine was told something, so that there may be mail for what it wants now.
    pub(super) answered: bool,
}

/// A call that is ready.
pub(super) struct Launch {
    pub(super) key: TaskKey,
    pub(super) prepared: Prepared,
    pub(super) timeout: Option<Duration>,
    pub(super) attempt: u32,
}

impl Drive<'_> {
    /// Takes every open task as far as it goes without waiting.
    pub(super) async fn perform(&mut self) -> Result<Worked> {
        let mut worked = Worked { launches: Vec::new(), answered: false };
        loop {
            self.emit().await?;
            if self.replay.state.end().is_some() {
                // What was prepared in this round is no longer wanted.
                worked.launches.clear();
                return Ok(worked);
            }
            let now = self.cx.now();
            let Some((key, task)) = self.replay.next_task(now, self.acting.is_some()) else {
                return Ok(worked);
            };
            match &task.command {
                Command::Timer { when, .. } => worked.answered |= self.time(key, &task, *when, now).await?,
                Command::AwaitSignal { signal: Await::Answer(question), .. } => {
                    self.ask_question(key, question).await?;
                }
                Command::AwaitSignal { signal: Await::Named(_), .. } => {
                    self.replay.set_stage(key, Stage::Listening);
                    worked.answered = true;
                }
                Command::Effect { effect: Effect::Tool(effect), .. } => {
                    let effect = effect.clone();
                    match self.prepare(key, &task, &effect).await? {
                        Some(launch) => worked.launches.push(launch),
                        None => worked.answered = true,
                    }
                }
                Command::StartChild { child, .. } => {
                    let error = Error::new(
                        ErrorKind::Unsupported,
                        format!("this runtime starts no other process, so not `{}`", child.process),
                    );
                    let result = EffectResult::Failed { error: error.to_report(), trust: Trust::Trusted };
                    self.answer(key, Answer::Child(result)).await?;
                    worked.answered = true;
                }
                Command::Emit { .. } | Command::Finish(_) => {
                    return Err(Error::internal("a command that needs no answer became a task"));
                }
            }
        }
    }

    /// Sets a timer, or tells the engine that it is due.
    async fn time(&mut self, key: TaskKey, task: &Task, when: When, now: Timestamp) -> Result<bool> {
        let due = match (&task.stage, when) {
            (Stage::Due(due), _) => *due,
            (_, When::At(due)) => due,
            (_, When::After(wait)) => now.after(wait),
        };
        let (run, name) = (self.record.id, timer_key(&self.compiled, key.0)?);
        if due <= now {
            self.batch.changes.push(Change::CancelTimer { run, key: name });
            self.answer(key, Answer::Timer).await?;
            return Ok(true);
        }
        self.batch.changes.push(Change::SetTimer(Timer { run, key: name, due }));
        self.push(NewRow::timer_set(key.0, due)?).await?;
        self.replay.set_stage(key, Stage::Due(due));
        Ok(false)
    }

    /// Hands the process's own events to the outbox.
    async fn emit(&mut self) -> Result<()> {
        while let Some((at, emission)) = self.replay.emissions.pop_front() {
            let data = json!({"kind": emission.kind, "data": emission.data});
            self.push(NewRow::of_node(EVENT_EMITTED, at, data)).await?;
            let event =
                Event::new(&self.cx, emission.kind, emission.data).in_run(self.record.id, self.last_seq());
            self.batch.changes.push(Change::Emit { key: self.record.id.to_string(), event });
        }
        Ok(())
    }
}
