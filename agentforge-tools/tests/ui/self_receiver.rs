//! A method is no tool yet.
extern crate agentforge_tools as agentforge;
use agentforge::tool;

struct Orders;

impl Orders {
    /// Looks an order up.
    #[tool]
    fn order(&self, number: String) -> String {
        number
    }
}

fn main() {}
