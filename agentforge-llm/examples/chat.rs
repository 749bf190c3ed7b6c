//! A conversation in the terminal with any model: `cargo run -p agentforge-llm --example chat -- ollama:llama3`.
//!
//! Each line of standard input is a question; the answer is shown as it comes, with what it used and cost. Keys and
//! addresses come from the environment. Without an argument it is the model whose key is set, else the offline one, which
//! says of itself that it is no language model.

// A program for people: its output is what it is for.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::{
    io::{BufRead, IsTerminal, Write},
    process::ExitCode,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agentforge_core::{
    CallContext, Result,
    context::{Authority, Principal},
    event::NoEvents,
    id::{TenantId, UserId},
    message::Message,
    model::{Accumulator, ChatEvent, ChatModel, ChatRequest, Delta},
    testing::SeededRandom,
    time::{Clock, Timestamp},
};
use agentforge_llm::{ModelChoice, Registry};
use futures::future::BoxFuture;

/// The system's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH.after(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let wait: Duration = at.since(self.now());
        Box::pin(tokio::time::sleep(wait))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chat: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let (mut choice, environment) = ModelChoice::from_env();
    if let Some(name) = std::env::args().nth(1) {
        choice = ModelChoice { name, because_of: None };
    }
    let model = choice.connect(&Registry::over_http(), &environment)?;
    let authority = Authority::new(Arc::new(SystemClock), Arc::new(SeededRandom::new(1)), Arc::new(NoEvents));
    let tenant: TenantId = "00000000-0000-7000-8000-000000000002".parse()?;
    let person: UserId = "00000000-0000-7000-8000-000000000001".parse()?;
    let cx = authority.enter(tenant, Principal::user(person))?;
    let people = std::io::stdin().is_terminal();
    if people {
        eprintln!("{}; a line is a question, an empty one ends", model.info().full_name());
    }
    let mut messages = Vec::new();
    loop {
        if people {
            eprint!("> ");
        }
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        if read.is_err() || line.trim().is_empty() {
            return Ok(());
        }
        messages.push(Message::user(line.trim()));
        messages.push(answer(&*model, &cx, messages.clone()).await?);
    }
}

/// Shows an answer while it comes, and gives it whole.
async fn answer(model: &dyn ChatModel, cx: &CallContext, messages: Vec<Message>) -> Result<Message> {
    let mut stream = model.stream(Arc::new(ChatRequest::new(messages)), cx).await?;
    let mut whole = Accumulator::new();
    let mut out = std::io::stdout();
    while let Some(batch) = stream.next_batch().await {
        for event in batch? {
            match &event {
                ChatEvent::PartDelta { delta: Delta::Text(text), .. } => print!("{text}"),
                ChatEvent::PartDelta { delta: Delta::Reasoning(text), .. } => eprint!("{text}"),
                _ => {}
            }
            whole.push(event)?;
        }
        // A closed pipe ends the program at its next line.
        let _ = out.flush();
    }
    println!();
    let response = whole.finish(stream.info().clone(), stream.warnings().to_vec());
    let cost = match (response.cost, model.price_at(cx.now())) {
        (Some(cost), _) => cost.to_string(),
        (None, Some(price)) => price.cost_of(&response.usage)?.to_string(),
        (None, None) => "unknown cost".to_owned(),
    };
    let count = |tokens: Option<u64>| tokens.map_or("?".to_owned(), |tokens| tokens.to_string());
    eprintln!("[{} tokens in, {} out, {cost}]", count(response.usage.input), count(response.usage.output));
    for warning in &response.warnings {
        eprintln!("[{}: {}]", warning.setting, warning.message);
    }
    Ok(response.message)
}
