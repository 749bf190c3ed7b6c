//! Random graphs: whatever their shape and whatever comes back in whatever order, a run ends, every node runs at most
//! once, and the same events give the same commands.

use std::collections::BTreeMap;

use agentforge_core::approval::{ApprovalState, ApprovalVerb};
use agentforge_process::engine::{Answer, Command, End, NodeState};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::play::{Play, call, failed, ok, process, resolved};

#[derive(Debug, Clone, Copy)]
enum Kind {
    Tool,
    Approval,
    Wait,
}

fn node(place: usize, kind: Kind) -> Value {
    let id = format!("n{place}");
    match kind {
        Kind::Tool => call(&id),
        Kind::Approval => json!({"id": id, "type": "approval", "config": {"title": "Go on?"}}),
        Kind::Wait => json!({"id": id, "type": "wait", "config": {"for": 60}}),
    }
}

const fn outcomes(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Tool => &["ok", "error"],
        Kind::Approval => &["approved", "rejected", "expired"],
        Kind::Wait => &["done"],
    }
}

/// A graph in which every node but the first has at least one edge from an earlier one.
fn graphs() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![Just(Kind::Tool), Just(Kind::Approval), Just(Kind::Wait)];
    let extra = proptest::collection::vec((any::<u16>(), any::<u16>(), any::<u8>()), 0..24);
    (proptest::collection::vec((kind, any::<u16>(), any::<u8>()), 1..14), extra).prop_map(|(nodes, extra)| {
        let kinds: Vec<_> = nodes.iter().map(|(kind, ..)| *kind).collect();
        let mut edges = BTreeMap::new();
        let mut join = |from: usize, to: usize, on: u8| {
            let names = outcomes(kinds[from]);
            let on = names[usize::from(on) % names.len()];
            edges.insert(
                (from, to, on),
                json!({"from": format!("n{from}"), "to": format!("n{to}"), "on": on}),
            );
        };
        for (to, (_, from, on)) in nodes.iter().enumerate().skip(1) {
            join(usize::from(*from) % to, to, *on);
        }
        for (from, to, on) in extra {
            let to = usize::from(to) % kinds.len();
            if to > 0 {
                join(usize::from(from) % to, to, on);
            }
        }
        let nodes: Vec<_> = kinds.iter().enumerate().map(|(place, kind)| node(place, *kind)).collect();
        process(json!(nodes), edges.into_values().collect())
    })
}

/// An answer that the command may get.
fn answer(command: &Command, choice: u8) -> Answer {
    match command {
        Command::Effect { .. } if choice.is_multiple_of(4) => failed("it broke"),
        Command::Effect { .. } => ok(json!(choice)),
        Command::Timer { .. } => Answer::Timer,
        Command::AwaitSignal { .. } => match choice % 3 {
            0 => resolved(ApprovalState::Approved, Some(ApprovalVerb::Approve), json!(choice)),
            1 => resolved(ApprovalState::Rejected, Some(ApprovalVerb::Reject), json!(choice)),
            _ => resolved(ApprovalState::Expired, None, Value::Null),
        },
        other => panic!("{other:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn runs_end_and_replay(graph in graphs(), choices in proptest::collection::vec((any::<u16>(), any::<u8>()), 64)) {
        let mut play = Play::of(&graph);
        for (which, choice) in choices {
            let open = play.open();
            if play.end().is_some() {
                break;
            }
            prop_assert!(!open.is_empty(), "the run neither waits nor ends");
            let (at, command) = open.into_iter().nth(usize::from(which) % play.open().len()).unwrap();
            let answer = answer(&command, choice);
            play.tell(agentforge_process::engine::Event::Answered { at, answer });
        }
        prop_assert!(play.end().is_some(), "14 nodes took more than 64 answers");
        let mut entered = BTreeMap::new();
        for command in play.commands.iter().flatten() {
            if let Some(at) = command.at() {
                *entered.entry(at).or_insert(0) += 1;
            }
        }
        prop_assert!(entered.values().all(|times| *times == 1), "a node ran twice: {entered:?}");
        if let Some(End::Completed { .. }) = play.end() {
            // With nothing left to wait for, every node has its fate.
            for node in play.compiled.nodes() {
                let state = play.state.node(play.place(&node.id).node);
                prop_assert!(
                    matches!(state, Some(NodeState::Done { .. } | NodeState::Skipped)),
                    "{} is {state:?}", node.id
                );
            }
        }
        play.replay();
    }
}
