//! The forms of rows, frozen by a golden file.

use agentforge_core::{
    id::RunId,
    message::Trust,
    store::{JournalEntry, Payload},
    testing::fixed_context,
};

use super::*;
use crate::{Catalogue, Definition, compile};

fn compiled() -> Compiled {
    let definition = json!({
        "v": 1,
        "name": "test",
        "nodes": [
            {"id": "book", "type": "tool", "config": {"tool": "book"}},
            {"id": "sleep", "type": "wait", "config": {"for": 60}},
        ],
        "edges": [{"from": "book", "to": "sleep"}],
    });
    compile(Definition::parse(&definition).unwrap(), &Catalogue::standard(), None).unwrap()
}

fn row(kind: &str, node: &str, payload: Value) -> JournalRow {
    let cx = fixed_context();
    let entry = JournalEntry { v: ROW_VERSION, ..JournalEntry::new(kind, payload) };
    JournalRow { run: RunId::new(&cx), seq: 3, epoch: 1, at: cx.now(), entry: entry.at(node) }
}

/// The payload that this release writes for what it read.
fn rewritten(kind: &str, read: &Row) -> Option<Value> {
    Some(match read {
        Row::Started(started) => to_value(started).unwrap(),
        Row::Event(Event::Answered { at, answer }) => {
            let written = NewRow::of_answer(*at, answer).unwrap();
            assert_eq!(written.kind, kind);
            written.payload
        }
        Row::Asked { asked, .. } => to_value(asked).unwrap(),
        Row::Decided { decided, .. } => to_value(decided).unwrap(),
        Row::TimerSet { at, due } => NewRow::timer_set(*at, *due).unwrap().payload,
        _ => return None,
    })
}

#[test]
fn every_row_of_version_1_is_read_and_written_as_it_was() {
    let golden: Vec<(String, String, Value)> =
        serde_json::from_str(include_str!("../../../tests/golden/rows.v1.json")).unwrap();
    let compiled = compiled();
    for (kind, node, payload) in &golden {
        let read = read(&row(kind, node, payload.clone()), payload.clone(), &compiled)
            .unwrap_or_else(|error| panic!("{kind}: {error:?}"));
        if let Some(written) = rewritten(kind, &read) {
            assert_eq!(&written, payload, "{kind}");
        }
    }
    let kinds: std::collections::BTreeSet<_> = golden.iter().map(|(kind, ..)| kind.as_str()).collect();
    let all = [
        RUN_STARTED,
        RUN_SUSPENDED,
        RUN_RESUMED,
        RUN_COMPLETED,
        RUN_FAILED,
        RUN_CANCELLED,
        EFFECT_INTENDED,
        EFFECT_COMPLETED,
        APPROVAL_REQUESTED,
        APPROVAL_DECIDED,
        SIGNAL_RECEIVED,
        TIMER_SET,
        TIMER_FIRED,
        CHILD_ENDED,
        EVENT_EMITTED,
    ];
    assert_eq!(kinds, all.into_iter().collect(), "the golden file lacks a kind or has one too many");
}

#[test]
fn what_cannot_be_read_is_corrupt_and_says_why() {
    let compiled = compiled();
    let newer = {
        let mut row = row(TIMER_FIRED, "sleep", json!({}));
        row.entry.v = ROW_VERSION + 1;
        row
    };
    let cases = [
        (newer, "newer version"),
        (row("no.such", "", json!({})), "kind"),
        (row(TIMER_FIRED, "gone", json!({})), "names a node"),
        (row(EFFECT_COMPLETED, "book", json!({"outcome": "perhaps"})), "form"),
    ];
    for (row, part) in cases {
        let payload = match &row.entry.payload {
            Payload::Inline(value) => value.clone(),
            Payload::Blob(_) => Value::Null,
        };
        let error = read(&row, payload, &compiled).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(part), "{error}");
    }
}

#[test]
fn a_result_says_whether_it_may_be_believed() {
    let result: EffectResult =
        serde_json::from_value(json!({"outcome": "ok", "output": 1, "trust": "trusted"})).unwrap();
    assert_eq!(result.trust(), Trust::Trusted);
    let silent: EffectResult = serde_json::from_value(json!({"outcome": "ok", "output": 1})).unwrap();
    assert_eq!(silent.trust(), Trust::Untrusted, "what does not say so is not believed");
}
