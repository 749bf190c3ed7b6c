//! Calls that need leave, are refused, edited, answered by people, or in doubt.

use std::sync::Arc;

use agentforge_core::{
    approval::ApprovalVerb,
    record::RunState,
    testkit::{Failure, Harness},
};
use futures::future::{Either, select};
use serde_json::{Value, json};

use super::super::{
    crash::{Crash, Crashing},
    definitions::{form, one_call},
    ensure::{ensure, equal, present},
    world::World,
};
use crate::{RunQuery, RunStatus, effect_key};

super::cases!("calls": [
    a_destructive_call_waits_for_leave,
    an_edited_call_runs_as_edited,
    an_edit_that_does_not_fit_is_asked_again,
    a_rejected_call_fails_its_node,
    an_answer_in_place_of_the_call_is_its_result,
    an_unanswered_call_fails_its_node,
    a_forbidden_call_fails_its_node,
    a_call_in_doubt_asks_a_person,
    a_call_in_doubt_is_made_again_by_policy,
    a_call_in_doubt_fails_by_policy,
    a_call_that_may_be_repeated_is_never_in_doubt,
]);

async fn after(world: &World, verb: ApprovalVerb, payload: Value) -> Result<RunStatus, Failure> {
    let (processes, status) = world.started(&one_call("erase", &Value::Null)).await?;
    equal("state before leave", status.state, RunState::Suspended)?;
    equal("calls before leave", world.sink.count(), 0)?;
    let approval = world.open_approval(&status).await?;
    equal(
        "arguments",
        approval.subject.detail.get("arguments"),
        Some(&json!({"what": "only for Mia", "days": 3})),
    )?;
    world.decide(approval.id, verb, payload).await?;
    world.work(&processes).await?;
    Ok(processes.status(&world.starter()?, status.run).await?)
}

async fn a_destructive_call_waits_for_leave(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let status = after(&world, ApprovalVerb::Approve, Value::Null).await?;
    equal("state", status.state, RunState::Completed)?;
    equal(
        "calls",
        world.sink.calls(&effect_key(status.run, "only", 0)),
        vec![json!({"what": "only for Mia", "days": 3})],
    )
}

async fn an_edited_call_runs_as_edited(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let status = after(&world, ApprovalVerb::Edit, json!({"what": "less", "days": 1})).await?;
    equal("state", status.state, RunState::Completed)?;
    equal(
        "calls",
        world.sink.calls(&effect_key(status.run, "only", 0)),
        vec![json!({"what": "less", "days": 1})],
    )
}

async fn an_edit_that_does_not_fit_is_asked_again(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let status = after(&world, ApprovalVerb::Edit, json!({"days": "many"})).await?;
    equal("state", status.state, RunState::Suspended)?;
    equal("calls", world.sink.count(), 0)?;
    let approval = world.open_approval(&status).await?;
    ensure(
        approval.subject.detail.get("problem").is_some_and(Value::is_string),
        "the question does not say what was wrong with the edit",
    )?;
    let status = world.settle(&world.processes("second")?, status.run, ApprovalVerb::Approve).await?;
    equal("state in the end", status.state, RunState::Completed)?;
    equal("calls in the end", world.sink.count(), 1)
}

async fn a_rejected_call_fails_its_node(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let status = after(&world, ApprovalVerb::Reject, json!("no")).await?;
    equal("state", status.state, RunState::Failed)?;
    equal("code", status.error.map(|error| error.code), Some("denied".to_owned()))?;
    equal("calls", world.sink.count(), 0)
}

async fn an_answer_in_place_of_the_call_is_its_result(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let status = after(&world, ApprovalVerb::Respond, json!({"already": "done"})).await?;
    equal("state", status.state, RunState::Completed)?;
    equal("output", status.output, Some(json!({"already": "done"})))?;
    equal("calls", world.sink.count(), 0)
}

async fn an_unanswered_call_fails_its_node(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let definition = one_call("erase", &json!({"approval": {"expires_in": "PT1H"}}));
    let (processes, status) = world.started(&definition).await?;
    world.clock.advance(std::time::Duration::from_hours(1));
    world.work(&processes).await?;
    let status = processes.status(&world.starter()?, status.run).await?;
    equal("state", status.state, RunState::Failed)?;
    equal("calls", world.sink.count(), 0)
}

async fn a_forbidden_call_fails_its_node(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&one_call("publish_page", &Value::Null)).await?;
    equal("state", status.state, RunState::Failed)?;
    equal("code", status.error.map(|error| error.code), Some("denied".to_owned()))?;
    equal("calls", world.sink.count(), 0)
}

/// A run whose process died after the call took effect and before that was written.
async fn died_after_the_call(world: &World, definition: &Value) -> Result<RunStatus, Failure> {
    world.publish(definition).await?;
    // The start, the intent if there is one, and then what came of the call.
    for writes in 1..4 {
        let neighbour = world.sink.count();
        let (stores, died) = Crashing::over(&world.stores, writes, Crash::DiesBefore);
        let dying = world.over(stores).processes("dying")?;
        let starter = world.starter()?;
        let key = format!("k{writes}");
        let start = Box::pin(dying.start(&starter, "one_call", form(), Some(&key)));
        if let Either::Left(_) = select(start, died).await {
            return Err(Failure::new("the process did not die"));
        }
        if world.sink.count() > neighbour {
            let processes = world.processes("observer")?;
            let runs = processes.runs(&world.manager()?, RunQuery::default()).await?.records;
            for run in runs {
                if !world.sink.calls(&effect_key(run.run, "only", 0)).is_empty() {
                    world.clock.advance(std::time::Duration::from_secs(31));
                    return Ok(run);
                }
            }
        }
    }
    Err(Failure::new("the call was never made"))
}

async fn a_call_in_doubt_asks_a_person(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    for (verb, calls, expected) in [
        (ApprovalVerb::Approve, 2, RunState::Completed),
        (ApprovalVerb::Respond, 1, RunState::Completed),
        (ApprovalVerb::Reject, 1, RunState::Failed),
    ] {
        let world = World::new(&harness).await?;
        let run = died_after_the_call(&world, &one_call("pay", &Value::Null)).await?;
        let processes = world.processes("second")?;
        world.work(&processes).await?;
        let status = processes.status(&world.starter()?, run.run).await?;
        equal("state in doubt", status.state, RunState::Suspended)?;
        let key = effect_key(run.run, "only", 0);
        equal("calls in doubt", world.sink.calls(&key).len(), 1)?;
        let approval = world.open_approval(&status).await?;
        equal("need", approval.subject.detail.get("need"), Some(&json!("in_doubt")))?;
        world.decide(approval.id, verb, json!({"paid": true})).await?;
        world.work(&processes).await?;
        let status = processes.status(&world.starter()?, run.run).await?;
        equal("state", status.state, expected)?;
        equal("calls", world.sink.calls(&key).len(), calls)?;
        if verb == ApprovalVerb::Respond {
            equal("output", status.output, Some(json!({"paid": true})))?;
        }
        harness.close().await?;
    }
    World::new(&harness).await.map(drop)
}

async fn a_call_in_doubt_is_made_again_by_policy(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let run = died_after_the_call(&world, &one_call("pay", &json!({"in_doubt": "retry"}))).await?;
    let processes = world.processes("second")?;
    world.work(&processes).await?;
    equal("state", world.state(run.run).await?, RunState::Completed)?;
    equal("calls", world.sink.calls(&effect_key(run.run, "only", 0)).len(), 2)
}

async fn a_call_in_doubt_fails_by_policy(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let run = died_after_the_call(&world, &one_call("pay", &json!({"in_doubt": "fail"}))).await?;
    let processes = world.processes("second")?;
    world.work(&processes).await?;
    let status = processes.status(&world.starter()?, run.run).await?;
    equal("state", status.state, RunState::Failed)?;
    let error = present("the error", status.error)?;
    equal("in doubt", error.details.get("in_doubt"), Some(&json!(true)))?;
    equal("calls", world.sink.calls(&effect_key(run.run, "only", 0)).len(), 1)
}

async fn a_call_that_may_be_repeated_is_never_in_doubt(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let run = died_after_the_call(&world, &one_call("record", &Value::Null)).await?;
    let processes = world.processes("second")?;
    world.work(&processes).await?;
    equal("state", world.state(run.run).await?, RunState::Completed)?;
    equal("calls with one key", world.sink.calls(&effect_key(run.run, "only", 0)).len(), 2)
}
