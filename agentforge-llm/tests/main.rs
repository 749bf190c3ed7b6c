//! The models crate as its users see it: requests as bytes, replies as events, recorded traffic, and a real HTTP server.

#![allow(missing_docs)]
// A test that cannot go on should say where.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod anthropic;
mod corpus;
mod decode;
mod encode;
mod errors;
#[cfg(feature = "http")]
mod http;
#[cfg(feature = "http")]
mod server;
mod support;
