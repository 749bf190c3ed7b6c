//! Questions of nodes: every answer, votes, expiry, forms, restarts.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    approval::{ApprovalState, ApprovalVerb},
    error::ErrorKind,
    record::RunState,
    testkit::{Failure, Harness},
};
use serde_json::{Value, json};

use super::super::{
    definitions::{leave, question},
    ensure::{ensure, equal, fails},
    world::World,
};

super::cases!("approvals": [
    a_question_says_what_it_is_about,
    an_answer_after_a_restart_goes_on,
    a_rejection_takes_its_edge,
    a_rejection_without_an_edge_completes_the_run,
    an_expired_question_counts_as_rejected,
    a_question_without_expiry_waits_for_ever,
    two_of_two_must_say_yes,
    one_no_is_enough,
    a_repeated_decision_counts_once,
    an_answer_before_the_run_rests_is_not_lost,
    only_assignees_decide,
    what_does_not_fit_the_form_is_asked_again,
]);

async fn a_question_says_what_it_is_about(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (_, status) = world.started(&leave()).await?;
    equal("state", status.state, RunState::Suspended)?;
    let approval = world.open_approval(&status).await?;
    equal("run", approval.run, status.run)?;
    equal("kind", approval.subject.kind.as_str(), "node")?;
    equal("key", approval.subject.key.as_str(), "ask")?;
    equal("title", approval.subject.title.as_str(), "3 days of leave for Mia?")?;
    equal("detail", approval.subject.detail.get("detail"), Some(&json!({"recorded": "note for Mia"})))?;
    equal("expiry", approval.expires_at.map(|at| at.since(status.started_at)), Some(Duration::from_hours(48)))
}

async fn an_answer_after_a_restart_goes_on(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    drop(processes);
    let world = world.restarted().await?;
    let approval = world.open_approval(&status).await?;
    let closed = world.decide(approval.id, ApprovalVerb::Approve, json!("enjoy")).await?;
    ensure(closed, "one yes of one did not close the approval")?;
    let world = world.restarted().await?;
    let processes = world.processes("second")?;
    let status = processes.drive(&world.starter()?, status.run).await?;
    equal("state", status.state, RunState::Completed)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["note", "book"]))?;
    equal("calls", world.sink.count(), 2)?;
    let again = processes.drive(&world.starter()?, status.run).await?;
    equal("driving an ended run", again, status.clone())?;
    let denied = processes.drive(&world.colleague()?, status.run).await?;
    equal("an ended run for a colleague", denied.state, RunState::Completed)
}

async fn a_rejection_takes_its_edge(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    let approval = world.open_approval(&status).await?;
    world.decide(approval.id, ApprovalVerb::Reject, json!("not now")).await?;
    world.work(&processes).await?;
    equal("state", world.state(status.run).await?, RunState::Completed)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["note", "refuse"]))
}

async fn a_rejection_without_an_edge_completes_the_run(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&question(&Value::Null)).await?;
    let approval = world.open_approval(&status).await?;
    world.decide(approval.id, ApprovalVerb::Reject, json!("not now")).await?;
    let status = world.settle(&processes, status.run, ApprovalVerb::Reject).await?;
    equal("state", status.state, RunState::Completed)?;
    let output = status.output.unwrap_or_default();
    equal("outcome", output.get("state"), Some(&json!("rejected")))?;
    equal("payload", output.get("payload"), Some(&json!("not now")))?;
    equal("by", output.pointer("/by/id"), Some(&json!(World::approver_id(0))))
}

async fn an_expired_question_counts_as_rejected(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    let approval = world.open_approval(&status).await?;
    world.clock.advance(Duration::from_secs(172_799));
    world.work(&processes).await?;
    equal("a second before", world.approval(approval.id).await?.state, ApprovalState::Open)?;
    world.clock.advance(Duration::from_secs(1));
    world.work(&processes).await?;
    equal("the approval", world.approval(approval.id).await?.state, ApprovalState::Expired)?;
    equal("state", world.state(status.run).await?, RunState::Completed)?;
    equal("keys", world.sink.keys(), World::effect_keys(status.run, &["note", "refuse"]))?;
    let late = world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await;
    fails("deciding too late", late, ErrorKind::Conflict)?;
    let timeline = processes.timeline(&world.starter()?, status.run).await?;
    ensure(
        timeline.iter().any(|entry| entry.kind == "approval.expired"),
        "the timeline does not tell that the approval expired",
    )
}

async fn a_question_without_expiry_waits_for_ever(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&question(&Value::Null)).await?;
    world.clock.advance(Duration::from_hours(365 * 24));
    world.work(&processes).await?;
    equal("state", world.state(status.run).await?, RunState::Suspended)?;
    equal("work", world.work(&processes).await?, 0)
}

async fn two_of_two_must_say_yes(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&question(&json!({"quorum": 2}))).await?;
    let approval = world.open_approval(&status).await?;
    let desk = world.desk();
    let first = desk.decide(&world.approver(0)?, approval.id, ApprovalVerb::Approve, Value::Null).await?;
    ensure(!first.closed, "one yes of two closed the approval")?;
    world.work(&processes).await?;
    equal("after one yes", world.state(status.run).await?, RunState::Suspended)?;
    let same = desk.decide(&world.approver(0)?, approval.id, ApprovalVerb::Approve, Value::Null).await?;
    ensure(!same.closed, "the same person counted twice")?;
    let second = desk.decide(&world.approver(1)?, approval.id, ApprovalVerb::Approve, Value::Null).await?;
    ensure(second.closed, "two of two did not close the approval")?;
    world.work(&processes).await?;
    equal("after two", world.state(status.run).await?, RunState::Completed)
}

async fn one_no_is_enough(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&question(&json!({"quorum": 2}))).await?;
    let approval = world.open_approval(&status).await?;
    world.decide(approval.id, ApprovalVerb::Reject, Value::Null).await?;
    world.work(&processes).await?;
    let status = processes.status(&world.starter()?, status.run).await?;
    equal("outcome", status.output.and_then(|output| output.get("state").cloned()), Some(json!("rejected")))
}

async fn a_repeated_decision_counts_once(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let (processes, status) = world.started(&leave()).await?;
    let approval = world.open_approval(&status).await?;
    for _ in 0..3 {
        world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await?;
    }
    world.work(&processes).await?;
    world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await?;
    world.work(&processes).await?;
    equal("calls", world.sink.count(), 2)?;
    let timeline = processes.timeline(&world.starter()?, status.run).await?;
    let decided = timeline.iter().filter(|entry| entry.kind == "approval.decided").count();
    equal("decisions in the journal", decided, 1)?;
    equal("mail that is left", world.stores.journal.signals(&world.manager()?, status.run).await?.len(), 0)
}

async fn an_answer_before_the_run_rests_is_not_lost(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    use super::super::crash::{Crash, Crashing};
    let world = World::new(&harness).await?;
    world.publish(&question(&Value::Null)).await?;
    // The start and the question are written; the process dies before it notes that it waits. Both are one write, so
    // the second one never happens, and the run is found again with its question open.
    let (stores, died) = Crashing::over(&world.stores, 1, Crash::DiesAfter);
    let dying = world.over(stores).processes("dying")?;
    let starter = world.starter()?;
    let start = Box::pin(dying.start(&starter, "question", super::super::definitions::form(), Some("k")));
    let _ = futures::future::select(start, died).await;
    let processes = world.processes("second")?;
    let run = processes.runs(&world.manager()?, crate::RunQuery::default()).await?.records;
    let run = super::super::ensure::present("the run", run.into_iter().next())?;
    let approval = world.open_approval(&run).await?;
    world.decide(approval.id, ApprovalVerb::Approve, Value::Null).await?;
    let status = world.settle(&processes, run.run, ApprovalVerb::Approve).await?;
    equal("state", status.state, RunState::Completed)
}

async fn only_assignees_decide(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let only_second = json!({"assignees": {"users": [World::approver_id(1).to_string()]}});
    let (processes, status) = world.started(&question(&only_second)).await?;
    let approval = world.open_approval(&status).await?;
    let desk = world.desk();
    for stranger in [world.approver(0)?, world.starter()?, world.viewer()?] {
        let refused = desk.decide(&stranger, approval.id, ApprovalVerb::Approve, Value::Null).await;
        fails("a stranger", refused, ErrorKind::Denied)?;
    }
    desk.decide(&world.approver(1)?, approval.id, ApprovalVerb::Approve, Value::Null).await?;
    world.work(&processes).await?;
    equal("state", world.state(status.run).await?, RunState::Completed)
}

async fn what_does_not_fit_the_form_is_asked_again(harness: Arc<dyn Harness>) -> Result<(), Failure> {
    let world = World::new(&harness).await?;
    let form = json!({"form": {
        "type": "object",
        "properties": {"room": {"type": "integer"}},
        "required": ["room"],
    }});
    let (processes, status) = world.started(&question(&form)).await?;
    let first = world.open_approval(&status).await?;
    world.decide(first.id, ApprovalVerb::Approve, json!({"room": "seven"})).await?;
    world.work(&processes).await?;
    let status = processes.status(&world.starter()?, status.run).await?;
    equal("state after a misfit", status.state, RunState::Suspended)?;
    let second = world.open_approval(&status).await?;
    ensure(second.id != first.id, "the question was not asked again")?;
    let problem = second.subject.detail.get("problem").and_then(Value::as_str).unwrap_or_default();
    ensure(problem.contains("/room"), format!("the problem does not say where: {problem}"))?;
    world.decide(second.id, ApprovalVerb::Approve, json!({"room": 7})).await?;
    world.work(&processes).await?;
    let status = processes.status(&world.starter()?, status.run).await?;
    let room = status.output.and_then(|output| output.pointer("/payload/room").cloned());
    equal("what was filled in", room, Some(json!(7)))
}
