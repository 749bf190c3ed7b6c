//! A tool needs a description.
extern crate agentforge_tools as agentforge;
use agentforge::tool;

#[tool(read_only)]
async fn leave_balance(employee: String) -> u32 {
    employee.len() as u32
}

fn main() {}
