//! The mock provider itself: it says in every wire what it was told to, over both versions of HTTP.

use agentforge_core::testing::fixed_context;
use agentforge_llm::{
    cassette::{Cassette, Mode},
    layer::{Layer, Retry},
    recorded::Recording,
    testkit::{Answer, Fault, Pause, Speech},
};
use serde_json::{Value, json};

use super::*;

fn request(text: &str) -> Arc<ChatRequest> {
    ChatRequest::new([Message::user(text)]).into()
}

#[tokio::test]
async fn every_wire_hears_what_is_said_in_its_dialect() {
    let arguments = json!({"city": "Rome", "days": [1, 2]});
    for wire in wires() {
        let speech = || {
            let speech = Speech::new().text("Let me see, grüß Gott.");
            speech.call("weather", arguments.clone()).call("clock", json!({})).counting(11, 13)
        };
        for http in [Http::One, Http::Two] {
            let provider = MockProvider::start().await.unwrap();
            provider.then(speech().streamed(wire).unwrap()).then(speech().whole(wire).unwrap());
            let model = model(&provider, wire, http);
            for form in ["streamed", "whole"] {
                let answer = model.generate(request("Hello"), &fixed_context()).await;
                let answer = answer.unwrap_or_else(|error| panic!("{wire}, {form}: {error:?}"));
                assert_eq!(answer.message.text(), "Let me see, grüß Gott.", "{wire}, {form}");
                let calls: Vec<(&str, &Value)> =
                    answer.message.tool_calls().map(|call| (call.name.as_str(), &call.arguments)).collect();
                assert_eq!(calls, [("weather", &arguments), ("clock", &json!({}))], "{wire}, {form}");
                assert_eq!((answer.usage.input, answer.usage.output), (Some(11), Some(13)), "{wire}, {form}");
            }
            let asked = provider.requests();
            assert_eq!(asked.len(), 2);
            assert_eq!(
                asked[0].headers.get("authorization"),
                Some(format!("Bearer {KEY}").as_str()),
                "{wire}"
            );
            assert!(asked[0].method == "POST" && asked[0].json().is_object(), "{wire}");
        }
    }
}

#[tokio::test]
async fn a_wire_without_a_dialect_is_refused_by_name() {
    let provider = MockProvider::start().await.unwrap();
    for error in [
        Answer::text("telegraph", "stop").err().unwrap(),
        provider.fault(Fault::Overloaded, "telegraph").err().unwrap(),
    ] {
        assert!(
            error.message().contains("`telegraph`") && error.message().contains("openai_chat"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn the_end_of_the_script_is_told_and_can_be_something_else() {
    let provider = MockProvider::start().await.unwrap();
    let wire = wire::openai_chat::NAME;
    let model = model(&provider, wire, Http::One);
    let error = model.generate(request("Hello"), &fixed_context()).await.unwrap_err();
    assert!(error.message().contains("the script is over"), "{error}");
    provider.otherwise(move |asked| {
        let text = asked.json()["messages"][0]["content"].as_str().unwrap().to_owned();
        Answer::text(wire, &format!("You said {text}.")).unwrap()
    });
    for text in ["one", "two"] {
        let answer = model.generate(request(text), &fixed_context()).await.unwrap();
        assert_eq!(answer.message.text(), format!("You said {text}."));
    }
    assert_eq!(provider.connections(), 1);
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed() {
    for http in [Http::One, Http::Two] {
        let provider = MockProvider::start().await.unwrap();
        let wire = wire::openai_chat::NAME;
        provider.then(Answer::text(wire, "Half an answer").unwrap().first(2).pause(Pause::Forever));
        provider.then(Answer::new(200).late(Pause::Forever));
        let model = model(&provider, wire, http);
        let mut stream = model.stream(request("Hello"), &fixed_context()).await.unwrap();
        stream.next().await.unwrap().unwrap();
        drop(stream);
        provider.until_left(1).await;
        let cx = fixed_context().with_child_cancellation();
        let cancel = async {
            provider.until_requests(2).await;
            cx.cancellation().cancel();
        };
        let (started, ()) = futures::join!(model.stream(request("Hello"), &cx), cancel);
        assert!(started.is_err());
        provider.until_left(2).await;
    }
}

#[tokio::test]
async fn a_fault_and_then_an_answer_is_an_answer_behind_the_retry_layer() {
    for wire in wires() {
        let provider = MockProvider::start().await.unwrap();
        provider.fault(Fault::RetryAfterMs, wire).unwrap().fault(Fault::ErrorFirst, wire).unwrap();
        provider.then(Answer::text(wire, "At last.").unwrap());
        let model = Retry::default().wrap(model(&provider, wire, Http::One));
        let answer = ask(&model, &provider, Time::MovesAfterTheRequest).await;
        assert_eq!(answer.unwrap_or_else(|error| panic!("{wire}: {error:?}")), "At last.");
        assert_eq!(provider.requests().len(), 3, "{wire}");
    }
}

/// Recorded over real HTTP in each wire, and replayed twice: as a transport, and as a server.
#[tokio::test]
async fn what_is_recorded_from_the_server_is_replayed_without_it_and_by_another() {
    let folder = tempfile::tempdir().unwrap();
    for wire in wires() {
        let path = folder.path().join(format!("{wire}.json"));
        let provider = MockProvider::start().await.unwrap();
        provider.then(Answer::text(wire, "Hello there.").unwrap().gzip());
        provider.fault(Fault::WrongKey, wire).unwrap().fault(Fault::CutLater, wire).unwrap();
        let connect = |transport: Arc<dyn agentforge_llm::transport::Transport>, provider: &MockProvider| {
            let key = ApiKey::new(KEY, "the test").unwrap();
            let registry = Registry::new().with_transport(transport);
            registry.connect(&provider.host(wire), "model-1", Some(key.into())).unwrap()
        };
        let results = async |model: Arc<dyn ChatModel>| {
            let mut seen = Vec::new();
            for _ in 0..3 {
                let answer = model.generate(request("Hello"), &fixed_context()).await;
                seen.push(match answer {
                    Ok(answer) => (answer.message.text(), None, None),
                    Err(error) => (String::new(), Some(error.kind()), error.phase()),
                });
            }
            seen
        };
        let tape = Cassette::at(&path).mode(Mode::Record).over(Arc::new(Http::One.transport())).with_pieces();
        let live = results(connect(Arc::new(tape.build().unwrap()), &provider)).await;
        assert_eq!(live[0].0, "Hello there.", "{wire}: {live:?}");
        let file = std::fs::read_to_string(&path).unwrap();
        assert!(!file.contains("very-secret") && file.contains("[REDACTED]"), "{wire}: {file}");
        assert_eq!(Recording::read(file.as_bytes()).unwrap().exchanges[0].wire().unwrap().name(), wire);

        let replay = Cassette::at(&path).build().unwrap();
        assert_eq!(results(connect(Arc::new(replay.clone()), &provider)).await, live, "{wire}");
        assert_eq!((replay.unused(), provider.requests().len()), (0, 3));

        let another = MockProvider::start().await.unwrap();
        another.play(Cassette::at(&path).build().unwrap());
        let replayed = results(connect(Arc::new(Http::Two.transport()), &another)).await;
        assert_eq!(replayed, live, "{wire}");
        let error =
            model(&another, wire, Http::One).generate(request("Bye"), &fixed_context()).await.unwrap_err();
        assert!(error.message().contains("recorded \"Hello\", sent \"Bye\""), "{wire}: {error}");
    }
}
