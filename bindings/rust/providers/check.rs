//! Whether a provider works, in one sentence.

use std::time::Duration;

use agentforge_core::{
    error::{Error, ErrorKind, Phase},
    message::Message,
    model::{ChatRequest, Settings},
};
use serde::Serialize;

/// How long a provider may take to answer a test.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What a test of a provider came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ProviderCheck {
    /// Whether it answered.
    pub ok: bool,
    /// What is wrong and how to mend it, or that it works.
    pub sentence: String,
    /// How long the whole answer took; none when nothing was sent.
    pub latency: Option<Duration>,
    /// The model that was asked; none when there was none to ask.
    pub model: Option<String>,
}

/// The smallest request: a word in, few tokens out. Some providers refuse limits below sixteen.
pub(super) fn smallest() -> ChatRequest {
    let settings = Settings { max_tokens: Some(16), ..Settings::default() };
    ChatRequest { settings, ..ChatRequest::new([Message::user("Hi")]) }
}

/// What is wrong with a provider when its model failed like this.
pub(super) fn sentence(name: &str, model: &str, error: &Error) -> String {
    let wait = error.wait().map(|wait| wait.as_secs_f64().ceil());
    match error.kind() {
        ErrorKind::Unauthenticated if error.get("reason").is_some() => {
            format!("`{name}` has no key; set one.")
        }
        ErrorKind::Unauthenticated => format!("`{name}` refused the key; set another."),
        ErrorKind::Denied => format!("`{name}` knows the key, but it may not use the model `{model}`."),
        ErrorKind::NotFound => {
            format!("`{name}` has no model `{model}`; check its name, and the path of the address.")
        }
        ErrorKind::RateLimited => match wait {
            Some(seconds) => format!("`{name}` limits the rate of requests; try again in {seconds} s."),
            None => format!("`{name}` limits the rate of requests; try again later."),
        },
        ErrorKind::QuotaExceeded => {
            format!("The quota or the money at `{name}` is used up; top it up there.")
        }
        ErrorKind::Overloaded => format!("`{name}` has no capacity at the moment; try again later."),
        ErrorKind::Timeout if error.phase() == Some(Phase::BeforeSend) => {
            format!("The address of `{name}` is unreachable: it accepted no connection in time.")
        }
        ErrorKind::Timeout => format!("`{name}` did not answer within {} s.", PATIENCE.as_secs()),
        ErrorKind::Transport if error.phase() != Some(Phase::BeforeSend) => {
            format!("The connection to `{name}` broke off: {}.", error.message())
        }
        ErrorKind::Transport => format!("The address of `{name}` is unreachable: {}.", error.message()),
        ErrorKind::Decode => {
            format!(
                "What answers at the address of `{name}` speaks another protocol; check the address and the wire."
            )
        }
        ErrorKind::Unsupported => format!("`{name}` cannot be asked: {}.", error.message()),
        _ => format!("`{name}` failed: {}.", error.message()),
    }
}
