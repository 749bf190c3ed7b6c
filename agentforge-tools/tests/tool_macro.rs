//! What `#[tool]` makes of a function: its schema, its declaration and its calls.

use agentforge::tool;
use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind},
    message::{Part, PartContent, Trust},
    security::Permission,
    testing::fixed_context,
    tool::{Annotations, Tool, ToolFault, ToolInput, ToolOutput},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

async fn call(tool: &dyn Tool, arguments: Value) -> agentforge_core::Result<ToolOutput> {
    let input = ToolInput { call_id: "call-1".to_owned(), arguments, idempotency_key: "key-1".to_owned() };
    tool.call(&fixed_context(), input).await
}

async fn text(tool: &dyn Tool, arguments: Value) -> String {
    let output = call(tool, arguments).await.unwrap();
    output.parts.iter().filter_map(Part::as_text).collect()
}

fn schema(tool: &dyn Tool) -> &Value {
    tool.spec().input.as_value()
}

/// Days of leave that an employee has left.
///
/// Call it before promising any.
#[tool(read_only, requires = "kb:read", requires = "security:mfa_manage")]
async fn leave_balance(
    cx: &CallContext,
    /// The employee's number,
    /// for example `e-17`.
    employee: String,
    #[arg(description = "The calendar year.", default = 2026)] year: i32,
    #[arg(default = "days")] unit: String,
    note: Option<String>,
) -> Result<String, ToolFault> {
    cx.check_alive()?;
    Ok(format!("{employee} {year} {unit} {note:?}"))
}

#[tokio::test]
async fn defaults_stand_in_for_what_the_model_leaves_out() {
    assert_eq!(text(&leave_balance, json!({"employee": "e-1"})).await, "e-1 2026 days None");
    let all = json!({"employee": "e-1", "year": 2030, "unit": "hours", "note": "urgent"});
    assert_eq!(text(&leave_balance, all).await, "e-1 2030 hours Some(\"urgent\")");
}

#[test]
fn the_schema_tells_all_about_the_arguments() {
    assert_eq!(
        schema(&leave_balance),
        &json!({
            "type": "object",
            "properties": {
                "employee": {"type": "string", "description": "The employee's number,\nfor example `e-17`."},
                "year": {"type": "integer", "format": "int32", "description": "The calendar year.", "default": 2026},
                "unit": {"type": "string", "default": "days"},
                "note": {"type": ["string", "null"]},
            },
            "required": ["employee"],
            "additionalProperties": false,
        })
    );
}

#[test]
fn the_spec_says_what_the_attribute_says() {
    let spec = leave_balance.spec();
    spec.check().unwrap();
    assert_eq!(spec.name, "leave_balance");
    assert_eq!(spec.description, "Days of leave that an employee has left.\n\nCall it before promising any.");
    assert_eq!(spec.annotations, Annotations::READ_ONLY);
    assert_eq!(spec.permissions, [Permission::KbRead, Permission::SecurityMfaManage]);
    assert_eq!((spec.version.as_str(), spec.trust), ("1", Trust::Trusted));
}

/// Deletes a page of the web.
#[tool(name = "delete-page", destructive, idempotent, open_world, untrusted, version = "2")]
fn delete_page(address: String) {
    drop(address);
}

/// Books a trip.
#[tool(writes)]
fn book() -> u32 {
    7
}

/// Says nothing about itself.
#[tool]
fn silent() -> bool {
    true
}

#[test]
fn options_become_annotations() {
    let spec = delete_page.spec();
    assert_eq!((spec.name.as_str(), spec.version.as_str()), ("delete-page", "2"));
    assert_eq!(spec.trust, Trust::Untrusted);
    let worst = Annotations { read_only: false, destructive: true, idempotent: true, open_world: true };
    assert_eq!(spec.annotations, worst);
    assert_eq!(book.spec().annotations, Annotations::WRITES);
    assert_eq!(silent.spec().annotations, Annotations::default());
}

#[tokio::test]
async fn a_function_without_arguments_refuses_any() {
    assert_eq!(text(&book, json!({})).await, "7");
    assert_eq!(schema(&book)["additionalProperties"], false);
    let output = call(&book, json!({"days": 3})).await.unwrap();
    assert!(output.failed, "{output:?}");
}

#[tokio::test]
async fn nothing_to_say_is_done() {
    assert_eq!(text(&delete_page, json!({"address": "a"})).await, "done");
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Leave {
    Annual,
    Sick,
}

#[derive(Deserialize, JsonSchema)]
struct Period {
    /// The first day.
    from: String,
    days: u8,
}

#[derive(Serialize)]
struct Request {
    days: u32,
    kinds: usize,
}

/// Requests leave.
#[tool(writes)]
async fn request_leave(
    kind: Leave,
    periods: Vec<Period>,
    #[schemars(range(min = 1, max = 3))] mut priority: u8,
    #[serde(rename = "type")]
    #[arg(default)]
    r#type: Vec<String>,
) -> Request {
    priority += u8::from(matches!(kind, Leave::Sick));
    let days: u32 = periods.iter().map(|period| u32::from(period.days)).sum();
    assert!(periods.iter().all(|period| !period.from.is_empty()));
    Request { days, kinds: r#type.len() + usize::from(priority) }
}

#[tokio::test]
async fn enums_nested_types_and_lists_are_read() {
    let arguments = json!({
        "kind": "sick",
        "periods": [{"from": "2026-01-02", "days": 3}, {"from": "2026-02-01", "days": 4}],
        "priority": 1,
        "type": ["a"],
    });
    let output = call(&request_leave, arguments).await.unwrap();
    assert_eq!(output.structured, Some(json!({"days": 7, "kinds": 3})));
}

#[test]
fn enums_nested_types_and_limits_are_in_the_schema() {
    let properties = &schema(&request_leave)["properties"];
    assert_eq!(properties["kind"]["enum"], json!(["annual", "sick"]));
    assert_eq!(properties["periods"]["items"]["properties"]["from"]["description"], "The first day.");
    assert_eq!(properties["priority"]["maximum"], 3);
    assert_eq!(schema(&request_leave)["required"], json!(["kind", "periods", "priority"]));
}

enum OrderFault {
    Unknown,
    DatabaseDown,
}

impl From<OrderFault> for ToolFault {
    fn from(fault: OrderFault) -> Self {
        match fault {
            OrderFault::Unknown => ToolFault::Model("there is no such order".to_owned()),
            OrderFault::DatabaseDown => Error::new(ErrorKind::Transport, "the database is down").into(),
        }
    }
}

/// Hides its `Result` behind a name.
type Found = Result<Order, OrderFault>;

#[derive(Debug, Serialize)]
struct Order {
    number: u32,
}

/// Looks an order up.
#[tool(read_only)]
async fn order(number: u32) -> Found {
    match number {
        0 => Err(OrderFault::Unknown),
        1 => Err(OrderFault::DatabaseDown),
        number => Ok(Order { number }),
    }
}

#[tokio::test]
async fn a_fault_for_the_model_is_an_output_and_one_for_the_host_an_error() {
    let known = call(&order, json!({"number": 5})).await.unwrap();
    assert_eq!((known.failed, known.structured), (false, Some(json!({"number": 5}))));
    let unknown = call(&order, json!({"number": 0})).await.unwrap();
    assert_eq!((unknown.failed, unknown.parts), (true, vec![Part::text("there is no such order")]));
    let down = call(&order, json!({"number": 1})).await.unwrap_err();
    assert_eq!(down.kind(), ErrorKind::Transport);
    assert_eq!(down.get("tool"), Some(&json!("order")));
}

#[tokio::test]
async fn what_the_schema_lets_through_and_the_type_refuses_is_for_the_model() {
    let output = call(&order, json!({"number": 99_999_999_999_u64})).await.unwrap();
    assert!(output.failed);
    assert!(output.parts[0].as_text().unwrap().contains("wrong arguments"), "{output:?}");
}

/// Makes its parts itself.
#[tool(read_only)]
fn picture(cx: CallContext, question: String) -> Result<ToolOutput, String> {
    if question.is_empty() {
        return Err(format!("ask something, {}", cx.scope().principal()));
    }
    let mut output = ToolOutput::text(question);
    output.parts.push(Part::new(PartContent::Opaque(serde_json::Map::new())));
    Ok(output)
}

#[tokio::test]
async fn an_output_passes_as_it_is() {
    assert_eq!(call(&picture, json!({"question": "why"})).await.unwrap().parts.len(), 2);
    assert!(call(&picture, json!({"question": ""})).await.unwrap().failed);
}

#[tokio::test]
async fn the_function_itself_stays_callable() {
    assert_eq!(order::run(5).await.ok().map(|found| found.number), Some(5));
    assert_eq!(book::run(), 7);
}

#[test]
fn a_tool_inside_a_function_sees_its_neighbours() {
    #[derive(Deserialize, JsonSchema)]
    struct Arguments(#[allow(dead_code)] u8);

    /// Takes a type that is known here only.
    #[tool(crate = "agentforge_tools")]
    fn local(arguments: Arguments, input: u8, cx: u8) -> u8 {
        arguments.0 + input + cx
    }

    assert_eq!(local.spec().name, "local");
}
