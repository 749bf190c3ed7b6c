//! Methods are tools when their block is marked too, and share their value.
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

#[tool]
impl Orders {
    /// Takes the value away.
    #[tool(writes)]
    fn close(self) {}

    /// Changes the value while others read it.
    #[tool(writes)]
    fn add(&mut self, number: String) {
        drop(number);
    }

    /// Has no value at all.
    #[tool(read_only)]
    fn count() -> u32 {
        0
    }

    #[tool(read_only)]
    fn undocumented(&self) -> u32 {
        0
    }
}

struct Empty;

#[tool]
impl Empty {
    fn nothing(&self) {}
}

struct Named;

#[tool(read_only)]
impl Named {
    /// Reads.
    #[tool(read_only)]
    fn read(&self) {}
}

#[tool]
impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("named")
    }
}

fn main() {}
