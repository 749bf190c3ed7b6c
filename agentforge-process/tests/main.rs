//! The definition and the engine from outside, without any store.

// A test that cannot go on should say where.
#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod definitions;
mod engine;
mod graphs;
mod play;
