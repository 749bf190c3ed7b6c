//! `offline:extractive`: an honest stand-in where no language model is configured. No weights, no network, the same
//! answer every time.
//!
//! It calls a tool when the request clearly asks for it and names every required argument; with results it quotes the
//! sentences that answer, each with its mark and citation, and passes other results on in a sentence; otherwise it says
//! what it is. It never makes anything up, and it never calls a tool twice for one request.

mod answer;
mod arguments;
mod choose;
mod clause;
mod material;
mod schema;
mod sentence;
#[cfg(test)]
mod tests;
mod turn;
mod words;

use std::sync::Arc;

use agentforge_core::{
    CallContext, Error, ErrorKind, Result,
    error::Phase,
    message::{Message, Part, PartContent},
    model::{
        ChatEvent, ChatModel, ChatRequest, ChatStream, Delta, FinishReason, ModelInfo, OutputFormat,
        PartStart, Price, ResponseInfo, ToolDefinition, Unsupported, Usage,
    },
};
use async_trait::async_trait;
use futures::stream;
use serde_json::Value;

use turn::Turn;

/// The offline model. Usage counts words between blanks in place of tokens.
///
/// ```
/// use agentforge_core::{message::Message, model::{ChatModelExt, ChatRequest}, testing::fixed_context};
/// use agentforge_llm::OfflineModel;
/// # futures::executor::block_on(async {
/// let request = ChatRequest::new([Message::user("Hello")]);
/// let answer = OfflineModel::new().generate(request.into(), &fixed_context()).await?;
/// assert!(answer.message.text().contains("no language model"));
/// # Ok::<(), agentforge_core::Error>(())
/// # }).unwrap();
/// ```
#[derive(Debug, Clone)]
pub struct OfflineModel {
    info: ModelInfo,
}

impl OfflineModel {
    /// The name before the colon.
    pub const PROVIDER: &'static str = "offline";
    /// The name behind it.
    pub const MODEL: &'static str = "extractive";

    /// The model.
    pub fn new() -> Self {
        let mut info = ModelInfo::new(Self::PROVIDER, Self::MODEL);
        info.language_model = false;
        info.structured_output = false;
        info.price = Some(Price::FREE);
        Self { info }
    }
}

impl Default for OfflineModel {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl ChatModel for OfflineModel {
    fn info(&self) -> &ModelInfo {
        &self.info
    }

    async fn stream(&self, request: Arc<ChatRequest>, cx: &CallContext) -> Result<ChatStream> {
        cx.check_alive()?;
        if let Some(fault) = self.check(&request).first() {
            let text = format!("{} does not offer {} ({})", self.info.full_name(), fault.feature, fault.hint);
            return Err(Error::new(ErrorKind::Unsupported, text).in_phase(Phase::BeforeSend));
        }
        let info = ResponseInfo { model: Some(Self::MODEL.to_owned()), ..ResponseInfo::default() };
        Ok(ChatStream::new(stream::iter(respond(&request).into_iter().map(Ok))).with_info(info))
    }

    fn check(&self, request: &ChatRequest) -> Vec<Unsupported> {
        match request.output {
            OutputFormat::Text => Vec::new(),
            OutputFormat::Json { .. } => vec![Unsupported {
                feature: "structured output".to_owned(),
                hint: format!("it is no language model; {SET_A_REAL_ONE}"),
            }],
        }
    }
}

const SET_A_REAL_ONE: &str = "set OPENAI_API_KEY, ANTHROPIC_API_KEY or OLLAMA_HOST to use a real one";

/// All events of the answer.
fn respond(request: &ChatRequest) -> Vec<ChatEvent> {
    let turn = Turn::of(request);
    let mut speech = Speech { events: Vec::new(), next: 0, words: 0 };
    let mut finish = FinishReason::Stop;
    if turn.results.is_empty() {
        let plan = choose::plan(request, &turn.asked);
        if plan.calls.is_empty() {
            speech.say(&introduction(&request.tools, plan.incomplete.as_ref()));
        } else {
            for (place, (name, arguments)) in plan.calls.into_iter().enumerate() {
                speech.call(format!("call_{}_{place}", request.messages.len()), name, &arguments);
            }
            finish = FinishReason::ToolCalls;
        }
    } else {
        let answer = answer::answer(&turn);
        speech.say(&answer.text);
        for citation in answer.citations {
            speech.whole(Part::citation(citation));
        }
    }
    let input = request.messages.iter().map(words_of).sum();
    speech.events.push(ChatEvent::Usage(Usage {
        input: Some(input),
        output: Some(speech.words),
        ..Usage::default()
    }));
    speech.events.push(ChatEvent::Finish(finish));
    speech.events
}

/// What it is and what can be done about it.
fn introduction(tools: &[ToolDefinition], incomplete: Option<&(String, Vec<String>)>) -> String {
    const MOST: usize = 12;
    let mut text = String::new();
    if let Some((tool, missing)) = incomplete {
        let missing = missing.join("`, `");
        text.push_str(&format!(
            "The tool `{tool}` seems to fit, but I do not find `{missing}` in the request. "
        ));
    }
    text.push_str("I am AgentForge's offline stand-in, no language model: I call a tool when a request clearly asks for it, ");
    text.push_str("and I quote passages that a search finds. ");
    if !tools.is_empty() {
        let names: Vec<String> = tools.iter().take(MOST).map(|tool| format!("`{}`", tool.name)).collect();
        let more = if tools.len() > MOST { ", …" } else { "" };
        text.push_str(&format!("Tools here: {}{more}. ", names.join(", ")));
    }
    text.push_str(&format!("Please {SET_A_REAL_ONE}."));
    text
}

fn words_of(message: &Message) -> u64 {
    message
        .parts
        .iter()
        .map(|part| match &part.content {
            PartContent::Text(text) => words::count(text),
            PartContent::ToolResult(result) => words::count(&result.text()),
            PartContent::ToolCall(call) => words::count(&call.arguments.to_string()),
            _ => 0,
        })
        .sum()
}

/// An answer as events.
struct Speech {
    events: Vec<ChatEvent>,
    next: u32,
    words: u64,
}

impl Speech {
    fn say(&mut self, text: &str) {
        let index = self.begin(PartStart::Text);
        for word in text.split_inclusive(char::is_whitespace) {
            self.events.push(ChatEvent::PartDelta { index, delta: Delta::Text(word.to_owned()) });
        }
        self.words += words::count(text);
        self.events.push(ChatEvent::PartEnd { index, part: Part::text(text) });
    }

    fn call(&mut self, call_id: String, name: String, arguments: &Value) {
        let start = PartStart::ToolCall { call_id, name };
        let index = self.begin(start.clone());
        let text = arguments.to_string();
        self.words += words::count(&text);
        self.events.push(ChatEvent::PartDelta { index, delta: Delta::Arguments(text.clone()) });
        self.events.push(ChatEvent::PartEnd { index, part: start.whole(text) });
    }

    fn whole(&mut self, part: Part) {
        let index = self.next;
        self.next += 1;
        self.events.push(ChatEvent::PartEnd { index, part });
    }

    fn begin(&mut self, part: PartStart) -> u32 {
        let index = self.next;
        self.next += 1;
        self.events.push(ChatEvent::PartStart { index, part });
        index
    }
}
