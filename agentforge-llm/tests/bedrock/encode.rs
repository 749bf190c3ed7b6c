//! Requests as they go out.

use agentforge_core::{
    ErrorKind,
    message::{
        Media, MediaKind, MediaSource, Message, Native, Outcome, Part, PartContent, Role, ToolCall,
        ToolResult, Trust,
    },
    model::{ChatRequest, OutputFormat, PromptCache, ReasoningEffort, Settings, ToolChoice, ToolDefinition},
    schema::Schema,
};
use agentforge_llm::host::Profile;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{CLAUDE, answer, around, begin, body, encode, end, grow, json_of};

const NOVA: &str = "amazon.nova-lite-v1:0";
const LLAMA: &str = "us.meta.llama4-maverick-17b-instruct-v1:0";
const GPT: &str = "openai.gpt-oss-120b-1:0";

fn request(messages: impl IntoIterator<Item = Message>) -> ChatRequest {
    ChatRequest::new(messages)
}

fn media(kind: MediaKind, media_type: &str, source: MediaSource) -> Part {
    let (name, media_type) = (Some("Q3 report.pdf".to_owned()), media_type.to_owned());
    Part::new(PartContent::Media(Media { kind, media_type, name, source }))
}

fn bytes(kind: MediaKind, media_type: &str) -> Part {
    media(kind, media_type, MediaSource::Bytes { data: Bytes::from_static(b"hi") })
}

fn url(kind: MediaKind, media_type: &str, url: &str) -> Part {
    media(kind, media_type, MediaSource::Url { url: url.to_owned() })
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

fn text(text: &str) -> Value {
    json!({ "text": text })
}

fn spec(name: &str) -> Value {
    json!({"toolSpec": {"name": name, "description": "does it", "inputSchema": {"json": {"type": "object"}}}})
}

#[test]
fn a_plain_conversation() {
    let request = request([
        Message::system("Be brief."),
        Message::user("Hello"),
        Message::assistant("Hi."),
        Message::user(" "),
        Message::user("Bye"),
    ]);
    let encoded = encode(&request, CLAUDE, Profile::FULL).unwrap();
    assert_eq!(encoded.path, "/model/us.anthropic.claude-x-v1%3A0/converse-stream");
    assert_eq!(encoded.headers.get("content-type"), Some("application/json"));
    assert_eq!(encoded.headers.get("accept"), Some("application/vnd.amazon.eventstream, application/json"));
    assert_eq!(
        String::from_utf8_lossy(&encoded.body),
        concat!(
            r#"{"messages":[{"content":[{"text":"Hello"}],"role":"user"},{"content":[{"text":"Hi."}],"role":"assistant"},"#,
            r#"{"content":[{"text":"Bye"}],"role":"user"}],"system":[{"text":"Be brief."}]}"#
        )
    );
}

#[test]
fn a_model_is_one_segment_of_the_path() {
    let path = |model: &str| {
        encode(&request([Message::user("x")]), model, Profile::FULL).map(|encoded| encoded.path)
    };
    assert_eq!(
        path("arn:aws:bedrock:us-east-1:1:inference-profile/us.a.b-v1:0").unwrap(),
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fus.a.b-v1%3A0/converse-stream"
    );
    assert_eq!(path("a?b#c").unwrap(), "/model/a%3Fb%23c/converse-stream");
    for wrong in ["", ".", ".."] {
        assert_eq!(path(wrong).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn turns_alternate_and_results_come_first() {
    let conversation = |document: bool| {
        let mut last = vec![
            Part::text("By the way."),
            result("a", Outcome::Ok, vec![Part::text("one"), Part::text("two")]),
            result("functions.f:1", Outcome::Error, vec![Part::text("no JSON")]),
        ];
        if document {
            last.push(bytes(MediaKind::File, "text/plain"));
        }
        ChatRequest {
            tools: vec![tool("mail.send"), tool("f")],
            ..request([
                Message::user("go"),
                Message::new(
                    Role::Assistant,
                    vec![
                        Part::text("Looking."),
                        Part::text("\n"),
                        call("a", "mail.send", json!({"to": "x"})),
                        call("functions.f:1", "f", json!("{oops")),
                    ],
                ),
                Message::new(Role::Tool, last),
                Message::user("So?"),
            ])
        }
    };
    let written = body(&conversation(false));
    assert_eq!(written["toolConfig"], json!({"tools": [spec("mail_send"), spec("f")]}));
    let failed = json!({"toolResult": {"toolUseId": "functions.f:1", "content": [text("error: no JSON")], "status": "error"}});
    let fine = json!({"toolResult": {"toolUseId": "a", "content": [text("one\ntwo")]}});
    assert_eq!(
        written["messages"],
        json!([
            {"role": "user", "content": [text("go")]},
            {"role": "assistant", "content": [
                text("Looking."),
                {"toolUse": {"toolUseId": "a", "name": "mail_send", "input": {"to": "x"}}},
                {"toolUse": {"toolUseId": "functions.f:1", "name": "f", "input": {"arguments": "{oops"}}},
            ]},
            {"role": "user", "content": [fine, failed, text("By the way."), text("So?")]},
        ])
    );
    // Where a model takes them apart only, a turn of nothing stands between.
    let turns = |model: &str, document: bool| {
        let body = json_of(&encode(&conversation(document), model, Profile::FULL).unwrap());
        let turns = body["messages"].as_array().unwrap();
        turns[2..].iter().map(|turn| turn["content"].as_array().unwrap().len()).collect::<Vec<_>>()
    };
    assert_eq!(turns(CLAUDE, false), [4]);
    assert_eq!(turns(CLAUDE, true), [2, 1, 3]);
    assert_eq!(turns(NOVA, true), [5]);
    assert_eq!(turns(LLAMA, false), [2, 1, 2]);
    let llama = json_of(&encode(&conversation(false), LLAMA, Profile::FULL).unwrap());
    assert_eq!(llama["messages"][2]["content"][1]["toolResult"].get("status"), None);
    assert_eq!(llama["messages"][3], json!({"role": "assistant", "content": [text(".")]}));
}

#[test]
fn only_claude_lets_the_assistant_begin() {
    let begins = request([Message::assistant("Hi."), Message::user("Bye")]);
    let roles = |model: &str| {
        let body = json_of(&encode(&begins, model, Profile::FULL).unwrap());
        body["messages"].as_array().unwrap().iter().map(|turn| turn["role"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(roles(CLAUDE), ["assistant", "user"]);
    assert_eq!(roles(NOVA), ["user", "assistant", "user"]);
}

#[test]
fn media_in_messages_and_results() {
    let content = |parts: Vec<Part>| {
        body(&request([Message::new(Role::User, parts)]))["messages"][0]["content"].clone()
    };
    let check = |part: Part, expected: Value| assert_eq!(content(vec![part])[0], expected);
    let source = json!({"bytes": "aGk="});
    check(bytes(MediaKind::Image, "image/jpeg"), json!({"image": {"format": "jpeg", "source": source}}));
    check(bytes(MediaKind::Video, "video/3gpp"), json!({"video": {"format": "three_gp", "source": source}}));
    check(bytes(MediaKind::Audio, "audio/mpeg"), json!({"audio": {"format": "mp3", "source": source}}));
    check(
        url(MediaKind::Video, "video/mp4", "s3://bucket/a.mp4"),
        json!({"video": {"format": "mp4", "source": {"s3Location": {"uri": "s3://bucket/a.mp4"}}}}),
    );
    let document =
        |format: &str, name: &str| json!({"document": {"format": format, "name": name, "source": source}});
    let files = content(vec![
        bytes(MediaKind::File, "application/pdf"),
        bytes(MediaKind::File, "text/markdown; charset=utf-8"),
        bytes(MediaKind::File, "application/json"),
    ]);
    assert_eq!(
        files,
        json!([
            document("pdf", "Q3 report-pdf"),
            document("md", "Q3 report-pdf 2"),
            document("txt", "Q3 report-pdf 3")
        ])
    );
    check(
        result("a", Outcome::Error, vec![Part::text("see"), bytes(MediaKind::Image, "image/png")]),
        json!({"toolResult": {"toolUseId": "a", "status": "error", "content": [
            text("error: see"),
            {"image": {"format": "png", "source": source}},
        ]}}),
    );
}

#[test]
fn what_the_target_lacks_is_refused_by_name() {
    let refused = |request: &ChatRequest, model: &str, profile: Profile| {
        let error = encode(request, model, profile).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        error.message().to_owned()
    };
    for (part, feature) in [
        (bytes(MediaKind::Image, "image/tiff"), "image input"),
        (url(MediaKind::Image, "image/png", "https://a.b/c.png"), "s3://"),
        (
            media(MediaKind::File, "application/pdf", MediaSource::FileId { id: "f".to_owned() }),
            "document input",
        ),
        (bytes(MediaKind::File, "application/zip"), "document input"),
        (result("a", Outcome::Ok, vec![bytes(MediaKind::Audio, "audio/mpeg")]), "audio input"),
        (Part::new(PartContent::Opaque(Map::from_iter([("type".to_owned(), "new".into())]))), "type `new`"),
    ] {
        let message = refused(&request([Message::new(Role::User, vec![part])]), CLAUDE, Profile::FULL);
        assert!(message.contains(feature) && message.contains(CLAUDE), "{message}");
    }
    let tools = ChatRequest { tools: vec![tool("f")], ..request([Message::user("x")]) };
    assert!(refused(&tools, CLAUDE, Profile { tools: false, ..Profile::FULL }).contains("tools"));
    let told = ChatRequest { tool_choice: ToolChoice::Required, ..tools };
    assert!(refused(&told, LLAMA, Profile::FULL).contains("a required tool call"));
}

#[test]
fn choices_of_tools() {
    let choose = |choice, tools: Vec<ToolDefinition>| {
        let request = ChatRequest { tools, tool_choice: choice, ..request([Message::user("x")]) };
        encode(&request, CLAUDE, Profile::FULL)
            .map(|encoded| json_of(&encoded)["toolConfig"].clone())
            .map_err(|error| error.kind())
    };
    let f = || vec![tool("f.g")];
    let tools = || json!([spec("f_g")]);
    assert_eq!(choose(ToolChoice::Auto, f()), Ok(json!({"tools": tools()})));
    assert_eq!(choose(ToolChoice::None, f()), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::Required, f()), Ok(json!({"tools": tools(), "toolChoice": {"any": {}}})));
    assert_eq!(
        choose(ToolChoice::Tool("f.g".to_owned()), f()),
        Ok(json!({"tools": tools(), "toolChoice": {"tool": {"name": "f_g"}}}))
    );
    assert_eq!(choose(ToolChoice::Required, vec![]), Err(ErrorKind::InvalidInput));
    assert_eq!(choose(ToolChoice::Tool("g".to_owned()), f()), Err(ErrorKind::InvalidInput));
    let silent = ToolDefinition { description: " ".to_owned(), ..tool("f") };
    assert_eq!(
        choose(ToolChoice::Auto, vec![silent]),
        Ok(json!({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]}))
    );
}

#[test]
fn a_conversation_that_shows_calls_names_their_tools() {
    let history = || {
        request([
            Message::user("x"),
            Message::new(Role::Assistant, vec![call("a", "f", json!({}))]),
            Message::new(Role::Tool, vec![result("a", Outcome::Ok, vec![Part::text("1")])]),
        ])
    };
    let written = encode(&history(), CLAUDE, Profile::FULL).unwrap();
    let bare = json!({"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]});
    assert_eq!((&json_of(&written)["toolConfig"], written.warnings.len()), (&bare, 0));
    let none = ChatRequest { tools: vec![tool("f"), tool("g")], tool_choice: ToolChoice::None, ..history() };
    let written = encode(&none, CLAUDE, Profile::FULL).unwrap();
    assert_eq!(json_of(&written)["toolConfig"], json!({"tools": [spec("f")]}));
    assert_eq!(written.warnings[0].setting, "tool_choice");
}

#[test]
fn an_answer_in_a_schema() {
    let schema = json!({"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}});
    let output = OutputFormat::Json { name: "my leave".to_owned(), schema: Schema::from_value(schema) };
    let body = body(&ChatRequest { output, ..request([Message::user("x")]) });
    assert_eq!(
        body["outputConfig"],
        json!({"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
            "name": "my_leave",
            "schema": r#"{"additionalProperties":false,"properties":{"a":{"description":"{minimum: 1}","type":"integer"}},"type":"object"}"#,
        }}}})
    );
    assert!(body.get("toolConfig").is_none());
}

#[test]
fn the_prompt_is_marked_where_it_repeats() {
    let marked = |cache, model: &str| {
        let settings = Settings { prompt_cache: cache, ..Settings::default() };
        let messages = [Message::system("One."), Message::user("Hello")];
        let encoded = encode(
            &ChatRequest { tools: vec![tool("f")], settings, ..request(messages) },
            model,
            Profile::FULL,
        )
        .unwrap();
        let body = json_of(&encoded);
        let last = |list: &Value| list.as_array().unwrap().last().unwrap().get("cachePoint").cloned();
        let points =
            [&body["toolConfig"]["tools"], &body["system"], &body["messages"][0]["content"]].map(last);
        (points, encoded.warnings.len())
    };
    let short = || Some(json!({"type": "default"}));
    let long = || Some(json!({"type": "default", "ttl": "1h"}));
    assert_eq!(marked(None, CLAUDE), ([None, None, None], 0));
    assert_eq!(marked(Some(PromptCache::Short), CLAUDE), ([short(), short(), short()], 0));
    assert_eq!(marked(Some(PromptCache::Long), CLAUDE), ([long(), long(), long()], 0));
    assert_eq!(marked(Some(PromptCache::Long), NOVA), ([None, short(), short()], 0));
    assert_eq!(marked(Some(PromptCache::Short), LLAMA), ([None, None, None], 1));
    assert_eq!(marked(Some(PromptCache::Short), "abc123"), ([short(), short(), short()], 0));
}

#[test]
fn settings_and_how_hard_to_think() {
    let write = |settings: Settings, choice: ToolChoice, model: &str, profile: Profile| {
        let request = ChatRequest {
            settings,
            tools: vec![tool("f")],
            tool_choice: choice,
            ..request([Message::user("x")])
        };
        let encoded = encode(&request, model, profile).unwrap();
        let body = json_of(&encoded);
        let warned: Vec<String> = encoded.warnings.iter().map(|warning| warning.setting.clone()).collect();
        (body["inferenceConfig"].clone(), body["additionalModelRequestFields"].clone(), warned)
    };
    let all = Settings {
        temperature: Some(0.5),
        top_p: Some(0.25),
        max_tokens: Some(64),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        reasoning: None,
        parallel_tool_calls: Some(false),
        prompt_cache: None,
    };
    let (inference, additional, warned) = write(all.clone(), ToolChoice::Auto, NOVA, Profile::FULL);
    assert_eq!(
        inference,
        json!({"maxTokens": 64, "stopSequences": ["END"], "temperature": 0.5, "topP": 0.25})
    );
    assert_eq!(
        (additional, warned),
        (Value::Null, vec!["seed".to_owned(), "parallel_tool_calls".to_owned()])
    );
    let (inference, _, warned) = write(all, ToolChoice::Auto, CLAUDE, Profile::FULL);
    assert_eq!(inference, json!({"maxTokens": 64, "stopSequences": ["END"], "temperature": 0.5}));
    assert_eq!(warned, ["top_p", "seed", "parallel_tool_calls"]);

    let think = |effort, model: &str, profile| {
        let settings = Settings { reasoning: Some(effort), ..Settings::default() };
        let (inference, additional, warned) = write(settings, ToolChoice::Auto, model, profile);
        assert!(warned.is_empty() != additional.is_null(), "{warned:?}");
        (inference, additional)
    };
    let budgeted = Profile { reasoning_budget: true, max_output: Some(64_000), ..Profile::FULL };
    let by_tokens =
        (json!({"maxTokens": 64_000}), json!({"thinking": {"type": "enabled", "budget_tokens": 24_576}}));
    assert_eq!(think(ReasoningEffort::High, CLAUDE, budgeted), by_tokens);
    assert_eq!(think(ReasoningEffort::High, "abc123", budgeted), by_tokens);
    assert_eq!(
        think(ReasoningEffort::Medium, CLAUDE, Profile::FULL),
        (Value::Null, json!({"thinking": {"type": "adaptive"}, "output_config": {"effort": "medium"}}))
    );
    assert_eq!(think(ReasoningEffort::Low, GPT, Profile::FULL).1, json!({"reasoning_effort": "low"}));
    assert_eq!(
        think(ReasoningEffort::Medium, "qwen.qwen3-32b-v1:0", Profile::FULL).1,
        json!({"reasoning_config": "low"})
    );
    assert_eq!(
        think(ReasoningEffort::Low, "us.amazon.nova-2-lite-v1:0", Profile::FULL).1,
        json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "low"}})
    );
    assert_eq!(think(ReasoningEffort::Low, "deepseek.r1-v1:0", Profile::FULL).1, Value::Null);
    assert_eq!(think(ReasoningEffort::Low, CLAUDE, Profile::PLAIN).1, Value::Null);
    // Told to call, a Claude does not think.
    let settings =
        Settings { reasoning: Some(ReasoningEffort::Low), temperature: Some(0.5), ..Settings::default() };
    let (inference, additional, warned) = write(settings, ToolChoice::Required, CLAUDE, budgeted);
    assert_eq!((inference, additional), (json!({"temperature": 0.5}), Value::Null));
    assert_eq!(warned, ["reasoning"]);
}

#[test]
fn a_turn_that_began_without_a_thought_goes_on_without_one() {
    let thinks = |model: &str| {
        let messages = [
            Message::user("x"),
            Message::new(Role::Assistant, vec![call("a", "f", json!({}))]),
            Message::new(Role::Tool, vec![result("a", Outcome::Ok, vec![Part::text("1")])]),
        ];
        let settings = Settings { reasoning: Some(ReasoningEffort::Low), ..Settings::default() };
        let budgeted = Profile { reasoning_budget: true, ..Profile::FULL };
        let encoded = encode(&ChatRequest { settings, ..request(messages) }, model, budgeted).unwrap();
        (json_of(&encoded).get("additionalModelRequestFields").is_some(), encoded.warnings.len())
    };
    assert_eq!(thinks(CLAUDE), (false, 1));
    assert_eq!(thinks(GPT), (true, 0));
}

#[test]
fn an_answer_goes_back_as_it_came_and_to_others_in_words() {
    let citation = json!({"title": "A", "sourceContent": [{"text": "So."}]});
    let reply = around(
        vec![
            grow(0, json!({"reasoningContent": {"text": "Hm."}})),
            grow(0, json!({"reasoningContent": {"signature": "sig=="}})),
            end(0),
            grow(1, json!({"reasoningContent": {"redactedContent": "c2VhbGVk"}})),
            end(1),
            grow(2, json!({"reasoningContent": {"text": "Unsigned."}})),
            end(2),
            begin(3, json!({"toolUse": {"toolUseId": "s", "name": "grounding", "type": "server_tool_use"}})),
            end(3),
            grow(4, json!({"text": "It is."})),
            grow(4, json!({"citation": citation})),
            end(4),
            begin(5, json!({"toolUse": {"toolUseId": "t", "name": "f", "later": 1}})),
            grow(5, json!({"toolUse": {"input": "{\"x\":[1,null]}"}})),
            end(5),
        ],
        "tool_use",
    );
    let message = answer(&reply).message;
    let back =
        |message: Message| body(&request([Message::user("x"), message]))["messages"][1]["content"].clone();
    let used = |input: Value| json!({"toolUse": {"toolUseId": "t", "name": "f", "later": 1, "input": input}});
    assert_eq!(
        back(message.clone()),
        json!([
            {"reasoningContent": {"reasoningText": {"text": "Hm.", "signature": "sig=="}}},
            {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
            {"toolUse": {"toolUseId": "s", "name": "grounding", "type": "server_tool_use"}},
            {"citationsContent": {"content": [{"text": "It is."}], "citations": [citation]}},
            used(json!({"x": [1, null]})),
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
    assert_eq!((&back(edited.clone())[3], &back(edited)[4]), (&text("It was."), &used(json!({"x": 2}))));
    // From another provider only what it said and called.
    let mut foreign = message;
    for part in &mut foreign.parts {
        part.native = part.native.take().map(|native| Native { provider: "other".to_owned(), ..native });
    }
    assert_eq!(
        back(foreign),
        json!([text("It is."), {"toolUse": {"toolUseId": "t", "name": "f", "input": {"x": [1, null]}}}])
    );
}

#[test]
fn extra_members_of_this_provider_join_and_win() {
    let settings =
        Settings { max_tokens: Some(5), reasoning: Some(ReasoningEffort::Low), ..Settings::default() };
    let mut request = ChatRequest { settings, ..request([Message::user("x")]) };
    let extra = json!({
        "inferenceConfig": {"maxTokens": 1},
        "additionalModelRequestFields": {"top_k": 5},
        "guardrailConfig": {"guardrailIdentifier": "g"},
    });
    request.extra.insert("test".to_owned(), extra);
    request.extra.insert("other".to_owned(), json!({"foreign": 1}));
    let body = json_of(&encode(&request, GPT, Profile::FULL).unwrap());
    assert_eq!(body["inferenceConfig"], json!({"maxTokens": 1}));
    assert_eq!(body["additionalModelRequestFields"], json!({"reasoning_effort": "low", "top_k": 5}));
    assert_eq!((&body["guardrailConfig"]["guardrailIdentifier"], body.get("foreign")), (&json!("g"), None));
    request.extra.insert("test".to_owned(), json!([1]));
    assert_eq!(encode(&request, GPT, Profile::FULL).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_request_without_a_turn_is_invalid() {
    for messages in [vec![], vec![Message::system("x")], vec![Message::user(" ")]] {
        let error = encode(&request(messages), CLAUDE, Profile::FULL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
