//! Asks people: what nodes want to know, and whether calls may run or took effect.

use agentforge_core::{
    approval::{ApprovalDesk, NewApproval, Subject},
    error::Result,
    json::Digest,
    tool::{ApprovalNeed, Prepared},
};
use serde_json::json;

use super::{
    drive::Drive,
    rows::{APPROVAL_REQUESTED, Asked, NewRow, Purpose, to_value},
    task::{Stage, TaskKey},
};
use crate::engine::{Question, ToolEffect};

/// Why people are asked about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Policy wants their leave.
    Approval(ApprovalNeed),
    /// Nobody knows whether it took effect.
    InDoubt,
}

impl Drive<'_> {
    /// Asks what a node wants to know.
    pub(super) async fn ask_question(&mut self, key: TaskKey, question: &Question) -> Result<()> {
        let node = self.compiled.node(key.0.node)?;
        let detail = json!({
            "process": self.record.name,
            "node": node.id,
            "detail": question.detail,
            "form": question.form,
            "problem": question.problem,
        });
        let digest = Digest::of_json(&json!({
            "definition": self.record.definition,
            "run": self.record.id,
            "node": node.id,
            "iteration": key.0.iteration,
            "title": question.title,
            "detail": question.detail,
            "form": question.form,
            "principal": self.started.started_by,
            "on_behalf_of": self.started.on_behalf_of,
        }));
        let new = NewApproval {
            run: self.record.id,
            subject: Subject {
                kind: "node".to_owned(),
                key: node.id.clone(),
                title: question.title.clone(),
                detail,
            },
            digest,
            assignees: question.assignees.clone(),
            quorum: question.quorum,
            expires_in: question.expires_in,
        };
        self.ask(key, Purpose::Question, new).await
    }

    /// Asks about a call; `problem` says what was wrong with the answer before.
    pub(super) async fn ask_about_call(
        &mut self,
        key: TaskKey,
        effect: &ToolEffect,
        prepared: &Prepared,
        need: Need,
        problem: Option<String>,
    ) -> Result<()> {
        let node = self.compiled.node(key.0.node)?;
        let (purpose, title, need) = match need {
            Need::Approval(need) => {
                (Purpose::Call, format!("{}: may `{}` run?", node.title, effect.tool), to_value(&need)?)
            }
            Need::InDoubt => (
                Purpose::InDoubt,
                format!("{}: nobody knows whether `{}` took effect. Run it again?", node.title, effect.tool),
                json!("in_doubt"),
            ),
        };
        let detail = json!({
            "process": self.record.name,
            "node": node.id,
            "tool": effect.tool,
            "description": prepared.spec().description,
            "arguments": prepared.call().arguments,
            "need": need,
            "problem": problem,
        });
        let new = NewApproval {
            run: self.record.id,
            subject: Subject { kind: "node".to_owned(), key: node.id.clone(), title, detail },
            digest: prepared.digest(),
            assignees: effect.assignees.clone(),
            quorum: effect.quorum,
            expires_in: effect.expires_in,
        };
        self.ask(key, purpose, new).await
    }

    async fn ask(&mut self, key: TaskKey, purpose: Purpose, new: NewApproval) -> Result<()> {
        let (approval, changes) = ApprovalDesk::ask(&self.cx, new)?;
        self.batch.changes.extend(changes);
        let asked = Asked {
            approval: approval.id,
            digest: approval.digest,
            purpose,
            title: approval.subject.title,
            expires_at: approval.expires_at,
        };
        let attempt = self.replay.tasks.get(&key).map_or(0, |task| task.attempt);
        let row = NewRow::of_node(APPROVAL_REQUESTED, key.0, to_value(&asked)?).in_attempt(attempt);
        self.push(row).await?;
        self.replay.set_stage(key, Stage::Asked(asked));
        Ok(())
    }
}
