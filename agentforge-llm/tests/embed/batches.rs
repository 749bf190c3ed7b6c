//! Several requests of one call: how many are under way, in which order they are put together, and which are tried again.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use agentforge_core::{
    CallContext, ErrorKind, Result,
    model::{EmbedInput, EmbedRequest, EmbedResponse, RankedItem, RerankRequest},
    testing::{FixedClock, fixed_context_with},
};
use agentforge_llm::{
    Environment, Registry,
    embed::{BatchPolicy, Dimensions},
    layer::RetryPolicy,
    transport::{Headers, HttpReply, HttpRequest, Transport},
};
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, executor::block_on, future::join, stream};
use serde_json::{Value, json};

/// A provider in this process: a text that is a number becomes the vector `[1, number]` and the score of a passage.
#[derive(Default)]
struct Lab {
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    inside: usize,
    most: usize,
    /// How often each first text was asked for, and at which second of the clock.
    asked: BTreeMap<String, Vec<u64>>,
    /// The replies that stand in for the next ones that ask for a first text.
    failures: BTreeMap<String, Vec<(u16, Option<u64>)>>,
}

impl Lab {
    fn failing(first: &str, failures: &[(u16, Option<u64>)]) -> Arc<Self> {
        let lab = Self::default();
        lab.seen.lock().unwrap().failures.insert(first.to_owned(), failures.to_vec());
        Arc::new(lab)
    }

    fn asked(&self, first: &str) -> Vec<u64> {
        self.seen.lock().unwrap().asked.get(first).cloned().unwrap_or_default()
    }
}

/// Lets others run once.
async fn turn() {
    let mut waited = false;
    std::future::poll_fn(|task| {
        if std::mem::replace(&mut waited, true) {
            return std::task::Poll::Ready(());
        }
        task.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[async_trait]
impl Transport for Lab {
    async fn send(&self, request: HttpRequest, cx: &CallContext) -> Result<HttpReply> {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let ranks = body.get("documents").is_some();
        let texts = body[if ranks { "documents" } else { "input" }].as_array().unwrap().clone();
        let first = texts[0].as_str().unwrap().to_owned();
        let failure = {
            let mut seen = self.seen.lock().unwrap();
            seen.inside += 1;
            seen.most = seen.most.max(seen.inside);
            let second = u64::try_from(cx.now().as_micros() / 1_000_000).unwrap();
            seen.asked.entry(first.clone()).or_default().push(second);
            seen.failures.get_mut(&first).filter(|left| !left.is_empty()).map(|left| left.remove(0))
        };
        // Later ones come first.
        for _ in 0..=10_usize.saturating_sub(first.parse::<usize>().unwrap() / 100) {
            turn().await;
        }
        self.seen.lock().unwrap().inside -= 1;
        let number = |text: &Value| text.as_str().unwrap().parse::<f32>().unwrap();
        let (status, headers, body) = match failure {
            Some((status, wait)) => {
                let headers: Headers =
                    wait.iter().map(|seconds| ("retry-after", seconds.to_string())).collect();
                (status, headers, json!({"error": {"message": "no"}}))
            }
            None if ranks => {
                let item =
                    |(index, text): (usize, &Value)| json!({"index": index, "relevance_score": number(text)});
                (
                    200,
                    Headers::new(),
                    json!({"results": texts.iter().enumerate().map(item).collect::<Vec<_>>()}),
                )
            }
            None => {
                let item = |text: &Value| json!({"embedding": [1.0, number(text)]});
                let data: Vec<Value> = texts.iter().map(item).collect();
                (200, Headers::new(), json!({"data": data, "usage": {"prompt_tokens": texts.len()}}))
            }
        };
        let body = stream::iter([Ok(body.to_string().into())]).boxed();
        Ok(HttpReply { status, headers, body })
    }
}

fn registry(lab: &Arc<Lab>, policy: BatchPolicy) -> (Registry, Environment) {
    let environment = Environment::new().with("OPENAI_COMPATIBLE_BASE_URL", "http://127.0.0.1:9/v1");
    (Registry::new().with_transport(lab.clone()).with_batches(policy), environment)
}

/// What comes of a call while the clock moves on in seconds.
fn while_time_passes<T>(call: impl AsyncFnOnce(CallContext) -> T) -> T {
    let clock = FixedClock::new();
    let done = std::cell::Cell::new(false);
    let work = call(fixed_context_with(&clock)).inspect(|_| done.set(true));
    let time = async {
        for _ in 0..2_000 {
            if done.get() {
                break;
            }
            turn().await;
            clock.advance(Duration::from_secs(1));
        }
    };
    block_on(join(work, time)).0
}

/// Six requests of 128 texts.
fn embed(lab: &Arc<Lab>, policy: BatchPolicy) -> Result<EmbedResponse> {
    let (registry, environment) = registry(lab, policy);
    let embedder = registry.embedder_with("compatible:m", Dimensions::Declared(2), &environment).unwrap();
    let texts = (0..768).map(|number| number.to_string()).collect();
    while_time_passes(async |cx| {
        embedder.embed(EmbedRequest { texts, input: EmbedInput::Passage }, &cx).await
    })
}

fn assert_in_order(answer: &EmbedResponse) {
    assert_eq!((answer.vectors.len(), answer.usage.input), (768, Some(768)));
    for (place, vector) in answer.vectors.iter().enumerate() {
        let number = vector[1] / vector[0];
        assert!((number - f32::from(u16::try_from(place).unwrap())).abs() < 0.5, "{place}: {vector:?}");
    }
}

#[test]
fn so_many_requests_are_under_way_and_their_vectors_keep_the_order_of_the_texts() {
    for (policy, most) in [
        (BatchPolicy::default(), 4),
        (BatchPolicy::default().in_flight(1), 1),
        (BatchPolicy::default().in_flight(0), 1),
        (BatchPolicy::default().in_flight(50), 6),
    ] {
        let lab = Arc::new(Lab::default());
        assert_in_order(&embed(&lab, policy).unwrap());
        assert_eq!(lab.seen.lock().unwrap().most, most);
    }
}

#[test]
fn a_request_that_failed_is_tried_again_by_itself_and_after_the_wait_that_was_asked_for() {
    let lab = Lab::failing("256", &[(503, None), (429, Some(30))]);
    assert_in_order(&embed(&lab, BatchPolicy::default().retrying(RetryPolicy::default())).unwrap());
    let asked = lab.asked("256");
    assert_eq!(asked.len(), 3);
    assert!(asked[2] - asked[1] >= 30, "{asked:?}");
    for first in ["0", "128", "384", "512", "640"] {
        assert_eq!(lab.asked(first).len(), 1, "{first}");
    }
}

#[test]
fn a_final_error_ends_the_call_and_nothing_is_tried_again_unless_the_policy_says_so() {
    let lab = Lab::failing("0", &[(401, None)]);
    let error = embed(&lab, BatchPolicy::default().retrying(RetryPolicy::default())).err().unwrap();
    assert_eq!((error.kind(), lab.asked("0").len()), (ErrorKind::Unauthenticated, 1));
    assert!(lab.asked("640").is_empty(), "what had not begun is not sent");

    let lab = Lab::failing("0", &[(503, None)]);
    let error = embed(&lab, BatchPolicy::default()).err().unwrap();
    assert_eq!((error.kind(), lab.asked("0").len()), (ErrorKind::Overloaded, 1));

    let lab = Lab::failing("0", &[(503, None); 9]);
    let error = embed(&lab, BatchPolicy::default().retrying(RetryPolicy::default())).err().unwrap();
    assert_eq!((error.get("attempts").unwrap(), lab.asked("0").len()), (&4.into(), 4));
}

#[test]
fn shares_of_passages_are_ranked_side_by_side_and_tried_again_by_themselves() {
    let lab = Lab::failing("1000", &[(503, None)]);
    let (registry, environment) = registry(&lab, BatchPolicy::default().retrying(RetryPolicy::default()));
    let reranker = registry.reranker("compatible:m", &environment).unwrap();
    let passages: Vec<String> = (0..2_000).map(|number| number.to_string()).collect();
    let request = RerankRequest { query: "which".to_owned(), passages, top: 3 };
    let ranked = while_time_passes(async |cx| reranker.rerank(request, &cx).await).unwrap();
    let places: Vec<usize> = ranked.iter().map(|item: &RankedItem| item.index).collect();
    assert_eq!(places, [1_999, 1_998, 1_997]);
    assert_eq!((lab.asked("0").len(), lab.asked("1000").len()), (1, 2));
    assert_eq!(lab.seen.lock().unwrap().most, 2);
}
