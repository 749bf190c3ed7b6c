//! The models crate as its users see it: requests as bytes, replies as events, recorded traffic, and a real HTTP server.

#![allow(missing_docs)]
// A test that cannot go on should say where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod anthropic;
mod bedrock;
mod cassette;
mod cohere;
mod corpus;
mod decode;
#[cfg(feature = "http")]
mod embed;
mod encode;
mod errors;
#[cfg(all(feature = "http", feature = "testkit"))]
mod faults;
#[cfg(feature = "testkit")]
mod foreign;
mod gemini;
#[cfg(feature = "http")]
mod hosts;
#[cfg(feature = "http")]
mod http;
mod layers;
mod ollama;
mod openai_responses;
#[cfg(feature = "http")]
mod server;
#[cfg(feature = "testkit")]
mod structured;
mod support;
#[cfg(feature = "tiktoken")]
mod tokens;
mod tool_choice;
