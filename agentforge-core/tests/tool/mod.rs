//! The tool runtime: what it refuses, asks, limits, tries again, plans and records.

mod execution;
mod runtime;
mod support;
