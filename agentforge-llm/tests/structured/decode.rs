//! Replies as they come when the form is not the API's own.

use agentforge_core::{
    error::Phase,
    message::PartContent,
    model::{ChatEvent, ChatResponse, Delta, FinishReason, PartStart},
};
use agentforge_llm::{
    testkit::Speech,
    wire::{AnswerPlace, Recall, anthropic, openai_chat},
};
use serde_json::{Value, json};

use super::*;
use crate::support::{deltas, events_of, fold};

fn recall(answer: AnswerPlace) -> Recall {
    let mut recall = crate::support::recall();
    recall.answer = answer;
    recall
}

fn by_tool() -> Recall {
    recall(AnswerPlace::Tool("leave".to_owned()))
}

/// The events of a reply in pieces; fails when they break off.
fn events<'a>(
    wire: &str,
    recall: Recall,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<ChatEvent>, ChatResponse) {
    let (events, error, info) = events_of(&structured(wire), recall, pieces);
    assert!(error.is_none(), "{wire}: {error:?}");
    let answer = fold(events.clone(), info);
    (events, answer)
}

/// What came piece by piece as text.
fn pieces(events: &[ChatEvent]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| match event {
            ChatEvent::PartDelta { delta: Delta::Text(more), .. } => Some(more.as_str()),
            _ => None,
        })
        .collect()
}

fn raw<'e>(events: &'e [ChatEvent], member: &str) -> Option<&'e Value> {
    events.iter().find_map(|event| match event {
        ChatEvent::Raw(raw) => raw.get(member),
        _ => None,
    })
}

#[test]
fn a_call_of_the_answers_tool_is_the_answer_wherever_the_bytes_are_cut() {
    let days = json!({"days": 14, "reason": "grün, \"quoted\"\n"});
    for wire in names() {
        for said in [Speech::new(), Speech::new().text("Let me see.")] {
            let said = said.call("leave", days.clone());
            let body = said.streamed(wire).unwrap().body();
            let (whole, answer) = events(wire, by_tool(), [&*body]);
            let text = answer.message.text();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), days, "{wire}");
            assert_eq!(answer.finish, Some(FinishReason::Stop), "{wire}");
            assert_eq!(answer.message.tool_calls().count(), 0, "{wire}");
            assert_eq!(pieces(&whole).concat(), text, "{wire}");
            let shown = format!("{whole:?}");
            assert!(!shown.contains("ToolCall") && !shown.contains("Arguments"), "{wire}: {shown}");
            for at in 0..=body.len() {
                let (left, right) = body.split_at(at);
                let (cut, error, _) = events_of(&structured(wire), by_tool(), [left, right]);
                assert!(error.is_none() && cut == whole, "{wire} cut at {at}: {error:?} {cut:?}");
            }
            let document = said.whole(wire).unwrap().body();
            let (_, whole) = events(wire, by_tool(), [&*document]);
            assert_eq!(serde_json::from_str::<Value>(&whole.message.text()).unwrap(), days, "{wire}");
            assert_eq!((whole.finish, whole.usage), (answer.finish, answer.usage), "{wire}");
        }
    }
}

#[test]
fn streamed_arguments_are_pieces_of_the_text() {
    let body = Speech::new().call("leave", json!({"days": 14})).streamed(anthropic::NAME).unwrap().body();
    let (events, _) = events(anthropic::NAME, by_tool(), [&*body]);
    assert!(pieces(&events).len() > 1, "{events:?}");
    let start = events.iter().find(|event| matches!(event, ChatEvent::PartStart { .. }));
    assert!(matches!(start, Some(ChatEvent::PartStart { part: PartStart::Text, .. })), "{start:?}");
}

#[test]
fn what_is_said_before_the_answer_is_no_part_of_it() {
    for wire in names() {
        let body = Speech::new()
            .text("Let me see.")
            .call("leave", json!({"days": 1}))
            .streamed(wire)
            .unwrap()
            .body();
        let (events, answer) = events(wire, by_tool(), [&*body]);
        assert_eq!(answer.message.text(), r#"{"days":1}"#, "{wire}");
        // Some wires take the words before a call for a thought, which they are.
        let thought =
            answer.message.parts.iter().any(|part| matches!(part.content, PartContent::Reasoning(_)));
        assert!(thought || raw(&events, "preamble") == Some(&json!("Let me see.")), "{wire}: {events:?}");
    }
}

#[test]
fn calls_of_other_tools_stay_calls_and_words_stay_words() {
    for wire in names() {
        let body =
            Speech::new().text("Looking.").call("search", json!({"q": 1})).streamed(wire).unwrap().body();
        let (_, answer) = events(wire, by_tool(), [&*body]);
        let (_, plain) = events(wire, recall(AnswerPlace::Said), [&*body]);
        assert_eq!(answer, plain, "{wire}");
        assert_eq!(answer.finish, Some(FinishReason::ToolCalls), "{wire}");
        let body = Speech::new().text("Half a ").text("word.").streamed(wire).unwrap().body();
        let (_, answer) = events(wire, by_tool(), [&*body]);
        assert_eq!(
            (answer.message.text().as_str(), answer.finish),
            ("Half a word.", Some(FinishReason::Stop)),
            "{wire}"
        );
    }
    // Beside another call the answer is one all the same, and the caller goes on with the call.
    let body = Speech::new().call("search", json!({})).call("leave", json!({"days": 1}));
    let (_, answer) = events(anthropic::NAME, by_tool(), [&*body.streamed(anthropic::NAME).unwrap().body()]);
    assert_eq!(answer.finish, Some(FinishReason::ToolCalls));
    assert_eq!((answer.message.tool_calls().count(), answer.message.text().as_str()), (1, r#"{"days":1}"#));
}

#[test]
fn the_first_of_several_answers_counts() {
    let body = Speech::new().call("leave", json!({"days": 1})).call("leave", json!({"days": 2}));
    for wire in names() {
        for body in [body.streamed(wire).unwrap().body(), body.whole(wire).unwrap().body()] {
            let (events, answer) = events(wire, by_tool(), [&*body]);
            assert_eq!(answer.message.text(), r#"{"days":1}"#, "{wire}");
            assert_eq!(raw(&events, "another_answer"), Some(&json!({"days": 2})), "{wire}");
            assert_eq!(answer.finish, Some(FinishReason::Stop), "{wire}");
        }
    }
}

#[test]
fn an_answer_without_arguments_is_an_empty_object() {
    let (events, answer) = events(
        openai_chat::NAME,
        by_tool(),
        [deltas(
            &[r#"{"tool_calls":[{"index":0,"id":"a","function":{"name":"leave"}}]}"#],
            r#""tool_calls""#,
        )
        .as_bytes()],
    );
    assert_eq!((answer.message.text().as_str(), pieces(&events)), ("{}", vec!["{}"]));
}

#[test]
fn an_answer_is_taken_out_of_the_fence_around_it_wherever_the_bytes_are_cut() {
    for wire in names() {
        for place in [AnswerPlace::Fenced, AnswerPlace::Tool("leave".to_owned())] {
            let body = Speech::new().text("```json\n{\"days\": 14}\n```").streamed(wire).unwrap().body();
            let (whole, answer) = events(wire, recall(place.clone()), [&*body]);
            assert_eq!(answer.message.text(), "{\"days\": 14}", "{wire}");
            assert_eq!(pieces(&whole).concat(), "{\"days\": 14}", "{wire}");
            for at in 0..=body.len() {
                let (left, right) = body.split_at(at);
                assert_eq!(events(wire, recall(place.clone()), [left, right]).0, whole, "{wire} cut at {at}");
            }
            let document = Speech::new().text("```\n[1]\n```").whole(wire).unwrap().body();
            assert_eq!(events(wire, recall(place), [&*document]).1.message.text(), "[1]", "{wire}");
        }
    }
}

#[test]
fn an_answer_without_a_fence_streams_as_it_comes() {
    let read = |texts: &[&str]| {
        let texts: Vec<String> = texts.iter().map(|text| json!({ "content": text }).to_string()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let reply = deltas(&texts, r#""stop""#);
        let (events, answer) = events(openai_chat::NAME, recall(AnswerPlace::Fenced), [reply.as_bytes()]);
        let pieces: Vec<String> = pieces(&events).into_iter().map(str::to_owned).collect();
        assert_eq!(pieces.concat(), answer.message.text());
        pieces
    };
    assert_eq!(read(&["{\"a\":", "1}"]), ["{\"a\":", "1}"]);
    assert_eq!(read(&["\n", " ", "{", "}"]), ["\n {", "}"]);
    // What only looked like a fence, or is around a part only, stays.
    assert_eq!(read(&["``", "x"]), ["``x"]);
    assert_eq!(read(&["```json\n", "1\n```", "\nDone."]), ["```json\n1\n```\nDone."]);
    assert_eq!(read(&["``", "`json\n1\n", "```"]), ["1"]);
    assert_eq!(read(&[" "]), [" "]);
}

#[test]
fn a_reply_that_breaks_off_gives_what_had_come() {
    let half = |delta: Value| format!("data: {}\n\n", json!({"choices": [{"index": 0, "delta": delta}]}));
    let read = |reply: String, place: AnswerPlace| {
        let (events, error, _) = events_of(&structured(openai_chat::NAME), recall(place), [reply.as_bytes()]);
        assert_eq!(error.unwrap().phase(), Some(Phase::MidStream));
        let mut partial = agentforge_core::model::Accumulator::new();
        for event in events {
            partial.push(event).unwrap();
        }
        partial.partial().text()
    };
    let leave = || AnswerPlace::Tool("leave".to_owned());
    assert_eq!(read(half(json!({"content": "Half"})), leave()), "Half");
    let call =
        json!({"tool_calls": [{"index": 0, "id": "a", "function": {"name": "leave", "arguments": "{\"da"}}]});
    assert_eq!(read(half(call), leave()), "{\"da");
    assert_eq!(read(half(json!({"content": "```json\n{"})), AnswerPlace::Fenced), "```json\n{");
}
