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
use agentforge_llm::host::{Profile, Quirks, StructuredOutput};
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::{body, encode, json_of};

fn request(messages: impl IntoIterator<Item = Message>) -> ChatRequest {
    ChatRequest::new(messages)
}

fn media(kind: MediaKind, media_type: &str, source: MediaSource) -> Part {
    let (name, media_type) = (Some("n.x".to_owned()), media_type.to_owned());
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

fn tool(name: &str, parameters: Value) -> ToolDefinition {
    let parameters = Schema::from_value(parameters);
    ToolDefinition { name: name.to_owned(), description: "does it".to_owned(), parameters }
}

fn call(id: &str, name: &str, arguments: Value) -> Part {
    Part::tool_call(ToolCall { call_id: id.to_owned(), name: name.to_owned(), arguments })
}

fn result(id: &str, outcome: Outcome, parts: Vec<Part>) -> Part {
    let (structured, trust, spilled) = (None, Trust::Trusted, None);
    Part::tool_result(ToolResult { call_id: id.to_owned(), outcome, parts, structured, trust, spilled })
}

fn closed() -> Value {
    json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false})
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
    assert_eq!(encoded.path, "/responses");
    assert_eq!(encoded.headers.get("content-type"), Some("application/json"));
    assert_eq!(
        String::from_utf8_lossy(&encoded.body),
        concat!(
            r#"{"include":["reasoning.encrypted_content"],"input":["#,
            r#"{"content":"Be brief.","role":"system","type":"message"},"#,
            r#"{"content":"Hello","role":"user","type":"message"},"#,
            r#"{"content":"Hi.","role":"assistant","type":"message"},"#,
            r#"{"content":"Bye","role":"user","type":"message"}],"#,
            r#""model":"model-1","store":false,"stream":true}"#
        )
    );
    // A model that does not think refuses to seal a thought.
    let encoded = encode(&request, Quirks::NONE, Profile::PLAIN).unwrap();
    assert_eq!(json_of(&encoded)["include"], Value::Null);
}

#[test]
fn tools_are_strict_only_when_their_schema_allows_it() {
    let tools = vec![tool("mail.send", closed()), tool("f", json!({}))];
    let request = ChatRequest { tools, ..request([Message::user("x")]) };
    assert_eq!(
        body(&request)["tools"],
        json!([
            {"type": "function", "name": "mail_send", "description": "does it", "parameters": closed(), "strict": true},
            {"type": "function", "name": "f", "description": "does it", "parameters": {"type": "object", "properties": {}}, "strict": false},
        ])
    );
    let quirks = Quirks { strict_schema: false, ..Quirks::NONE };
    let lax = json_of(&encode(&request, quirks, Profile::FULL).unwrap());
    assert_eq!(lax["tools"][0]["strict"], Value::Null);
}

#[test]
fn calls_and_results() {
    let long = "x".repeat(70);
    let request = ChatRequest {
        tools: vec![tool("mail.send", closed())],
        ..request([
            Message::new(
                Role::Assistant,
                vec![
                    Part::text("Looking "),
                    Part::text("it up."),
                    call("a", "mail.send", json!({"to": "x"})),
                    call(&long, "f", json!("{oops")),
                    Part::text("Wait."),
                ],
            ),
            Message::new(
                Role::Tool,
                vec![
                    Part::text("By the way."),
                    result("a", Outcome::Ok, vec![Part::text("one"), Part::text("two")]),
                    result(
                        &long,
                        Outcome::Error,
                        vec![Part::text("see"), bytes(MediaKind::Image, "image/png")],
                    ),
                ],
            ),
        ])
    };
    let input = body(&request)["input"].clone();
    let short = input[2]["call_id"].as_str().unwrap();
    assert!(short.len() <= 64 && short.starts_with("call_"), "{short}");
    assert_eq!(
        input,
        json!([
            {"type": "message", "role": "assistant", "content": "Looking it up."},
            {"type": "function_call", "call_id": "a", "name": "mail_send", "arguments": "{\"to\":\"x\"}"},
            {"type": "function_call", "call_id": short, "name": "f", "arguments": "{oops"},
            {"type": "message", "role": "assistant", "content": "Wait."},
            {"type": "function_call_output", "call_id": "a", "output": "one\ntwo"},
            {"type": "function_call_output", "call_id": short, "output": [
                {"type": "input_text", "text": "error: see"},
                {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
            ]},
            {"type": "message", "role": "user", "content": "By the way."},
        ])
    );
}

#[test]
fn media_in_messages() {
    let check = |part: Part, expected: Value| {
        let sent =
            body(&request([Message::new(Role::User, vec![Part::text("see"), part])]))["input"][0]["content"]
                .clone();
        assert_eq!(sent, json!([{"type": "input_text", "text": "see"}, expected]));
    };
    check(
        bytes(MediaKind::Image, "image/png"),
        json!({"type": "input_image", "image_url": "data:image/png;base64,aGk="}),
    );
    check(url(MediaKind::Image), json!({"type": "input_image", "image_url": "https://a.b/c"}));
    check(stored(MediaKind::Image), json!({"type": "input_image", "file_id": "file_1"}));
    check(
        bytes(MediaKind::File, "application/pdf"),
        json!({"type": "input_file", "filename": "n.x", "file_data": "data:application/pdf;base64,aGk="}),
    );
    check(url(MediaKind::File), json!({"type": "input_file", "file_url": "https://a.b/c"}));
    check(stored(MediaKind::File), json!({"type": "input_file", "file_id": "file_1"}));
}

#[test]
fn what_the_target_lacks_is_refused_by_name() {
    let refused = |request: &ChatRequest, profile: Profile, feature: &str| {
        let error = encode(request, Quirks::NONE, profile).unwrap_err();
        assert!(error.kind() == ErrorKind::Unsupported && error.message().contains(feature), "{error}");
    };
    let tools = ChatRequest { tools: vec![tool("f", json!({}))], ..request([Message::user("x")]) };
    refused(&tools, Profile { tools: false, ..Profile::FULL }, "tools");
    let output = OutputFormat::Json { name: "a".to_owned(), schema: Schema::any_object() };
    let form = ChatRequest { output, ..request([Message::user("x")]) };
    refused(
        &form,
        Profile { structured_output: StructuredOutput::None, ..Profile::FULL },
        "structured output",
    );
    let user = |part: Part| request([Message::new(Role::User, vec![part])]);
    refused(&user(bytes(MediaKind::Audio, "audio/wav")), Profile::FULL, "audio input");
    refused(&user(url(MediaKind::Video)), Profile::FULL, "video input");
    refused(&user(result("a", Outcome::Ok, vec![url(MediaKind::Audio)])), Profile::FULL, "audio input");
    let fields = Map::from_iter([("type".to_owned(), "hologram".into())]);
    let opaque = Part::new(PartContent::Opaque(fields));
    refused(&user(opaque.clone()), Profile::FULL, "hologram");
    // One of this API's own goes out as it is.
    let native = Native { provider: "test".to_owned(), api: "openai_responses".to_owned(), item: json!({}) };
    let sent = body(&user(opaque.clone().with_native(native)));
    assert_eq!(sent["input"][0]["content"], json!([{"type": "hologram"}]));
    // In the history it is left out, and said.
    let past =
        request([Message::user("x"), Message::new(Role::Assistant, vec![opaque, url(MediaKind::Image)])]);
    let encoded = encode(&past, Quirks::NONE, Profile::FULL).unwrap();
    assert_eq!((json_of(&encoded)["input"].as_array().unwrap().len(), encoded.warnings.len()), (1, 2));
}

#[test]
fn structured_output_is_strict_only_when_the_schema_allows_it() {
    let format = |schema: Value| {
        let output = OutputFormat::Json { name: "an answer".to_owned(), schema: Schema::from_value(schema) };
        body(&ChatRequest { output, ..request([Message::user("x")]) })["text"].clone()
    };
    assert_eq!(
        format(closed()),
        json!({"format": {"type": "json_schema", "name": "an_answer", "schema": closed(), "strict": true}})
    );
    assert_eq!(format(json!({"type": "object"}))["format"]["strict"], false);
}

#[test]
fn which_tool_to_call() {
    let choose = |choice: ToolChoice, tools: Vec<ToolDefinition>| {
        let request = ChatRequest { tool_choice: choice, tools, ..request([Message::user("x")]) };
        encode(&request, Quirks::NONE, Profile::FULL)
            .map(|encoded| json_of(&encoded)["tool_choice"].clone())
            .map_err(|error| error.kind())
    };
    let one = || vec![tool("mail.send", json!({}))];
    assert_eq!(choose(ToolChoice::Auto, one()), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::None, one()), Ok(json!("none")));
    assert_eq!(choose(ToolChoice::None, vec![]), Ok(Value::Null));
    assert_eq!(choose(ToolChoice::Required, one()), Ok(json!("required")));
    assert_eq!(choose(ToolChoice::Required, vec![]), Err(ErrorKind::InvalidInput));
    assert_eq!(
        choose(ToolChoice::Tool("mail.send".to_owned()), one()),
        Ok(json!({"type": "function", "name": "mail_send"}))
    );
    assert_eq!(choose(ToolChoice::Tool("g".to_owned()), one()), Err(ErrorKind::InvalidInput));
}

#[test]
fn settings_and_what_is_left_out() {
    let settings = Settings {
        temperature: Some(0.5),
        top_p: Some(0.9),
        max_tokens: Some(64),
        stop: vec!["END".to_owned()],
        seed: Some(7),
        reasoning: Some(ReasoningEffort::High),
        parallel_tool_calls: Some(false),
        prompt_cache: None,
    };
    let tools = vec![tool("f", json!({}))];
    let request = ChatRequest { settings, tools, ..request([Message::user("x")]) };
    let write = |quirks: Quirks, profile: Profile| {
        let encoded = encode(&request, quirks, profile).unwrap();
        let body = json_of(&encoded);
        let members =
            ["temperature", "top_p", "max_output_tokens", "reasoning", "parallel_tool_calls", "stop", "seed"];
        let sent: Value = members
            .iter()
            .filter(|name| !body[**name].is_null())
            .map(|name| ((*name).to_owned(), body[*name].clone()))
            .collect::<Map<_, _>>()
            .into();
        let warned: Vec<String> = encoded.warnings.into_iter().map(|warning| warning.setting).collect();
        (sent, warned)
    };
    assert_eq!(
        write(Quirks::NONE, Profile::FULL),
        (
            json!({"temperature": 0.5, "top_p": 0.9, "max_output_tokens": 64, "reasoning": {"effort": "high"}, "parallel_tool_calls": false}),
            vec!["stop".to_owned(), "seed".to_owned()]
        )
    );
    let quirks = Quirks { parallel_tool_calls: false, ..Quirks::NONE };
    let (sent, warned) = write(quirks, Profile { sampling: false, ..Profile::PLAIN });
    assert_eq!(sent, json!({"max_output_tokens": 64}));
    assert_eq!(warned, ["temperature", "top_p", "stop", "seed", "reasoning", "parallel_tool_calls"]);
}

#[test]
fn hardly_a_thought_only_where_the_model_knows_the_word() {
    let effort = |profile: Profile| {
        let settings = Settings { reasoning: Some(ReasoningEffort::Minimal), ..Settings::default() };
        let encoded =
            encode(&ChatRequest { settings, ..request([Message::user("x")]) }, Quirks::NONE, profile);
        let encoded = encoded.unwrap();
        (json_of(&encoded)["reasoning"]["effort"].clone(), encoded.warnings.len())
    };
    assert_eq!(effort(Profile::FULL), (json!("low"), 1));
    assert_eq!(effort(Profile { minimal_effort: true, ..Profile::FULL }), (json!("minimal"), 0));
}

#[test]
fn a_conversation_keeps_its_place_in_the_cache() {
    let write = |messages: Vec<Message>, cache: PromptCache, long_cache: bool| {
        let settings = Settings { prompt_cache: Some(cache), ..Settings::default() };
        let profile = Profile { long_cache, ..Profile::FULL };
        let encoded = encode(&ChatRequest { settings, ..request(messages) }, Quirks::NONE, profile).unwrap();
        let body = json_of(&encoded);
        let key = body["prompt_cache_key"].as_str().unwrap().to_owned();
        (key, body["prompt_cache_retention"].clone(), encoded.warnings.len())
    };
    let first = || vec![Message::system("s"), Message::user("one")];
    let (key, retention, warnings) = write(first(), PromptCache::Short, true);
    assert_eq!((key.len(), retention, warnings), (16, Value::Null, 0));
    let later = [first(), vec![Message::assistant("a"), Message::user("two")]].concat();
    assert_eq!(write(later, PromptCache::Long, true), (key.clone(), json!("24h"), 0));
    assert_eq!(write(first(), PromptCache::Long, false), (key.clone(), Value::Null, 1));
    let other = write(vec![Message::system("s"), Message::user("other")], PromptCache::Short, true);
    assert_ne!(other.0, key);
    assert_eq!(body(&request(first()))["prompt_cache_key"], Value::Null);
}

#[test]
fn extra_members_join_ours_or_replace_them() {
    let settings = Settings { reasoning: Some(ReasoningEffort::Low), ..Settings::default() };
    let output = OutputFormat::Json { name: "a".to_owned(), schema: Schema::from_value(closed()) };
    let tools = vec![tool("f", json!({}))];
    let mut request = ChatRequest { settings, output, tools, ..request([Message::user("x")]) };
    request.tool_choice = ToolChoice::Tool("f".to_owned());
    let choice =
        json!({"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]});
    request.extra.insert(
        "test".to_owned(),
        json!({
            "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
            "reasoning": {"summary": "auto"},
            "text": {"verbosity": "low"},
            "tools": [{"type": "web_search"}],
            "tool_choice": choice,
            "service_tier": "flex",
            "store": true,
        }),
    );
    request.extra.insert("other".to_owned(), json!({"foreign": 1}));
    let body = body(&request);
    assert_eq!(body["include"], json!(["reasoning.encrypted_content", "message.output_text.logprobs"]));
    assert_eq!(body["reasoning"], json!({"effort": "low", "summary": "auto"}));
    assert_eq!((&body["text"]["verbosity"], &body["text"]["format"]["name"]), (&json!("low"), &json!("a")));
    assert_eq!((&body["tools"][0]["name"], &body["tools"][1]), (&json!("f"), &json!({"type": "web_search"})));
    assert_eq!(body["tool_choice"], choice);
    assert_eq!(
        (&body["service_tier"], &body["store"], &body["foreign"]),
        (&json!("flex"), &json!(true), &Value::Null)
    );
    request.extra.insert("test".to_owned(), json!([1]));
    assert_eq!(encode(&request, Quirks::NONE, Profile::FULL).unwrap_err().kind(), ErrorKind::InvalidInput);
}

#[test]
fn a_request_without_a_message_is_invalid() {
    let error = encode(&request([]), Quirks::NONE, Profile::FULL).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}
