//! Who drives: two workers on one run, a stale owner, a second driver in the same process.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    approval::ApprovalVerb,
    id::RunId,
    record::RunState,
    testkit::{Failure, Harness},
};
use futures::future::{Either, join, join4, select};
use serde_json::{Value, json};

use super::super::{
    definitions::{form, leave, one_call, slow_twice},
    ensure::{ensure, equal, present},
    sink::Gate,
    world::World,
};
use crate::{RunQuery, effect_key};

super::cases!("leases": [
    racing_workers_make_each_call_once,
    a_driven_run_is_left_alone,
    a_stale_owner_is_fenced_and_stops_quietly,
    an_owner_that_slept_goes_on_when_nobody_took_over,
    a_run_is_cancelled_while_it_is_driven_elsewhere,
    a_caller_that_goes_away_leaves_the_run_to_a_worker,
]);

async fn racing_workers_make_each_call_once(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&leave()).await?;
    let approval = world.open_approval(&status).await?;
    world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await?;
    let (one, two) = (world.processes("one")?, world.processes("two")?);
    let (system, starter) = (world.system().await?, world.starter()?);
    let raced = join4(
        one.work_once(&system),
        two.work_once(&system),
        one.drive(&starter, status.run),
        two.drive(&starter, status.run),
    )
    .await;
    raced.0?;
    raced.1?;
    raced.2?;
    raced.3?;
    equal("state", world.settle(&one, status.run, ApprovalVerb::Approve).await?.state, RunState::Completed)?;
    equal("calls", world.sink.count(), 2)
}

/// Drives a run until its first call stands at the gate, and gives the driver back, which then stands still.
async fn until_held<F>(start: F, gate: &mut Gate) -> Result<F, Failure>
where
    F: Future + Unpin,
{
    match select(start, gate.reached()).await {
        Either::Left(_) => Err(Failure::new("the run rested before its call was made")),
        Either::Right(((), start)) => Ok(start),
    }
}

/// The only run of the tenant.
async fn only_run(world: &World) -> Result<RunId, Failure> {
    let page = world.processes("observer")?.runs(&world.manager()?, RunQuery::default()).await?;
    let run = page.records.first().map(|status| status.run);
    present("the run", run)
}

async fn a_driven_run_is_left_alone(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&one_call("slow", &Value::Null)).await?;
    let mut gate = world.sink.hold();
    let (one, two) = (world.processes("one")?, world.processes("two")?);
    let starter = world.starter()?;
    let start = Box::pin(one.start(&starter, "one_call", form(), None));
    let start = until_held(start, &mut gate).await?;
    let run = only_run(&world).await?;
    let seen = two.drive(&starter, run).await?;
    equal("state for another worker", seen.state, RunState::Running)?;
    let again = one.drive(&starter, run).await?;
    equal("state for the same worker", again.state, RunState::Running)?;
    let lease = present("the lease", world.stores.journal.lease(&starter, run).await?)?;
    equal("owner", lease.owner.as_str(), "one")?;

    // The driver renews its lease halfway, so that it is alive when it would have ended.
    world.clock.advance(Duration::from_secs(16));
    let meanwhile = async {
        // A busy disk may take its time, and a case has no clock of its own.
        for _ in 0..1_000_000 {
            let now = world.stores.journal.lease(&starter, run).await?;
            if now.is_some_and(|now| now.until > lease.until) {
                world.clock.advance(Duration::from_secs(16));
                let worked = world.work(&two).await?;
                gate.open();
                return Ok::<_, Failure>(worked);
            }
            yield_once().await;
        }
        Err(Failure::new("the lease was not renewed"))
    };
    let (status, worked) = join(start, Box::pin(meanwhile)).await;
    ensure(worked? > 0, "the row of the run was not due when its first lease would have ended")?;
    equal("state", status?.state, RunState::Completed)?;
    equal("calls", world.sink.count(), 1)
}

async fn a_stale_owner_is_fenced_and_stops_quietly(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&one_call("slow", &json!({"in_doubt": "retry"}))).await?;
    let mut gate = world.sink.hold();
    let (one, two) = (world.processes("one")?, world.processes("two")?);
    let starter = world.starter()?;
    let start = Box::pin(one.start(&starter, "one_call", form(), None));
    let start = until_held(start, &mut gate).await?;
    let run = only_run(&world).await?;
    // The first process sleeps past its lease, and the second one takes over.
    world.clock.advance(Duration::from_mins(1));
    gate.open();
    world.work(&two).await?;
    equal("state after the take-over", world.state(run).await?, RunState::Completed)?;
    let status = start.await?;
    equal("what the stale owner sees", status.state, RunState::Completed)?;
    equal("calls with one key", world.sink.calls(&effect_key(run, "only", 0)).len(), 2)?;
    let timeline = two.timeline(&starter, run).await?;
    let answers = timeline.iter().filter(|entry| entry.kind == "tool_call.completed").count();
    equal("answers in the journal", answers, 1)
}

async fn an_owner_that_slept_goes_on_when_nobody_took_over(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&one_call("slow", &Value::Null)).await?;
    let mut gate = world.sink.hold();
    let processes = world.processes("one")?;
    let starter = world.starter()?;
    let start = Box::pin(processes.start(&starter, "one_call", form(), None));
    let start = until_held(start, &mut gate).await?;
    world.clock.advance(Duration::from_hours(1));
    gate.open();
    equal("state", start.await?.state, RunState::Completed)?;
    equal("calls", world.sink.count(), 1)
}

async fn a_run_is_cancelled_while_it_is_driven_elsewhere(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&slow_twice()).await?;
    let mut gate = world.sink.hold();
    let (one, two) = (world.processes("one")?, world.processes("two")?);
    let starter = world.starter()?;
    let start = Box::pin(one.start(&starter, "slow_twice", form(), None));
    let start = until_held(start, &mut gate).await?;
    let run = only_run(&world).await?;
    let status = two.cancel(&starter, run).await?;
    equal("state while the call runs", status.state, RunState::Running)?;
    gate.open();
    equal("state", start.await?.state, RunState::Cancelled)?;
    equal("keys", world.sink.keys(), World::effect_keys(run, &["first"]))?;
    world.clock.advance(Duration::from_mins(2));
    world.work(&two).await?;
    ensure(world.state(run).await? == RunState::Cancelled, "a worker revived a cancelled run")
}

async fn a_caller_that_goes_away_leaves_the_run_to_a_worker(
    harness: Arc<dyn Harness>,
) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&slow_twice()).await?;
    let mut gate = world.sink.hold();
    let processes = world.processes("one")?;
    let starter = world.starter()?.with_child_cancellation();
    let start = Box::pin(processes.start(&starter, "slow_twice", form(), None));
    let start = until_held(start, &mut gate).await?;
    let run = only_run(&world).await?;
    // The future is dropped while the call is on its way, so nobody knows whether it took effect.
    gate.open();
    drop(start);
    world.clock.advance(Duration::from_mins(1));
    let second = world.processes("two")?;
    world.work(&second).await?;
    let status = second.status(&world.starter()?, run).await?;
    equal("state in doubt", status.state, RunState::Suspended)?;
    let status = world.settle(&second, run, ApprovalVerb::Approve).await?;
    equal("state in the end", status.state, RunState::Completed)?;

    let cancelled = world.starter()?.with_child_cancellation();
    cancelled.cancellation().cancel();
    let refused = second.start(&cancelled, "slow_twice", form(), None).await;
    ensure(refused.is_err(), "a cancelled call started and finished a run")
}

/// Lets whoever runs beside this go on.
async fn yield_once() {
    let mut yielded = false;
    futures::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}
