//! A retriever as a tool: a model asks, and reads passages with their labels and exact citations.

use std::sync::Arc;

use agentforge_core::{
    context::CallContext,
    error::Result,
    knowledge::{Hit, RetrievalQuery, Retriever},
    message::{Part, Trust},
    schema::Schema,
    security::Permission,
    tool::{Annotations, Tool, ToolInput, ToolOutput, ToolSpec},
};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::{Value, json};

/// How many passages a model gets when it does not say.
const DEFAULT_LIMIT: usize = 4;

/// The most passages that a model gets.
const MAX_LIMIT: usize = 10;

/// The longest name of a tool.
const MAX_NAME: usize = 64;

/// Searches a knowledge base for a model. Read-only; needs `kb:read`. Its output is trusted, since it is the tenant's
/// own.
#[derive(Clone)]
pub struct KnowledgeTool {
    retriever: Arc<dyn Retriever>,
    spec: ToolSpec,
}

#[derive(Deserialize)]
struct Arguments {
    query: String,
    limit: Option<usize>,
}

impl KnowledgeTool {
    /// A tool named `search_` and the retriever's name, as far as models accept its letters.
    pub fn new(retriever: Arc<dyn Retriever>) -> Self {
        let name = tool_name(retriever.name());
        Self::named(name, retriever)
    }

    /// A tool of another name.
    pub fn named(name: impl Into<String>, retriever: Arc<dyn Retriever>) -> Self {
        let description = format!(
            "Searches the knowledge base \"{}\" and returns the passages that fit best, each with a label in brackets. \
             Call it before answering a question that its documents may settle, and cite the labels in the answer.",
            retriever.name()
        );
        let spec = ToolSpec::new(name, description, input())
            .annotated(Annotations::READ_ONLY)
            .requires(Permission::KbRead);
        Self { retriever, spec }
    }

    /// The same tool with another declaration, for example a description that says when to call it.
    #[must_use]
    pub fn with_spec(mut self, change: impl FnOnce(ToolSpec) -> ToolSpec) -> Self {
        self.spec = change(self.spec);
        self
    }
}

fn input() -> Schema {
    Schema::from_value(json!({
        "type": "object",
        "properties": {
            "query": {
                "type": "string",
                "minLength": 1,
                "description": "What to look for, in words that its documents would use.",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": MAX_LIMIT,
                "default": DEFAULT_LIMIT,
                "description": "How many passages at most.",
            },
        },
        "required": ["query"],
        "additionalProperties": false,
    }))
}

fn tool_name(base: &str) -> String {
    let mut name = "search".to_owned();
    let words = base.split(|letter: char| !letter.is_ascii_alphanumeric());
    for word in words.filter(|word| !word.is_empty()) {
        name.push('_');
        name.push_str(&word.to_ascii_lowercase());
    }
    name.truncate(MAX_NAME);
    if name == "search" { "search_knowledge".to_owned() } else { name }
}

#[async_trait]
impl Tool for KnowledgeTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, cx: &CallContext, input: ToolInput) -> Result<ToolOutput> {
        let arguments: Arguments = match serde_json::from_value(input.arguments) {
            Ok(arguments) => arguments,
            Err(error) => return Ok(ToolOutput::error(format!("wrong arguments: {error}"))),
        };
        let limit = arguments.limit.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT);
        let query = RetrievalQuery { text: arguments.query, limit };
        let hits = self.retriever.retrieve(cx, &query).await?;
        let structured = serde_json::to_value(&hits).unwrap_or(Value::Null);
        let parts = if hits.is_empty() {
            vec![Part::text(format!("No passage of \"{}\" fits; try other words.", self.retriever.name()))]
        } else {
            hits.into_iter().flat_map(parts_of).collect()
        };
        Ok(ToolOutput { parts, structured: Some(structured), failed: false, trust: Some(Trust::Trusted) })
    }
}

fn parts_of(hit: Hit) -> [Part; 2] {
    let label = hit.citation.label.as_deref().unwrap_or(&hit.citation.source);
    // The blank line parts the passages when their texts are joined.
    let text = Part::text(format!("[{label}] {}\n\n", hit.text));
    [text, Part::citation(hit.citation)]
}

#[cfg(test)]
mod tests {
    use super::tool_name;

    #[test]
    fn a_name_keeps_what_models_accept() {
        let check = |base: &str, expected: &str| assert_eq!(tool_name(base), expected);
        check("Handbook", "search_handbook");
        check("HR & travel (2026)", "search_hr_travel_2026");
        check("知識", "search_knowledge");
        check(&"x".repeat(100), &format!("search_{}", "x".repeat(57)));
    }
}
