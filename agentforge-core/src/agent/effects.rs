//! Carries out single effects: asks the model, prepares and calls tools. What comes of them goes back to the driver.

use std::sync::Arc;

use super::{Agent, AgentEvent, guards::Guards};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink, kind},
    guardrail::Stage,
    id::RunId,
    json::Digest,
    message::{Message, Outcome, ToolCall, ToolResult, Trust},
    model::{Accumulator, ChatEvent, ChatRequest, ChatResponse, Cost},
    record::ToolExecutionRecord,
    tool::{Preparation, Prepared, Runtime},
};

/// What came of an effect.
pub(super) enum Happened {
    /// This.
    Event(AgentEvent),
    /// A tool was called, or a call is in doubt; the record of it goes along with the answer.
    Called { result: ToolResult, execution: Box<ToolExecutionRecord> },
    /// A call may be made now; when it must not be repeated, its intent is written down first.
    Prepared { prepared: Prepared, key: String },
    /// The run was cancelled or its time is over; `partial` is what the model had said.
    Interrupted { error: Error, partial: Option<Message> },
    /// The lease must be renewed.
    RenewDue,
    /// The infrastructure failed; the run stays as its journal has it.
    Failed(Error),
}

/// What every effect of a run needs.
#[derive(Clone)]
pub(super) struct Room {
    pub(super) cx: CallContext,
    pub(super) agent: Agent,
    pub(super) run: RunId,
    pub(super) tools: Runtime,
    pub(super) events: Arc<dyn EventSink>,
}

impl Room {
    fn guards(&self) -> Guards<'_> {
        Guards(&self.agent.0.guardrails)
    }

    /// Asks the model and streams what it says to the sink. Deltas are held back when a guardrail looks at answers,
    /// since what a person has read cannot be blocked any more.
    pub(super) async fn call_model(self, request: ChatRequest) -> Happened {
        match self.stream_answer(request).await {
            Ok(happened) => happened,
            Err(error) => interruption(error, None),
        }
    }

    async fn stream_answer(&self, request: ChatRequest) -> Result<Happened> {
        let model = &self.agent.0.model;
        // Before anything is spent: afterwards nobody could say how much it was.
        if self.agent.0.limits.money.is_some() && model.price_at(self.cx.now()).is_none() {
            let unknown = format!(
                "{} has no known price, and the run has a limit in money; set a price or lift the limit",
                model.info().full_name()
            );
            return Ok(model_failure(Error::new(ErrorKind::BudgetExceeded, unknown)));
        }
        let held_back = self.guards().watch(Stage::Output) || !self.events.takes(kind::PART_DELTA);
        let mut stream = match self.cx.run(model.stream(Arc::new(request), &self.cx)).await {
            Ok(stream) => stream,
            Err(error) => return Ok(model_failure(error)),
        };
        let mut whole = Accumulator::new();
        loop {
            let batch = match self.cx.run(async { Ok(stream.next_batch().await) }).await {
                Ok(Some(Ok(batch))) => batch,
                Ok(Some(Err(error))) => return Ok(model_failure(error)),
                Ok(None) => break,
                Err(error) => return Ok(interruption(error, Some(whole.partial()))),
            };
            for event in batch {
                if !held_back {
                    self.show(&event).await?;
                }
                if let Err(error) = whole.push(event) {
                    return Ok(model_failure(error));
                }
            }
        }
        let response = whole.finish(stream.info().clone(), stream.warnings().to_vec());
        self.accept(response).await
    }

    async fn accept(&self, response: ChatResponse) -> Result<Happened> {
        let cost = match (response.cost, self.agent.0.model.price_at(self.cx.now())) {
            (Some(cost), _) => cost,
            (None, Some(price)) => price.cost_of(&response.usage)?,
            (None, None) => Cost::Unknown,
        };
        let message = match self.guards().output(&self.cx, response.message).await {
            Ok(message) => message,
            Err(error) => return Ok(Happened::Event(AgentEvent::Stopped { error: error.to_report() })),
        };
        if let Some(validator) = &self.agent.0.output_validator
            && message.tool_calls().next().is_none()
        {
            let checked = serde_json::from_str(&message.text())
                .map_err(|error| Error::invalid("the answer is no JSON").caused_by(error))
                .and_then(|value| validator.check("the answer", &value));
            if let Err(error) = checked {
                return Ok(model_failure(Error::new(ErrorKind::Decode, error.message().to_owned())));
            }
        }
        let (finish, usage) = (response.finish, response.usage);
        Ok(Happened::Event(AgentEvent::ModelAnswered { message, finish, usage, cost }))
    }

    async fn show(&self, event: &ChatEvent) -> Result<()> {
        let kind = match event {
            ChatEvent::PartStart { .. } => kind::PART_STARTED,
            ChatEvent::PartDelta { .. } => kind::PART_DELTA,
            ChatEvent::PartEnd { .. } => kind::PART_ENDED,
            ChatEvent::Usage(_) | ChatEvent::Finish(_) | ChatEvent::Raw(_) => return Ok(()),
        };
        let data = serde_json::to_value(event)
            .map_err(|error| Error::internal("an event of the model cannot be written").caused_by(error))?;
        let mut event = Event::new(&self.cx, kind, data);
        event.run = Some(self.run);
        self.events.emit(&self.cx, event).await
    }

    /// Checks a call and says how to go on with it.
    pub(super) async fn prepare_tool(
        self,
        call: ToolCall,
        key: String,
        conversation: Trust,
        approved: Approval,
        in_doubt: bool,
    ) -> Happened {
        if let Some(result) = self.guards().tool_input(&self.cx, &call).await {
            return Happened::Event(AgentEvent::ToolAnswered { result });
        }
        let call_id = call.call_id.clone();
        let (prepared, held) = match self.cx.run(self.tools.prepare(&self.cx, call, conversation)).await {
            Ok(Preparation::Ready(prepared)) => (prepared, None),
            Ok(Preparation::NeedsApproval(prepared, need)) => (prepared, Some(need)),
            Ok(Preparation::Refused(result)) => return Happened::Event(AgentEvent::ToolAnswered { result }),
            Err(error) => return interruption(error, None),
        };
        if in_doubt && !prepared.spec().annotations.repeatable() {
            let text = "the host stopped during this call and nobody knows whether it took effect; find out before \
                        you call it again";
            let result = ToolResult::notice(call_id, Outcome::InDoubt, text);
            let execution = prepared.begun(&self.cx, Some(self.run), key);
            let execution = Box::new(execution.finished(&self.cx, &prepared, Outcome::InDoubt));
            return Happened::Called { result, execution };
        }
        let digest = prepared.digest();
        match (held, approved) {
            (None, _) | (Some(_), Approval::Edited) => Happened::Prepared { prepared, key },
            (Some(_), Approval::Exactly(approved)) if approved == digest => {
                Happened::Prepared { prepared, key }
            }
            (Some(need), _) => Happened::Event(AgentEvent::ToolHeld { call_id, digest, need }),
        }
    }

    /// Makes a call.
    pub(super) async fn call_tool(self, prepared: Prepared, key: String) -> Happened {
        let execution = prepared.begun(&self.cx, Some(self.run), key.clone());
        match self.tools.call(&self.cx, prepared.clone(), key).await {
            Ok(result) => {
                let execution = Box::new(execution.finished(&self.cx, &prepared, result.outcome));
                let result = self.guards().tool_output(&self.cx, prepared.call(), result).await;
                Happened::Called { result, execution }
            }
            Err(error) => interruption(error, None),
        }
    }
}

/// What a person has approved of a call.
#[derive(Clone, Copy)]
pub(super) enum Approval {
    /// Nothing yet.
    None,
    /// Exactly what has this digest.
    Exactly(Digest),
    /// The arguments that the person wrote.
    Edited,
}

fn model_failure(error: Error) -> Happened {
    match error.kind() {
        ErrorKind::Cancelled => Happened::Interrupted { error, partial: None },
        _ => Happened::Event(AgentEvent::ModelFailed { error: error.to_report() }),
    }
}

fn interruption(error: Error, partial: Option<Message>) -> Happened {
    match error.kind() {
        ErrorKind::Cancelled | ErrorKind::Timeout => {
            let partial = partial.filter(|message| !message.parts.is_empty());
            Happened::Interrupted { error, partial }
        }
        _ => Happened::Failed(error),
    }
}
