//! The whole way: a registry, a host whose models answer by a tool, and a server.

use agentforge_core::{
    message::Message,
    model::{ChatModelExt, FinishReason},
    testing::fixed_context,
};
use agentforge_llm::{
    Environment, Registry,
    host::Host,
    testkit::{MockProvider, Speech},
};
use serde_json::json;

use super::*;

#[tokio::test]
async fn a_model_of_the_registry_answers_by_a_tool_and_shows_none() {
    for wire in names() {
        let provider = MockProvider::start().await.unwrap();
        provider.then(Speech::new().call("leave", json!({"days": 14})).streamed(wire).unwrap());
        let host = Host { profile: by(StructuredOutput::Tool), ..provider.host(wire) };
        let model = Registry::over_http().connect(&host, "model-1", None).unwrap();
        assert!(model.info().structured_output);
        let request = Arc::new(asking(&[], ToolChoice::Auto));
        // Ollama's own API cannot be told to call.
        if wire == wire::ollama::NAME {
            assert_eq!(model.check(&request).len(), 1);
            continue;
        }
        assert_eq!(model.check(&request), []);
        let answer = model.generate(request, &fixed_context()).await.unwrap();
        assert_eq!(answer.message.text(), r#"{"days":14}"#, "{wire}");
        assert_eq!(
            (answer.finish, answer.message.tool_calls().count()),
            (Some(FinishReason::Stop), 0),
            "{wire}"
        );
        let sent = provider.requests()[0].json().to_string();
        assert!(sent.contains(r#""leave""#) && !sent.contains("json_schema"), "{wire}: {sent}");
        // The answer goes back as words.
        let mut next = asking(&[], ToolChoice::Auto);
        next.messages.extend([answer.message, Message::user("Sure?")]);
        provider.then(Speech::new().call("leave", json!({"days": 15})).streamed(wire).unwrap());
        let answer = model.generate(next.into(), &fixed_context()).await.unwrap();
        assert_eq!(answer.message.text(), r#"{"days":15}"#, "{wire}");
    }
}

#[test]
fn a_profile_says_whether_a_model_answers_in_a_schema() {
    let registry = Registry::over_http();
    let environment =
        ["ANTHROPIC_API_KEY", "GEMINI_API_KEY", "CO_API_KEY", "DEEPSEEK_API_KEY", "GROQ_API_KEY"]
            .into_iter()
            .fold(Environment::new(), |environment, name| environment.with(name, "a-key"));
    let check = |name: &str, expected: bool| {
        let model = registry.resolve(name, &environment).unwrap();
        assert_eq!(model.info().structured_output, expected, "{name}");
        let refused = !model.check(&asking(&[], ToolChoice::Auto)).is_empty();
        assert_eq!(refused, !expected, "{name}");
        if model.info().tools {
            assert_eq!(model.check(&asking(&["f"], ToolChoice::Auto)), [], "{name}");
        }
    };
    check("anthropic:claude-3-5-haiku-latest", true);
    check("anthropic:claude-something-9", true);
    check("google:gemini-2.0-flash", true);
    check("google:gemma-3-27b-it", false);
    check("google:gemini-2.5-flash-image", false);
    check("cohere:command-r-08-2024", true);
    check("cohere:command-a-03-2025", true);
    check("deepseek:deepseek-chat", true);
    check("deepseek:deepseek-reasoner", true);
    check("groq:llama-3.3-70b-versatile", true);
    check("ollama:llama3.2", true);
    check("ollama-native:llama3.2", true);
    check("vllm:m", true);
}
