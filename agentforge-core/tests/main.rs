//! Integration tests of core's contracts: golden files of everything that is stored or crosses a border.

#![allow(missing_docs)]

mod agent;
mod golden;
mod security;
