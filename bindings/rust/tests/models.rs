//! Models through the facade: what a run with a provider costs, on recorded traffic.

use std::sync::Arc;

use agentforge::{
    Forge,
    agent::AgentLimits,
    model::{ChatModel, Cost, Price},
    models::{
        self, Environment, Registry,
        cassette::{Cassette, CassetteBuilder},
        price::{PriceTable, Prices},
        recorded::Recording,
    },
    money::{Currency, Money},
    record::RunState,
    serde_json::json,
};

fn dollars(nanos: i64) -> Money {
    Money::new(Currency::USD, nanos)
}

/// A provider that answers every request alike: 1,000 tokens in, of which 400 from its cache, and 10 out.
fn recorded(prices: Prices) -> Arc<dyn ChatModel> {
    let answer = json!({"choices": [{"delta": {"content": "Forty-two."}, "finish_reason": "stop"}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 400}}});
    let body = format!("data: {answer}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    let recording = json!({"provider": "openai", "case": "answer", "exchanges": [{
        "request": {"method": "POST", "host": "api.openai.com", "path": "/v1/chat/completions", "body": {}},
        "response": {"status": 200, "body": body},
    }]});
    let recording = Recording::read(recording.to_string().as_bytes()).unwrap();
    let members = ["/messages", "/model", "/stream", "/stream_options", "/max_completion_tokens"];
    let cassette = members.into_iter().fold(Cassette::of(recording).repeating(), CassetteBuilder::ignoring);
    let registry = Registry::new().with_transport(Arc::new(cassette.build().unwrap())).with_prices(prices);
    registry.resolve("openai:gpt-4o", &Environment::new().with("OPENAI_API_KEY", "replayed")).unwrap()
}

#[tokio::test]
async fn a_run_costs_what_the_table_asks_for_what_the_provider_counted() {
    let forge = Forge::open("memory:").await.unwrap();
    let workspace = forge.workspace();
    let price = Price {
        cached: Some(dollars(1_000_000_000)),
        ..Price::new(dollars(2_000_000_000), dollars(8_000_000_000))
    };
    let prices = Prices::of(PriceTable::empty().with_price("openai", "gpt-4o", price));
    let agent = workspace.agent("oracle", recorded(prices)).build().unwrap();
    let run = workspace.run(&agent, "What is the answer?").await.unwrap();
    assert_eq!(run.text(), "Forty-two.");
    let known = Cost::Known(dollars(600 * 2_000 + 400 * 1_000 + 10 * 8_000));
    assert_eq!(run.cost, known);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_limit_in_money_stops_a_run_whose_price_nobody_knows_before_it_spends() {
    let forge = Forge::open("memory:").await.unwrap();
    let workspace = forge.workspace();
    let limits = AgentLimits { money: Some(dollars(1_000_000_000)), ..AgentLimits::default() };
    let model = recorded(Prices::of(PriceTable::empty()));
    let agent = workspace.agent("oracle", model).limits(limits).build().unwrap();
    let run = workspace.run(&agent, "What is the answer?").await.unwrap();
    assert_eq!((run.state, run.cost), (RunState::Failed, Cost::ZERO));
    let error = run.error.unwrap();
    assert_eq!(error.code, "budget_exceeded", "{error:?}");
    forge.close().await.unwrap();
}

#[test]
fn embedders_and_rerankers_are_found_by_name_and_name_the_key_that_they_lack() {
    let none = Environment::new();
    let missing = models::embedder("openai:text-embedding-3-small", &none).err().unwrap();
    assert!(missing.message().contains("OPENAI_API_KEY"), "{missing}");
    let missing = models::reranker("cohere:rerank-v3.5", &none).err().unwrap();
    assert!(missing.message().contains("CO_API_KEY"), "{missing}");
    let embedder = models::embedder("ollama:nomic-embed-text", &none).unwrap();
    assert_eq!(embedder.info().dimensions, 768);
}
