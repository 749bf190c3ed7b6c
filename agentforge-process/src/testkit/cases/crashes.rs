//! A crash at every write, in every flavour: whatever dies when, a fresh process finishes the run as if nothing had
//! happened, and an idempotent receiver has applied each effect once.

use std::sync::Arc;

use agentforge_core::{
    approval::ApprovalVerb,
    id::RunId,
    record::RunState,
    testkit::{Failure, Harness},
};
use futures::future::{Either, select};
use serde_json::Value;

use super::super::{
    crash::{Crash, Crashing},
    definitions::{everything, form, handled, nap},
    ensure::{ensure, equal},
    world::World,
};

super::cases!("crashes": [
    dying_before_a_write_changes_nothing,
    dying_after_a_write_changes_nothing,
    a_lost_answer_changes_nothing,
    people_clear_up_what_is_in_doubt,
    timers_and_errors_survive,
]);

/// How a run ended, without what differs between two runs.
#[derive(Debug, PartialEq)]
struct Ending {
    state: RunState,
    output: Option<Value>,
    error: Option<String>,
    /// The nodes whose effects were applied.
    applied: Vec<String>,
}

const KEY: Option<&str> = Some("k");

/// Starts a run and does everything that people and workers do until it ends. Starting again finds the same run.
async fn play(world: &World, name: &str) -> Result<Ending, Failure> {
    let processes = world.processes("worker")?;
    let mut started = None;
    for _ in 0..3 {
        match processes.start(&world.starter()?, name, form(), KEY).await {
            Ok(status) => {
                started = Some(status.run);
                break;
            }
            Err(error) if error.is_retryable() => {}
            Err(error) => return Err(error.into()),
        }
    }
    let run = started.ok_or_else(|| Failure::new("the run could not be started"))?;
    let status = world.settle(&processes, run, ApprovalVerb::Approve).await?;
    Ok(Ending {
        state: status.state,
        output: status.output,
        error: status.error.map(|error| error.message),
        applied: applied(world, run),
    })
}

/// The nodes of the definitions whose keys the sink has seen, and every key that belongs to no node.
fn applied(world: &World, run: RunId) -> Vec<String> {
    const NODES: [&str; 10] =
        ["note", "left", "right", "join", "last", "before", "after", "broken", "rescue", "only"];
    let name = |key: String| {
        let node = NODES.iter().find(|node| crate::effect_key(run, node, 0) == key);
        node.map_or(key, |node| (*node).to_owned())
    };
    let mut names: Vec<_> = world.sink.keys().into_iter().map(name).collect();
    names.sort();
    names
}

/// Plays a process without a crash, and then once for every write that can fail.
async fn at_every_write(harness: &Arc<dyn Harness>, definition: &Value, crash: Crash) -> Result<(), Failure> {
    let world = World::new(harness).await?;
    let name = definition.get("name").and_then(Value::as_str).unwrap_or_default();
    world.publish(definition).await?;
    let (stores, counter) = Crashing::counting(&world.stores);
    let expected = play(&world.over(stores), name).await?;
    ensure(counter.count() >= 3, format!("a whole run was only {} writes", counter.count()))?;
    for write in 0..counter.count() {
        // A tenant of its own for every crash: nothing of the one before is left.
        let world = world.neighbour()?;
        world.publish(definition).await?;
        let (stores, died) = Crashing::over(&world.stores, write, crash);
        let dying = world.over(stores);
        let ending = match select(Box::pin(play(&dying, name)), died).await {
            Either::Left((ending, _)) => ending,
            Either::Right(_) => play(&world, name).await,
        };
        let matched = ending.and_then(|ending| equal("the ending", &ending, &expected));
        matched.map_err(|failure| failure.during(format!("{crash:?} at write {write}")))?;
    }
    Ok(())
}

async fn dying_before_a_write_changes_nothing(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    at_every_write(&harness, &everything("retry"), Crash::DiesBefore).await
}

async fn dying_after_a_write_changes_nothing(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    at_every_write(&harness, &everything("retry"), Crash::DiesAfter).await
}

async fn a_lost_answer_changes_nothing(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    at_every_write(&harness, &everything("retry"), Crash::LosesAnswer).await
}

async fn people_clear_up_what_is_in_doubt(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    for crash in [Crash::DiesBefore, Crash::DiesAfter] {
        at_every_write(&harness, &everything("ask"), crash).await?;
        harness.close().await?;
    }
    World::new(&harness).await.map(drop)
}

async fn timers_and_errors_survive(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    for definition in [nap(), handled()] {
        for crash in [Crash::DiesBefore, Crash::DiesAfter, Crash::LosesAnswer] {
            at_every_write(&harness, &definition, crash).await?;
            harness.close().await?;
        }
    }
    World::new(&harness).await.map(drop)
}
