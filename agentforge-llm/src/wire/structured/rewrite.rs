//! A request as it is when the API does not enforce the form of its answer.

use std::{borrow::Cow, collections::BTreeSet};

use agentforge_core::{
    message::{Message, Part, Role},
    model::{ChatRequest, OutputFormat, ToolChoice, ToolDefinition},
    schema::Schema,
};

use super::AnswerPlace;
use crate::{
    host::{Profile, StructuredOutput},
    wire::NameRule,
};

/// What the tool that stands for the answer says of itself.
const DESCRIPTION: &str = "Gives the answer. Call it once the answer is known.";

/// The request that is sent, and where its answer will stand.
pub(super) fn rewritten<'r>(
    request: &'r ChatRequest,
    profile: &Profile,
) -> (Cow<'r, ChatRequest>, AnswerPlace) {
    let OutputFormat::Json { name, schema } = &request.output else {
        return (Cow::Borrowed(request), AnswerPlace::Said);
    };
    let way =
        if request.tools.is_empty() { profile.structured_output } else { profile.structured_with_tools };
    match way {
        StructuredOutput::Native | StructuredOutput::None => (Cow::Borrowed(request), AnswerPlace::Said),
        StructuredOutput::Tool if can_be_a_tool(request, schema, profile) => {
            let name = unused(name, request);
            (Cow::Owned(with_tool(request, &name, schema)), AnswerPlace::Tool(name))
        }
        StructuredOutput::Tool | StructuredOutput::Prompt => {
            (Cow::Owned(with_words(request, schema)), AnswerPlace::Fenced)
        }
    }
}

/// A tool takes an object, and its call must not stand for one of the caller's own tools that is required.
fn can_be_a_tool(request: &ChatRequest, schema: &Schema, profile: &Profile) -> bool {
    let (kind, members) = (schema.as_value().get("type"), schema.as_value().get("properties"));
    let is_object = kind.map_or(members.is_some(), |kind| kind == "object");
    profile.tools && is_object && !request.tool_choice.requires_call()
}

/// The answer's tool is the one that is called; beside others the model chooses when.
fn with_tool(request: &ChatRequest, name: &str, schema: &Schema) -> ChatRequest {
    let mut request = request.clone();
    request.output = OutputFormat::Text;
    request.tool_choice = match std::mem::take(&mut request.tool_choice) {
        ToolChoice::Among(mut names) if !names.is_empty() => {
            names.push(name.to_owned());
            ToolChoice::RequiredAmong(names)
        }
        ToolChoice::Auto if !request.tools.is_empty() => ToolChoice::Required,
        _ => ToolChoice::Tool(name.to_owned()),
    };
    request.tools.push(ToolDefinition {
        name: name.to_owned(),
        description: DESCRIPTION.to_owned(),
        parameters: schema.clone(),
    });
    request
}

/// The schema stands at the end of the system prompt: many models know one only, and at the beginning.
fn with_words(request: &ChatRequest, schema: &Schema) -> ChatRequest {
    let mut request = request.clone();
    request.output = OutputFormat::Text;
    let words = format!(
        "Answer with one JSON value that fits this JSON Schema, without any words or marks around it:\n{}",
        schema.as_value()
    );
    let leading = request.messages.iter_mut().take_while(|message| message.role == Role::System).last();
    match leading {
        Some(system) => system.parts.push(Part::text(format!("\n\n{words}"))),
        None => request.messages.insert(0, Message::system(words)),
    }
    request
}

/// A name for the tool that every provider takes and that no tool of the request or its history has.
fn unused(name: &str, request: &ChatRequest) -> String {
    let rule = NameRule::COMMON;
    let called = request.messages.iter().flat_map(Message::tool_calls).map(|call| &call.name);
    let taken: BTreeSet<String> =
        request.tools.iter().map(|tool| &tool.name).chain(called).map(|name| rule.mend(name)).collect();
    let base = rule.mend(name);
    let mut name = base.clone();
    let mut number = 2_u32;
    while taken.contains(&name) {
        let ending = format!("_{number}");
        let room = rule.longest.saturating_sub(ending.len());
        name = base.chars().take(room).chain(ending.chars()).collect();
        number = number.saturating_add(1);
    }
    name
}
