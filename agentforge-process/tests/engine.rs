//! What the engine does with every outcome, with branches, joins and ends.

use std::sync::Arc;

use agentforge_core::{
    approval::{ApprovalState, ApprovalVerb},
    error::{Error, ErrorKind, Result},
    message::Trust,
    schema::Schema,
};
use agentforge_process::{
    Catalogue, Definition, compile,
    engine::{
        Answer, Await, ChildStart, Command, Effect, EffectResult, Emission, End, Event, State, When, step,
    },
    node::{Builder, Node, NodeType, Outcome, Turn, Visit},
};
use serde_json::{Value, json};

use crate::play::{Play, call, compiled, failed, ok, process, resolved, started};

fn edge(from: &str, to: &str) -> Value {
    json!({"from": from, "to": to})
}

fn edge_on(from: &str, to: &str, on: &str) -> Value {
    json!({"from": from, "to": to, "on": on})
}

fn ask(id: &str) -> Value {
    json!({"id": id, "type": "approval", "config": {"title": "Go on?"}})
}

#[test]
fn nodes_run_in_the_order_of_their_edges() {
    let mut play =
        Play::of(&process(json!([call("a"), call("b"), call("c")]), json!([edge("a", "b"), edge("b", "c")])));
    assert_eq!(play.commanded(), ["a"]);
    assert_eq!(play.answer("a", ok(json!(1))).commanded(), ["b"]);
    assert_eq!(play.answer("b", ok(json!(2))).commanded(), ["c"]);
    play.answer("c", ok(json!(3)));
    assert_eq!(play.output(), &json!(3));
    play.replay();
}

#[test]
fn every_outcome_takes_its_own_edges() {
    let approved = resolved(ApprovalState::Approved, Some(ApprovalVerb::Approve), Value::Null);
    let rejected = resolved(ApprovalState::Rejected, Some(ApprovalVerb::Reject), json!("no"));
    let expired = resolved(ApprovalState::Expired, None, Value::Null);
    let all = json!([
        edge_on("ask", "yes", "approved"),
        edge_on("ask", "no", "rejected"),
        edge_on("ask", "late", "expired"),
    ]);
    let two = json!([edge_on("ask", "yes", "approved"), edge_on("ask", "no", "rejected")]);
    for (edges, answer, taken, skipped) in [
        (&all, &approved, "yes", ["no", "late"].as_slice()),
        (&all, &rejected, "no", &["yes", "late"]),
        (&all, &expired, "late", &["yes", "no"]),
        (&two, &expired, "no", &["yes"]),
    ] {
        let mut nodes = vec![ask("ask"), call("yes"), call("no")];
        if edges == &all {
            nodes.push(call("late"));
        }
        let mut play = Play::of(&process(json!(nodes), edges.clone()));
        assert_eq!(play.answer("ask", answer.clone()).commanded(), [taken]);
        assert!(skipped.iter().all(|node| play.is_skipped(node)), "{taken}");
        play.answer(taken, ok(json!("done")));
        assert_eq!(play.output(), &json!("done"));
        play.replay();
    }
}

#[test]
fn a_branch_may_end_in_any_answer_without_an_edge() {
    for (state, verb, name) in [
        (ApprovalState::Approved, Some(ApprovalVerb::Approve), "approved"),
        (ApprovalState::Rejected, Some(ApprovalVerb::Respond), "rejected"),
        (ApprovalState::Expired, None, "expired"),
    ] {
        let mut play = Play::of(&process(json!([ask("ask")]), json!([])));
        play.answer("ask", resolved(state, verb, json!({"why": "x"})));
        assert_eq!(play.output()["state"], name);
        assert_eq!(play.output()["payload"], if verb.is_some() { json!({"why": "x"}) } else { Value::Null });
    }
}

#[test]
fn an_error_takes_its_edge_or_fails_the_run() {
    let mut alone = Play::of(&process(json!([call("a"), call("b")]), json!([edge("a", "b")])));
    alone.answer("a", failed("it broke"));
    let Some(End::Failed { error }) = alone.end() else { panic!("{:?}", alone.end()) };
    assert_eq!((error.message.as_str(), &error.details["node"]), ("it broke", &json!("a")));

    let mut rescue = call("rescue");
    rescue["config"]["arguments"]["text"] = json!("{{ nodes.a.output.error.message }}");
    let mut handled =
        Play::of(&process(json!([call("a"), rescue]), json!([edge_on("a", "rescue", "error")])));
    assert_eq!(handled.answer("a", failed("it broke")).commanded(), ["rescue"]);
    let Command::Effect { effect: Effect::Tool(tool), .. } = &handled.commands[1][0] else { panic!() };
    assert_eq!(tool.arguments, json!({"text": "it broke"}));
}

#[test]
fn a_template_that_fails_ends_its_node_with_an_error() {
    let mut node = call("a");
    node["config"]["arguments"]["text"] = json!("{{ input.missing }}");
    let mut definition = process(json!([node, call("b")]), json!([edge_on("a", "b", "error")]));
    definition["input"] = json!({"type": "object"});
    let play = Play::of(&definition);
    assert_eq!(play.commanded(), ["b"], "the error has an edge");

    definition["nodes"][0] =
        json!({"id": "a", "type": "approval", "config": {"title": "{{ input.missing }}?"}});
    definition["edges"] = json!([]);
    definition["nodes"].as_array_mut().unwrap().truncate(1);
    let Some(End::Failed { error }) = Play::of(&definition).end().cloned() else { panic!() };
    assert!(error.message.contains("`input.missing`"), "{error:?}");
    assert_eq!((&error.details["node"], &error.details["path"]), (&json!("a"), &json!("/title")));
}

#[test]
fn several_edges_start_branches_and_a_join_waits_for_all() {
    let mut play = Play::of(&process(
        json!([call("a"), call("left"), call("right"), call("join")]),
        json!([edge("a", "left"), edge("a", "right"), edge("left", "join"), edge("right", "join")]),
    ));
    assert_eq!(play.answer("a", ok(json!(0))).commanded(), ["left", "right"]);
    assert!(play.answer("right", ok(json!(1))).commanded().is_empty());
    assert_eq!(play.answer("left", ok(json!(2))).commanded(), ["join"]);
    play.answer("join", ok(json!(3)));
    assert_eq!(play.output(), &json!(3));
    play.replay();
}

#[test]
fn a_join_waits_only_for_what_can_still_come() {
    // The question decides whether the long way to the join is taken at all.
    let definition = process(
        json!([call("a"), ask("ask"), call("long"), call("longer"), call("short"), call("join")]),
        json!([
            edge("a", "ask"),
            edge("a", "short"),
            edge_on("ask", "long", "approved"),
            edge("long", "longer"),
            edge("longer", "join"),
            edge("short", "join"),
        ]),
    );
    let mut rejected = Play::of(&definition);
    rejected.answer("a", ok(json!(0))).answer("short", ok(json!(1)));
    assert!(rejected.commanded().is_empty(), "the long way may still come");
    let no = resolved(ApprovalState::Rejected, Some(ApprovalVerb::Reject), Value::Null);
    assert_eq!(rejected.answer("ask", no).commanded(), ["join"]);
    assert!(rejected.is_skipped("long") && rejected.is_skipped("longer"));

    let mut approved = Play::of(&definition);
    let yes = resolved(ApprovalState::Approved, Some(ApprovalVerb::Approve), Value::Null);
    approved.answer("a", ok(json!(0))).answer("ask", yes).answer("short", ok(json!(1)));
    assert!(approved.commanded().is_empty());
    assert_eq!(approved.answer("long", ok(json!(2))).commanded(), ["longer"]);
    assert_eq!(approved.answer("longer", ok(json!(3))).commanded(), ["join"]);
}

#[test]
fn an_exclusive_choice_merges_again() {
    let mut play = Play::of(&process(
        json!([ask("ask"), call("yes"), call("no"), call("merged")]),
        json!([
            edge_on("ask", "yes", "approved"),
            edge_on("ask", "no", "rejected"),
            edge("yes", "merged"),
            edge("no", "merged"),
        ]),
    ));
    let yes = resolved(ApprovalState::Approved, Some(ApprovalVerb::Approve), Value::Null);
    play.answer("ask", yes);
    assert_eq!(play.answer("yes", ok(json!(1))).commanded(), ["merged"]);
}

#[test]
fn two_edges_between_the_same_nodes_are_one_way() {
    let mut play = Play::of(&process(
        json!([ask("ask"), call("after")]),
        json!([edge_on("ask", "after", "approved"), edge_on("ask", "after", "rejected")]),
    ));
    let no = resolved(ApprovalState::Rejected, Some(ApprovalVerb::Reject), Value::Null);
    assert_eq!(play.answer("ask", no).commanded(), ["after"]);
}

#[test]
fn without_an_output_several_ends_give_an_object() {
    let mut play =
        Play::of(&process(json!([call("a"), call("b"), call("c")]), json!([edge("a", "b"), edge("a", "c")])));
    play.answer("a", ok(json!(0))).answer("c", ok(json!(2))).answer("b", ok(json!(1)));
    assert_eq!(play.output(), &json!({"b": 1, "c": 2}));
}

#[test]
fn an_output_is_rendered_with_null_for_what_was_skipped() {
    let mut definition = process(
        json!([ask("ask"), call("yes"), call("no")]),
        json!([edge_on("ask", "yes", "approved"), edge_on("ask", "no", "rejected")]),
    );
    definition["output"] = json!({
        "yes": "{{ nodes.yes.output.id }}",
        "no": "{{ nodes.no.output }}",
        "how": "{{ nodes.ask.outcome }}",
        "was": "{{ nodes.yes.outcome }}",
    });
    let mut play = Play::of(&definition);
    let no = resolved(ApprovalState::Rejected, Some(ApprovalVerb::Reject), Value::Null);
    play.answer("ask", no).answer("no", ok(json!(7)));
    assert_eq!(play.output(), &json!({"yes": null, "no": 7, "how": "rejected", "was": null}));

    definition["output"] = json!("{{ nodes.no.output.id.deeper }}");
    let mut play = Play::of(&definition);
    let no = resolved(ApprovalState::Rejected, Some(ApprovalVerb::Reject), Value::Null);
    play.answer("ask", no).answer("no", ok(json!(7)));
    assert!(matches!(play.end(), Some(End::Failed { .. })), "{:?}", play.end());
}

#[test]
fn a_timer_says_when() {
    let wait = |config: Value| process(json!([{"id": "w", "type": "wait", "config": config}]), json!([]));
    let when = |play: &Play| match play.commands[0][0] {
        Command::Timer { when, .. } => when,
        ref other => panic!("{other:?}"),
    };
    let play = Play::of(&wait(json!({"for": "PT48H"})));
    assert_eq!(when(&play), When::After(std::time::Duration::from_hours(48)));
    let mut definition = wait(json!({"until": "{{ input.at }}"}));
    definition["input"] = json!({"type": "object", "properties": {"at": {"type": "string"}}});
    let mut play = Play::with(compiled(&definition), json!({"at": "2026-05-01T08:00:00Z"}));
    assert_eq!(when(&play), When::At("2026-05-01T08:00:00Z".parse().unwrap()));
    play.answer("w", Answer::Timer);
    assert_eq!(play.output(), &json!({}));
    let play = Play::with(compiled(&definition), json!({"at": "tomorrow"}));
    assert!(matches!(play.end(), Some(End::Failed { .. })));
}

#[test]
fn late_and_wrong_answers_change_nothing() {
    let definition = process(json!([call("a"), call("b")]), json!([edge("a", "b")]));
    let mut play = Play::of(&definition);
    let before = play.state.clone();
    play.answer("a", Answer::Timer);
    play.answer("b", ok(json!(1)));
    assert_eq!(play.state, before);
    play.answer("a", ok(json!(1))).answer("a", ok(json!(2)));
    assert_eq!(play.commands.last().unwrap(), &[]);
    play.answer("b", ok(json!(3)));
    let ended = play.state.clone();
    play.answer("b", ok(json!(4)));
    play.tell(Event::Cancelled);
    assert_eq!(play.state, ended, "nothing changes after the end");
    play.replay();
}

#[test]
fn a_cancelled_run_wants_nothing_more() {
    let mut play = Play::of(&process(json!([call("a")]), json!([])));
    play.tell(Event::Cancelled);
    assert_eq!(play.commands.last().unwrap(), &[Command::Finish(End::Cancelled)]);
    assert!(play.open().is_empty());
}

#[test]
fn a_failing_branch_ends_the_run_for_all() {
    let mut play =
        Play::of(&process(json!([call("a"), call("b"), ask("c")]), json!([edge("a", "b"), edge("a", "c")])));
    play.answer("a", ok(json!(0))).answer("b", failed("it broke"));
    assert!(matches!(play.end(), Some(End::Failed { .. })));
    assert!(play.open().is_empty());
}

#[test]
fn untrusted_results_taint_the_run() {
    let mut play = Play::of(&process(json!([call("a"), call("b")]), json!([edge("a", "b")])));
    assert_eq!(play.state.trust(), Trust::Trusted);
    let untrusted = EffectResult::Ok { output: json!("from the web"), trust: Trust::Untrusted };
    play.answer("a", Answer::Effect(untrusted));
    assert_eq!(play.state.trust(), Trust::Untrusted);
    play.answer("b", ok(json!(1)));
    assert_eq!(play.state.trust(), Trust::Untrusted);
}

#[test]
fn a_misfit_is_asked_again_and_a_fit_goes_on() {
    let mut node = ask("ask");
    node["config"]["form"] = json!({"type": "object", "required": ["room"]});
    let mut play = Play::of(&process(json!([node]), json!([])));
    let yes = |payload| resolved(ApprovalState::Approved, Some(ApprovalVerb::Approve), payload);
    play.answer("ask", yes(Value::Null));
    let Command::AwaitSignal { signal: Await::Answer(question), .. } = &play.commands[1][0] else { panic!() };
    assert!(question.problem.is_some());
    play.answer("ask", yes(json!({"room": 7})));
    assert_eq!(play.output()["payload"], json!({"room": 7}));
}

#[test]
fn events_that_cannot_belong_to_the_run_are_corrupt() {
    let compiled = compiled(&process(json!([call("a")]), json!([])));
    let other = self::compiled(&process(json!([call("a"), call("b")]), json!([edge("a", "b")])));
    let kind = |result: Result<_>| result.map(|_: (State, Vec<Command>)| ()).unwrap_err().kind();
    assert_eq!(kind(step(&compiled, State::new(&compiled), Event::Cancelled)), ErrorKind::Corrupt);
    assert_eq!(kind(step(&compiled, State::new(&other), started(json!({})))), ErrorKind::Corrupt);
    let (begun, _) = step(&compiled, State::new(&compiled), started(json!({}))).unwrap();
    assert_eq!(kind(step(&compiled, begun, started(json!({})))), ErrorKind::Corrupt);
}

/// A node type of a host, which uses the commands that the standard ones do not.
struct HostType;

struct Host(String);

impl NodeType for HostType {
    fn name(&self) -> &'static str {
        "host"
    }

    fn description(&self) -> &'static str {
        "A node of the host."
    }

    fn config(&self) -> Schema {
        Schema::any_object()
    }

    fn outcomes(&self) -> &'static [Outcome] {
        const { &[Outcome::ends("done"), Outcome::fails("error")] }
    }

    fn default_outcome(&self) -> Option<&'static str> {
        Some("done")
    }

    fn build(&self, config: &Value, _builder: &mut Builder<'_>) -> Option<Arc<dyn Node>> {
        Some(Arc::new(Host(config["does"].as_str().unwrap_or_default().to_owned())))
    }
}

impl Node for Host {
    fn enter(&self, visit: &Visit<'_>) -> Result<Turn> {
        let at = visit.at;
        let said =
            Command::Emit { at, emission: Emission { kind: "stamp.given".to_owned(), data: json!(1) } };
        match self.0.as_str() {
            "say" => Ok(Turn { commands: vec![said], ..Turn::done("done", json!("said")) }),
            "child" => {
                let child = ChildStart { process: "other".to_owned(), input: json!({}) };
                Ok(Turn::wait([Command::StartChild { at, child }]))
            }
            "end" => {
                let end = End::Completed { output: json!("the end") };
                Ok(Turn::wait([said, Command::Finish(end)]))
            }
            "undeclared" => Ok(Turn::done("nonsense", json!({}))),
            _ => Err(Error::invalid("the host's node cannot be entered")),
        }
    }

    fn answered(&self, _visit: &Visit<'_>, answer: &Answer) -> Result<Turn> {
        Ok(match answer {
            Answer::Child(EffectResult::Ok { output, .. }) => Turn::done("done", output.clone()),
            Answer::Child(EffectResult::Failed { error, .. }) => Turn::failed("error", error.clone()),
            _ => Turn::wait([]),
        })
    }
}

fn host(does: &str) -> Play {
    let catalogue = Catalogue::standard().with(Arc::new(HostType)).unwrap();
    assert!(catalogue.clone().with(Arc::new(HostType)).is_err(), "a name is taken once");
    let definition = process(json!([{"id": "h", "type": "host", "config": {"does": does}}]), json!([]));
    let definition = Definition::parse(&definition).unwrap();
    Play::with(compile(definition, &catalogue, None).unwrap(), json!({}))
}

#[test]
fn a_host_adds_node_types_with_every_command() {
    let play = host("say");
    assert_eq!((play.commanded(), play.output()), (vec!["h".to_owned()], &json!("said")));
    let mut play = host("child");
    play.answer("h", Answer::Child(EffectResult::Ok { output: json!(5), trust: Trust::Trusted }));
    assert_eq!(play.output(), &json!(5));
    let play = host("end");
    assert_eq!((play.commanded(), play.output()), (vec!["h".to_owned()], &json!("the end")));
    for wrong in ["undeclared", "fail"] {
        assert!(matches!(host(wrong).end(), Some(End::Failed { .. })), "{wrong}");
    }
}
