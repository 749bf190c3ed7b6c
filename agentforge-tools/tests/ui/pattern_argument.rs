//! Arguments need names and owned types, and the context comes first.
extern crate agentforge_tools as agentforge;
use agentforge::tool;

/// Distance from the origin.
#[tool(read_only)]
fn distance((x, y): (f64, f64), label: &str) -> f64 {
    let _ = label;
    x.hypot(y)
}

/// Confuses the order of things.
#[tool(read_only)]
fn search(search: String, cx: &agentforge_core::context::CallContext) -> String {
    search
}

fn main() {}
