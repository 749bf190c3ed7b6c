//! A tool has one schema.
extern crate agentforge_tools as agentforge;
use agentforge::tool;

/// Counts the items of a list.
#[tool(read_only)]
fn count<T: Send>(items: Vec<T>) -> usize {
    items.len()
}

fn main() {}
