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
use agentforge_llm::host::{
    CallIdRule, MaxTokensField, Profile, Quirks, ReasoningField, ReasoningReplay, SeedField, StructuredOutput,
};
use bytes::Bytes;
use serde_json::{Value, json};

use crate::support::{body, encode};

fn request(messages: impl IntoIterator<Item = Message>) -> ChatRequest {
    ChatRequest::new(messages)
}

fn messages(message: Message) -> Value {
    body(&request([message]))["messages"].clone()
}

fn media(kind: MediaKind, media_type: &str, source: MediaSource) -> Part {
    Part::new(PartContent::Media(Media {
        kind,
        media_type: media_type.to_owned(),
        name: Some("n".to_owned()),
        source,
    }))
}

fn bytes(kind: MediaKind, media_type: &str) -> Part {
    media(kind, media_type, MediaSource::Bytes { data: Bytes::from_static(b"hi") })
}

fn url(kind: MediaKind) -> Part {
    media(kind, "x/y", MediaSource::Url { url: "https://a.b/c".to_owned() })
}

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: "does it".to_owned(),
        parameters: Schema::any_object(),
    }
}

fn native(provider: &str, item: Value) -> Native {
    Native { provider: provider.to_owned(), api: "openai_chat".to_owned(), item }
}

#[test]
fn a_plain_conversation() {
    let request = request([
        Message::system("Be brief."),
        Message::user("Hello"),
        Message::assistant("Hi."),
        Message::user("Bye"),
    ]);
    let encoded = encode(&request, Quirks::NONE, Profile::FULL).unwrap();
    assert_eq!(encoded.path, "/chat/completions");
    assert_eq!(encoded.headers.get("Content-Type"), Some("application/json"));
    assert_eq!(
        String::from_utf8_lossy(&encoded.body),
        concat!(
            r#"{"messages":[{"content":"Be brief.","role":"system"},{"content":"Hello","role":"user"},"#,
            r#"{"content":"Hi.","role":"assistant"},{"content":"Bye","role":"user"}],"model":"model-1","#,
            r#""stream":true,"stream_options":{"include_usage":true}}"#
        )
    );
}

#[test]
fn media_of_every_kind() {
    let check = |part: Part, expected: Value| {
        let message = Message::new(Role::User, vec![Part::text("See:"), part]);
        assert_eq!(messages(message)[0]["content"], json!([{"type": "text", "text": "See:"}, expected]));
    };
    check(
        bytes(MediaKind::Image, "image/png"),
        json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}),
    );
    check(url(MediaKind::Image), json!({"type": "image_url", "image_url": {"url": "https://a.b/c"}}));
    check(
        bytes(MediaKind::Audio, "audio/mpeg"),
        json!({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "mp3"}}),
    );
    check(
        bytes(MediaKind::File, "application/pdf"),
        json!({"type": "file", "file": {"filename": "n", "file_data": "data:application/pdf;base64,aGk="}}),
    );
    let id = MediaSource::FileId { id: "file-1".to_owned() };
    check(
        media(MediaKind::File, "application/pdf", id),
        json!({"type": "file", "file": {"file_id": "file-1"}}),
    );
}

#[test]
fn what_the_target_lacks_is_refused_by_name() {
    let refused = |request: &ChatRequest, profile: Profile| {
        let error = encode(request, Quirks::NONE, profile).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        error.message().to_owned()
    };
    for (part, feature) in [
        (url(MediaKind::Audio), "audio input"),
        (bytes(MediaKind::Audio, "audio/flac"), "audio input"),
        (url(MediaKind::Video), "video input"),
        (url(MediaKind::File), "file input"),
        (media(MediaKind::Image, "image/png", MediaSource::FileId { id: "x".to_owned() }), "image input"),
    ] {
        let message = refused(&request([Message::new(Role::User, vec![part])]), Profile::FULL);
        assert!(message.contains(feature) && message.contains("test:model-1"), "{message}");
    }
    let json = OutputFormat::Json { name: "x".to_owned(), schema: Schema::any_object() };
    let both = ChatRequest { tools: vec![tool("f")], output: json, ..request([Message::user("x")]) };
    let message =
        refused(&both, Profile { tools: false, structured_output: StructuredOutput::None, ..Profile::FULL });
    assert!(message.contains("tools") && message.contains("structured output"), "{message}");
    let video = request([Message::new(Role::User, vec![url(MediaKind::Video)])]);
    let quirks = Quirks { video: true, ..Quirks::NONE };
    assert!(encode(&video, quirks, Profile::FULL).is_ok());
}

#[test]
fn tools_their_calls_and_their_results() {
    let call = |id: &str, name: &str, arguments: Value| {
        Part::tool_call(ToolCall { call_id: id.to_owned(), name: name.to_owned(), arguments })
    };
    let result = |id: &str, outcome, parts, structured| {
        Part::tool_result(ToolResult {
            call_id: id.to_owned(),
            outcome,
            parts,
            structured,
            trust: Trust::Trusted,
            spilled: None,
        })
    };
    let calls = vec![
        Part::text("Looking."),
        call("a", "mail.send", json!({"to": "x"})),
        call("b", "f", json!("{oops")),
        call("c", "f", json!({})),
        call("d", "f", json!({})),
    ];
    let results = vec![
        result("a", Outcome::Ok, vec![Part::text("one"), Part::text("two")], None),
        result("b", Outcome::Error, vec![Part::text("no JSON")], None),
        result("c", Outcome::Ok, vec![], Some(json!({"x": 1}))),
        result("d", Outcome::Denied, vec![bytes(MediaKind::Image, "image/png")], None),
    ];
    let request = ChatRequest {
        tools: vec![tool("mail.send"), tool("f")],
        tool_choice: ToolChoice::Tool("mail.send".to_owned()),
        settings: Settings { parallel_tool_calls: Some(false), ..Settings::default() },
        ..request([
            Message::user("go"),
            Message::new(Role::Assistant, calls),
            Message::new(Role::Tool, results),
        ])
    };
    let body = body(&request);
    assert_eq!(
        body["tools"][0],
        json!({"type": "function", "function": {"name": "mail_send", "description": "does it", "parameters": {"type": "object", "properties": {}}}})
    );
    assert_eq!(body["tool_choice"], json!({"type": "function", "function": {"name": "mail_send"}}));
    assert_eq!(body["parallel_tool_calls"], false);
    let function = |id: &str, name: &str, arguments: &str| json!({"id": id, "type": "function", "function": {"name": name, "arguments": arguments}});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": "go"},
            {"role": "assistant", "content": "Looking.", "tool_calls": [
                function("a", "mail_send", "{\"to\":\"x\"}"), function("b", "f", "{oops"), function("c", "f", "{}"), function("d", "f", "{}"),
            ]},
            {"role": "tool", "tool_call_id": "a", "content": "one\ntwo"},
            {"role": "tool", "tool_call_id": "b", "content": "error: no JSON"},
            {"role": "tool", "tool_call_id": "c", "content": "{\"x\":1}"},
            {"role": "tool", "tool_call_id": "d", "content": "denied: (no output)"},
            {"role": "user", "content": [
                {"type": "text", "text": "Media in the result of tool call d:"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
            ]},
        ])
    );
    // Ids of nine letters, in calls and results alike.
    let encoded =
        encode(&request, Quirks { call_ids: CallIdRule::Nine, ..Quirks::NONE }, Profile::FULL).unwrap();
    let nine: Value = serde_json::from_slice(&encoded.body).unwrap();
    let id = nine["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() == 9 && nine["messages"][2]["tool_call_id"] == id);
}

#[test]
fn choices_of_tools() {
    let choose = |choice, tools: Vec<ToolDefinition>| {
        let request = ChatRequest { tools, tool_choice: choice, ..request([Message::user("x")]) };
        encode(&request, Quirks::NONE, Profile::FULL)
            .map(|encoded| serde_json::from_slice::<Value>(&encoded.body).unwrap()["tool_choice"].clone())
            .map_err(|error| error.kind())
    };
    assert_eq!(choose(ToolChoice::Auto, vec![tool("f")]), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::None, vec![tool("f")]), Ok(json!("none")));
    assert_eq!(choose(ToolChoice::Required, vec![tool("f")]), Ok(json!("required")));
    assert_eq!(choose(ToolChoice::None, vec![]), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::Required, vec![]), Err(ErrorKind::InvalidInput));
    assert_eq!(choose(ToolChoice::Tool("g".to_owned()), vec![tool("f")]), Err(ErrorKind::InvalidInput));
}

#[test]
fn structured_output_is_strict_only_when_the_schema_allows_it() {
    let format = |schema: Value| {
        let output = OutputFormat::Json { name: "an answer".to_owned(), schema: Schema::from_value(schema) };
        body(&ChatRequest { output, ..request([Message::user("x")]) })["response_format"].clone()
    };
    let closed = json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false});
    assert_eq!(
        format(closed.clone()),
        json!({"type": "json_schema", "json_schema": {"name": "an_answer", "schema": closed, "strict": true}})
    );
    for open in [
        json!({"type": "object", "properties": {"a": {}}, "required": ["a"]}),
        json!({"type": "object", "properties": {"a": {}}, "additionalProperties": false}),
        json!({"type": "array", "items": {"type": "object"}}),
    ] {
        assert_eq!(format(open)["json_schema"]["strict"], false);
    }
}

#[test]
fn settings_by_the_names_of_the_host() {
    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(64),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        reasoning: Some(ReasoningEffort::Low),
        parallel_tool_calls: Some(true),
        prompt_cache: None,
    };
    let request = ChatRequest { settings, ..request([Message::user("x")]) };
    let write = |quirks, profile| {
        let encoded = encode(&request, quirks, profile).unwrap();
        let mut body: Value = serde_json::from_slice(&encoded.body).unwrap();
        for member in ["messages", "model", "stream", "stream_options"] {
            body.as_object_mut().unwrap().remove(member);
        }
        (body, encoded.warnings.iter().map(|warning| warning.setting.clone()).collect::<Vec<_>>())
    };
    let (plain, warnings) = write(Quirks::NONE, Profile::FULL);
    assert_eq!(
        plain,
        json!({"temperature": 0.5, "top_p": 0.9, "max_tokens": 64, "stop": ["END"], "seed": 7, "reasoning_effort": "low"})
    );
    assert!(warnings.is_empty());
    let quirks = Quirks {
        max_tokens: MaxTokensField::MaxCompletionTokens,
        seed: SeedField::RandomSeed,
        reasoning: ReasoningField::Object,
        ..Quirks::NONE
    };
    let (other, _) = write(quirks, Profile { sampling: false, ..Profile::FULL });
    assert_eq!(
        other,
        json!({"max_completion_tokens": 64, "stop": ["END"], "random_seed": 7, "reasoning": {"effort": "low"}})
    );
    let quirks = Quirks { seed: SeedField::Missing, parallel_tool_calls: false, ..Quirks::NONE };
    let (_, warnings) = write(quirks, Profile { sampling: false, ..Profile::PLAIN });
    assert_eq!(warnings, ["temperature", "top_p", "seed", "reasoning", "parallel_tool_calls"]);
}

#[test]
fn extra_members_of_this_provider_win_and_others_are_ignored() {
    let mut request = request([Message::user("x")]);
    request.extra.insert("test".to_owned(), json!({"logprobs": true, "stream_options": null}));
    request.extra.insert("other".to_owned(), json!({"foreign": 1}));
    let body = body(&request);
    assert_eq!(
        (&body["logprobs"], &body["stream_options"], &body["foreign"]),
        (&json!(true), &Value::Null, &Value::Null)
    );
    request.extra.insert("test".to_owned(), json!([1]));
    assert_eq!(encode(&request, Quirks::NONE, Profile::FULL).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn native_items_go_back_to_where_they_came_from() {
    let thought = |native: Option<Native>| Part {
        content: PartContent::Reasoning(Reasoning { text: "Hm.".to_owned() }),
        native,
    };
    let details = json!([{"type": "reasoning.text", "text": "Hm.", "signature": "s"}]);
    let call =
        Part::tool_call(ToolCall { call_id: "a".to_owned(), name: "f".to_owned(), arguments: json!({}) });
    let assistant = |provider: &str| {
        Message::new(
            Role::Assistant,
            vec![
                thought(Some(native(provider, json!({"reasoning_details": details})))),
                Part::text("No.").with_native(native(provider, json!({"refusal": true}))),
                call.clone().with_native(native(provider, json!({"extra_content": {"google": {"s": 1}}}))),
            ],
        )
    };
    let own = messages(assistant("test"))[0].clone();
    assert_eq!(
        (&own["reasoning_details"], &own["refusal"], &own["content"]),
        (&details, &json!("No."), &Value::Null)
    );
    assert_eq!(own["tool_calls"][0]["extra_content"], json!({"google": {"s": 1}}));
    let foreign = messages(assistant("other"))[0].clone();
    assert_eq!((&foreign["reasoning_details"], &foreign["content"]), (&Value::Null, &json!("No.")));
    assert_eq!(foreign["tool_calls"][0].get("extra_content"), None);
    // Plain reasoning goes back under the name that the host wants, or not at all.
    for (replay, member) in [
        (ReasoningReplay::Never, None),
        (ReasoningReplay::ReasoningContent, Some("reasoning_content")),
        (ReasoningReplay::Reasoning, Some("reasoning")),
    ] {
        let message = Message::new(Role::Assistant, vec![thought(None), call.clone()]);
        let quirks = Quirks { reasoning_replay: replay, ..Quirks::NONE };
        let encoded = encode(&request([message]), quirks, Profile::FULL).unwrap();
        let body: Value = serde_json::from_slice(&encoded.body).unwrap();
        let kept: Vec<&str> = ["reasoning_content", "reasoning"]
            .into_iter()
            .filter(|name| body["messages"][0].get(name).is_some())
            .collect();
        assert_eq!(kept, member.into_iter().collect::<Vec<_>>());
    }
}

#[test]
fn a_request_without_messages_is_invalid() {
    assert_eq!(
        encode(&request([]), Quirks::NONE, Profile::FULL).unwrap_err().kind(),
        ErrorKind::InvalidInput
    );
}
