//! Requests as they go out.

use agentforge_core::{
    ErrorKind,
    message::{
        Citation, Media, MediaKind, MediaSource, Message, Native, Outcome, Part, PartContent, Reasoning,
        Role, ToolCall, ToolResult, Trust,
    },
    model::{ChatRequest, OutputFormat, ReasoningEffort, Settings, ToolChoice, ToolDefinition},
    schema::Schema,
};
use agentforge_llm::host::{Profile, StructuredOutput};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{body, encode, json_of};

fn request(messages: impl IntoIterator<Item = Message>) -> ChatRequest {
    ChatRequest::new(messages)
}

fn media(kind: MediaKind, media_type: &str, source: MediaSource) -> Part {
    let (name, media_type) = (Some("n.txt".to_owned()), media_type.to_owned());
    Part::new(PartContent::Media(Media { kind, media_type, name, source }))
}

fn bytes(kind: MediaKind, media_type: &str) -> Part {
    media(kind, media_type, MediaSource::Bytes { data: Bytes::from_static(b"hi") })
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

fn result(id: &str, outcome: Outcome, parts: Vec<Part>, structured: Option<Value>) -> Part {
    Part::tool_result(ToolResult {
        call_id: id.to_owned(),
        outcome,
        parts,
        structured,
        trust: Trust::Trusted,
        spilled: None,
    })
}

fn passage(label: &str, quote: &str) -> Part {
    Part::citation(Citation {
        quote: quote.to_owned(),
        source: "leave.md".to_owned(),
        label: Some(label.to_owned()),
        document: None,
        chunk: None,
        start: None,
        end: None,
        location: None,
    })
}

fn thought(text: &str, provider: &str, item: Value) -> Part {
    let native = Native { provider: provider.to_owned(), api: "cohere_chat".to_owned(), item };
    Part::new(PartContent::Reasoning(Reasoning { text: text.to_owned() })).with_native(native)
}

fn user(parts: Vec<Part>) -> ChatRequest {
    request([Message::new(Role::User, parts)])
}

fn json_output() -> OutputFormat {
    OutputFormat::Json { name: "x".to_owned(), schema: Schema::any_object() }
}

#[test]
fn a_plain_conversation() {
    let request = request([
        Message::system("Be brief."),
        Message::user("Hello"),
        Message::assistant("Hi."),
        Message::assistant(""),
        Message::user("Bye"),
    ]);
    let encoded = encode(&request, Profile::FULL).unwrap();
    assert_eq!(encoded.path, "/v2/chat");
    assert_eq!(encoded.headers.get("content-type"), Some("application/json"));
    assert_eq!(
        String::from_utf8_lossy(&encoded.body),
        concat!(
            r#"{"messages":[{"content":"Be brief.","role":"system"},{"content":"Hello","role":"user"},"#,
            r#"{"content":[{"text":"Hi.","type":"text"}],"role":"assistant"},{"content":"Bye","role":"user"}],"#,
            r#""model":"model-1","stream":true}"#
        )
    );
}

#[test]
fn calls_and_results() {
    let request = ChatRequest {
        tools: vec![tool("mail.send"), tool("f")],
        ..request([
            Message::user("go"),
            Message::new(
                Role::Assistant,
                vec![
                    thought("I will look.", "test", json!({"tool_plan": "I will look."})),
                    thought("Hm.", "test", json!({"type": "thinking", "thinking": "Hm."})),
                    thought("secret", "other", json!({"type": "thinking", "thinking": "secret"})),
                    Part::text("Looking."),
                    call("a", "mail.send", json!({"to": "x"})),
                    call("b", "f", json!("{oops")),
                ],
            ),
            Message::new(
                Role::Tool,
                vec![
                    Part::text("By the way."),
                    result("a", Outcome::Ok, vec![Part::text("one"), Part::text("two")], None),
                    result("b", Outcome::Error, vec![Part::text("no JSON")], Some(json!({"a": 1}))),
                ],
            ),
        ])
    };
    let body = body(&request);
    let definition = |name: &str| {
        json!({"type": "function", "function": {
            "name": name, "description": "does it", "parameters": {"type": "object", "properties": {}},
        }})
    };
    assert_eq!(body["tools"], json!([definition("mail_send"), definition("f")]));
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "go"},
            {
                "role": "assistant",
                "tool_plan": "I will look.",
                "content": [{"type": "thinking", "thinking": "Hm."}, {"type": "text", "text": "Looking."}],
                "tool_calls": [
                    {"id": "a", "type": "function", "function": {"name": "mail_send", "arguments": "{\"to\":\"x\"}"}},
                    {"id": "b", "type": "function", "function": {"name": "f", "arguments": "{oops"}},
                ],
            },
            {"role": "tool", "tool_call_id": "a", "content": "one\ntwo"},
            {"role": "tool", "tool_call_id": "b", "content": "error: no JSON"},
            {"role": "user", "content": "By the way."},
        ])
    );
}

#[test]
fn results_that_quote_or_hold_an_object_are_documents() {
    let content = |parts: Vec<Part>, structured: Option<Value>| {
        let told = user(vec![result("a", Outcome::Ok, parts, structured)]);
        body(&told)["messages"][0]["content"].clone()
    };
    let document = |id: &str, text: &str| json!({"type": "document", "document": {"id": id, "data": {"title": "leave.md", "text": text}}});
    assert_eq!(
        content(
            vec![Part::text("Found:"), passage("leave.md#1", "24 days"), passage("leave.md#2", "more")],
            None
        ),
        json!([{"type": "text", "text": "Found:"}, document("leave.md#1", "24 days"), document("leave.md#2", "more")])
    );
    assert_eq!(
        content(vec![], Some(json!({"temperature": 21}))),
        json!([{"type": "document", "document": {"data": {"temperature": 21}}}])
    );
    assert_eq!(content(vec![], Some(json!([1, 2]))), "[1,2]");
    assert_eq!(content(vec![], None), "(no output)");
}

#[test]
fn citations_go_back_to_the_provider_that_gave_them() {
    let item = json!({"start": 0, "end": 2, "text": "24", "sources": []});
    let cited = |provider: &str| {
        let native =
            Native { provider: provider.to_owned(), api: "cohere_chat".to_owned(), item: item.clone() };
        let parts = vec![Part::text("24"), passage("x", "24").with_native(native)];
        body(&request([Message::new(Role::Assistant, parts), Message::user("x")]))["messages"][0].clone()
    };
    assert_eq!(cited("test")["citations"], json!([item]));
    assert_eq!(cited("other").get("citations"), None);
}

#[test]
fn pictures_and_text_files() {
    let url = MediaSource::Url { url: "https://a.b/c.png".to_owned() };
    let told = user(vec![
        Part::text("What is this?"),
        bytes(MediaKind::Image, "image/png"),
        media(MediaKind::Image, "image/png", url),
        bytes(MediaKind::File, "text/plain; charset=utf-8"),
        bytes(MediaKind::File, "text/markdown"),
        result("a", Outcome::Ok, vec![bytes(MediaKind::Image, "image/png")], None),
    ]);
    let body = body(&told);
    let picture = |url: &str| json!({"type": "image_url", "image_url": {"url": url}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "tool", "tool_call_id": "a", "content": "(no output)"},
            {"role": "user", "content": [
                {"type": "text", "text": "What is this?"},
                picture("data:image/png;base64,aGk="),
                picture("https://a.b/c.png"),
            ]},
            {"role": "user", "content": [
                {"type": "text", "text": "Pictures in the result of tool call a:"},
                picture("data:image/png;base64,aGk="),
            ]},
        ])
    );
    assert_eq!(
        body["documents"],
        json!([
            {"id": "file:0", "data": {"title": "n.txt", "text": "hi"}},
            {"id": "file:1", "data": {"title": "n.txt", "text": "hi"}},
        ])
    );
}

#[test]
fn what_the_api_lacks_is_refused_before_it_is_sent() {
    let check = |request: ChatRequest, profile: Profile, says: &str| {
        let error = encode(&request, profile).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(says), "{says}: {error}");
    };
    let stored = MediaSource::FileId { id: "f".to_owned() };
    check(user(vec![bytes(MediaKind::Audio, "audio/wav")]), Profile::FULL, "audio input");
    check(user(vec![bytes(MediaKind::Video, "video/mp4")]), Profile::FULL, "video input");
    check(user(vec![bytes(MediaKind::File, "application/pdf")]), Profile::FULL, "file input");
    check(user(vec![media(MediaKind::Image, "image/png", stored)]), Profile::FULL, "image input");
    let in_result = result("a", Outcome::Ok, vec![bytes(MediaKind::File, "text/plain")], None);
    check(user(vec![in_result]), Profile::FULL, "file input");
    check(user(vec![Part::new(PartContent::Opaque(Map::new()))]), Profile::FULL, "part of type `unknown`");
    let tooled = ChatRequest { tools: vec![tool("f")], ..request([Message::user("x")]) };
    check(tooled.clone(), Profile { tools: false, ..Profile::FULL }, "tools");
    check(ChatRequest { output: json_output(), ..tooled }, Profile::FULL, "structured output beside tools");
    let filed = user(vec![bytes(MediaKind::File, "text/plain")]);
    check(
        ChatRequest { output: json_output(), ..filed },
        Profile::FULL,
        "structured output beside documents",
    );
    let formed = ChatRequest { output: json_output(), ..request([Message::user("x")]) };
    check(
        formed,
        Profile { structured_output: StructuredOutput::None, ..Profile::FULL },
        "structured output",
    );
}

#[test]
fn choices_formats_and_knobs() {
    let base = || ChatRequest { tools: vec![tool("f"), tool("g.h")], ..request([Message::user("x")]) };
    let chosen = |tool_choice: ToolChoice| {
        let body = body(&ChatRequest { tool_choice, ..base() });
        let names: Vec<Value> =
            body["tools"].as_array().unwrap().iter().map(|tool| tool["function"]["name"].clone()).collect();
        (body["tool_choice"].clone(), Value::Array(names))
    };
    assert_eq!(chosen(ToolChoice::Auto), (Value::Null, json!(["f", "g_h"])));
    assert_eq!(chosen(ToolChoice::None), (json!("NONE"), json!(["f", "g_h"])));
    assert_eq!(chosen(ToolChoice::Required), (json!("REQUIRED"), json!(["f", "g_h"])));
    assert_eq!(chosen(ToolChoice::Tool("g.h".to_owned())), (json!("REQUIRED"), json!(["g_h"])));
    for tool_choice in [ToolChoice::Required, ToolChoice::Tool("f".to_owned())] {
        let error =
            encode(&ChatRequest { tool_choice, ..request([Message::user("x")]) }, Profile::FULL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    let formed = body(&ChatRequest { output: json_output(), ..request([Message::user("x")]) });
    assert_eq!(
        formed["response_format"],
        json!({"type": "json_object", "json_schema": Schema::any_object().as_value()})
    );

    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.25),
        max_tokens: Some(9),
        stop: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
        seed: Some(7),
        reasoning: Some(ReasoningEffort::Low),
        parallel_tool_calls: Some(true),
        ..Settings::default()
    };
    let request = ChatRequest {
        settings,
        extra: [("test".to_owned(), json!({"k": 3, "safety_mode": "NONE"}))].into(),
        ..request([Message::user("x")])
    };
    let encoded = encode(&request, Profile::FULL).unwrap();
    let mut body = json_of(&encoded);
    body.as_object_mut().unwrap().retain(|name, _| !["messages", "model", "stream"].contains(&name.as_str()));
    assert_eq!(
        body,
        json!({
            "temperature": 0.5, "p": 0.25, "max_tokens": 9, "stop_sequences": ["a", "b", "c", "d", "e"], "seed": 7,
            "thinking": {"type": "enabled", "token_budget": 1024}, "k": 3, "safety_mode": "NONE",
        })
    );
    let warned = |encoded: &agentforge_llm::wire::EncodedRequest| -> Vec<String> {
        encoded.warnings.iter().map(|warning| warning.setting.clone()).collect()
    };
    assert_eq!(warned(&encoded), ["stop", "parallel_tool_calls"]);
    let plain = Profile { sampling: false, reasoning_effort: false, ..Profile::FULL };
    let encoded = encode(&request, plain).unwrap();
    assert_eq!(warned(&encoded), ["temperature", "top_p", "stop", "reasoning", "parallel_tool_calls"]);
}

#[test]
fn efforts_of_thought() {
    let thinking = |reasoning: ReasoningEffort| {
        let settings = Settings { reasoning: Some(reasoning), ..Settings::default() };
        body(&ChatRequest { settings, ..request([Message::user("x")]) })["thinking"].clone()
    };
    assert_eq!(thinking(ReasoningEffort::Minimal), json!({"type": "disabled"}));
    assert_eq!(thinking(ReasoningEffort::Medium), json!({"type": "enabled", "token_budget": 8192}));
    assert_eq!(thinking(ReasoningEffort::High), json!({"type": "enabled"}));
}
