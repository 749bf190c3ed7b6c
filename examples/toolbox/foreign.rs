//! A foreign server of the Model Context Protocol: the reference server from npm, when Node is there.

use agentforge::{
    Workspace,
    mcp::{McpClient, McpHost, McpServer, Pins, StdioServer},
    serde_json::json,
    tool::ToolInput,
};

use crate::Failure;

const PACKAGE: &str = "@modelcontextprotocol/server-everything@2026.8.31";

pub(crate) async fn show(workspace: &Workspace) -> Result<(), Failure> {
    let Some(npx) = find("npx") else {
        println!("\nA server of MCP was left out: there is no Node here.");
        return Ok(());
    };
    let mut command = StdioServer::new(npx).arg("--yes").arg(PACKAGE);
    for name in ["PATH", "HOME"] {
        command = command.env(name, std::env::var(name).unwrap_or_default());
    }
    let cx = workspace.context();
    let server = McpServer::stdio("everything", command);
    let client = match McpClient::connect(server, McpHost::new(), Pins::default(), cx).await {
        Ok(client) => client,
        Err(error) => {
            println!("\nA server of MCP was left out: {error}");
            return Ok(());
        }
    };
    let report = client.report();
    println!(
        "\nThe server has {} tools, none of which may be called before somebody approves it.",
        report.added.len()
    );
    client.approve(&report);
    let tools = client.tools();
    if let Some(echo) = tools.iter().find(|tool| tool.spec().name.ends_with("echo")) {
        let arguments = json!({"message": "hello"});
        let input = ToolInput { call_id: "1".to_owned(), arguments, idempotency_key: "toolbox".to_owned() };
        let output = echo.call(cx, input).await?.into_result("1", echo.spec().trust);
        println!("allowed  {} -> {} ({:?})", echo.spec().name, output.text(), output.trust);
    }
    client.close().await?;
    Ok(())
}

fn find(program: &str) -> Option<String> {
    let paths = std::env::var_os("PATH")?;
    let found = std::env::split_paths(&paths).map(|folder| folder.join(program)).find(|file| file.is_file());
    found.and_then(|file| file.to_str().map(str::to_owned))
}
