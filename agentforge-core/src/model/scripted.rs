//! A model that says what a script tells it: for tests, examples, evaluations and benchmarks, in every language.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use futures::stream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, Delta, FinishReason, ModelInfo, PartStart, Price, Usage,
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, ErrorReport, Result},
};

/// One turn of a script.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScriptedTurn {
    /// Says something, word by word.
    Text(String),
    /// Calls tools, all in one turn.
    ToolCalls(Vec<(String, Value)>),
    /// Fails before the first event.
    Fail(ErrorReport),
    /// Says something and is cut off.
    Cut(String),
}

/// Plays a script, a turn a request, and keeps the requests. Clones share both.
///
/// ```
/// use agentforge_core::{model::{ChatModelExt, ChatRequest, ScriptedModel}, testing::fixed_context};
/// # futures::executor::block_on(async {
/// let model = ScriptedModel::new().say("Fourteen days.");
/// let request = ChatRequest::new([agentforge_core::message::Message::user("How many?")]);
/// let answer = model.generate(request.into(), &fixed_context()).await?;
/// assert_eq!(answer.message.text(), "Fourteen days.");
/// # Ok::<(), agentforge_core::error::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct ScriptedModel {
    info: Arc<ModelInfo>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    turns: VecDeque<ScriptedTurn>,
    repeat: Option<Vec<ScriptedTurn>>,
    requests: Vec<Arc<ChatRequest>>,
    keep_requests: bool,
    calls: u64,
}

impl ScriptedModel {
    /// A script without turns; a request beyond its end fails.
    pub fn new() -> Self {
        let mut info = ModelInfo::new("scripted", "script");
        info.language_model = false;
        info.price = Some(Price::FREE);
        let state = State { keep_requests: true, ..State::default() };
        Self { info: Arc::new(info), state: Arc::new(Mutex::new(state)) }
    }

    /// A script that begins anew at its end and keeps no requests, for benchmarks.
    pub fn looping(turns: Vec<ScriptedTurn>) -> Self {
        let model = Self::new();
        {
            let mut state = model.state();
            state.keep_requests = false;
            state.repeat = Some(turns);
        }
        model
    }

    /// The same model with another description, for example without tools or without a price.
    #[must_use]
    pub fn with_info(mut self, info: ModelInfo) -> Self {
        self.info = Arc::new(info);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more turn.
    #[must_use]
    pub fn then(self, turn: ScriptedTurn) -> Self {
        self.state().turns.push_back(turn);
        self
    }

    /// One more turn that says something.
    #[must_use]
    pub fn say(self, text: impl Into<String>) -> Self {
        self.then(ScriptedTurn::Text(text.into()))
    }

    /// One more turn that calls one tool.
    #[must_use]
    pub fn call(self, tool: impl Into<String>, arguments: Value) -> Self {
        self.then(ScriptedTurn::ToolCalls(vec![(tool.into(), arguments)]))
    }

    /// One more turn that fails.
    #[must_use]
    pub fn fail(self, error: &Error) -> Self {
        self.then(ScriptedTurn::Fail(error.to_report()))
    }

    /// The requests so far, oldest first.
    pub fn requests(&self) -> Vec<Arc<ChatRequest>> {
        self.state().requests.clone()
    }

    fn next(&self, request: Arc<ChatRequest>) -> Result<(u64, ScriptedTurn)> {
        let mut state = self.state();
        if state.keep_requests {
            state.requests.push(request);
        }
        if state.turns.is_empty()
            && let Some(turns) = state.repeat.clone()
        {
            state.turns.extend(turns);
        }
        let turn = state.turns.pop_front().ok_or_else(|| {
            Error::invalid(format!(
                "the script is over after {} turns; add one for this request",
                state.calls
            ))
        })?;
        state.calls += 1;
        Ok((state.calls, turn))
    }
}

impl Default for ScriptedModel {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ChatModel for ScriptedModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        cx.check_alive()?;
        let input =
            request.messages.iter().map(|message| message.text().split_whitespace().count() as u64).sum();
        let (turn_number, turn) = self.next(request)?;
        let mut events = Vec::new();
        let mut output = 0_u64;
        let finish = match turn {
            ScriptedTurn::Fail(report) => return Err(Error::from(report)),
            ScriptedTurn::Text(text) => {
                output = say(&mut events, &text);
                FinishReason::Stop
            }
            ScriptedTurn::Cut(text) => {
                say(&mut events, &text);
                // The part never ends and the stream fails behind its last delta.
                events.retain(|event| !matches!(event, Ok(ChatEvent::PartEnd { .. })));
                events.push(Err(Error::new(ErrorKind::Transport, "the script cuts the answer here")
                    .in_phase(crate::error::Phase::MidStream)));
                return Ok(ChatStream::new(stream::iter(events)));
            }
            ScriptedTurn::ToolCalls(calls) => {
                for (place, (name, arguments)) in calls.into_iter().enumerate() {
                    let index = u32::try_from(place).unwrap_or(u32::MAX);
                    let start = PartStart::ToolCall { call_id: format!("call_{turn_number}_{place}"), name };
                    let text = arguments.to_string();
                    output = output.saturating_add(1);
                    events.push(Ok(ChatEvent::PartStart { index, part: start.clone() }));
                    events.push(Ok(ChatEvent::PartDelta { index, delta: Delta::Arguments(text.clone()) }));
                    events.push(Ok(ChatEvent::PartEnd { index, part: start.whole(text) }));
                }
                FinishReason::ToolCalls
            }
        };
        let usage = Usage { input: Some(input), output: Some(output), ..Usage::default() };
        events.push(Ok(ChatEvent::Usage(usage)));
        events.push(Ok(ChatEvent::Finish(finish)));
        Ok(ChatStream::new(stream::iter(events)))
    }
}

/// Pushes the events of a text, a delta a word, and returns how many words it has.
fn say(events: &mut Vec<Result<ChatEvent>>, text: &str) -> u64 {
    events.push(Ok(ChatEvent::PartStart { index: 0, part: PartStart::Text }));
    let mut words = 0;
    for word in text.split_inclusive(' ') {
        words += 1;
        events.push(Ok(ChatEvent::PartDelta { index: 0, delta: Delta::Text(word.to_owned()) }));
    }
    events.push(Ok(ChatEvent::PartEnd { index: 0, part: PartStart::Text.whole(text.to_owned()) }));
    words
}
