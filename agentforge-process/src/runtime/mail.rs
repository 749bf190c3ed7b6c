//! Takes signals out of a run's mailbox: answers of people, cancellation, and what other parts of a host send.
//!
//! A signal is consumed in the change set of the row that it causes, so it counts once; one that nobody waits for yet
//! stays where it is.

use agentforge_core::{
    approval::{ApprovalState, ApprovalVerb, Resolution, signal_name},
    error::{Error, ErrorKind, Result},
    message::Trust,
    store::{Change, Signal},
    tool::Preparation,
};
use serde_json::Value;

use super::{
    cancel::CANCEL_SIGNAL,
    drive::Drive,
    effect::unknown_fate,
    question::Need,
    rows::{APPROVAL_DECIDED, Asked, Decided, NewRow, Permit, Purpose, RUN_CANCELLED, to_value},
    task::{Stage, TaskKey},
};
use crate::engine::{Answer, Await, Command, Effect, EffectResult, Event, ToolEffect};

impl Drive<'_> {
    /// Brings every signal that somebody waits for to where it belongs. Cancellation comes before everything else.
    pub(super) async fn take_mail(&mut self) -> Result<()> {
        if self.replay.state.end().is_some() {
            return Ok(());
        }
        let mail = self.processes.parts.stores.journal.signals(&self.cx, self.record.id).await?;
        // A consumed signal is still in the mailbox until the batch is committed.
        let consumed = |drive: &Self, signal: &Signal| {
            drive.batch.changes.iter().any(|change| {
                matches!(change, Change::ConsumeSignal { name, dedup, .. }
                    if *name == signal.name && *dedup == signal.dedup)
            })
        };
        if let Some(cancel) = mail.iter().find(|signal| signal.name == CANCEL_SIGNAL) {
            self.push(NewRow::of_run(RUN_CANCELLED, cancel.payload.clone())).await?;
            self.consume(cancel);
            return self.take(Event::Cancelled);
        }
        for signal in mail {
            if self.replay.state.end().is_some() {
                return Ok(());
            }
            if consumed(self, &signal) {
                continue;
            }
            let Some(key) = self.waits_for(&signal.name) else { continue };
            self.consume(&signal);
            match self.replay.tasks.get(&key).map(|task| task.stage.clone()) {
                Some(Stage::Asked(asked)) => self.resolved(key, asked, signal.payload).await?,
                _ => self.answer(key, Answer::Signal(signal.payload)).await?,
            }
        }
        Ok(())
    }

    pub(super) fn consume(&mut self, signal: &Signal) {
        self.batch.changes.push(Change::ConsumeSignal {
            run: self.record.id,
            name: signal.name.clone(),
            dedup: signal.dedup.clone(),
        });
    }

    fn waits_for(&self, name: &str) -> Option<TaskKey> {
        let waits = self.replay.tasks.iter().find(|(_, task)| match (&task.stage, &task.command) {
            (Stage::Asked(asked), _) => signal_name(asked.approval) == name,
            (Stage::Listening, Command::AwaitSignal { signal: Await::Named(awaited), .. }) => awaited == name,
            _ => false,
        });
        waits.map(|(key, _)| *key)
    }

    /// Takes what people decided.
    async fn resolved(&mut self, key: TaskKey, asked: Asked, payload: Value) -> Result<()> {
        let corrupt = |what: &str| {
            Error::new(ErrorKind::Corrupt, format!("the answer to approval {} {what}", asked.approval))
        };
        let resolution: Resolution = serde_json::from_value(payload.clone())
            .map_err(|error| corrupt("cannot be read").caused_by(error))?;
        if resolution.approval != asked.approval || resolution.digest != asked.digest {
            return Err(corrupt("answers another question"));
        }
        if asked.purpose == Purpose::Question {
            return self.answer(key, Answer::Signal(payload)).await;
        }
        let task = self.replay.tasks.get(&key).cloned();
        let Some((task, Command::Effect { effect: Effect::Tool(effect), .. })) =
            task.map(|task| (task.clone(), task.command))
        else {
            return Err(Error::internal("people were asked about a call that nobody wants"));
        };
        let arguments = task.permit.map_or_else(|| effect.arguments.clone(), |permit| permit.arguments);
        self.decided(key, &effect, asked, arguments, resolution).await
    }

    /// Takes what people decided about a call.
    async fn decided(
        &mut self,
        key: TaskKey,
        effect: &ToolEffect,
        asked: Asked,
        arguments: Value,
        resolution: Resolution,
    ) -> Result<()> {
        let purpose = asked.purpose;
        let decision = resolution.decision.clone();
        let (verb, said) = match (&resolution.state, decision) {
            (ApprovalState::Approved | ApprovalState::Rejected, Some(decision)) => {
                (Some(decision.verb), decision.payload)
            }
            _ => (None, Value::Null),
        };
        let mut decided = Decided { purpose, resolution, permit: None };
        match verb {
            Some(ApprovalVerb::Approve) => {
                decided.permit = Some(Permit { digest: asked.digest, arguments });
                self.permit(key, decided).await
            }
            Some(ApprovalVerb::Edit) if self.acting.is_none() => {
                // Only who may call can tell whether the new arguments fit; the call itself is then checked anyway.
                decided.permit = Some(Permit { digest: asked.digest, arguments: said });
                self.permit(key, decided).await
            }
            Some(ApprovalVerb::Edit) => match self.try_call(key.0, effect, &said).await? {
                Preparation::Ready(prepared) | Preparation::NeedsApproval(prepared, _) => {
                    decided.permit = Some(Permit { digest: prepared.digest(), arguments: said });
                    self.permit(key, decided).await
                }
                Preparation::Refused(result) => {
                    self.note_decision(key, decided).await?;
                    let problem = format!("the edited call cannot run: {}", result.text());
                    self.ask_again(key, effect, &arguments, purpose, problem).await
                }
            },
            Some(ApprovalVerb::Respond) => {
                self.note_decision(key, decided).await?;
                let result = EffectResult::Ok { output: said, trust: Trust::Trusted };
                self.answer(key, Answer::Effect(result)).await
            }
            Some(ApprovalVerb::Reject) | None => {
                self.note_decision(key, decided).await?;
                self.fail(key, refused_by_people(effect, purpose, verb.is_some(), &said)).await
            }
        }
    }

    /// Lets the call run; after a doubt that is another attempt.
    async fn permit(&mut self, key: TaskKey, decided: Decided) -> Result<()> {
        let again = decided.purpose == Purpose::InDoubt;
        if let Some(task) = self.replay.tasks.get_mut(&key) {
            task.stage = Stage::New;
            task.permit.clone_from(&decided.permit);
            task.attempt = task.attempt.saturating_add(u32::from(again));
        }
        self.note_decision(key, decided).await
    }

    async fn note_decision(&mut self, key: TaskKey, decided: Decided) -> Result<()> {
        let attempt = self.replay.tasks.get(&key).map_or(0, |task| task.attempt);
        let row = NewRow::of_node(APPROVAL_DECIDED, key.0, to_value(&decided)?).in_attempt(attempt);
        self.push(row).await
    }

    /// Asks the question of before once more.
    async fn ask_again(
        &mut self,
        key: TaskKey,
        effect: &ToolEffect,
        arguments: &Value,
        purpose: Purpose,
        problem: String,
    ) -> Result<()> {
        let need = |need| if purpose == Purpose::InDoubt { Need::InDoubt } else { Need::Approval(need) };
        match self.try_call(key.0, effect, arguments).await? {
            Preparation::NeedsApproval(prepared, why) => {
                self.ask_about_call(key, effect, &prepared, need(why), Some(problem)).await
            }
            Preparation::Ready(prepared) => {
                let why = agentforge_core::tool::ApprovalNeed::Policy;
                self.ask_about_call(key, effect, &prepared, need(why), Some(problem)).await
            }
            Preparation::Refused(result) => {
                self.fail(key, Error::denied(result.text()).with("tool", effect.tool.clone())).await
            }
        }
    }
}

/// The error of a call that people did not allow.
fn refused_by_people(effect: &ToolEffect, purpose: Purpose, decided: bool, said: &Value) -> Error {
    if purpose == Purpose::InDoubt {
        return unknown_fate(effect);
    }
    let tool = &effect.tool;
    let error = if decided {
        Error::denied(format!("a person rejected the call of `{tool}`"))
    } else {
        Error::denied(format!("nobody approved the call of `{tool}` in time"))
    };
    let error = error.with("tool", tool.clone());
    if said.is_null() { error } else { error.with("said", said.clone()) }
}
