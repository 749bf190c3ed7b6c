//! Answers in a JSON Schema that a wire's own API does not give: by a tool that stands for the answer, and in words.

mod decode;
mod encode;
#[cfg(feature = "http")]
mod http;

use std::sync::Arc;

use agentforge_core::{
    Result,
    message::Message,
    model::{ChatRequest, ModelInfo, OutputFormat, ToolChoice, ToolDefinition},
    schema::Schema,
};
use agentforge_llm::{
    host::{Profile, Quirks, StructuredOutput},
    wire::{self, Delivery, EncodedRequest, Structured, Target, Wire},
};
use serde_json::{Value, json};

/// The wire of this name with answers in every form.
fn structured(name: &str) -> Structured {
    let wire: Arc<dyn Wire> = wire::builtin().into_iter().find(|wire| wire.name() == name).unwrap();
    Structured::new(wire)
}

fn names() -> Vec<&'static str> {
    wire::builtin().iter().map(|wire| wire.name()).collect()
}

fn schema() -> Value {
    json!({"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"]})
}

fn tool(name: &str) -> ToolDefinition {
    ToolDefinition {
        name: name.to_owned(),
        description: "does it".to_owned(),
        parameters: Schema::any_object(),
    }
}

/// A request for an answer in the schema, beside these tools.
fn asking(tools: &[&str], choice: ToolChoice) -> ChatRequest {
    ChatRequest {
        output: OutputFormat::Json { name: "leave".to_owned(), schema: Schema::from_value(schema()) },
        tools: tools.iter().map(|name| tool(name)).collect(),
        tool_choice: choice,
        ..ChatRequest::new([Message::system("Be brief."), Message::user("How long?")])
    }
}

fn by(way: StructuredOutput) -> Profile {
    Profile::FULL.with_structured_output(way, way)
}

/// Encodes for a streaming target, and holds the check to what is refused.
fn encode(wire: &dyn Wire, request: &ChatRequest, profile: Profile) -> Result<EncodedRequest> {
    let (model, quirks) = (ModelInfo::new("test", "model-1"), Quirks::NONE);
    let target = Target { model: &model, profile: &profile, quirks: &quirks, delivery: Delivery::Streamed };
    let encoded = wire.encode(request, &target);
    let faults = wire.check(request, &target);
    let refused =
        encoded.as_ref().is_err_and(|error| error.kind() == agentforge_core::ErrorKind::Unsupported);
    assert_eq!(refused, !faults.is_empty(), "{}: {faults:?}", wire.name());
    encoded
}
