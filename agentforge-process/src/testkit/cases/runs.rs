//! Whole runs: results, failures, timers, branches, cancellation, timelines, events.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    approval::{Approval, ApprovalState, ApprovalVerb},
    error::ErrorKind,
    record::RunState,
    store::{AuditQuery, Change, ChangeSet, Filter, Query, RecordStoreExt, Signal},
    testkit::{Failure, Harness},
};
use futures::future::{Either, select};
use serde_json::{Value, json};

use super::super::{
    definitions::{
        beside, branches, form, handled, hosted, leave, nap, one_call, question, slow_pair, straight,
    },
    ensure::{ensure, equal, fails, present},
    sink::LARGE,
    world::World,
};
use crate::{RunQuery, effect_key};

super::cases!("runs": [
    a_run_ends_with_the_output_of_its_last_node,
    an_unhandled_error_fails_the_run_and_names_the_node,
    a_handled_error_does_not,
    a_timer_wakes_the_run_when_it_is_due,
    branches_join,
    branches_call_at_once,
    a_failing_branch_withdraws_the_questions_of_the_others,
    an_answer_that_cannot_be_kept_is_an_error,
    a_waiting_run_can_be_cancelled,
    cancelling_needs_the_right_and_an_open_run,
    the_timeline_tells_everything,
    runs_are_listed_for_who_may_see_them,
    large_values_go_through_blobs,
    nodes_of_a_host_use_every_command,
    the_audit_trail_knows_the_run,
]);

async fn a_run_ends_with_the_output_of_its_last_node(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&straight()).await?;
    equal("state", status.state, RunState::Completed)?;
    equal("output", status.output, Some(json!({"done": {"what": "second for Mia", "days": 3}})))?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["first", "second"]))?;
    equal("calls", world.sink.count(), 2)
}

async fn an_unhandled_error_fails_the_run_and_names_the_node(
    harness: Arc<dyn Harness>,
) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&one_call("fail", &Value::Null)).await?;
    equal("state", status.state, RunState::Failed)?;
    let error = present("the error of the run", status.error)?;
    equal("message", error.message.as_str(), "the tool says no")?;
    equal("node", error.details.get("node"), Some(&json!("only")))
}

async fn a_handled_error_does_not(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&handled()).await?;
    equal("state", status.state, RunState::Completed)?;
    equal("output", status.output, Some(json!({"done": {"what": "the tool says no", "days": 3}})))
}

async fn a_timer_wakes_the_run_when_it_is_due(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&nap()).await?;
    equal("state", status.state, RunState::Suspended)?;
    equal("work before the time", world.work(&processes).await?, 0)?;
    world.clock.advance(Duration::from_hours(47));
    world.work(&processes).await?;
    equal("state an hour before", world.state(status.run).await?, RunState::Suspended)?;
    world.clock.advance(Duration::from_hours(1));
    ensure(world.work(&processes).await? > 0, "nothing was due when the timer was")?;
    equal("state when it is due", world.state(status.run).await?, RunState::Completed)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["before", "after"]))?;
    world.clock.advance(Duration::from_hours(1));
    equal("work after the end", world.work(&processes).await?, 0)
}

async fn branches_join(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&branches()).await?;
    equal("keys before the answer", world.sink.keys(), World::effect_keys(status.run, &["begin", "left"]))?;
    let status = world.settle(&processes, status.run, ApprovalVerb::Approve).await?;
    equal("state", status.state, RunState::Completed)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["begin", "left", "join"]))
}

async fn branches_call_at_once(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    world.publish(&slow_pair()).await?;
    let mut gate = world.sink.hold();
    let processes = world.processes("first")?;
    let starter = world.starter()?;
    let start = Box::pin(processes.start(&starter, "slow_pair", form(), None));
    let Either::Right(((), start)) = select(start, gate.reached()).await else {
        return Err(Failure::new("the run rested before its calls were made"));
    };
    equal("calls while the gate is closed", world.sink.count(), 3)?;
    gate.open();
    let status = start.await?;
    equal("state", status.state, RunState::Completed)?;
    let ends = status.output.as_ref().and_then(Value::as_object).map(serde_json::Map::len);
    equal("ends", ends, Some(2))
}

async fn a_failing_branch_withdraws_the_questions_of_the_others(
    harness: Arc<dyn Harness>,
) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    // The one fails when it is called; the other is refused in the very commit that asks.
    for tool in ["fail", "publish_page"] {
        let (_, status) = world.started(&beside(tool)).await?;
        equal("state", status.state, RunState::Failed)?;
        let asked = Query::new(Filter::eq("run", status.run));
        let page = world.stores.records.list::<Approval>(&world.manager()?, &asked).await?;
        let states: Vec<_> = page.records.into_iter().map(|stored| stored.value.state).collect();
        equal("the question", states, vec![ApprovalState::Cancelled])?;
    }
    Ok(())
}

async fn an_answer_that_cannot_be_kept_is_an_error(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&one_call("garbled", &Value::Null)).await?;
    equal("state", status.state, RunState::Failed)?;
    let message = status.error.map(|error| error.message).unwrap_or_default();
    ensure(message.contains("NUL"), format!("the error does not say what is wrong: {message}"))
}

async fn a_waiting_run_can_be_cancelled(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    let approval = world.open_approval(&status).await?;
    let cancelled = processes.cancel(&world.starter()?, status.run).await?;
    equal("state", cancelled.state, RunState::Cancelled)?;
    equal("approvals", cancelled.waiting_for, Vec::new())?;
    equal("approval", world.approval(approval.id).await?.state, ApprovalState::Cancelled)?;
    let late = world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await;
    fails("deciding after the cancellation", late, ErrorKind::Conflict)?;
    world.clock.advance(Duration::from_hours(72));
    world.work(&processes).await?;
    equal("state later", world.state(status.run).await?, RunState::Cancelled)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["note"]))?;
    let again = processes.cancel(&world.starter()?, status.run).await?;
    equal("cancelling again", again.state, RunState::Cancelled)
}

async fn cancelling_needs_the_right_and_an_open_run(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    fails("a colleague", processes.cancel(&world.colleague()?, status.run).await, ErrorKind::Denied)?;
    let neighbour = world.neighbour()?;
    fails("another tenant", processes.cancel(&neighbour.manager()?, status.run).await, ErrorKind::NotFound)?;
    equal("a manager", processes.cancel(&world.manager()?, status.run).await?.state, RunState::Cancelled)?;
    let (processes, ended) = world.started(&straight()).await?;
    fails("an ended run", processes.cancel(&world.starter()?, ended.run).await, ErrorKind::Conflict)
}

async fn the_timeline_tells_everything(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    world.clock.advance(Duration::from_hours(1));
    let approval = world.open_approval(&status).await?;
    world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await?;
    world.work(&processes).await?;
    let timeline = processes.timeline(&world.starter()?, status.run).await?;
    let kinds: Vec<_> = timeline.iter().map(|entry| entry.kind.as_str()).collect();
    equal(
        "kinds",
        kinds,
        vec![
            "run.started",
            "step.started",
            "tool_call.completed",
            "step.completed",
            "step.started",
            "approval.requested",
            "run.suspended",
            "run.resumed",
            "approval.decided",
            "step.completed",
            "step.started",
            "tool_call.completed",
            "step.completed",
            "run.completed",
        ],
    )?;
    let decided = present("the decision", timeline.iter().find(|entry| entry.kind == "approval.decided"))?;
    equal("duration", decided.duration, Some(Duration::from_hours(1)))?;
    equal("title", decided.title.as_str(), "Ask the manager: approved")?;
    let mut seqs: Vec<_> = timeline.iter().map(|entry| entry.seq).collect();
    ensure(seqs.is_sorted(), format!("the timeline is out of order: {seqs:?}"))?;
    seqs.dedup();
    let last = u64::try_from(seqs.len()).unwrap_or_default().saturating_sub(1);
    equal("rows without a gap", seqs.last().copied(), Some(last))?;
    fails(
        "another tenant",
        processes.timeline(&world.neighbour()?.manager()?, status.run).await,
        ErrorKind::NotFound,
    )
}

async fn runs_are_listed_for_who_may_see_them(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, first) = world.started(&straight()).await?;
    world.clock.advance(Duration::from_secs(1));
    let (_, second) = world.started(&question(&Value::Null)).await?;
    let ids = |page: agentforge_core::store::Page<crate::RunStatus>| {
        page.records.into_iter().map(|status| status.run).collect::<Vec<_>>()
    };
    let all = processes.runs(&world.viewer()?, RunQuery::default()).await?;
    equal("newest first", ids(all), vec![second.run, first.run])?;
    let waiting = RunQuery { state: Some(RunState::Suspended), ..RunQuery::default() };
    equal("by state", ids(processes.runs(&world.viewer()?, waiting).await?), vec![second.run])?;
    let named = RunQuery { name: Some("straight".to_owned()), ..RunQuery::default() };
    equal("by name", ids(processes.runs(&world.viewer()?, named).await?), vec![first.run])?;
    let neighbour = world.neighbour()?;
    let others = processes.runs(&neighbour.manager()?, RunQuery::default()).await?;
    equal("another tenant", ids(others), Vec::new())
}

async fn large_values_go_through_blobs(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&one_call("large", &Value::Null)).await?;
    equal("state", status.state, RunState::Completed)?;
    let text = status.output.as_ref().and_then(|output| output.get("text")).and_then(Value::as_str);
    equal("length of the output", text.map(str::len), Some(LARGE))?;
    let timeline = processes.timeline(&world.starter()?, status.run).await?;
    let call = present("the call", timeline.iter().find(|entry| entry.kind == "tool_call.completed"))?;
    let told = call.detail.pointer("/output/text").and_then(Value::as_str);
    equal("length in the timeline", told.map(str::len), Some(LARGE))?;

    let mut input = form();
    if let Some(name) = input.get_mut("name") {
        *name = json!("x".repeat(100_000));
    }
    world.publish(&question(&Value::Null)).await?;
    let status = processes.start(&world.starter()?, "question", input, None).await?;
    let status = world.settle(&world.processes("second")?, status.run, ApprovalVerb::Approve).await?;
    equal("state with a large input", status.state, RunState::Completed)
}

async fn nodes_of_a_host_use_every_command(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&hosted()).await?;
    equal("state before the signal", status.state, RunState::Suspended)?;
    let starter = world.starter()?;
    for (name, dedup) in [("other", "1"), ("stamp", "1"), ("stamp", "1")] {
        let (name, dedup) = (name.to_owned(), dedup.to_owned());
        let signal = Signal { run: status.run, name, dedup, payload: json!({"colour": "red"}) };
        let set = ChangeSet::new(&starter).with(Change::Signal(signal));
        world.stores.records.apply(&starter, set).await?;
        processes.drive(&starter, status.run).await?;
    }
    equal("state", world.state(status.run).await?, RunState::Completed)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["rescue"]))?;
    let outbox = world.stores.outbox.rows(&starter, None, 100).await?;
    let told: Vec<_> = outbox.iter().map(|row| row.event.kind.as_str()).collect();
    equal("outbox", told, vec!["run.started", "stamp.given", "run.completed"])?;
    let timeline = processes.timeline(&starter, status.run).await?;
    let error = present("the refusal", timeline.iter().find(|entry| entry.kind == "step.failed"))?;
    equal("code", error.detail.pointer("/output/error/code"), Some(&json!("unsupported")))
}

async fn the_audit_trail_knows_the_run(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    world.settle(&processes, status.run, ApprovalVerb::Reject).await?;
    let entries = world.stores.audit.entries(&world.manager()?, &AuditQuery::default()).await?;
    let actions: Vec<_> = entries.iter().map(|entry| entry.draft.action.as_str()).collect();
    for action in
        ["processes:publish", "run.started", "approval.requested", "approval.decided", "run.completed"]
    {
        ensure(actions.contains(&action), format!("`{action}` is not in the audit trail: {actions:?}"))?;
    }
    let kinds = world.events.kinds();
    for kind in
        ["run.started", "step.started", "approval.requested", "run.suspended", "run.resumed", "run.completed"]
    {
        ensure(kinds.iter().any(|told| told == kind), format!("`{kind}` was not told: {kinds:?}"))?;
    }
    let outbox = world.stores.outbox.rows(&world.manager()?, None, 100).await?;
    let told: Vec<_> = outbox.iter().map(|row| row.event.kind.as_str()).collect();
    equal("outbox", told, vec!["run.started", "run.completed"])?;
    let key = effect_key(status.run, "refuse", 0);
    equal("the rejected path", world.sink.calls(&key).len(), 1)
}
