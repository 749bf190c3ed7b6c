//! Area `agents`: one agent run of two model calls and one tool call on a scripted model, with journal, audit and
//! permission checks, in the memory store.

use std::sync::Arc;

use agentforge::{
    Forge,
    model::{ScriptedModel, ScriptedTurn},
    prelude::*,
    record::RunState,
    serde_json::json,
};

/// The weather in a city.
#[tool(read_only)]
fn weather(
    /// The city.
    city: String,
) -> &'static str {
    assert_eq!(city, "Ghent");
    "sunny"
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let forge = Forge::builder("memory:").without_worker().open().await?;
    let workspace = forge.workspace();
    let model = ScriptedModel::looping(vec![
        ScriptedTurn::ToolCalls(vec![("weather".to_owned(), json!({"city": "Ghent"}))]),
        ScriptedTurn::Text("It is sunny in Ghent.".to_owned()),
    ]);
    let agent = workspace
        .agent("weather", Arc::new(model))
        .instructions("Answer with the weather.")
        .tool(weather)
        .build()?;
    let ready = agentforge_benches::cpu();
    agentforge_benches::measure("agents", ready, async || {
        let run = workspace.run(&agent, "What is the weather in Ghent?").await?;
        assert_eq!((run.state, run.text().as_str()), (RunState::Completed, "It is sunny in Ghent."));
        // The person, the call, its result, the answer.
        assert_eq!(run.messages.len(), 4);
        assert!(run.messages[2].parts[0].as_tool_result().is_some_and(|result| result.text() == "sunny"));
        Ok::<_, agentforge::Error>(())
    })
    .await?;
    forge.close().await?;
    Ok(())
}
