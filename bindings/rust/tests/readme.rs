//! The taste of the README compiles and runs: every line of it stands in this file.

use agentforge::prelude::*;

use crate::folder::Folder;

/// Looks up how many days of leave an employee has left.
#[tool(read_only)]
fn leave_balance(
    /// The first name.
    employee: String,
) -> String {
    format!("{employee} has 14 days left")
}

async fn taste() -> Result<String> {
    let forge = Forge::open("forge.db").await?;
    let workspace = forge.workspace();
    let handbook = workspace.knowledge("handbook").await?;
    handbook.add(workspace.context(), "leave.md", include_str!("leave.md")).await?;
    let agent = workspace
        .agent("hr", agentforge::models::from_env()?)
        .tool(handbook.search_tool())
        .tool(leave_balance)
        .build()?;
    let run = workspace.run(&agent, "How many days may I carry over, and what has Dana left?").await?;
    println!("{}", run.text());
    forge.close().await?;
    Ok(run.text())
}

/// Sets the working folder of the process, and so runs in a process of its own under both runners.
#[test]
fn the_taste_of_the_readme_is_code_that_runs() {
    let readme = include_str!("../../../README.md");
    let code = readme.split("```rust\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let here = include_str!("readme.rs");
    for line in code.lines().map(str::trim).filter(|line| !line.is_empty()) {
        assert!(here.lines().any(|own| own.trim() == line), "`{line}` of the README is not in this test");
    }
    let folder = Folder::new();
    let text = std::env::var_os("AGENTFORGE_README_CHILD").map(|folder| {
        std::env::set_current_dir(folder).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(taste()).unwrap()
    });
    if let Some(text) = text {
        assert!(text.contains("5 unused days"), "{text}");
        return;
    }
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    for key in ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OLLAMA_HOST", "AGENTFORGE_MODEL"] {
        child.env_remove(key);
    }
    let name = "readme::the_taste_of_the_readme_is_code_that_runs";
    let output =
        child.args(["--exact", name]).env("AGENTFORGE_README_CHILD", folder.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
