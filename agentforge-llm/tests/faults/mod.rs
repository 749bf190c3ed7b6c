//! What every wire makes of everything that goes wrong, over real HTTP/1.1 and HTTP/2: the kind, the phase, the advice
//! and the wait of each error stand in one table, which `FAULTS.md` shows. `AGENTFORGE_BLESS=1` writes that file anew.

mod matrix;
mod provider;

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    Error,
    error::Phase,
    message::Message,
    model::{ChatEvent, ChatModel, ChatModelExt, ChatRequest, Delta},
    testing::{FixedClock, fixed_context_with},
};
use agentforge_llm::{
    ApiKey, Registry, http::HttpTransport, testkit::MockProvider, transport::Timeouts, wire,
};
use futures::{
    StreamExt,
    future::{Either, select},
};

const KEY: &str = "sk-very-secret-0123456789";

/// The names of all wires, in the order of the crate.
fn wires() -> Vec<&'static str> {
    wire::builtin().iter().map(|wire| wire.name()).collect()
}

/// How the client and the server speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Http {
    One,
    Two,
}

impl Http {
    fn transport(self) -> HttpTransport {
        match self {
            Self::One => HttpTransport::new(),
            Self::Two => HttpTransport::new().with_prior_http2(),
        }
    }
}

/// Longer than any test moves its clock.
const NEVER: Duration = Duration::from_secs(1_000_000_000);

/// A model at the provider that waits for ever.
fn model(provider: &MockProvider, wire: &str, http: Http) -> Arc<dyn ChatModel> {
    waiting(provider, wire, http, Timeouts { headers: NEVER, idle: NEVER })
}

fn waiting(provider: &MockProvider, wire: &str, http: Http, timeouts: Timeouts) -> Arc<dyn ChatModel> {
    let registry = Registry::new().with_transport(Arc::new(http.transport())).with_timeouts(timeouts);
    let key = ApiKey::new(KEY, "the test").unwrap();
    registry.connect(&provider.host(wire), "model-1", Some(key.into())).unwrap()
}

/// When the clock of a call begins to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    Stands,
    MovesAfterTheRequest,
    MovesAfterTheFirstWord,
}

/// What an answer says, or why there is none.
async fn ask(model: &Arc<dyn ChatModel>, provider: &MockProvider, time: Time) -> Result<String, Error> {
    let clock = FixedClock::new();
    let cx = fixed_context_with(&clock);
    let word = tokio::sync::Notify::new();
    let call = async {
        let request = ChatRequest::new([Message::user("Hello")]);
        let mut events = model.stream(request.into(), &cx).await?;
        let mut said = String::new();
        while let Some(event) = events.next().await {
            if let ChatEvent::PartDelta { delta: Delta::Text(text), .. } = event? {
                said += &text;
                word.notify_one();
            }
        }
        Ok(said)
    };
    let time = async {
        match time {
            Time::Stands => std::future::pending().await,
            Time::MovesAfterTheRequest => provider.until_requests(1).await,
            Time::MovesAfterTheFirstWord => word.notified().await,
        }
        loop {
            clock.advance(Duration::from_secs(1));
            // Paces the clock of the call; nothing is measured with it.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    match select(std::pin::pin!(call), std::pin::pin!(time)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(((), _)) => unreachable!(),
    }
}

/// How far a call had come, in words.
fn phase(phase: Option<Phase>) -> &'static str {
    match phase {
        Some(Phase::BeforeSend) => "before send",
        Some(Phase::BeforeFirstEvent) => "before first event",
        Some(Phase::MidStream) => "mid-stream",
        None => "no phase",
    }
}
