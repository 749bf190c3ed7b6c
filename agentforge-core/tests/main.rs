//! Integration tests of core's contracts: golden files of everything that is stored or crosses a border.

#![allow(missing_docs, clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

mod agent;
mod golden;
#[cfg(feature = "http")]
mod http;
mod records;
mod security;
mod tool;
