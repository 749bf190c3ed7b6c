//! Places that serve the models of several makers, each over the protocol of its maker: which one a model's name means.
//! Written from what Google, Microsoft and Anthropic document, and tried against servers of the tests only: no live
//! provider was called.

use std::borrow::Cow;

use super::{Host, MessagesPlace, Quirks, profile::UNKNOWN_CLAUDE};
use crate::wire::anthropic;

/// The host as it serves a model: at Vertex AI and Foundry a Claude speaks Anthropic's messages, at an address beside the
/// usual one.
pub(crate) fn as_served<'h>(host: &'h Host, model: &str) -> Cow<'h, Host> {
    let is_claude = model.starts_with("claude");
    let base_url = host.base_url.as_deref().unwrap_or_default().trim_end_matches('/');
    match &*host.name {
        "vertex" if is_claude => {
            let base_url = match base_url.strip_suffix("/publishers/google") {
                Some(project) => format!("{project}/publishers/anthropic"),
                None => base_url.to_owned(),
            };
            Cow::Owned(claude(host, base_url, MessagesPlace::Vertex))
        }
        "foundry" if !base_url.is_empty() => {
            let resource = resource(base_url);
            Cow::Owned(if is_claude {
                claude(host, format!("{resource}/anthropic/v1"), MessagesPlace::Anthropic)
            } else {
                Host { base_url: Some(format!("{resource}/openai/v1").into()), ..host.clone() }
            })
        }
        _ => Cow::Borrowed(host),
    }
}

fn claude(host: &Host, base_url: String, messages: MessagesPlace) -> Host {
    Host {
        wire: Cow::Borrowed(anthropic::NAME),
        base_url: Some(base_url.into()),
        quirks: Quirks { messages, ..Quirks::NONE },
        profile: UNKNOWN_CLAUDE,
        ..host.clone()
    }
}

/// The address of a resource, which is shown with the path of one of its APIs, with that of a project, or bare.
fn resource(base_url: &str) -> &str {
    let bare = base_url.split("/api/projects").next().unwrap_or(base_url);
    ["/openai/v1", "/openai", "/anthropic/v1", "/anthropic", "/models"]
        .into_iter()
        .find_map(|path| bare.strip_suffix(path))
        .unwrap_or(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claude_speaks_its_own_protocol_beside_the_usual_address() {
        let rows = crate::host::rows();
        let check = |name: &str, base_url: &'static str, model: &str, expected: (&str, &str)| {
            let host = rows.iter().find(|host| host.name == name).unwrap().clone().at(base_url);
            let served = as_served(&host, model);
            assert_eq!((&*served.wire, served.base_url.as_deref().unwrap()), expected, "{base_url} {model}");
            assert_eq!(served.name, name);
        };
        let project = "https://x/v1/projects/p/locations/l/publishers/google";
        check("vertex", project, "gemini-2.5-pro", ("gemini_generate_content", project));
        let beside = "https://x/v1/projects/p/locations/l/publishers/anthropic";
        check("vertex", project, "claude-sonnet-4-5@20250929", ("anthropic_messages", beside));
        for shown in [
            "https://r.services.ai.azure.com",
            "https://r.services.ai.azure.com/",
            "https://r.services.ai.azure.com/openai/v1",
            "https://r.services.ai.azure.com/anthropic",
            "https://r.services.ai.azure.com/api/projects/p",
        ] {
            let openai = ("openai_chat", "https://r.services.ai.azure.com/openai/v1");
            check("foundry", shown, "DeepSeek-V3.1", openai);
            let messages = ("anthropic_messages", "https://r.services.ai.azure.com/anthropic/v1");
            check("foundry", shown, "claude-haiku-4-5", messages);
        }
        check("openai", "https://x/v1", "claude-like", ("openai_chat", "https://x/v1"));
    }
}
