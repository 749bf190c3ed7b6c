//! What the offline model does with whole requests.

use agentforge_core::{
    id::{ChunkId, DocumentId},
    message::{Citation, Message, Outcome, Part, Role, ToolCall, ToolResult, Trust},
    model::{ChatModelExt, ChatResponse, ToolChoice},
    schema::Schema,
    testing::fixed_context,
};
use futures::executor::block_on;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn tool(name: &str, description: &str, parameters: Value) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: Schema::from_value(parameters),
    }
}

fn office() -> Vec<ToolDefinition> {
    let text = json!({"type": "string"});
    vec![
        tool(
            "search_handbook",
            "Search the employee handbook: leave, sickness, expenses, travel.",
            json!({"type": "object", "properties": {"query": text}, "required": ["query"]}),
        ),
        tool(
            "leave_balance",
            "How many days of annual leave an employee has left.",
            json!({"type": "object", "properties": {"employee": text}, "required": ["employee"]}),
        ),
        tool(
            "book_leave",
            "Books days of leave for an employee.",
            json!({"type": "object", "properties": {
                "employee": text,
                "from": {"type": "string", "description": "The first day, as YYYY-MM-DD."},
                "days": {"type": "integer"},
            }, "required": ["employee", "from", "days"]}),
        ),
        tool(
            "cancel_order",
            "Cancels an order.",
            json!({"type": "object", "properties": {"order_id": text}, "required": ["order_id"]}),
        ),
        tool(
            "get_order",
            "The state of an order.",
            json!({"type": "object", "properties": {"order_id": text}, "required": ["order_id"]}),
        ),
    ]
}

fn ask(messages: Vec<Message>, tools: Vec<ToolDefinition>, choice: ToolChoice) -> ChatResponse {
    let request = ChatRequest { messages, tools, tool_choice: choice, ..ChatRequest::default() };
    block_on(OfflineModel::new().generate(request.into(), &fixed_context())).unwrap()
}

fn calls(request: &str) -> Vec<(String, Value)> {
    let answer = ask(vec![Message::user(request)], office(), ToolChoice::Auto);
    answer.message.tool_calls().map(|call| (call.name.clone(), call.arguments.clone())).collect()
}

fn check_calls(request: &str, expected: &[(&str, Value)]) {
    let expected: Vec<_> =
        expected.iter().map(|(name, arguments)| ((*name).to_owned(), arguments.clone())).collect();
    assert_eq!(calls(request), expected, "{request:?}");
}

#[test]
fn a_tool_is_called_when_the_request_clearly_asks_for_it() {
    let ada = || ("leave_balance", json!({"employee": "Ada"}));
    check_calls("How many days of annual leave does Ada have left?", &[ada()]);
    check_calls("Please check Ada's leave balance.", &[ada()]);
    check_calls("Where is order A-17?", &[("get_order", json!({"order_id": "A-17"}))]);
    check_calls("Cancel order A-17", &[("cancel_order", json!({"order_id": "A-17"}))]);
    check_calls(
        "Please book 3 days of leave for Ada from 2027-03-15.",
        &[("book_leave", json!({"employee": "Ada", "from": "2027-03-15", "days": 3}))],
    );
}

#[test]
fn a_question_goes_to_the_search() {
    for question in [
        "What does the handbook say about parental leave?",
        "What does the handbook say about Ada's parental leave?",
        "Who approves expenses?",
        "How do I cancel an order?",
        "Search the handbook for travel rules",
    ] {
        check_calls(question, &[("search_handbook", json!({"query": question}))]);
    }
}

#[test]
fn a_request_for_two_things_calls_two_tools_at_once() {
    check_calls(
        "How many days of annual leave does Ada have left, and what does the handbook say about carrying days over?",
        &[
            ("leave_balance", json!({"employee": "Ada"})),
            ("search_handbook", json!({"query": "what does the handbook say about carrying days over?"})),
        ],
    );
}

#[test]
fn without_a_clear_request_nothing_is_called_and_it_says_what_it_is() {
    for request in ["Hello there", "Thanks!", "", "Cancel my order", "🦀"] {
        let answer = ask(vec![Message::user(request)], office(), ToolChoice::Auto);
        assert_eq!(answer.finish, Some(FinishReason::Stop), "{request:?}");
        let text = answer.message.text();
        assert!(text.contains("no language model") && text.contains("OPENAI_API_KEY"), "{text}");
    }
    let text = ask(vec![Message::user("Cancel my order")], office(), ToolChoice::Auto).message.text();
    assert!(text.contains("`cancel_order`") && text.contains("`order_id`"), "{text}");
}

#[test]
fn the_choice_of_tools_is_kept() {
    let ask = |choice| {
        ask(vec![Message::user("How many days of annual leave does Ada have left?")], office(), choice)
    };
    assert_eq!(ask(ToolChoice::None).message.tool_calls().count(), 0);
    let forced = ask(ToolChoice::Tool("search_handbook".to_owned())).message;
    assert_eq!(forced.tool_calls().map(|call| call.name.as_str()).collect::<Vec<_>>(), ["search_handbook"]);
    let required =
        super::tests::ask(vec![Message::user("Hello there")], office(), ToolChoice::Required).message;
    assert_eq!(required.tool_calls().count(), 1);
}

#[test]
fn a_text_tool_that_searches_nothing_is_no_search() {
    let post = tool(
        "post_message",
        "Posts to the channel.",
        json!({"properties": {"text": {"type": "string"}}, "required": ["text"]}),
    );
    let answer = ask(vec![Message::user("What is new?")], vec![post], ToolChoice::Auto);
    assert_eq!(answer.message.tool_calls().count(), 0);
}

#[test]
fn structured_output_is_refused_before_anything_is_sent() {
    let request = ChatRequest {
        output: OutputFormat::Json { name: "x".to_owned(), schema: Schema::any_object() },
        ..ChatRequest::new([Message::user("Hello")])
    };
    let error = block_on(OfflineModel::new().generate(request.into(), &fixed_context())).unwrap_err();
    assert_eq!((error.kind(), error.phase()), (ErrorKind::Unsupported, Some(Phase::BeforeSend)));
}

const PAGE: &str = "# Annual leave\n\nEvery employee has 28 days of annual leave a year.\nUp to five days may be\ncarried over until 31 March. Sick days do not count.\n";

fn passage(label: &str, page: &str, offset: u64) -> Part {
    Part::citation(Citation {
        quote: page.to_owned(),
        source: "leave.md".to_owned(),
        label: Some(label.to_owned()),
        document: Some(DocumentId::new(&fixed_context())),
        chunk: Some(ChunkId::new(&fixed_context())),
        start: Some(offset),
        end: Some(offset + page.len() as u64),
        location: Some("Annual leave".to_owned()),
    })
}

fn result(call_id: &str, outcome: Outcome, parts: Vec<Part>, structured: Option<Value>) -> ToolResult {
    ToolResult {
        call_id: call_id.to_owned(),
        outcome,
        parts,
        structured,
        trust: Trust::Trusted,
        spilled: None,
    }
}

fn answered(question: &str, calls: &[(&str, Value)], results: Vec<ToolResult>) -> ChatResponse {
    let calls = calls.iter().zip(1..).map(|((name, arguments), number)| {
        Part::tool_call(ToolCall {
            call_id: format!("c{number}"),
            name: (*name).to_owned(),
            arguments: arguments.clone(),
        })
    });
    let messages =
        vec![Message::user(question), Message::new(Role::Assistant, calls.collect()), Message::tool(results)];
    ask(messages, office(), ToolChoice::Auto)
}

#[test]
fn an_answer_quotes_the_best_sentence_with_its_mark_and_its_exact_place() {
    let before = "x".repeat(40);
    let source = format!("{before}{PAGE}");
    let question = "How many days may be carried over?";
    let answer = answered(
        question,
        &[("search_handbook", json!({"query": question}))],
        vec![result("c1", Outcome::Ok, vec![Part::text(PAGE), passage("leave.md#1", PAGE, 40)], None)],
    );
    assert_eq!(answer.message.text(), "Up to five days may be carried over until 31 March. [leave.md#1]");
    let citations: Vec<_> = answer.message.citations().collect();
    let [citation] = citations.as_slice() else { panic!("{citations:?}") };
    let place =
        usize::try_from(citation.start.unwrap()).unwrap()..usize::try_from(citation.end.unwrap()).unwrap();
    assert_eq!(source[place], citation.quote);
    assert!(citation.quote.starts_with("Up to five") && citation.quote.ends_with("March."));
    assert!(citation.chunk.is_some() && citation.document.is_some());
    assert_eq!(answer.finish, Some(FinishReason::Stop));
}

#[test]
fn a_passage_whose_place_does_not_fit_its_quote_keeps_the_whole_place() {
    let mut part = passage("p", PAGE, 0);
    if let PartContent::Citation(citation) = &mut part.content {
        citation.end = Some(3);
    }
    let answer = answered(
        "carried over",
        &[("search_handbook", json!({"query": "carried over"}))],
        vec![result("c1", Outcome::Ok, vec![part], None)],
    );
    let citation = answer.message.citations().next().unwrap();
    assert_eq!((citation.start, citation.end, citation.quote.as_str()), (Some(0), Some(3), PAGE));
}

#[test]
fn other_results_are_passed_on_in_a_sentence() {
    let check = |result: ToolResult, expected: &str| {
        let answer =
            answered("Ada's balance?", &[("leave_balance", json!({"employee": "Ada"}))], vec![result]);
        assert_eq!(answer.message.text(), expected);
    };
    let value = json!({"employee": "Ada", "days_left": 14, "carry_over": {"allowed": true}, "notes": []});
    check(
        result("c1", Outcome::Ok, vec![Part::text(value.to_string())], Some(value)),
        "Leave balance: carry over: (allowed: yes), days left: 14, employee: Ada, notes: nothing.",
    );
    check(result("c1", Outcome::Ok, vec![Part::text("14 days")], None), "Leave balance: 14 days.");
    check(result("c1", Outcome::Ok, vec![Part::text("{\"days\": 14}")], None), "Leave balance: days: 14.");
    check(result("c1", Outcome::Ok, vec![], None), "Leave balance is done.");
    check(
        ToolResult::notice("c1", Outcome::Denied, "not permitted"),
        "Leave balance was denied: not permitted.",
    );
    check(
        result("c1", Outcome::Ok, vec![Part::text("No passage fits.")], Some(json!([]))),
        "Leave balance: No passage fits.",
    );
    check(ToolResult::notice("other", Outcome::Error, "boom"), "The tool failed: boom.");
}

#[test]
fn two_results_make_one_answer_in_the_order_of_the_calls() {
    let answer = answered(
        "How many days does Ada have left, and what does the handbook say about carrying days over?",
        &[
            ("leave_balance", json!({"employee": "Ada"})),
            ("search_handbook", json!({"query": "carrying days over"})),
        ],
        vec![
            result("c1", Outcome::Ok, vec![Part::text("14")], Some(json!(14))),
            result("c2", Outcome::Ok, vec![passage("leave.md#1", PAGE, 0)], None),
        ],
    );
    assert_eq!(
        answer.message.text(),
        "Leave balance: 14.\n\nUp to five days may be carried over until 31 March. [leave.md#1]"
    );
}

#[test]
fn passages_that_do_not_answer_are_not_quoted() {
    let answer = answered(
        "Who repairs bicycles?",
        &[("search_handbook", json!({"query": "Who repairs bicycles?"}))],
        vec![result("c1", Outcome::Ok, vec![passage("leave.md#1", PAGE, 0)], None)],
    );
    assert_eq!(answer.message.text(), "The passages that were found do not answer the question.");
    assert_eq!(answer.message.citations().count(), 0);
}

#[test]
fn the_same_request_gives_the_same_events_and_counts_words() {
    let request =
        ChatRequest { tools: office(), ..ChatRequest::new([Message::user("Where is order A-17?")]) };
    assert_eq!(respond(&request), respond(&request));
    let usage = ask(vec![Message::user("Hello there")], vec![], ToolChoice::Auto).usage;
    assert_eq!(usage.input, Some(2));
    assert!(usage.output.unwrap() > 10);
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        any::<i32>().prop_map(Value::from)
    ];
    let key = prop_oneof![
        Just("type".to_owned()),
        Just("properties".to_owned()),
        Just("required".to_owned()),
        Just("enum".to_owned()),
        Just("anyOf".to_owned()),
        Just("string".to_owned()),
        ".{0,4}"
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(key.clone(), inner, 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(
        asked in "(.|\n|[a-zA-Z0-9 .?!'\"-]|and |how |Ada |2026-01-01 |5 ){0,60}",
        name in ".{0,12}",
        description in ".{0,40}",
        schema in any_json(),
        text in "(.|\n|[.?!#|-]){0,80}",
        start in any::<Option<u64>>(),
        end in any::<Option<u64>>(),
        structured in proptest::option::of(any_json()),
    ) {
        let tools = vec![tool(&name, &description, schema)];
        let request = ChatRequest { tools, ..ChatRequest::new([Message::user(asked.clone())]) };
        respond(&request);
        let citation = Citation {
            quote: text.clone(), source: name.clone(), label: None, document: None, chunk: None,
            start, end, location: Some(description),
        };
        let results = [
            result("a", Outcome::Ok, vec![Part::citation(citation)], None),
            result("b", Outcome::Ok, vec![Part::text(text)], structured),
        ];
        let call = ToolCall { call_id: "a".to_owned(), name, arguments: json!({"q": asked.clone()}) };
        let request = ChatRequest::new([
            Message::user(asked),
            Message::new(Role::Assistant, vec![Part::tool_call(call)]),
            Message::tool(results),
        ]);
        respond(&request);
    }
}
