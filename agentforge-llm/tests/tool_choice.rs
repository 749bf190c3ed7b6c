//! A subset of the tools that may be called, as each wire says it.

use agentforge_core::{
    ErrorKind, Result,
    message::Message,
    model::{ChatRequest, ModelInfo, Settings, ToolChoice, ToolDefinition},
    schema::Schema,
};
use agentforge_llm::{
    host::{Profile, Quirks, ToolSubset},
    wire::{
        self, Delivery, Target, anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_responses,
    },
};
use serde_json::{Value, json};

const NAMED: Quirks = Quirks { tool_subset: ToolSubset::Named, ..Quirks::NONE };

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: "does it".to_owned(),
        parameters: Schema::any_object(),
    }
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// The body of a request with the tools `a.b`, `c` and `d`.
fn write(wire: &str, choice: ToolChoice, quirks: Quirks) -> Result<Value> {
    let request = ChatRequest {
        tools: vec![tool("a.b"), tool("c"), tool("d")],
        tool_choice: choice,
        ..ChatRequest::new([Message::user("x")])
    };
    written(wire, &request, quirks)
}

fn written(wire: &str, request: &ChatRequest, quirks: Quirks) -> Result<Value> {
    let wire = wire::builtin().into_iter().find(|one| one.name() == wire).unwrap();
    let (model, profile) = (ModelInfo::new("test", "model-1"), Profile::FULL);
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = wire.encode(request, &target);
    let refused = encoded.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported);
    assert_eq!(refused, !wire.check(request, &target).is_empty(), "{}", wire.name());
    encoded.map(|encoded| serde_json::from_slice(&encoded.body).unwrap())
}

/// What a body says of the tools: their names in order, and the choice.
fn said(wire: &str, body: &Value) -> (String, Value) {
    let (list, name, choice) = match wire {
        openai_chat::NAME | cohere::NAME | ollama::NAME => ("/tools", "/function/name", "/tool_choice"),
        openai_responses::NAME | anthropic::NAME => ("/tools", "/name", "/tool_choice"),
        gemini::NAME => ("/tools/0/functionDeclarations", "/name", "/toolConfig/functionCallingConfig"),
        bedrock::NAME => ("/toolConfig/tools", "/toolSpec/name", "/toolConfig/toolChoice"),
        other => panic!("no reading of {other}"),
    };
    let tools = body.pointer(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let tools: Vec<&str> = tools.iter().map(|tool| tool.pointer(name).unwrap().as_str().unwrap()).collect();
    (tools.join(" "), body.pointer(choice).cloned().unwrap_or_default())
}

#[test]
fn an_api_that_takes_names_is_shown_all_tools_and_told_which_may_be_called() {
    let check = |wire: &str, choice: ToolChoice, tools: &str, expected: Value| {
        let body = write(wire, choice, NAMED).unwrap();
        assert_eq!(said(wire, &body), (tools.to_owned(), expected), "{wire}");
    };
    let chat = |mode: &str| {
        json!({"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": [
            {"type": "function", "function": {"name": "d"}}, {"type": "function", "function": {"name": "a_b"}},
        ]}})
    };
    let responses = |mode: &str| {
        json!({"type": "allowed_tools", "mode": mode, "tools": [
            {"type": "function", "name": "d"}, {"type": "function", "name": "a_b"},
        ]})
    };
    let some = || named(&["d", "a.b"]);
    check(openai_chat::NAME, ToolChoice::Among(some()), "a_b c d", chat("auto"));
    check(openai_chat::NAME, ToolChoice::RequiredAmong(some()), "a_b c d", chat("required"));
    check(openai_responses::NAME, ToolChoice::Among(some()), "a_b c d", responses("auto"));
    check(openai_responses::NAME, ToolChoice::RequiredAmong(some()), "a_b c d", responses("required"));
    let allowed = json!({"mode": "ANY", "allowedFunctionNames": ["d", "a.b"]});
    check(gemini::NAME, ToolChoice::RequiredAmong(some()), "a.b c d", allowed);
    // The API takes names only for calls that are required.
    check(gemini::NAME, ToolChoice::Among(some()), "a.b d", Value::Null);
}

#[test]
fn an_api_that_takes_none_is_shown_those_that_may_be_called() {
    let some = || named(&["d", "a.b"]);
    for (wire, required) in [
        (openai_chat::NAME, json!("required")),
        (openai_responses::NAME, json!("required")),
        (anthropic::NAME, json!({"type": "any"})),
        (bedrock::NAME, json!({"any": {}})),
        (cohere::NAME, json!("REQUIRED")),
    ] {
        let body = write(wire, ToolChoice::RequiredAmong(some()), Quirks::NONE).unwrap();
        assert_eq!(said(wire, &body), ("a_b d".to_owned(), required), "{wire}");
        let body = write(wire, ToolChoice::Among(some()), Quirks::NONE).unwrap();
        assert_eq!(said(wire, &body), ("a_b d".to_owned(), Value::Null), "{wire}");
    }
    // Ollama decides by itself, also among fewer.
    let body = write(ollama::NAME, ToolChoice::Among(some()), Quirks::NONE).unwrap();
    assert_eq!(said(ollama::NAME, &body).0, "a_b d");
    let error = write(ollama::NAME, ToolChoice::RequiredAmong(some()), Quirks::NONE).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}

#[test]
fn names_that_no_tool_has_are_invalid_and_no_name_means_no_call() {
    for wire in wire::builtin().iter().map(|wire| wire.name()) {
        for quirks in [NAMED, Quirks::NONE] {
            for choice in [
                ToolChoice::Among(named(&["c", "unknown"])),
                ToolChoice::RequiredAmong(named(&["unknown"])),
                ToolChoice::RequiredAmong(vec![]),
            ] {
                let error = write(wire, choice.clone(), quirks).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wire} {choice:?}: {error}");
                let is_named = matches!(&choice, ToolChoice::RequiredAmong(names) if names.is_empty());
                assert!(is_named || error.message().contains("`unknown`"), "{wire}: {error}");
            }
            let none = write(wire, ToolChoice::None, quirks).unwrap();
            assert_eq!(write(wire, ToolChoice::Among(vec![]), quirks).unwrap(), none, "{wire}");
        }
    }
}

#[test]
fn a_required_choice_among_some_stops_a_claude_from_thinking_as_any_other_does() {
    let request = ChatRequest {
        tools: vec![tool("c"), tool("d")],
        tool_choice: ToolChoice::RequiredAmong(named(&["c"])),
        settings: Settings {
            reasoning: Some(agentforge_core::model::ReasoningEffort::Low),
            ..Settings::default()
        },
        ..ChatRequest::new([Message::user("x")])
    };
    let body = written(anthropic::NAME, &request, Quirks::NONE).unwrap();
    assert!(body.get("thinking").is_none(), "{body}");
}

#[test]
fn choices_are_written_and_read_as_their_words() {
    for (choice, expected) in [
        (ToolChoice::Among(named(&["a"])), json!({"among": ["a"]})),
        (ToolChoice::RequiredAmong(named(&["a"])), json!({"required_among": ["a"]})),
        (ToolChoice::Tool("a".to_owned()), json!({"tool": "a"})),
        (ToolChoice::Auto, json!("auto")),
    ] {
        assert_eq!(serde_json::to_value(&choice).unwrap(), expected);
        assert_eq!(serde_json::from_value::<ToolChoice>(expected).unwrap(), choice);
    }
}
