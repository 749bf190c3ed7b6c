//! Prompts of a server: messages that it offers for people to begin with.

use std::collections::BTreeMap;

use agentforge_core::{
    context::CallContext,
    error::Result,
    message::{Message, Role},
};
use serde_json::Value;

use super::{client::McpClient, content};

/// A prompt that a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// What it takes.
    pub arguments: Vec<PromptArgument>,
}

/// What a prompt takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptArgument {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: Option<String>,
    /// Whether it must be there.
    pub required: bool,
}

impl McpClient {
    /// The prompts that the server offers. Fails as `unsupported` when it offers none at all.
    pub async fn prompts(&self, cx: &CallContext) -> Result<Vec<Prompt>> {
        let listed = self
            .listing(cx, |connection, most| {
                Box::pin(async move {
                    let page = |peer: rmcp::Peer<rmcp::RoleClient>, params| async move {
                        peer.list_prompts(params).await.map(|page| (page.prompts, page.next_cursor))
                    };
                    connection.pages(most, page).await
                })
            })
            .await?;
        Ok(listed
            .into_iter()
            .map(|prompt: rmcp::model::Prompt| Prompt {
                name: prompt.name,
                description: prompt.description.or(prompt.title),
                arguments: prompt
                    .arguments
                    .unwrap_or_default()
                    .into_iter()
                    .map(|argument| PromptArgument {
                        name: argument.name,
                        description: argument.description,
                        required: argument.required == Some(true),
                    })
                    .collect(),
            })
            .collect())
    }

    /// A prompt with its arguments filled in. Foreign content: whoever puts it before a model treats it as untrusted.
    pub async fn prompt(
        &self,
        cx: &CallContext,
        name: &str,
        arguments: BTreeMap<String, String>,
    ) -> Result<Vec<Message>> {
        let arguments: serde_json::Map<_, _> =
            arguments.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        let name = name.to_owned();
        let result = self
            .asking(cx, |connection, cx| {
                let (name, arguments) = (name.clone(), arguments.clone());
                Box::pin(async move { connection.get_prompt(&cx, &name, arguments).await })
            })
            .await?;
        Ok(result
            .messages
            .into_iter()
            .map(|message| {
                let role = match message.role {
                    rmcp::model::Role::User => Role::User,
                    rmcp::model::Role::Assistant => Role::Assistant,
                };
                Message::new(role, vec![content::part(message.content)])
            })
            .collect())
    }
}
