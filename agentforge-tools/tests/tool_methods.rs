//! What `#[tool]` makes of the methods of one type: tools that share its value.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use agentforge::tool;
use agentforge_core::{
    context::CallContext,
    error::Result,
    testing::fixed_context,
    tool::{Annotations, Registry, Tool, ToolFault, ToolInput, ToolOutput},
};
use serde_json::{Value, json};

async fn call(tool: &Arc<dyn Tool>, arguments: Value) -> Result<ToolOutput> {
    let input = ToolInput { call_id: "call-1".to_owned(), arguments, idempotency_key: "key-1".to_owned() };
    tool.call(&fixed_context(), input).await
}

struct Shop {
    name: &'static str,
    sold: AtomicU32,
}

#[tool]
impl Shop {
    /// Counts what was sold.
    #[tool(read_only)]
    fn sold(&self) -> u32 {
        self.sold.load(Ordering::SeqCst)
    }

    /// Sells some pieces.
    #[tool(writes, name = "sell_pieces")]
    async fn sell(
        &self,
        cx: &CallContext,
        /// How many.
        #[arg(default = 1)]
        pieces: u32,
    ) -> Result<String, ToolFault> {
        cx.check_alive()?;
        if pieces > self.most() {
            return Err("that is more than there is".into());
        }
        self.sold.fetch_add(pieces, Ordering::SeqCst);
        Ok(format!("{} sold {pieces}", self.name))
    }

    /// Says who shares the value.
    #[tool(read_only)]
    async fn shares(self: Arc<Self>) -> usize {
        Arc::strong_count(&self)
    }

    fn most(&self) -> u32 {
        if self.name.is_empty() { 0 } else { 100 }
    }
}

fn shop(name: &'static str) -> Arc<Shop> {
    Arc::new(Shop { name, sold: AtomicU32::new(0) })
}

#[tokio::test]
async fn tools_of_one_value_share_it_and_those_of_another_do_not() {
    let (first, second) = (shop("first").tools(), shop("second").tools());
    call(&first[1], json!({"pieces": 3})).await.unwrap();
    let sold = call(&first[1], json!({})).await.unwrap();
    assert_eq!(sold.structured, Some(json!("first sold 1")));
    assert_eq!(call(&first[0], json!({})).await.unwrap().structured, Some(json!(4)));
    assert_eq!(call(&second[0], json!({})).await.unwrap().structured, Some(json!(0)));
}

#[tokio::test]
async fn a_method_fails_for_the_model_as_a_function_does() {
    let output = call(&shop("s").tools()[1], json!({"pieces": 101})).await.unwrap();
    assert_eq!((output.failed, output), (true, ToolOutput::error("that is more than there is")));
}

#[tokio::test]
async fn a_method_may_take_the_shared_value_whole() {
    let shop = shop("s");
    let tools = shop.tools();
    // The value here, one in each of three tools, and one in the call.
    assert_eq!(call(&tools[2], json!({})).await.unwrap().structured, Some(json!(5)));
}

#[test]
fn marked_methods_are_tools_in_their_order_and_stay_methods() {
    let shop = shop("s");
    let tools = shop.tools();
    let names: Vec<_> = tools.iter().map(|tool| tool.spec().name.as_str()).collect();
    assert_eq!(names, ["sold", "sell_pieces", "shares"]);
    assert_eq!(tools[1].spec().annotations, Annotations::WRITES);
    assert_eq!(
        tools[1].spec().input.as_value()["properties"]["pieces"],
        json!({"type": "integer", "format": "uint32", "minimum": 0, "default": 1, "description": "How many."})
    );
    tools.into_iter().try_fold(Registry::new(), Registry::with).unwrap();
    assert_eq!((shop.sold(), shop.most()), (0, 100));
}

trait Clock: Send + Sync + 'static {
    fn hour(&self) -> u8;
}

struct Noon;

impl Clock for Noon {
    fn hour(&self) -> u8 {
        12
    }
}

struct Desk<C> {
    clock: C,
}

#[tool]
impl<C: Clock> Desk<C> {
    /// Whether somebody is there.
    #[tool(read_only)]
    fn is_open(&self) -> bool {
        (9..17).contains(&self.clock.hour())
    }
}

#[tokio::test]
async fn the_type_may_be_generic() {
    let tools = Arc::new(Desk { clock: Noon }).tools();
    assert_eq!(call(&tools[0], json!({})).await.unwrap().structured, Some(json!(true)));
}
