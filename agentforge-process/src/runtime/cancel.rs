//! Cancels runs. A waiting run ends at once; one that is driven elsewhere ends after the calls that it is making.

use agentforge_core::{
    context::CallContext,
    error::{Error, Result},
    id::RunId,
    record::RunState,
    security::{AuthorizerExt, Permission},
    store::{AuditDraft, Change, ChangeSet, DispatchKind, Signal},
};
use serde_json::json;

use super::{Processes, RunStatus, drive::Acting, parts::owned_by};

/// The name of the signal that cancels a run.
pub const CANCEL_SIGNAL: &str = "run.cancel";

impl Processes {
    /// Cancels a run, for whoever started it or may write processes. Cancelling a cancelled run changes nothing; one
    /// that ended otherwise is a conflict. The status may still be running when another process drives the run: it
    /// ends there before its next effect.
    pub async fn cancel(&self, cx: &CallContext, run: RunId) -> Result<RunStatus> {
        let stored = self.record(cx, run).await?;
        let resource = owned_by(stored.value.owner);
        self.parts.authorizer.require(cx, Permission::ProcessesWrite, &resource).await?;
        if stored.value.state == RunState::Cancelled {
            return Ok(stored.into());
        }
        if stored.value.state.is_final() {
            let state = serde_json::to_value(stored.value.state).unwrap_or_default();
            return Err(Error::conflict("state", format!("run {run} has already ended")).with("state", state));
        }
        let scope = cx.scope();
        let payload = json!({"by": scope.principal(), "on_behalf_of": scope.on_behalf_of()});
        let set = ChangeSet::new(cx)
            .with(Change::Signal(Signal {
                run,
                name: CANCEL_SIGNAL.to_owned(),
                dedup: CANCEL_SIGNAL.to_owned(),
                payload,
            }))
            .with(Change::Enqueue { kind: DispatchKind::RUN, id: run.as_uuid(), due: cx.now() })
            .with(Change::Audit(AuditDraft::done(
                "run:cancel",
                "run",
                run,
                json!({"process": stored.value.name}),
            )));
        self.apply(cx, set).await?;
        self.go_on(cx, stored, None, Acting::WithoutEffects).await
    }
}
