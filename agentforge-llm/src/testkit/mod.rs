//! A provider for tests: a real server on a loopback port, over HTTP/1.1 and HTTP/2 with prior knowledge, that answers by
//! a script in any wire, from a cassette, or with a fault, and keeps what it was asked.
//!
//! ```
//! use agentforge_core::{message::Message, model::{ChatModelExt, ChatRequest}, testing::fixed_context};
//! use agentforge_llm::{Registry, testkit::{Answer, Fault, MockProvider}, wire::openai_chat};
//! # #[cfg(feature = "http")]
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let provider = MockProvider::start().await?;
//! provider.then(Answer::text(openai_chat::NAME, "Hello.")?);
//! provider.fault(Fault::RetryAfterSeconds, openai_chat::NAME)?;
//! let model = Registry::over_http().connect(&provider.host(openai_chat::NAME), "model-1", None)?;
//! let request = || ChatRequest::new([Message::user("Hi")]).into();
//! assert_eq!(model.generate(request(), &fixed_context()).await?.message.text(), "Hello.");
//! let error = model.generate(request(), &fixed_context()).await.err().expect("rate limited");
//! assert_eq!(error.wait().map(|wait| wait.as_secs()), Some(7));
//! assert_eq!(provider.requests().len(), 2);
//! # Ok::<(), agentforge_core::Error>(())
//! # }).unwrap();
//! ```
//!
//! What each wire makes of each fault is asserted by a test and stands in the table of [`faults`].
//!
//! **Adding a wire** is one file in `dialect/` and one line there.

mod answer;
mod dialect;
mod fault;
#[doc = include_str!("../../FAULTS.md")]
pub mod faults {}
#[doc(hidden)]
pub mod fuzz;
mod gzip;
mod provider;
mod serve;
mod speech;

pub use answer::{Answer, Pause};
pub use fault::Fault;
pub use provider::{MockProvider, ReceivedRequest};
pub use speech::Speech;
