//! Requests as they go out.

use agentforge_core::{
    ErrorKind,
    message::{
        Media, MediaKind, MediaSource, Message, Native, Outcome, Part, PartContent, Reasoning, Role,
        ToolCall, ToolResult, Trust,
    },
    model::{ChatRequest, OutputFormat, ReasoningEffort, Settings, ToolChoice, ToolDefinition},
    schema::Schema,
};
use agentforge_llm::host::{Profile, StructuredOutput};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{body, encode, encode_for};

fn request(messages: impl IntoIterator<Item = Message>) -> ChatRequest {
    ChatRequest::new(messages)
}

fn user(parts: Vec<Part>) -> ChatRequest {
    request([Message::new(Role::User, parts)])
}

fn media(kind: MediaKind, source: MediaSource) -> Part {
    let media_type = "x/y".to_owned();
    Part::new(PartContent::Media(Media { kind, media_type, name: None, source }))
}

fn bytes(kind: MediaKind) -> Part {
    media(kind, MediaSource::Bytes { data: Bytes::from_static(b"hi") })
}

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: "does it".to_owned(),
        parameters: Schema::any_object(),
    }
}

fn call(id: &str, name: &str, arguments: Value) -> Part {
    Part::tool_call(ToolCall { call_id: id.to_owned(), name: name.to_owned(), arguments })
}

fn result(id: &str, outcome: Outcome, parts: Vec<Part>) -> Part {
    Part::tool_result(ToolResult {
        call_id: id.to_owned(),
        outcome,
        parts,
        structured: None,
        trust: Trust::Trusted,
        spilled: None,
    })
}

fn native(provider: &str, item: Value) -> Native {
    Native { provider: provider.to_owned(), api: "ollama_chat".to_owned(), item }
}

fn thought(provider: &str) -> Part {
    Part::new(PartContent::Reasoning(Reasoning { text: "Hm.".to_owned() }))
        .with_native(native(provider, json!({"thinking": "Hm."})))
}

#[test]
fn a_plain_conversation() {
    let request = request([
        Message::system("Be brief."),
        Message::user("Hello"),
        Message::assistant("Hi."),
        Message::user("Bye"),
    ]);
    let encoded = encode(&request, Profile::FULL).unwrap();
    assert_eq!(encoded.path, "/api/chat");
    assert_eq!(encoded.headers.get("content-type"), Some("application/json"));
    assert_eq!(
        String::from_utf8_lossy(&encoded.body),
        concat!(
            r#"{"messages":[{"content":"Be brief.","role":"system"},{"content":"Hello","role":"user"},"#,
            r#"{"content":"Hi.","role":"assistant"},{"content":"Bye","role":"user"}],"model":"llama3","stream":true}"#
        )
    );
}

#[test]
fn calls_results_and_thoughts() {
    let request = ChatRequest {
        tools: vec![tool("mail.send")],
        ..request([
            Message::user("go"),
            Message::new(
                Role::Assistant,
                vec![
                    thought("test"),
                    thought("other"),
                    Part::text("Looking."),
                    call("a", "mail.send", json!({"to": "x"}))
                        .with_native(native("test", json!({"id": "a", "index": 0}))),
                    call("b", "f", json!("{oops")),
                ],
            ),
            Message::new(
                Role::Tool,
                vec![
                    Part::text("By the way."),
                    result("a", Outcome::Ok, vec![Part::text("sent"), bytes(MediaKind::Image)]),
                    result("b", Outcome::Error, vec![Part::text("no JSON")]),
                    result("z", Outcome::Ok, vec![]),
                ],
            ),
        ])
    };
    let body = body(&request);
    assert_eq!(
        body["tools"],
        json!([{"type": "function", "function": {
            "name": "mail_send", "description": "does it", "parameters": {"type": "object", "properties": {}},
        }}])
    );
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "content": "Looking.",
                "thinking": "Hm.",
                "tool_calls": [
                    {"id": "a", "function": {"index": 0, "name": "mail_send", "arguments": {"to": "x"}}},
                    {"id": "b", "function": {"name": "f", "arguments": {"arguments": "{oops"}}},
                ],
            },
            {"role": "tool", "tool_call_id": "a", "tool_name": "mail_send", "content": "sent"},
            {"role": "tool", "tool_call_id": "b", "tool_name": "f", "content": "error: no JSON"},
            {"role": "tool", "tool_call_id": "z", "content": "(no output)"},
            {"role": "user", "content": "By the way."},
            {"role": "user", "content": "Pictures in the result of tool call a:", "images": ["aGk="]},
        ])
    );
}

#[test]
fn pictures_stand_beside_the_words() {
    let told = user(vec![Part::text("What"), bytes(MediaKind::Image), Part::text("is this?")]);
    assert_eq!(
        body(&told)["messages"],
        json!([{"role": "user", "content": "What\nis this?", "images": ["aGk="]}])
    );
}

#[test]
fn what_the_api_lacks_is_refused_before_it_is_sent() {
    let check = |request: ChatRequest, profile: Profile, says: &str| {
        let error = encode(&request, profile).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(says), "{says}: {error}");
    };
    let url = MediaSource::Url { url: "https://a.b/c.png".to_owned() };
    check(user(vec![media(MediaKind::Image, url)]), Profile::FULL, "image input");
    for (kind, says) in
        [(MediaKind::Audio, "audio"), (MediaKind::Video, "video"), (MediaKind::File, "file input")]
    {
        check(user(vec![bytes(kind)]), Profile::FULL, says);
        check(user(vec![result("a", Outcome::Ok, vec![bytes(kind)])]), Profile::FULL, says);
    }
    check(user(vec![Part::new(PartContent::Opaque(Map::new()))]), Profile::FULL, "part of type `unknown`");
    let tooled = |tool_choice: ToolChoice| ChatRequest {
        tools: vec![tool("f")],
        tool_choice,
        ..request([Message::user("x")])
    };
    check(tooled(ToolChoice::Auto), Profile { tools: false, ..Profile::FULL }, "tools");
    check(tooled(ToolChoice::Required), Profile::FULL, "a required tool call");
    check(tooled(ToolChoice::Tool("f".to_owned())), Profile::FULL, "a required tool call");
    let output = OutputFormat::Json { name: "x".to_owned(), schema: Schema::any_object() };
    let formed = ChatRequest { output, ..request([Message::user("x")]) };
    check(
        formed,
        Profile { structured_output: StructuredOutput::None, ..Profile::FULL },
        "structured output",
    );
    for tool_choice in [ToolChoice::Required, ToolChoice::Tool("f".to_owned())] {
        let error =
            encode(&ChatRequest { tool_choice, ..request([Message::user("x")]) }, Profile::FULL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_model_that_must_call_nothing_is_shown_no_tools() {
    let request = ChatRequest {
        tools: vec![tool("f")],
        tool_choice: ToolChoice::None,
        ..request([Message::user("x")])
    };
    assert_eq!(body(&request).get("tools"), None);
}

#[test]
fn formats_and_knobs() {
    let request = ChatRequest {
        output: OutputFormat::Json { name: "x".to_owned(), schema: Schema::any_object() },
        settings: Settings {
            temperature: Some(0.5),
            top_p: Some(0.25),
            max_tokens: Some(9),
            stop: vec!["END".to_owned()],
            seed: Some(-7),
            reasoning: Some(ReasoningEffort::Low),
            parallel_tool_calls: Some(true),
            ..Settings::default()
        },
        extra: [("test".to_owned(), json!({"options": {"num_ctx": 8192, "seed": 1}, "keep_alive": "10m"}))]
            .into(),
        ..request([Message::user("x")])
    };
    let encoded = encode(&request, Profile::FULL).unwrap();
    let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
    body.as_object_mut().unwrap().retain(|name, _| !["messages", "model", "stream"].contains(&name.as_str()));
    assert_eq!(
        body,
        json!({
            "format": Schema::any_object().as_value(),
            "keep_alive": "10m",
            "options": {
                "temperature": 0.5, "top_p": 0.25, "num_predict": 9, "stop": ["END"], "seed": 1, "num_ctx": 8192,
            },
            "think": true,
        })
    );
    let warned = |encoded: &agentforge_llm::wire::EncodedRequest| -> Vec<String> {
        encoded.warnings.iter().map(|warning| warning.setting.clone()).collect()
    };
    assert_eq!(warned(&encoded), ["parallel_tool_calls"]);
    let plain = Profile { sampling: false, reasoning_effort: false, ..Profile::FULL };
    let encoded = encode(&request, plain).unwrap();
    assert_eq!(warned(&encoded), ["temperature", "top_p", "reasoning", "parallel_tool_calls"]);
}

#[test]
fn thought_is_switched_or_levelled() {
    let think = |model: &str, reasoning: ReasoningEffort| {
        let settings = Settings { reasoning: Some(reasoning), ..Settings::default() };
        let request = ChatRequest { settings, ..request([Message::user("x")]) };
        let encoded = encode_for(model, &request, Profile::FULL).unwrap();
        serde_json::from_slice::<Value>(&encoded.body).unwrap()["think"].clone()
    };
    let efforts =
        [ReasoningEffort::Minimal, ReasoningEffort::Low, ReasoningEffort::Medium, ReasoningEffort::High];
    assert_eq!(efforts.map(|effort| think("qwen3:4b", effort)), [false, true, true, true]);
    assert_eq!(efforts.map(|effort| think("gpt-oss:20b", effort)), ["low", "low", "medium", "high"]);
}
