//! Mistyped and contradicting options.
extern crate agentforge_tools as agentforge;
use agentforge::tool;

/// Reads the time.
#[tool(readonly)]
fn now() -> String {
    String::new()
}

/// Deletes an order.
#[tool(destructive, writes)]
fn delete_order(number: String) {
    drop(number);
}

/// Searches the handbook.
#[tool(read_only, requires = "kb.read")]
fn search(query: String) -> String {
    query
}

/// Has a name that no model accepts.
#[tool(name = "größe")]
fn size() -> u32 {
    1
}

/// Books a trip.
#[tool(writes)]
fn book(#[arg(defualt = 1)] days: u32) -> u32 {
    days
}

/// No function at all.
#[tool]
struct Weather;

fn main() {}
