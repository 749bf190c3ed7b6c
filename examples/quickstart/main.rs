//! The whole platform in one small program: knowledge, an agent with a tool, and a process that waits for a person
//! across a restart, in one SQLite file. Needs no key, no network and no server.
//!
//! Stop it wherever you like and run it again: it goes on where it stood, and nothing is lost or done twice.

// The workspace denies printing in libraries; a program prints.
#![allow(clippy::print_stderr, clippy::print_stdout)]

mod options;
mod screen;
mod tools;

use std::{error::Error, fs, path::Path, process::ExitCode, time::Duration};

use agentforge::{
    Forge, Workspace,
    agent::Agent,
    approval::ApprovalState,
    models::{self, ModelChoice},
    record::{RunRecord, RunState},
    serde_json::{self, json},
};
use screen::Screen;

const QUESTION: &str = "How many unused days of leave are carried over into the next year, and what is the leave balance of Dana?";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nquickstart: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  because {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(options: &options::Options) -> Result<(), Box<dyn Error>> {
    let screen = Screen::new();
    if options.fresh && options.data.join("forge.db").exists() {
        fs::remove_dir_all(&options.data)
            .map_err(|error| format!("cannot empty {}: {error}", options.data.display()))?;
    }
    fs::create_dir_all(&options.data)
        .map_err(|error| format!("cannot make the folder {}: {error}", options.data.display()))?;
    tools::LEDGER.get_or_init(|| options.data.join("bookings"));
    let file = options.data.join("forge.db");
    let (choice, environment) = ModelChoice::from_env();

    screen.title("AgentForge quickstart");
    let found = if file.exists() { "going on where an earlier run stood" } else { "new" };
    let shown = std::env::current_dir().ok().and_then(|here| file.strip_prefix(here).ok()).unwrap_or(&file);
    screen.field("store", &format!("{} ({found})", shown.display()));
    screen.field("model", &choice.to_string());

    let forge = open(&file).await?;
    let workspace = forge.workspace();

    screen.step(1, "Put the handbook into a knowledge base");
    let handbook = workspace.knowledge("handbook").await?;
    for (source, text) in handbook_pages()? {
        let added = handbook.add(workspace.context(), &source, &text).await?;
        let effect = format!("{:?}", added.effect).to_lowercase();
        screen.line(&format!("{source:<16} {} chunks, {effect}", added.chunks));
    }

    screen.step(2, "Let an agent answer with citations and a tool");
    let agent = workspace
        .agent("hr-assistant", models::connect(&choice, &environment)?)
        .instructions(
            "You answer questions of employees. Search the handbook and look up balances before you answer. Put the \
             mark of each passage that you use behind the sentence, for example [leave.md#2].",
        )
        .tool(handbook.search_tool())
        .tool(tools::leave_balance)
        .build()?;
    screen.line(&format!("asked: {QUESTION}"));
    let answered = ask(&workspace, &agent).await?;
    print_answer(&screen, &workspace, &answered).await?;

    screen.step(3, "Start a leave request; it parks at an approval");
    let definition = serde_json::from_str(include_str!("leave-request.json"))?;
    let published = workspace.processes().publish(&definition).await?;
    let input = json!({"employee": "Dana", "from": "2027-03-15", "days": 3});
    let request = workspace.processes().start("leave-request", input, Some("quickstart")).await?;
    screen.line(&format!("leave-request version {}, run {}", published.value.number, request.run));
    for approval in workspace.approvals().open().await? {
        screen.waits(&format!("waits for a person: {}", approval.subject.title));
    }

    screen.step(4, "Close everything, and open the file again");
    forge.close().await?;
    drop((workspace, handbook, agent, forge));
    let forge = open(&file).await?;
    let workspace = forge.workspace();
    let record = workspace.runs().get(request.run).await?;
    screen.good(&format!("the run is still there: {}", format!("{:?}", record.state).to_lowercase()));

    screen.step(5, "Approve, and let it finish");
    for approval in workspace.approvals().open().await? {
        let decided = workspace.approvals().approve(approval.id).await?;
        if decided.approval.state == ApprovalState::Approved {
            screen.good(&format!("approved: {}", approval.subject.title));
        }
    }
    let finished = workspace.runs().wait(request.run, Duration::from_secs(30)).await?;
    screen.good(&format!("{} booking in the ledger", tools::bookings()));

    screen.step(6, "What happened");
    for run in [answered, finished] {
        let timeline = workspace.runs().timeline(run.id).await?;
        screen.timeline(&run, &timeline);
    }
    let verdict = workspace.audit().verify().await?;
    println!();
    screen.quiet(&format!("audit trail: {}", if verdict.is_intact() { "intact" } else { "BROKEN" }));
    screen.quiet("run it again and it finds all of this; --fresh begins anew");
    forge.close().await?;
    Ok(())
}

/// The name lets a run that was killed go on at once: only one quickstart works on a folder at a time.
async fn open(file: &Path) -> Result<Forge, agentforge::Error> {
    Forge::builder(file.to_string_lossy())
        .tool(tools::leave_balance)
        .tool(tools::book_leave)
        .worker_name("quickstart")
        .open()
        .await
}

/// Asks once: an answer of an earlier run is taken, a run that was cut off goes on.
async fn ask(workspace: &Workspace, agent: &Agent) -> Result<RunRecord, agentforge::Error> {
    let runs = workspace.runs().list(50).await?.records;
    let earlier = runs
        .into_iter()
        .map(|stored| stored.value)
        .find(|run| run.name == agent.name() && !matches!(run.state, RunState::Failed | RunState::Cancelled));
    let run = match earlier {
        Some(run) if run.state.is_final() => return Ok(run),
        Some(run) => workspace.resume(agent, run.id).await?,
        None => workspace.run(agent, QUESTION).await?,
    };
    workspace.runs().get(run.id).await
}

async fn print_answer(
    screen: &Screen,
    workspace: &Workspace,
    run: &RunRecord,
) -> Result<(), agentforge::Error> {
    let Some(answer) = workspace.runs().answer(run.id).await? else {
        let why = run.error.as_ref().map_or("it has not ended", |error| error.message.as_str());
        screen.line(&format!("no answer: {why}"));
        return Ok(());
    };
    for line in answer.text().lines().filter(|line| !line.trim().is_empty()) {
        screen.line(&format!("answer: {line}"));
    }
    for citation in answer.citations() {
        let place = citation.location.as_deref().unwrap_or("");
        let range = citation.start.zip(citation.end).map(|(start, end)| format!("bytes {start}–{end}"));
        let label = citation.label.as_deref().unwrap_or(&citation.source);
        screen.quiet(&format!("[{label}] {}, {place}, {}", citation.source, range.unwrap_or_default()));
    }
    Ok(())
}

fn handbook_pages() -> Result<Vec<(String, String)>, std::io::Error> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/quickstart/handbook");
    let mut pages = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        pages.push((entry.file_name().to_string_lossy().into_owned(), fs::read_to_string(entry.path())?));
    }
    pages.sort();
    Ok(pages)
}
