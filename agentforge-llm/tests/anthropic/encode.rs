//! Requests as they go out.

use agentforge_core::{
    ErrorKind,
    message::{
        Media, MediaKind, MediaSource, Message, Native, Outcome, Part, PartContent, Reasoning, Role,
        ToolCall, ToolResult, Trust,
    },
    model::{ChatRequest, OutputFormat, PromptCache, ReasoningEffort, Settings, ToolChoice, ToolDefinition},
    schema::Schema,
};
use agentforge_llm::host::{Profile, StructuredOutput};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{answer, blocks, body, encode, json_of};

fn request(messages: impl IntoIterator<Item = Message>) -> ChatRequest {
    ChatRequest::new(messages)
}

fn media(kind: MediaKind, media_type: &str, source: MediaSource) -> Part {
    let (name, media_type) = (Some("n".to_owned()), media_type.to_owned());
    Part::new(PartContent::Media(Media { kind, media_type, name, source }))
}

fn bytes(kind: MediaKind, media_type: &str) -> Part {
    media(kind, media_type, MediaSource::Bytes { data: Bytes::from_static(b"hi") })
}

fn url(kind: MediaKind) -> Part {
    media(kind, "x/y", MediaSource::Url { url: "https://a.b/c".to_owned() })
}

fn stored(kind: MediaKind) -> Part {
    media(kind, "x/y", MediaSource::FileId { id: "file_1".to_owned() })
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
    Native { provider: provider.to_owned(), api: "anthropic_messages".to_owned(), item }
}

fn text(text: &str) -> Value {
    json!({"type": "text", "text": text})
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
    assert_eq!(encoded.path, "/messages");
    assert_eq!(encoded.headers.get("anthropic-version"), Some("2023-06-01"));
    assert_eq!(encoded.headers.get("content-type"), Some("application/json"));
    assert_eq!(encoded.headers.get("anthropic-beta"), None);
    assert_eq!(
        String::from_utf8_lossy(&encoded.body),
        concat!(
            r#"{"max_tokens":8192,"messages":[{"content":[{"text":"Hello","type":"text"}],"role":"user"},"#,
            r#"{"content":[{"text":"Hi.","type":"text"}],"role":"assistant"},"#,
            r#"{"content":[{"text":"Bye","type":"text"}],"role":"user"}],"model":"model-1","stream":true,"#,
            r#""system":[{"text":"Be brief.","type":"text"}]}"#
        )
    );
}

#[test]
fn turns_alternate_and_results_come_first() {
    let request = ChatRequest {
        tools: vec![tool("mail.send"), tool("f")],
        ..request([
            Message::user("go"),
            Message::user(" "),
            Message::new(
                Role::Assistant,
                vec![
                    Part::text("Looking."),
                    Part::text("\n"),
                    call("a", "mail.send", json!({"to": "x"})),
                    call("functions.f:1", "f", json!("{oops")),
                ],
            ),
            Message::new(
                Role::Tool,
                vec![
                    Part::text("By the way."),
                    result("a", Outcome::Ok, vec![Part::text("one"), Part::text("two")]),
                    result("functions.f:1", Outcome::Error, vec![Part::text("no JSON")]),
                ],
            ),
            Message::user("So?"),
        ])
    };
    let body = body(&request);
    assert_eq!(
        body["tools"],
        json!([
            {"name": "mail_send", "description": "does it", "input_schema": {"type": "object"}},
            {"name": "f", "description": "does it", "input_schema": {"type": "object"}},
        ])
    );
    let turns = body["messages"].as_array().unwrap();
    let mended = turns[1]["content"][2]["id"].as_str().unwrap();
    assert!(mended.starts_with("functions_f_1_"), "{mended}");
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [text("go")]},
            {"role": "assistant", "content": [
                text("Looking."),
                {"type": "tool_use", "id": "a", "name": "mail_send", "input": {"to": "x"}},
                {"type": "tool_use", "id": mended, "name": "f", "input": {"arguments": "{oops"}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "a", "content": [text("one\ntwo")]},
                {"type": "tool_result", "tool_use_id": mended, "content": [text("error: no JSON")], "is_error": true},
                text("By the way."),
                text("So?"),
            ]},
        ])
    );
}

#[test]
fn media_in_messages_and_results() {
    let content = |part: Part| {
        let encoded = encode(&request([Message::new(Role::User, vec![part])]), Profile::FULL).unwrap();
        let beta = encoded.headers.get("anthropic-beta").map(str::to_owned);
        (json_of(&encoded)["messages"][0]["content"][0].clone(), beta)
    };
    let check = |part: Part, expected: Value| assert_eq!(content(part), (expected, None));
    check(
        bytes(MediaKind::Image, "image/png"),
        json!({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}),
    );
    check(url(MediaKind::Image), json!({"type": "image", "source": {"type": "url", "url": "https://a.b/c"}}));
    check(
        bytes(MediaKind::File, "application/pdf"),
        json!({"type": "document", "title": "n", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}),
    );
    check(
        bytes(MediaKind::File, "text/markdown"),
        json!({"type": "document", "title": "n", "source": {"type": "text", "media_type": "text/plain", "data": "hi"}}),
    );
    check(
        url(MediaKind::File),
        json!({"type": "document", "title": "n", "source": {"type": "url", "url": "https://a.b/c"}}),
    );
    assert_eq!(
        content(stored(MediaKind::File)),
        (
            json!({"type": "document", "title": "n", "source": {"type": "file", "file_id": "file_1"}}),
            Some("files-api-2025-04-14".to_owned())
        )
    );
    // In a result beside its words; a failed one is then marked in its words only, as the API wants it.
    let parts = vec![Part::text("see"), bytes(MediaKind::Image, "image/png")];
    assert_eq!(
        content(result("a", Outcome::Error, parts)).0,
        json!({"type": "tool_result", "tool_use_id": "a", "content": [
            text("error: see"),
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}},
        ]})
    );
}

#[test]
fn what_the_target_lacks_is_refused_by_name() {
    let refused = |request: &ChatRequest, profile: Profile| {
        let error = encode(request, profile).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        error.message().to_owned()
    };
    for (part, feature) in [
        (bytes(MediaKind::Audio, "audio/mpeg"), "audio input"),
        (url(MediaKind::Video), "video input"),
        (bytes(MediaKind::Image, "image/tiff"), "image input"),
        (bytes(MediaKind::File, "application/zip"), "document input"),
        (result("a", Outcome::Ok, vec![url(MediaKind::Audio)]), "audio input"),
        (Part::new(PartContent::Opaque(Map::from_iter([("type".to_owned(), "new".into())]))), "type `new`"),
    ] {
        let message = refused(&request([Message::new(Role::User, vec![part])]), Profile::FULL);
        assert!(message.contains(feature) && message.contains("test:model-1"), "{message}");
    }
    let json = OutputFormat::Json { name: "x".to_owned(), schema: Schema::any_object() };
    let both = ChatRequest { tools: vec![tool("f")], output: json, ..request([Message::user("x")]) };
    let message =
        refused(&both, Profile { tools: false, structured_output: StructuredOutput::None, ..Profile::FULL });
    assert!(message.contains("tools") && message.contains("structured output"), "{message}");
}

#[test]
fn choices_of_tools() {
    let choose = |choice, tools: Vec<ToolDefinition>, parallel: Option<bool>| {
        let settings = Settings { parallel_tool_calls: parallel, ..Settings::default() };
        let request = ChatRequest { tools, tool_choice: choice, settings, ..request([Message::user("x")]) };
        encode(&request, Profile::FULL)
            .map(|encoded| json_of(&encoded)["tool_choice"].clone())
            .map_err(|error| error.kind())
    };
    let f = || vec![tool("f.g")];
    assert_eq!(choose(ToolChoice::Auto, f(), None), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::Auto, f(), Some(true)), Ok(Value::Null));
    assert_eq!(
        choose(ToolChoice::Auto, f(), Some(false)),
        Ok(json!({"type": "auto", "disable_parallel_tool_use": true}))
    );
    assert_eq!(choose(ToolChoice::None, f(), Some(false)), Ok(json!({"type": "none"})));
    assert_eq!(choose(ToolChoice::Required, f(), None), Ok(json!({"type": "any"})));
    assert_eq!(
        choose(ToolChoice::Tool("f.g".to_owned()), f(), Some(false)),
        Ok(json!({"type": "tool", "name": "f_g", "disable_parallel_tool_use": true}))
    );
    assert_eq!(choose(ToolChoice::None, vec![], None), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::Required, vec![], None), Err(ErrorKind::InvalidInput));
    assert_eq!(choose(ToolChoice::Tool("g".to_owned()), f(), None), Err(ErrorKind::InvalidInput));
}

#[test]
fn structured_output_closes_the_schema() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}});
    let output = OutputFormat::Json { name: "x".to_owned(), schema: Schema::from_value(schema) };
    let settings = Settings { reasoning: Some(ReasoningEffort::High), ..Settings::default() };
    let body = body(&ChatRequest { output, settings, ..request([Message::user("x")]) });
    assert_eq!(
        body["output_config"],
        json!({"effort": "high", "format": {"type": "json_schema", "schema": {
            "type": "object",
            "properties": {"a": {"type": "integer", "description": "{minimum: 1}"}},
            "additionalProperties": false,
        }}})
    );
}

#[test]
fn the_prompt_is_marked_where_it_repeats() {
    let marked = |cache, messages: Vec<Message>| {
        let settings = Settings { prompt_cache: cache, ..Settings::default() };
        body(&ChatRequest { tools: vec![tool("f"), tool("g")], settings, ..request(messages) })
    };
    let messages = || {
        vec![Message::system("One."), Message::system("Two."), Message::user("Hello"), Message::user("World")]
    };
    let plain = marked(None, messages());
    assert!(!plain.to_string().contains("cache_control"));
    for (cache, control) in [
        (PromptCache::Short, json!({"type": "ephemeral"})),
        (PromptCache::Long, json!({"type": "ephemeral", "ttl": "1h"})),
    ] {
        let body = marked(Some(cache), messages());
        let mut expected = plain.clone();
        expected["tools"][1]["cache_control"] = control.clone();
        expected["system"][1]["cache_control"] = control.clone();
        expected["messages"][0]["content"][1]["cache_control"] = control;
        assert_eq!(body, expected);
    }
    // A thought takes no mark.
    let thought = json!({"type": "thinking", "thinking": "Hm.", "signature": "s"});
    let part = Part::new(PartContent::Reasoning(Reasoning { text: "Hm.".to_owned() }))
        .with_native(native("test", thought.clone()));
    let answer = Message::new(Role::Assistant, vec![Part::text("So."), part]);
    let body = marked(Some(PromptCache::Short), vec![Message::user("x"), answer]);
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "text", "text": "So.", "cache_control": {"type": "ephemeral"}}, thought])
    );
}

#[test]
fn settings_and_how_hard_to_think() {
    let write = |settings: Settings, choice: ToolChoice, profile: Profile| {
        let request = ChatRequest {
            settings,
            tools: vec![tool("f")],
            tool_choice: choice,
            ..request([Message::user("x")])
        };
        let encoded = encode(&request, profile).unwrap();
        let mut body = json_of(&encoded);
        for member in ["messages", "model", "stream", "tools", "tool_choice"] {
            body.as_object_mut().unwrap().remove(member);
        }
        (body, encoded.warnings.iter().map(|warning| warning.setting.clone()).collect::<Vec<_>>())
    };
    let all = || Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(64),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        reasoning: None,
        parallel_tool_calls: None,
        prompt_cache: None,
    };
    let budgeted = Profile { reasoning_budget: true, max_output: Some(64_000), ..Profile::FULL };
    let (body, warnings) = write(all(), ToolChoice::Auto, budgeted);
    assert_eq!(body, json!({"max_tokens": 64, "stop_sequences": ["END"], "temperature": 0.5}));
    assert_eq!(warnings, ["top_p", "seed"]);
    let (body, warnings) = write(all(), ToolChoice::Auto, Profile { sampling: false, ..budgeted });
    assert_eq!(body, json!({"max_tokens": 64, "stop_sequences": ["END"]}));
    assert_eq!(warnings, ["temperature", "top_p", "seed"]);

    let think = |effort, max_tokens| Settings {
        reasoning: Some(effort),
        temperature: Some(0.5),
        max_tokens,
        ..Settings::default()
    };
    let check = |effort, max_tokens, profile, expected: Value| {
        let (body, warnings) = write(think(effort, max_tokens), ToolChoice::Auto, profile);
        assert_eq!(body, expected);
        assert_eq!(warnings, ["temperature"]);
    };
    let enabled = |tokens: u64, longest: u64| json!({"max_tokens": longest, "thinking": {"type": "enabled", "budget_tokens": tokens}});
    check(ReasoningEffort::Minimal, None, budgeted, enabled(1_024, 64_000));
    check(ReasoningEffort::High, None, budgeted, enabled(24_576, 64_000));
    check(ReasoningEffort::High, Some(8_000), budgeted, enabled(4_000, 8_000));
    check(ReasoningEffort::Low, Some(100), budgeted, enabled(1_024, 2_048));
    let adaptive = |effort: &str| json!({"max_tokens": 8_192, "thinking": {"type": "adaptive"}, "output_config": {"effort": effort}});
    check(ReasoningEffort::Minimal, None, Profile::FULL, adaptive("low"));
    check(ReasoningEffort::Medium, None, Profile::FULL, adaptive("medium"));

    // Told which tool to call, or without the means, it does not think.
    for (choice, profile) in [(ToolChoice::Required, budgeted), (ToolChoice::Auto, Profile::PLAIN)] {
        let (body, warnings) = write(think(ReasoningEffort::Low, Some(64)), choice, profile);
        assert_eq!(body, json!({"max_tokens": 64, "temperature": 0.5}));
        assert_eq!(warnings, ["reasoning"]);
    }
}

#[test]
fn a_turn_that_began_without_a_thought_goes_on_without_one() {
    let thinks = |first: Option<Part>, profile: Profile| {
        let parts = first.into_iter().chain([call("a", "f", json!({}))]).collect();
        let messages = [
            Message::user("x"),
            Message::new(Role::Assistant, parts),
            Message::new(Role::Tool, vec![result("a", Outcome::Ok, vec![Part::text("1")])]),
        ];
        let settings = Settings { reasoning: Some(ReasoningEffort::Low), ..Settings::default() };
        let encoded = encode(&ChatRequest { settings, ..request(messages) }, profile).unwrap();
        (json_of(&encoded).get("thinking").is_some(), encoded.warnings.len())
    };
    let budgeted = Profile { reasoning_budget: true, ..Profile::FULL };
    let own = |kind: &str| {
        let part = Part::new(PartContent::Reasoning(Reasoning { text: String::new() }));
        Some(part.with_native(native("test", json!({"type": kind, "data": "x"}))))
    };
    assert_eq!(thinks(None, budgeted), (false, 1));
    assert_eq!(thinks(own("thinking"), budgeted), (true, 0));
    assert_eq!(thinks(own("redacted_thinking"), budgeted), (true, 0));
    assert_eq!(thinks(None, Profile::FULL), (true, 0));
}

#[test]
fn an_answer_goes_back_as_it_came_and_to_others_in_words() {
    let thought = json!({"type": "thinking", "thinking": "Hm.", "signature": "sig=="});
    let hidden = json!({"type": "redacted_thinking", "data": "EncRyPtEd"});
    let search =
        json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}});
    let found = json!({"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
        {"type": "web_search_result", "url": "https://a.b", "title": "A", "encrypted_content": "Enc"},
    ]});
    let cited = json!({"type": "web_search_result_location", "cited_text": "So it is.", "url": "https://a.b", "title": "A", "encrypted_index": "E"});
    let used =
        json!({"type": "tool_use", "id": "toolu_1", "name": "f", "caller": {"type": "direct"}, "input": {}});
    let reply = blocks(
        &[
            (
                json!({"type": "thinking", "thinking": "", "signature": ""}),
                &[
                    json!({"type": "thinking_delta", "thinking": "Hm."}),
                    json!({"type": "signature_delta", "signature": "sig"}),
                    json!({"type": "signature_delta", "signature": "=="}),
                ],
            ),
            (hidden.clone(), &[]),
            (
                json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}),
                &[
                    json!({"type": "input_json_delta", "partial_json": ""}),
                    json!({"type": "input_json_delta", "partial_json": "{\"query\""}),
                    json!({"type": "input_json_delta", "partial_json": ":\"q\"}"}),
                ],
            ),
            (found.clone(), &[]),
            (
                json!({"type": "text", "text": "", "citations": []}),
                &[
                    json!({"type": "citations_delta", "citation": cited}),
                    json!({"type": "text_delta", "text": "It is."}),
                ],
            ),
            (used, &[json!({"type": "input_json_delta", "partial_json": "{\"x\":[1,null]}"})]),
        ],
        "tool_use",
    );
    let message = answer(&reply).message;
    let back =
        |message: Message| body(&request([Message::user("x"), message]))["messages"][1]["content"].clone();
    assert_eq!(
        back(message.clone()),
        json!([
            thought,
            hidden,
            search,
            found,
            {"type": "text", "text": "It is.", "citations": [cited]},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "caller": {"type": "direct"}, "input": {"x": [1, null]}},
        ])
    );
    // Through storage and back it is the same.
    let stored: Message = serde_json::from_value(serde_json::to_value(&message).unwrap()).unwrap();
    assert_eq!(back(stored), back(message.clone()));
    // What a person edited goes out as edited, without the citations of what it was.
    let mut edited = message.clone();
    for part in &mut edited.parts {
        match &mut part.content {
            PartContent::Text(text) => "It was.".clone_into(text),
            PartContent::ToolCall(call) => call.arguments = json!({"x": 2}),
            _ => {}
        }
    }
    assert_eq!((&back(edited.clone())[4], &back(edited)[5]["input"]), (&text("It was."), &json!({"x": 2})));
    // From another provider only what it said and called.
    let mut foreign = message;
    for part in &mut foreign.parts {
        part.native = part.native.take().map(|native| Native { provider: "other".to_owned(), ..native });
    }
    assert_eq!(
        back(foreign),
        json!([text("It is."), {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": [1, null]}}])
    );
}

#[test]
fn extra_members_of_this_provider_win_and_others_are_ignored() {
    let mut request = request([Message::user("x")]);
    request.extra.insert("test".to_owned(), json!({"top_k": 5, "max_tokens": 1}));
    request.extra.insert("other".to_owned(), json!({"foreign": 1}));
    let body = body(&request);
    assert_eq!((&body["top_k"], &body["max_tokens"], &body["foreign"]), (&json!(5), &json!(1), &Value::Null));
    request.extra.insert("test".to_owned(), json!([1]));
    assert_eq!(encode(&request, Profile::FULL).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_request_without_a_turn_is_invalid() {
    for messages in [vec![], vec![Message::system("x")], vec![Message::user(" ")]] {
        assert_eq!(encode(&request(messages), Profile::FULL).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
