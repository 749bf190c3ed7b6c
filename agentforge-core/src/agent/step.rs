//! The loop as a pure function: no clock, no I/O, no randomness.

use super::{
    AgentEvent, AgentLimits, AgentState, CallStatus, Effect, Ending, PendingCall, Stage,
    citations::resolve_marks,
};
use crate::{
    approval::{ApprovalState, ApprovalVerb, Resolution},
    error::{Error, ErrorKind, Result},
    message::{Message, Outcome, ToolResult},
    model::{Cost, FinishReason},
    tool::ApprovalNeed,
};

/// Takes an event into the state and says what is to be done next.
///
/// An event that the state cannot have met, such as an answer to a call that was never made, is `corrupt`: the journal
/// does not belong to this agent, or was damaged.
///
/// ```
/// use agentforge_core::{agent::{AgentEvent, AgentLimits, AgentState, Effect, step}, context::Principal, message::Message};
/// let started = AgentEvent::Started {
///     messages: vec![Message::user("Hello")],
///     principal: Principal::user("01970000-0000-7000-8000-000000000001".parse()?),
///     on_behalf_of: None,
///     model: "scripted:script".to_owned(),
///     limits: AgentLimits::default(),
/// };
/// let (state, effects) = step(AgentState::new(), started)?;
/// assert_eq!((state.steps, effects), (0, vec![Effect::CallModel]));
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
pub fn step(mut state: AgentState, event: AgentEvent) -> Result<(AgentState, Vec<Effect>)> {
    if state.stage == Stage::Ended {
        return Err(unexpected(&event, "the run has ended"));
    }
    match event {
        AgentEvent::Started { messages, limits, .. } => {
            if state.stage != Stage::New {
                return Err(Error::new(ErrorKind::Corrupt, "the run was started twice"));
            }
            state.messages = messages;
            state.limits = limits;
            Ok(ask_model(state))
        }
        AgentEvent::ModelAnswered { message, finish, usage, cost } => {
            if state.stage != Stage::Model {
                return Err(Error::new(ErrorKind::Corrupt, "the model answered though nobody had asked it"));
            }
            state.steps = state.steps.saturating_add(1);
            state.usage = state.usage.plus(usage);
            state.cost = state.cost.plus(cost)?;
            Ok(after_answer(state, message, finish.as_ref()))
        }
        AgentEvent::ModelFailed { error } | AgentEvent::Stopped { error } => {
            Ok(end(state, Ending::Failed { error }))
        }
        AgentEvent::Cancelled { partial } => Ok(end(state, Ending::Cancelled { partial })),
        AgentEvent::ToolIntended { ref call_id } => {
            let pending = open_call(&mut state, call_id, &event)?;
            let approved = match &pending.status {
                CallStatus::Approved { digest } => *digest,
                _ => None,
            };
            pending.status = CallStatus::Intended { approved };
            Ok((state, Vec::new()))
        }
        AgentEvent::ToolHeld { ref call_id, digest, need } => {
            let pending = open_call(&mut state, call_id, &event)?;
            pending.status = CallStatus::Held { digest, need };
            let effect = Effect::AskApproval { call: pending.call.clone(), digest, need };
            Ok((state, vec![effect]))
        }
        AgentEvent::ApprovalRequested { ref call_id, approval, digest, need } => {
            open_call(&mut state, call_id, &event)?.status = CallStatus::Waiting { approval, digest, need };
            Ok((state, Vec::new()))
        }
        AgentEvent::ApprovalResolved { resolution } => resolved(state, resolution),
        AgentEvent::ToolAnswered { result } => answered(state, result),
    }
}

/// What a run that was folded from its journal still wants done. Nothing while it waits for people, and for a run
/// that ended only its end.
pub fn outstanding(state: &AgentState) -> Vec<Effect> {
    match state.stage {
        Stage::New => Vec::new(),
        Stage::Model => vec![Effect::CallModel],
        Stage::Tools => state.calls.iter().filter_map(wanted).collect(),
        Stage::Ended => state.ending.clone().map(Effect::Finish).into_iter().collect(),
    }
}

fn wanted(pending: &PendingCall) -> Option<Effect> {
    let call = pending.call.clone();
    match &pending.status {
        CallStatus::Ready => Some(Effect::CallTool { call, approved: None, in_doubt: false }),
        CallStatus::Approved { digest } => {
            Some(Effect::CallTool { call, approved: *digest, in_doubt: false })
        }
        CallStatus::Intended { approved } => {
            Some(Effect::CallTool { call, approved: *approved, in_doubt: true })
        }
        CallStatus::Held { digest, need } => Some(Effect::AskApproval { call, digest: *digest, need: *need }),
        CallStatus::Waiting { .. } | CallStatus::Answered { .. } => None,
    }
}

fn ask_model(mut state: AgentState) -> (AgentState, Vec<Effect>) {
    if let Err(error) = state.limits.check(&state) {
        return end(state, Ending::Failed { error: error.to_report() });
    }
    state.stage = Stage::Model;
    (state, vec![Effect::CallModel])
}

fn after_answer(
    mut state: AgentState,
    message: Message,
    finish: Option<&FinishReason>,
) -> (AgentState, Vec<Effect>) {
    let calls: Vec<_> = message.tool_calls().cloned().collect();
    if calls.is_empty() {
        let ending = match (finish, message.parts.is_empty()) {
            (Some(FinishReason::ContentFilter), _) => {
                failed(ErrorKind::ContentFiltered, "the provider's filter stopped the answer")
            }
            (_, true) => failed(ErrorKind::Decode, "the model answered with nothing"),
            _ => Ending::Completed { output: resolve_marks(&state.messages, message.clone()) },
        };
        state.messages.push(message);
        return end(state, ending);
    }
    state.messages.push(message);
    state.tool_calls = state.tool_calls.saturating_add(u32::try_from(calls.len()).unwrap_or(u32::MAX));
    if state.tool_calls > state.limits.tool_calls {
        let text = format!("the run wants more than its {} tool calls", state.limits.tool_calls);
        return end(state, failed(ErrorKind::QuotaExceeded, &text));
    }
    let mut seen = Vec::with_capacity(calls.len());
    for call in &calls {
        if seen.contains(&&call.call_id) {
            let text = "the model gave two tool calls the same id";
            return end(state, failed(ErrorKind::Decode, text));
        }
        seen.push(&call.call_id);
    }
    state.calls = calls.into_iter().map(|call| PendingCall { call, status: CallStatus::Ready }).collect();
    state.stage = Stage::Tools;
    let effects = outstanding(&state);
    (state, effects)
}

fn answered(mut state: AgentState, result: ToolResult) -> Result<(AgentState, Vec<Effect>)> {
    let found = state.call_mut(&result.call_id).filter(|pending| !is_answered(pending));
    let Some(pending) = found else {
        return Err(Error::new(
            ErrorKind::Corrupt,
            format!("the tool call `{}` was answered though it was not open", result.call_id),
        ));
    };
    pending.status = CallStatus::Answered { result };
    if !state.calls.iter().all(is_answered) {
        return Ok((state, Vec::new()));
    }
    let results = std::mem::take(&mut state.calls).into_iter().filter_map(|pending| match pending.status {
        CallStatus::Answered { result } => Some(result),
        _ => None,
    });
    state.messages.push(Message::tool(results));
    Ok(ask_model(state))
}

fn resolved(mut state: AgentState, resolution: Resolution) -> Result<(AgentState, Vec<Effect>)> {
    let waiting = state.calls.iter_mut().find(
        |pending| matches!(pending.status, CallStatus::Waiting { approval, .. } if approval == resolution.approval),
    );
    let Some(pending) = waiting else {
        return Err(Error::new(ErrorKind::Corrupt, "an approval was resolved that the run did not wait for"));
    };
    let CallStatus::Waiting { digest, need, .. } = pending.status else {
        return Err(Error::internal("a waiting call does not wait"));
    };
    let call_id = pending.call.call_id.clone();
    let verb = resolution.decision.as_ref().map(|decision| decision.verb);
    let payload = resolution.decision.map(|decision| decision.payload).unwrap_or_default();
    let text = match (resolution.state, verb) {
        (ApprovalState::Approved, Some(ApprovalVerb::Approve)) if resolution.digest == digest => {
            pending.status = CallStatus::Approved { digest: Some(digest) };
            let effect = wanted(pending);
            return Ok((state, effect.into_iter().collect()));
        }
        (ApprovalState::Approved, Some(ApprovalVerb::Edit)) => {
            pending.call.arguments = payload;
            pending.status = CallStatus::Approved { digest: None };
            let effect = wanted(pending);
            return Ok((state, effect.into_iter().collect()));
        }
        (ApprovalState::Rejected, Some(ApprovalVerb::Respond)) if need == ApprovalNeed::Question => {
            let result = ToolResult::notice(call_id, Outcome::Ok, spoken(&payload));
            return answered(state, ToolResult { structured: Some(payload), ..result });
        }
        (ApprovalState::Rejected, Some(ApprovalVerb::Respond)) => spoken(&payload),
        (ApprovalState::Rejected, _) => match spoken(&payload) {
            text if text.is_empty() => "a person rejected this call".to_owned(),
            reason => format!("a person rejected this call: {reason}"),
        },
        (ApprovalState::Expired, _) => "nobody approved this call in time".to_owned(),
        (ApprovalState::Cancelled, _) => "the approval of this call was withdrawn".to_owned(),
        // Whatever else it is, it is no approval of this digest.
        (ApprovalState::Open | ApprovalState::Approved, _) => {
            "the approval does not fit this call".to_owned()
        }
    };
    answered(state, ToolResult::notice(call_id, Outcome::Rejected, text))
}

fn spoken(payload: &serde_json::Value) -> String {
    match payload {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

const fn is_answered(pending: &PendingCall) -> bool {
    matches!(pending.status, CallStatus::Answered { .. })
}

fn open_call<'a>(
    state: &'a mut AgentState,
    call_id: &str,
    event: &AgentEvent,
) -> Result<&'a mut PendingCall> {
    state
        .call_mut(call_id)
        .filter(|pending| !is_answered(pending))
        .ok_or_else(|| unexpected(event, &format!("no call `{call_id}` is open")))
}

fn end(mut state: AgentState, ending: Ending) -> (AgentState, Vec<Effect>) {
    state.stage = Stage::Ended;
    state.calls.clear();
    state.ending = Some(ending.clone());
    (state, vec![Effect::Finish(ending)])
}

fn failed(kind: ErrorKind, message: &str) -> Ending {
    Ending::Failed { error: Error::new(kind, message).to_report() }
}

fn unexpected(event: &AgentEvent, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the journal holds `{}` though {why}", event.kind()))
}

impl AgentLimits {
    /// Fails when a further model call would pass a limit that is known before it.
    fn check(&self, state: &AgentState) -> Result<()> {
        let exceeded = |text: String| Err(Error::new(ErrorKind::QuotaExceeded, text));
        if state.steps >= self.steps {
            return exceeded(format!("the run has used its {} steps without an answer", self.steps));
        }
        let tokens = state.usage.input.unwrap_or(0).saturating_add(state.usage.output.unwrap_or(0));
        if let Some(most) = self.tokens.filter(|most| tokens >= *most) {
            return exceeded(format!("the run has used {tokens} of its {most} tokens"));
        }
        let Some(cap) = self.money else { return Ok(()) };
        match state.cost {
            Cost::Known(spent) if spent.currency() == cap.currency() && spent.nanos() < cap.nanos() => Ok(()),
            Cost::Known(spent) => Err(Error::new(
                ErrorKind::BudgetExceeded,
                format!("the run has spent {spent}, and may spend {cap}"),
            )),
            Cost::Unknown => Err(Error::new(
                ErrorKind::BudgetExceeded,
                format!(
                    "the run may spend {cap}, but its model has no known price; set one or lift the limit"
                ),
            )),
        }
    }
}
