//! Publishing and starting: rights, forms, versions, idempotency keys.

use std::{collections::BTreeSet, sync::Arc};

use agentforge_core::{
    approval::ApprovalVerb,
    error::ErrorKind,
    record::RunState,
    testkit::{Failure, Harness},
};
use futures::future::join_all;
use serde_json::{Value, json};

use super::super::{
    definitions::{form, leave, question, straight},
    ensure::{ensure, equal, fails},
    world::World,
};
use crate::RunQuery;

super::cases!("starting": [
    publishing_counts_versions_and_needs_the_right,
    a_wrong_definition_is_refused_with_its_nodes,
    starting_needs_the_right,
    a_wrong_input_is_refused_with_its_paths,
    a_key_starts_one_run,
    starting_at_once_with_one_key_starts_one_run,
    a_key_belongs_to_one_input_and_one_caller,
    a_run_keeps_the_definition_that_it_was_started_with,
    a_start_is_found_by_a_worker_when_its_process_dies_at_once,
]);

async fn publishing_counts_versions_and_needs_the_right(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let processes = world.processes("first")?;
    let manager = world.manager()?;
    fails("a member", processes.publish(&world.starter()?, &leave()).await, ErrorKind::Denied)?;
    let first = processes.publish(&manager, &leave()).await?;
    equal("first number", first.value.number, 1)?;
    let same = processes.publish(&manager, &leave()).await?;
    equal("the same again", same, first.clone())?;
    let mut changed = leave();
    if let Some(title) = changed.get_mut("title") {
        *title = json!("Changed");
    }
    let second = processes.publish(&manager, &changed).await?;
    equal("second number", second.value.number, 2)?;
    let third = processes.publish(&manager, &leave()).await?;
    equal(
        "an older definition is a new version",
        (third.value.number, third.value.hash),
        (3, first.value.hash),
    )?;
    let latest = processes.published(&world.viewer()?, "leave").await?;
    equal("latest", latest.value.number, 3)
}

async fn a_wrong_definition_is_refused_with_its_nodes(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let mut wrong = leave();
    if let Some(tool) = wrong.pointer_mut("/nodes/0/config/tool") {
        *tool = json!("recrd");
    }
    let refused = world.processes("first")?.publish(&world.manager()?, &wrong).await;
    let Err(error) = refused else {
        return Err(Failure::new("a definition with an unknown tool was published"));
    };
    let problems = error.get("problems").cloned().unwrap_or_default();
    equal("node", problems.pointer("/0/node"), Some(&json!("note")))?;
    equal("path", problems.pointer("/0/path"), Some(&json!("/nodes/0/config/tool")))?;
    ensure(error.message().contains("`record`"), format!("no hint in: {error}"))
}

async fn starting_needs_the_right(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&straight()).await?;
    let processes = world.processes("first")?;
    let denied = processes.start(&world.viewer()?, "straight", form(), None).await;
    fails("a viewer", denied, ErrorKind::Denied)?;
    let unknown = processes.start(&world.starter()?, "unknown", form(), None).await;
    fails("an unknown process", unknown, ErrorKind::NotFound)?;
    let elsewhere = processes.start(&world.neighbour()?.starter()?, "straight", form(), None).await;
    fails("another tenant", elsewhere, ErrorKind::NotFound)?;
    equal("runs", processes.runs(&world.manager()?, RunQuery::default()).await?.records.len(), 0)?;
    equal("calls", world.sink.count(), 0)
}

async fn a_wrong_input_is_refused_with_its_paths(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&straight()).await?;
    let processes = world.processes("first")?;
    let refused =
        processes.start(&world.starter()?, "straight", json!({"name": "Mia", "days": 0}), None).await;
    let Err(error) = refused else { return Err(Failure::new("a run was started with zero days")) };
    equal("kind", error.kind(), ErrorKind::InvalidInput)?;
    equal("path", error.get("path"), Some(&json!("/days")))?;
    equal("runs", processes.runs(&world.manager()?, RunQuery::default()).await?.records.len(), 0)
}

async fn a_key_starts_one_run(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&leave()).await?;
    let processes = world.processes("first")?;
    let starter = world.starter()?;
    let first = processes.start(&starter, "leave", form(), Some("k")).await?;
    let again = processes.start(&starter, "leave", form(), Some("k")).await?;
    let elsewhere = world.processes("second")?.start(&starter, "leave", form(), Some("k")).await?;
    let in_context = processes.start(&starter.with_idempotency_key("k"), "leave", form(), None).await?;
    for other in [again, elsewhere, in_context] {
        equal("the run", other.run, first.run)?;
    }
    let other = processes.start(&starter, "leave", form(), Some("l")).await?;
    ensure(other.run != first.run, "another key started the same run")?;
    equal("calls of the first run", world.sink.calls(&crate::effect_key(first.run, "note", 0)).len(), 1)?;
    let elsewhere = world.neighbour()?;
    elsewhere.publish(&leave()).await?;
    let elsewhere = processes.start(&elsewhere.starter()?, "leave", form(), Some("k")).await?;
    ensure(elsewhere.run != first.run, "the key of one tenant found the run of another")
}

async fn starting_at_once_with_one_key_starts_one_run(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&leave()).await?;
    let (one, two) = (world.processes("one")?, world.processes("two")?);
    let starter = world.starter()?;
    let starts = [&one, &two, &one, &two, &one, &two].map(|processes| {
        let start = processes.start(&starter, "leave", form(), Some("k"));
        Box::pin(start)
    });
    let mut runs = BTreeSet::new();
    for started in join_all(starts).await {
        runs.insert(started?.run);
    }
    equal("runs", runs.len(), 1)?;
    world.clock.advance(std::time::Duration::from_secs(31));
    world.work(&one).await?;
    equal("open approvals", world.desk().open(&world.manager()?, 10).await?.records.len(), 1)?;
    equal("keys", world.sink.keys().len(), 1)
}

async fn a_key_belongs_to_one_input_and_one_caller(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&leave()).await?;
    let processes = world.processes("first")?;
    processes.start(&world.starter()?, "leave", form(), Some("k")).await?;
    let other = json!({"name": "Moe", "days": 1});
    let other_input = processes.start(&world.starter()?, "leave", other, Some("k")).await;
    fails("another input", other_input, ErrorKind::Conflict)?;
    let other_caller = processes.start(&world.colleague()?, "leave", form(), Some("k")).await;
    fails("another caller", other_caller, ErrorKind::Conflict)
}

async fn a_run_keeps_the_definition_that_it_was_started_with(
    harness: Arc<dyn Harness>,
) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, old) = world.started(&leave()).await?;
    let mut changed = leave();
    if let Some(what) = changed.pointer_mut("/nodes/2/config/arguments/what") {
        *what = json!("changed");
    }
    world.publish(&changed).await?;
    let processes = world.processes("second")?;
    let new = processes.start(&world.starter()?, "leave", form(), None).await?;
    ensure(old.definition != new.definition, "the changed definition has the same hash")?;
    for (status, expected) in [(old, "book for Mia"), (new, "changed")] {
        let status = world.settle(&processes, status.run, ApprovalVerb::Approve).await?;
        let what = status.output.as_ref().and_then(|output| output.pointer("/done/what"));
        equal("what was booked", what, Some(&json!(expected)))?;
    }
    Ok(())
}

async fn a_start_is_found_by_a_worker_when_its_process_dies_at_once(
    harness: Arc<dyn Harness>,
) -> Result<(), Failure> {
    use super::super::crash::{Crash, Crashing};
    let world = World::new(&harness).await?;
    world.publish(&question(&Value::Null)).await?;
    // The first write is the start itself.
    let (stores, died) = Crashing::over(&world.stores, 0, Crash::DiesAfter);
    let dying = world.over(stores).processes("dying")?;
    let starter = world.starter()?;
    let start = Box::pin(dying.start(&starter, "question", form(), None));
    match futures::future::select(start, died).await {
        futures::future::Either::Left(_) => return Err(Failure::new("the process did not die")),
        futures::future::Either::Right(_) => {}
    }
    let processes = world.processes("second")?;
    let runs = processes.runs(&world.manager()?, RunQuery::default()).await?.records;
    equal("states", runs.iter().map(|run| run.state).collect(), vec![RunState::Running])?;
    equal("work while the lease is alive", world.work(&processes).await?, 0)?;
    world.clock.advance(std::time::Duration::from_secs(31));
    ensure(world.work(&processes).await? > 0, "the run of a dead process is not due")?;
    let run = runs.first().map(|run| run.run);
    equal("state", world.state(super::super::ensure::present("the run", run)?).await?, RunState::Suspended)
}
