//! Requests as they go out when the form is not the API's own.

use agentforge_core::{
    ErrorKind,
    message::{Message, Part, Role, ToolCall},
    model::{ChatRequest, OutputFormat, ToolChoice},
    schema::Schema,
};
use agentforge_llm::{
    host::{Profile, StructuredOutput},
    wire::{AnswerPlace, anthropic, bedrock, cohere, gemini, ollama, openai_chat, openai_responses},
};
use serde_json::{Value, json};

use super::*;

fn body(wire: &str, request: &ChatRequest, profile: Profile) -> (Value, AnswerPlace) {
    let encoded =
        encode(&structured(wire), request, profile).unwrap_or_else(|error| panic!("{wire}: {error}"));
    (serde_json::from_slice(&encoded.body).unwrap(), encoded.recall.answer)
}

/// The tools of a body and which to call, whatever the wire calls them.
fn tools_of(wire: &str, body: &Value) -> (Vec<String>, Value) {
    let (list, name, choice) = match wire {
        openai_chat::NAME | cohere::NAME | ollama::NAME => ("/tools", "/function/name", "/tool_choice"),
        openai_responses::NAME | anthropic::NAME => ("/tools", "/name", "/tool_choice"),
        gemini::NAME => ("/tools/0/functionDeclarations", "/name", "/toolConfig/functionCallingConfig"),
        bedrock::NAME => ("/toolConfig/tools", "/toolSpec/name", "/toolConfig/toolChoice"),
        other => panic!("no reading of {other}"),
    };
    let tools = body.pointer(list).and_then(Value::as_array).cloned().unwrap_or_default();
    let tools = tools.iter().map(|tool| tool.pointer(name).unwrap().as_str().unwrap().to_owned());
    (tools.collect(), body.pointer(choice).cloned().unwrap_or_default())
}

#[test]
fn a_tool_that_takes_the_schema_is_the_one_that_is_called() {
    for (wire, alone, beside) in [
        (openai_chat::NAME, json!({"type": "function", "function": {"name": "leave"}}), json!("required")),
        (openai_responses::NAME, json!({"type": "function", "name": "leave"}), json!("required")),
        (anthropic::NAME, json!({"type": "tool", "name": "leave"}), json!({"type": "any"})),
        (gemini::NAME, json!({"mode": "ANY", "allowedFunctionNames": ["leave"]}), json!({"mode": "ANY"})),
        (bedrock::NAME, json!({"tool": {"name": "leave"}}), json!({"any": {}})),
        (cohere::NAME, json!("REQUIRED"), json!("REQUIRED")),
    ] {
        let (body, answer) = self::body(wire, &asking(&[], ToolChoice::Auto), by(StructuredOutput::Tool));
        assert_eq!(tools_of(wire, &body), (vec!["leave".to_owned()], alone), "{wire}");
        assert_eq!(answer, AnswerPlace::Tool("leave".to_owned()), "{wire}");
        assert!(body.to_string().contains(r#""days":{"type":"integer"}"#), "{wire}: {body}");
        for member in ["response_format", "text", "format", "output_config", "outputConfig"] {
            assert!(body.get(member).is_none(), "{wire}: {body}");
        }
        let (body, _) = self::body(wire, &asking(&["f"], ToolChoice::Auto), by(StructuredOutput::Tool));
        assert_eq!(tools_of(wire, &body), (vec!["f".to_owned(), "leave".to_owned()], beside), "{wire}");
    }
}

#[test]
fn the_schema_stands_at_the_end_of_the_system_prompt() {
    for wire in names() {
        let (body, answer) =
            self::body(wire, &asking(&["f"], ToolChoice::Auto), by(StructuredOutput::Prompt));
        assert_eq!(answer, AnswerPlace::Fenced, "{wire}");
        assert_eq!(tools_of(wire, &body), (vec!["f".to_owned()], Value::Null), "{wire}");
        let said = body.to_string();
        let (brief, words) = (said.find("Be brief.").unwrap(), said.find("fits this JSON Schema").unwrap());
        assert!(brief < words && said.contains("days"), "{wire}: {said}");
        assert_eq!(said.matches("Be brief.").count(), 1, "{wire}");
        // Without a system prompt it is one.
        let bare =
            ChatRequest { messages: vec![Message::user("How long?")], ..asking(&[], ToolChoice::Auto) };
        let (body, _) = self::body(wire, &bare, by(StructuredOutput::Prompt));
        assert!(body.to_string().contains("fits this JSON Schema"), "{wire}: {body}");
    }
    let (body, _) = body(openai_chat::NAME, &asking(&[], ToolChoice::Auto), by(StructuredOutput::Prompt));
    let words = format!(
        "Be brief.\n\nAnswer with one JSON value that fits this JSON Schema, without any words or marks around it:\n{}",
        schema()
    );
    assert_eq!(
        body["messages"],
        json!([{"role": "system", "content": words}, {"role": "user", "content": "How long?"}])
    );
}

#[test]
fn what_a_caller_says_of_its_tools_holds() {
    let choose = |choice: ToolChoice| {
        let request = asking(&["f", "g"], choice);
        let (body, answer) = body(openai_chat::NAME, &request, by(StructuredOutput::Tool));
        let (tools, choice) = tools_of(openai_chat::NAME, &body);
        (tools.join(" "), choice, answer)
    };
    let answer = || AnswerPlace::Tool("leave".to_owned());
    let only = |name: &str| json!({"type": "function", "function": {"name": name}});
    let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(choose(ToolChoice::Auto), ("f g leave".to_owned(), json!("required"), answer()));
    assert_eq!(choose(ToolChoice::None), ("f g leave".to_owned(), only("leave"), answer()));
    assert_eq!(choose(ToolChoice::Among(named(&["g"]))), ("g leave".to_owned(), json!("required"), answer()));
    assert_eq!(choose(ToolChoice::Among(vec![])), ("f g leave".to_owned(), only("leave"), answer()));
    // A call of one of its own is not to be taken for the answer.
    let fenced = || AnswerPlace::Fenced;
    assert_eq!(choose(ToolChoice::Required), ("f g".to_owned(), json!("required"), fenced()));
    assert_eq!(choose(ToolChoice::Tool("f".to_owned())), ("f g".to_owned(), only("f"), fenced()));
    assert_eq!(
        choose(ToolChoice::RequiredAmong(named(&["f"]))),
        ("f".to_owned(), json!("required"), fenced())
    );
}

#[test]
fn a_tool_takes_objects_only_and_a_name_of_its_own() {
    let with = |name: &str, schema: Value| ChatRequest {
        output: OutputFormat::Json { name: name.to_owned(), schema: Schema::from_value(schema) },
        ..asking(&["my.leave"], ToolChoice::Auto)
    };
    let place = |request: &ChatRequest| body(openai_chat::NAME, request, by(StructuredOutput::Tool)).1;
    assert_eq!(place(&with("leave", json!({"type": "array"}))), AnswerPlace::Fenced);
    assert_eq!(place(&with("leave", json!({"enum": [1, 2]}))), AnswerPlace::Fenced);
    assert_eq!(place(&with("my leave", schema())), AnswerPlace::Tool("my_leave_2".to_owned()));
    let mut history = with("old", schema());
    let call = ToolCall { call_id: "a".to_owned(), name: "old".to_owned(), arguments: json!({}) };
    history.messages.insert(1, Message::new(Role::Assistant, vec![Part::tool_call(call)]));
    assert_eq!(place(&history), AnswerPlace::Tool("old_2".to_owned()));
    // A model without tools is told in words.
    let toolless = Profile { tools: false, ..by(StructuredOutput::Tool) };
    let (_, answer) = body(openai_chat::NAME, &asking(&[], ToolChoice::Auto), toolless);
    assert_eq!(answer, AnswerPlace::Fenced);
}

#[test]
fn the_api_itself_stays_the_first_choice_and_no_way_at_all_is_refused() {
    for wire in names() {
        let request = asking(&[], ToolChoice::Auto);
        assert_eq!(body(wire, &request, by(StructuredOutput::Native)).1, AnswerPlace::Said, "{wire}");
        let error = encode(&structured(wire), &request, by(StructuredOutput::None)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("structured output"), "{error}");
        let plain = ChatRequest { output: OutputFormat::Text, ..request };
        assert_eq!(body(wire, &plain, by(StructuredOutput::Tool)).1, AnswerPlace::Said, "{wire}");
    }
}

#[test]
fn what_is_checked_is_what_is_refused_in_every_wire_and_way() {
    use StructuredOutput::{Native, None as Nothing, Prompt, Tool};
    let choices = || {
        let f = || vec!["f".to_owned()];
        [
            ToolChoice::Auto,
            ToolChoice::None,
            ToolChoice::Required,
            ToolChoice::Tool("f".to_owned()),
            ToolChoice::Tool("unknown".to_owned()),
            ToolChoice::Among(f()),
            ToolChoice::Among(vec![]),
            ToolChoice::Among(vec!["unknown".to_owned()]),
            ToolChoice::RequiredAmong(f()),
            ToolChoice::RequiredAmong(vec![]),
        ]
    };
    let mut seen = 0;
    for wire in names() {
        for (alone, beside) in [Native, Tool, Prompt, Nothing]
            .into_iter()
            .flat_map(|a| [Native, Tool, Prompt, Nothing].map(|b| (a, b)))
        {
            for tools in [&[][..], &["f"], &["f", "g"]] {
                for choice in choices() {
                    for can_call in [true, false] {
                        let profile = Profile {
                            tools: can_call,
                            ..Profile::FULL.with_structured_output(alone, beside)
                        };
                        // The equality stands in `encode`.
                        let _ = encode(&structured(wire), &asking(tools, choice.clone()), profile);
                        let bare = wire::builtin().into_iter().find(|one| one.name() == wire).unwrap();
                        let _ = encode(&*bare, &asking(tools, choice.clone()), profile);
                        seen += 1;
                    }
                }
            }
        }
    }
    assert_eq!(seen, 7 * 16 * 3 * 10 * 2);
}
