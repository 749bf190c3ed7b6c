//! Two organisations in one store that never meet: `cargo run --example multitenant -- [--data FOLDER] [postgres://…]`.
//!
//! One of them tries to reach the other's project in four ways, each audit trail is verified, and with a PostgreSQL
//! address (and `--features postgres`) the whole store moves there and is verified again.

// The workspace denies printing in libraries; a program prints.
#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::{error::Error, path::PathBuf, process::ExitCode};

use agentforge::{
    Forge, Workspace,
    archive::NoProgress,
    context::Principal,
    id::{ProjectId, TenantId, UserId},
    record::ProjectRecord,
    store::{AuditVerdict, Filter, Query},
};

type Failure = Box<dyn Error>;

const USAGE: &str = "usage: multitenant [--data FOLDER] [postgres://USER@HOST/DATABASE]";

struct Options {
    data: PathBuf,
    target: Option<String>,
}

/// An organisation with its owner at the desk.
struct Organisation {
    name: &'static str,
    tenant: TenantId,
    owner: UserId,
}

impl Organisation {
    async fn found(forge: &Forge, name: &'static str, slug: &str) -> Result<Self, agentforge::Error> {
        let (tenant, owner) = forge.create_tenant(name, slug).await?;
        Ok(Self { name, tenant, owner })
    }

    async fn enter(&self, forge: &Forge) -> Result<Workspace, agentforge::Error> {
        forge.enter(self.tenant, Principal::user(self.owner)).await
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("multitenant: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options, String> {
    let usual = std::env::temp_dir().join(format!("agentforge-multitenant-{}", std::process::id()));
    let mut options = Options { data: usual, target: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--data" => options.data = arguments.next().ok_or("--data needs a folder")?.into(),
            "-h" | "--help" => return Err(USAGE.to_owned()),
            url if url.contains("://") && !cfg!(feature = "postgres") => {
                return Err(format!(
                    "this build knows no PostgreSQL; run\n  cargo run --features postgres --example multitenant -- {url}"
                ));
            }
            url if url.contains("://") => options.target = Some(url.to_owned()),
            other => return Err(format!("`{other}` is unknown\n{USAGE}")),
        }
    }
    Ok(options)
}

async fn run(options: &Options) -> Result<(), Failure> {
    std::fs::create_dir_all(&options.data)?;
    let file = options.data.join("forge.db");
    if file.exists() {
        return Err(format!("{} is there already; name another folder", file.display()).into());
    }
    println!("Two organisations in {}\n", file.display());
    let forge = Forge::open(file.to_string_lossy()).await?;
    let acme = Organisation::found(&forge, "Acme", "acme").await?;
    let globex = Organisation::found(&forge, "Globex", "globex").await?;

    println!("1  Both plan a project of the same name");
    let secret = plan(&acme.enter(&forge).await?, "acme pays 3 million for it").await?;
    let own = plan(&globex.enter(&forge).await?, "globex has not decided").await?;
    println!("     Acme    {secret}\n     Globex  {own}\n");

    println!("2  Globex tries to reach Acme's");
    attack(&forge, &globex, &acme, secret).await?;

    println!("3  The audit trails");
    trails(&forge, [&acme, &globex]).await?;

    if let Some(target) = &options.target {
        println!("4  Everything moves to PostgreSQL");
        let archive = options.data.join("archive");
        let exported = forge.export(&archive, &NoProgress).await?;
        forge.close().await?;
        println!("     exported  {} rows", exported.rows());
        Forge::builder(target.as_str()).import(&archive, &NoProgress).await?;
        let moved = Forge::open(target.as_str()).await?;
        let found = acme.enter(&moved).await?.records::<ProjectRecord>().get(secret).await?;
        println!("     Acme still reads: {}", found.value.description);
        attack(&moved, &globex, &acme, secret).await?;
        trails(&moved, [&acme, &globex]).await?;
        moved.close().await?;
    } else {
        forge.close().await?;
        println!("give a postgres:// address (with --features postgres) to move all of it there");
    }
    Ok(())
}

async fn plan(workspace: &Workspace, description: &str) -> Result<ProjectId, agentforge::Error> {
    let mut project = ProjectRecord::new(ProjectId::new(workspace.context()), "Merger");
    project.description = description.to_owned();
    workspace.records::<ProjectRecord>().create(&project).await?;
    Ok(project.id)
}

/// Every way in which one tenant could try to see or touch a record of another. The first that works ends the program.
async fn attack(
    forge: &Forge,
    attacker: &Organisation,
    victim: &Organisation,
    target: ProjectId,
) -> Result<(), Failure> {
    let workspace = attacker.enter(forge).await?;
    let projects = workspace.records::<ProjectRecord>();
    let read = projects.get(target).await.err();
    report("read it by its id", read)?;
    let delete = projects.delete(target, 1).await.err();
    report("delete it by its id", delete)?;
    let seen = projects.list(&Query::new(Filter::words("name", "merger"))).await?;
    if seen.records.iter().any(|record| record.value.id == target) {
        return Err("a search showed another tenant's record".into());
    }
    println!("     search for its name       finds {} project, its own", seen.records.len());
    let entered = forge.enter(victim.tenant, Principal::user(attacker.owner)).await;
    let inside = match entered {
        Ok(workspace) => workspace.records::<ProjectRecord>().get(target).await.err(),
        Err(error) => Some(error),
    };
    report("come in as its own owner", inside)?;
    println!();
    Ok(())
}

fn report(attempt: &str, refused: Option<agentforge::Error>) -> Result<(), Failure> {
    let error = refused.ok_or_else(|| format!("one tenant reached another's record: {attempt}"))?;
    println!("     {attempt:<26}refused: {error}");
    Ok(())
}

async fn trails(forge: &Forge, organisations: [&Organisation; 2]) -> Result<(), Failure> {
    for organisation in organisations {
        let verdict = organisation.enter(forge).await?.audit().verify().await?;
        match verdict {
            AuditVerdict::Intact { entries, .. } => {
                println!("     {:<8}{entries} entries, chain intact", organisation.name);
            }
            AuditVerdict::Broken { seq, reason } => {
                return Err(format!("the trail of {} is broken at {seq}: {reason}", organisation.name).into());
            }
        }
    }
    println!();
    Ok(())
}
