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
use agentforge_llm::{
    host::{Profile, StructuredOutput},
    wire::{Delivery, Wire},
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{BUDGETED, answer, body, encode, encode_for, json_of, parts};

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

fn stored(id: &str) -> Part {
    media(MediaKind::File, "application/pdf", MediaSource::FileId { id: id.to_owned() })
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

fn native(provider: &str, item: Value) -> Native {
    Native { provider: provider.to_owned(), api: "gemini_generate_content".to_owned(), item }
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

fn schema(value: Value) -> Schema {
    serde_json::from_value(value).unwrap()
}

#[test]
fn a_plain_conversation() {
    let messages = [
        Message::system("Be brief."),
        Message::user("Hello"),
        Message::assistant("Hi."),
        Message::user("And?"),
        Message::system("Be kind."),
    ];
    let encoded = encode(&request(messages), Profile::FULL).unwrap();
    assert_eq!(encoded.path, "/models/model-1:streamGenerateContent?alt=sse");
    assert_eq!(encoded.headers.iter().collect::<Vec<_>>(), [("content-type", "application/json")]);
    assert_eq!(
        json_of(&encoded),
        json!({
            "contents": [
                {"role": "user", "parts": [{"text": "Hello"}]},
                {"role": "model", "parts": [{"text": "Hi."}]},
                {"role": "user", "parts": [{"text": "And?"}]},
            ],
            "systemInstruction": {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]},
        })
    );
}

#[test]
fn the_model_stands_in_the_path() {
    let path = |model: &str, delivery: Delivery| {
        encode_for(model, &request([Message::user("x")]), Profile::FULL, delivery).map(|encoded| encoded.path)
    };
    assert_eq!(path("gemini-2.5-pro", Delivery::Whole).unwrap(), "/models/gemini-2.5-pro:generateContent");
    assert_eq!(path("tunedModels/a-1", Delivery::Whole).unwrap(), "/tunedModels/a-1:generateContent");
    for wrong in ["", "a b", "a?b", "a#b", "../x", "a//b", "a:b", "a%2f", "ü", "a/"] {
        let error = path(wrong, Delivery::Whole).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong}");
        assert!(error.message().contains(wrong), "{error}");
    }
}

#[test]
fn results_come_first_in_the_order_of_their_calls_and_without_ids_of_ours() {
    let ok = |id: &str, text: &str| result(id, Outcome::Ok, vec![Part::text(text)], None);
    let own = call("their-1", "a", json!({"n": 1}))
        .with_native(native("test", json!({"functionCall": {"id": "their"}, "thoughtSignature": "s"})));
    let messages = [
        Message::user("go"),
        Message::new(Role::Assistant, vec![own, call("c2", "mail.send now", json!([1]))]),
        Message::new(Role::User, vec![Part::text("and hurry")]),
        Message::new(
            Role::Tool,
            vec![result("c2", Outcome::Denied, vec![Part::text("no")], None), ok("their-1", "yes")],
        ),
    ];
    let body = body(&request(messages));
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
            {"functionCall": {"id": "their", "name": "a", "args": {"n": 1}}, "thoughtSignature": "s"},
            {"functionCall": {"name": "mail.send_now", "args": {"arguments": [1]}}},
        ])
    );
    assert_eq!(
        body["contents"][2],
        json!({"role": "user", "parts": [
            {"functionResponse": {"id": "their", "name": "a", "response": {"output": "yes"}}},
            {"functionResponse": {"name": "mail.send_now", "response": {"error": "denied: no"}}},
            {"text": "and hurry"},
        ]})
    );
}

#[test]
fn what_a_result_says() {
    let said = |outcome: Outcome, parts: Vec<Part>, structured: Option<Value>| {
        let messages = [
            Message::user("go"),
            Message::new(Role::Assistant, vec![call("c", "f", json!({}))]),
            Message::new(Role::Tool, vec![result("c", outcome, parts, structured)]),
        ];
        body(&request(messages))["contents"][2]["parts"].clone()
    };
    let response = |parts: Value| parts[0]["functionResponse"]["response"].clone();
    let text = || vec![Part::text("words")];
    assert_eq!(response(said(Outcome::Ok, text(), Some(json!({"a": 1})))), json!({"output": "words"}));
    assert_eq!(response(said(Outcome::Ok, vec![], Some(json!({"a": 1})))), json!({"a": 1}));
    assert_eq!(response(said(Outcome::Ok, vec![], Some(json!([1])))), json!({"output": [1]}));
    assert_eq!(response(said(Outcome::Ok, vec![], None)), json!({"output": "(no output)"}));
    assert_eq!(response(said(Outcome::Error, text(), None)), json!({"error": "error: words"}));
    let seen = said(Outcome::Ok, vec![Part::text("words"), bytes(MediaKind::Image, "image/png")], None);
    assert_eq!(
        seen,
        json!([
            {"functionResponse": {"name": "f", "response": {"output": "words"}}},
            {"text": "From `f`:"},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        ])
    );
    let orphan = request([
        Message::user("go"),
        Message::new(Role::Tool, vec![result("x", Outcome::Ok, text(), None)]),
    ]);
    let error = encode(&orphan, Profile::FULL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.message().contains("`x`"), "{error}");
}

#[test]
fn media_in_messages() {
    let url = media(MediaKind::Video, "video/mp4", MediaSource::Url { url: "https://youtu.be/x".to_owned() });
    let bare = media(MediaKind::Image, "", MediaSource::Url { url: "gs://a/b".to_owned() });
    let all = vec![
        bytes(MediaKind::Image, "image/webp"),
        bytes(MediaKind::Audio, "audio/mp3"),
        bytes(MediaKind::Video, "video/mp4"),
        bytes(MediaKind::File, "application/pdf"),
        bytes(MediaKind::File, "text/csv"),
        bytes(MediaKind::File, "application/json"),
        url,
        bare,
        stored("files/abc"),
        stored("abc"),
        stored("https://a.b/files/abc"),
    ];
    let inline = |media_type: &str| json!({"inlineData": {"mimeType": media_type, "data": "aGk="}});
    let file = |uri: &str, media_type: &str| json!({"fileData": {"fileUri": uri, "mimeType": media_type}});
    let at = "https://generativelanguage.googleapis.com/v1beta/files/abc";
    assert_eq!(
        body(&request([Message::new(Role::User, all)]))["contents"][0]["parts"],
        json!([
            inline("image/webp"), inline("audio/mp3"), inline("video/mp4"), inline("application/pdf"),
            inline("text/csv"), inline("text/plain"), file("https://youtu.be/x", "video/mp4"),
            {"fileData": {"fileUri": "gs://a/b"}}, file(at, "application/pdf"), file(at, "application/pdf"),
            file("https://a.b/files/abc", "application/pdf"),
        ])
    );
}

#[test]
fn what_the_target_lacks_is_refused_by_name() {
    let refused = |request: &ChatRequest, profile: Profile| {
        let error = encode(request, profile).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        error.message().to_owned()
    };
    let said = |part: Part| request([Message::new(Role::User, vec![part])]);
    assert!(refused(&said(bytes(MediaKind::Image, "image/gif")), Profile::FULL).contains("WebP"));
    assert!(refused(&said(bytes(MediaKind::File, "application/zip")), Profile::FULL).contains("PDF"));
    let blob = agentforge_core::store::BlobRef {
        sha256: agentforge_core::json::Digest::of_bytes(b"hi"),
        size: 1,
        media_type: "image/png".to_owned(),
        name: None,
    };
    let blob = media(MediaKind::Image, "image/png", MediaSource::Blob { blob });
    assert!(refused(&said(blob), Profile::FULL).contains("load the blob"));
    let opaque = Part::new(PartContent::Opaque(Map::from_iter([("type".to_owned(), "hologram".into())])));
    assert!(refused(&said(opaque), Profile::FULL).contains("hologram"));
    let both = ChatRequest {
        tools: vec![tool("f")],
        output: OutputFormat::Json { name: "n".to_owned(), schema: Schema::any_object() },
        ..request([Message::user("x")])
    };
    let message =
        refused(&both, Profile { tools: false, structured_output: StructuredOutput::None, ..Profile::FULL });
    assert!(message.contains("tools") && message.contains("structured output"), "{message}");
    let message = refused(&both, Profile { structured_with_tools: StructuredOutput::None, ..Profile::FULL });
    assert!(message.contains("structured output beside tools"), "{message}");
    assert!(encode(&both, Profile::FULL).is_ok());
    let alone = ChatRequest { tools: Vec::new(), ..both };
    assert!(
        encode(&alone, Profile { structured_with_tools: StructuredOutput::None, ..Profile::FULL }).is_ok()
    );
}

#[test]
fn tools_and_choices_of_them() {
    let choose = |choice: ToolChoice, tools: Vec<ToolDefinition>| {
        let request = ChatRequest { tools, tool_choice: choice, ..request([Message::user("x")]) };
        encode(&request, Profile::FULL).map(|encoded| json_of(&encoded))
    };
    let config = |choice: ToolChoice| {
        let body = choose(choice, vec![tool("a"), tool("b c")]).unwrap();
        body["toolConfig"]["functionCallingConfig"].clone()
    };
    assert_eq!(config(ToolChoice::Auto), Value::Null);
    assert_eq!(config(ToolChoice::None), json!({"mode": "NONE"}));
    assert_eq!(config(ToolChoice::Required), json!({"mode": "ANY"}));
    assert_eq!(
        config(ToolChoice::Tool("b c".to_owned())),
        json!({"mode": "ANY", "allowedFunctionNames": ["b_c"]})
    );
    let strict = ToolDefinition {
        parameters: schema(json!({"properties": {"n": {"const": 1, "title": "N"}}, "$schema": "x"})),
        ..tool("a")
    };
    assert_eq!(
        choose(ToolChoice::Auto, vec![strict]).unwrap()["tools"],
        json!([{"functionDeclarations": [{
            "name": "a", "description": "does it",
            "parametersJsonSchema": {"type": "object", "properties": {"n": {"enum": [1], "type": "integer"}}},
        }]}])
    );
    assert!(choose(ToolChoice::None, vec![]).unwrap().get("toolConfig").is_none());
    for (choice, tools) in
        [(ToolChoice::Required, vec![]), (ToolChoice::Tool("x".to_owned()), vec![tool("a")])]
    {
        assert_eq!(choose(choice, tools).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn structured_output_takes_the_schema() {
    let request = ChatRequest {
        output: OutputFormat::Json {
            name: "n".to_owned(),
            schema: schema(
                json!({"type": "object", "properties": {"a": {"type": "string", "maxLength": 3}}}),
            ),
        },
        ..request([Message::user("x")])
    };
    assert_eq!(
        body(&request)["generationConfig"],
        json!({
            "responseMimeType": "application/json",
            "responseJsonSchema": {
                "type": "object",
                "properties": {"a": {"type": "string", "description": "{maxLength: 3}"}},
            },
        })
    );
}

#[test]
fn settings_and_how_hard_to_think() {
    let write = |settings: Settings, profile: Profile| {
        let encoded = encode(&ChatRequest { settings, ..request([Message::user("x")]) }, profile).unwrap();
        let left: Vec<String> = encoded.warnings.iter().map(|warning| warning.setting.clone()).collect();
        (json_of(&encoded)["generationConfig"].clone(), left.join(" "))
    };
    let all = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(2_000),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        parallel_tool_calls: Some(true),
        ..Settings::default()
    };
    let expected = json!({
        "temperature": 0.5, "topP": 0.9, "maxOutputTokens": 2_000, "stopSequences": ["END"], "seed": 7,
    });
    assert_eq!(write(all.clone(), Profile::FULL), (expected, String::new()));
    let odd = Settings {
        seed: Some(i64::MAX),
        stop: (0..6).map(|number| number.to_string()).collect(),
        parallel_tool_calls: Some(false),
        reasoning: Some(ReasoningEffort::Low),
        ..all
    };
    let (config, left) = write(odd, Profile { sampling: false, ..Profile::PLAIN });
    assert_eq!(config, json!({"maxOutputTokens": 2_000, "stopSequences": ["0", "1", "2", "3", "4"]}));
    assert_eq!(left, "temperature top_p stop seed reasoning parallel_tool_calls");
    let think = |effort: ReasoningEffort, max_tokens: Option<u64>, profile: Profile| {
        let settings = Settings { reasoning: Some(effort), max_tokens, ..Settings::default() };
        write(settings, profile).0["thinkingConfig"].clone()
    };
    let budget = |tokens: u64| json!({"includeThoughts": true, "thinkingBudget": tokens});
    assert_eq!(think(ReasoningEffort::Minimal, None, BUDGETED), budget(512));
    assert_eq!(think(ReasoningEffort::High, None, BUDGETED), budget(24_576));
    assert_eq!(think(ReasoningEffort::High, Some(10_000), BUDGETED), budget(5_000));
    assert_eq!(think(ReasoningEffort::High, Some(10), BUDGETED), budget(512));
    let level = |word: &str| json!({"includeThoughts": true, "thinkingLevel": word});
    assert_eq!(think(ReasoningEffort::Minimal, None, Profile::FULL), level("low"));
    let flash = Profile { minimal_effort: true, ..Profile::FULL };
    assert_eq!(think(ReasoningEffort::Minimal, None, flash), level("minimal"));
    assert_eq!(think(ReasoningEffort::Medium, None, Profile::FULL), level("medium"));
    assert_eq!(think(ReasoningEffort::High, None, Profile::FULL), level("high"));
}

#[test]
fn an_answer_goes_back_as_it_came_and_to_others_in_words() {
    let said = [
        json!({"text": "Let me see.", "thought": true, "thoughtSignature": "s1"}),
        json!({"text": "Sure.", "thought": true}),
        json!({"text": "Calling.", "thoughtSignature": "s2"}),
        json!({"executableCode": {"code": "1", "language": "PYTHON"}, "thoughtSignature": "s3"}),
        json!({"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "s4"}),
        json!({"functionCall": {"name": "f", "args": {"a": 1}, "id": "x", "new": 1}, "thoughtSignature": "s5"}),
        json!({"text": "", "thoughtSignature": "s6"}),
    ];
    let message = answer(&parts(&said)).message;
    let messages = [Message::user("go"), message.clone(), Message::user("on")];
    let encoded = encode(&request(messages.clone()), BUDGETED).unwrap();
    assert_eq!(json_of(&encoded)["contents"][1]["parts"], Value::from(said.to_vec()));
    assert!(encoded.warnings.is_empty(), "{:?}", encoded.warnings);
    // The same over another host that speaks this wire: no thought, no signature, no code.
    let model = agentforge_core::model::ModelInfo::new("elsewhere", "m");
    let quirks = agentforge_llm::host::Quirks::NONE;
    let target = agentforge_llm::wire::Target {
        model: &model,
        profile: &BUDGETED,
        quirks: &quirks,
        delivery: Delivery::Streamed,
    };
    let foreign =
        agentforge_llm::wire::gemini::GeminiGenerateContent.encode(&request(messages), &target).unwrap();
    assert_eq!(
        json_of(&foreign)["contents"][1]["parts"],
        json!([
            {"text": "Calling."},
            {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
            {"functionCall": {"name": "f", "args": {"a": 1}}},
        ])
    );
    assert_eq!(foreign.warnings.len(), 1, "{:?}", foreign.warnings);
}

#[test]
fn what_a_person_edited_goes_back_edited() {
    let mut message = answer(&parts(&[
        json!({"text": "old", "thoughtSignature": "s1"}),
        json!({"functionCall": {"name": "f", "args": {"a": 1}, "id": "x"}, "thoughtSignature": "s2"}),
    ]))
    .message;
    message.parts[0].content = PartContent::Text("new".to_owned());
    if let PartContent::ToolCall(call) = &mut message.parts[1].content {
        call.arguments = json!({"b": 2});
    }
    assert_eq!(
        body(&request([Message::user("go"), message]))["contents"][1]["parts"],
        json!([
            {"text": "new", "thoughtSignature": "s1"},
            {"functionCall": {"id": "x", "name": "f", "args": {"b": 2}}, "thoughtSignature": "s2"},
        ])
    );
}

#[test]
fn calls_of_another_model_are_marked_for_models_that_insist_on_signatures() {
    let foreign = Message::new(
        Role::Assistant,
        vec![
            Part::new(PartContent::Reasoning(Reasoning { text: "hm".to_owned() })),
            Part::text("Calling."),
            call("a", "f", json!({})),
            call("b", "f", json!({})),
        ],
    );
    let parts_for = |message: &Message, profile: Profile| {
        let encoded = encode(&request([Message::user("go"), message.clone()]), profile).unwrap();
        json_of(&encoded)["contents"][1]["parts"].clone()
    };
    let bare = json!({"functionCall": {"name": "f", "args": {}}});
    let mut signed = bare.clone();
    signed["thoughtSignature"] = "skip_thought_signature_validator".into();
    let text = json!({"text": "Calling."});
    assert_eq!(parts_for(&foreign, Profile::FULL), json!([text, signed, bare]));
    assert_eq!(parts_for(&foreign, BUDGETED), json!([text, bare, bare]));
    assert_eq!(parts_for(&foreign, Profile::PLAIN), json!([text, bare, bare]));
    // One signature is enough for all calls of a turn.
    let own = json!({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "s"});
    let message = answer(&parts(&[own.clone(), bare.clone()])).message;
    assert_eq!(parts_for(&message, Profile::FULL), json!([own, bare]));
}

#[test]
fn extra_members_join_what_is_there() {
    let mut asked = ChatRequest {
        tools: vec![tool("f")],
        settings: Settings { temperature: Some(0.5), top_p: Some(0.5), ..Settings::default() },
        ..request([Message::user("x")])
    };
    asked.extra.insert(
        "test".to_owned(),
        json!({
            "generationConfig": {"topK": 3, "topP": 0.1},
            "tools": [{"googleSearch": {}}],
            "safetySettings": [{"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "BLOCK_NONE"}],
        }),
    );
    asked.extra.insert("other".to_owned(), json!({"contents": []}));
    let written = body(&asked);
    assert_eq!(written["generationConfig"], json!({"temperature": 0.5, "topK": 3, "topP": 0.1}));
    assert_eq!(written["tools"].as_array().unwrap().len(), 2);
    assert_eq!(written["tools"][1], json!({"googleSearch": {}}));
    assert_eq!(written["safetySettings"][0]["threshold"], "BLOCK_NONE");
    asked.extra.insert("test".to_owned(), json!(3));
    assert_eq!(encode(&asked, Profile::FULL).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn cached_content_brings_its_own_prompt_and_tools() {
    let mut asked = ChatRequest {
        tools: vec![tool("f")],
        tool_choice: ToolChoice::Required,
        ..request([Message::system("Be brief."), Message::user("x")])
    };
    asked.extra.insert("test".to_owned(), json!({"cachedContent": "cachedContents/a"}));
    let encoded = encode(&asked, Profile::FULL).unwrap();
    let contents = json!([{"role": "user", "parts": [{"text": "x"}]}]);
    assert_eq!(json_of(&encoded), json!({"cachedContent": "cachedContents/a", "contents": contents}));
    let left: Vec<&str> = encoded.warnings.iter().map(|warning| warning.setting.as_str()).collect();
    assert_eq!(left, ["systemInstruction", "tools", "toolConfig"]);
}

#[test]
fn a_request_without_a_turn_is_invalid() {
    for messages in [vec![], vec![Message::system("x")], vec![Message::user("")]] {
        let error = encode(&request(messages), Profile::FULL).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
}
