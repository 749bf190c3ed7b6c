//! The tool that posts webhooks, over the guarded client, to a receiver on this machine.

use std::{sync::Arc, time::Duration};

use agentforge_core::{
    ErrorKind,
    http::{EgressPolicy, Fixed, GuardedClient, Headers, HttpLimits, SecretText},
    message::Trust,
    schema::Schema,
    testing::fixed_context,
    tool::{Access, Tool, ToolInput},
};
use agentforge_tools::webhook::{ID, SigningSecret, TOLERANCE, Webhook, verify};
use serde_json::{Value, json};

use crate::rest::server::{Answer, Asked, Server};

const OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const NEW: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn secret(text: &str) -> Arc<Fixed> {
    Arc::new(Fixed(SecretText::from(text)))
}

fn tool(url: &str) -> Webhook {
    let client = GuardedClient::new(EgressPolicy::default().allow_loopback(), HttpLimits::default());
    let input = Schema::from_value(json!({"type": "object"}));
    Webhook::new("announce", "Announces an order.", url, input, Arc::new(client)).unwrap()
}

fn input(arguments: Value, key: &str) -> ToolInput {
    ToolInput { call_id: "c1".to_owned(), arguments, idempotency_key: key.to_owned() }
}

fn headers(asked: &Asked) -> Headers {
    asked.headers.iter().cloned().collect()
}

#[tokio::test]
async fn a_message_is_signed_with_every_secret_under_the_id_of_the_call() {
    let receiver = Server::start(|_| Answer::new(202).body("text/plain", "queued")).await;
    let cx = fixed_context();
    let tool = tool(&format!("{}/hooks/in?token=hidden", receiver.base))
        .with_event("order.placed")
        .with_secret(secret(NEW))
        .with_secret(secret(OLD));
    let output = tool.call(&cx, input(json!({"order": "ü-1"}), "run:7:effect-1")).await.unwrap();
    assert!(!output.failed);
    assert_eq!(output.structured.as_ref().unwrap()["webhook_id"], "run:7:effect-1");
    assert_eq!(output.into_result("c1", tool.spec().trust).trust, Trust::Untrusted);
    let asked = receiver.last();
    assert_eq!((asked.method.as_str(), asked.target.as_str()), ("POST", "/hooks/in?token=hidden"));
    assert_eq!(asked.header("content-type"), Some("application/json"));
    assert_eq!(asked.header("idempotency-key"), Some("run:7:effect-1"));
    let body: Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body, json!({"type": "order.placed", "data": {"order": "ü-1"}}));
    for known in [OLD, NEW] {
        let secrets = [known.parse::<SigningSecret>().unwrap()];
        let id = verify(&secrets, &headers(&asked), &asked.body, cx.now(), TOLERANCE).unwrap().to_owned();
        assert_eq!(id, "run:7:effect-1");
    }
}

#[tokio::test]
async fn a_repetition_has_the_same_id_and_odd_keys_one_that_can_be_carried() {
    let receiver = Server::start(|_| Answer::new(204)).await;
    let tool = tool(&receiver.base).with_secret(secret(OLD));
    for key in ["a", "a", "a.1\r\nx: y", "a.1\r\nx: y", "", &"k".repeat(1000)] {
        tool.call(&fixed_context(), input(json!({}), key)).await.unwrap();
    }
    let ids: Vec<String> =
        receiver.asked().iter().map(|asked| asked.header(ID).unwrap().to_owned()).collect();
    assert_eq!((&ids[0], &ids[1]), (&"a".to_owned(), &"a".to_owned()));
    assert_eq!(ids[2], ids[3]);
    assert!(
        ids[2..].iter().all(|id| id.starts_with("msg_") && !id.contains('.') && id.len() < 100),
        "{ids:?}"
    );
    assert!(ids[3] != ids[4] && ids[4] != ids[5]);
}

#[tokio::test]
async fn what_may_be_tried_again_is_an_error_that_says_so_and_nothing_is_tried_here() {
    for (status, kind) in
        [(429, ErrorKind::RateLimited), (500, ErrorKind::Overloaded), (503, ErrorKind::Overloaded)]
    {
        let receiver = Server::start(move |_| Answer::new(status).header("retry-after", "7")).await;
        let error = tool(&receiver.base).call(&fixed_context(), input(json!({}), "k")).await.unwrap_err();
        assert_eq!((error.kind(), error.wait()), (kind, Some(Duration::from_secs(7))), "{status}");
        assert!(error.is_retryable());
        assert_eq!(receiver.asked().len(), 1);
    }
    for status in [301, 307, 400, 401, 404, 410, 422] {
        let receiver =
            Server::start(move |_| Answer::new(status).header("location", "http://127.0.0.1:9/")).await;
        let output = tool(&receiver.base).call(&fixed_context(), input(json!({}), "k")).await.unwrap();
        assert!(output.failed, "{status}");
        assert_eq!(receiver.asked().len(), 1);
    }
}

#[tokio::test]
async fn a_plan_says_what_would_be_posted_and_posts_nothing() {
    let receiver = Server::start(|_| Answer::new(200)).await;
    let tool =
        tool(&format!("{}/in/s3cret?token=s3cret", receiver.base)).with_event("e").with_secret(secret(OLD));
    let arguments = json!({"order": "1"});
    let plan = tool.plan(&fixed_context(), input(arguments.clone(), "k")).await.unwrap();
    assert_eq!(plan.summary, "would post one signed message to 127.0.0.1");
    let [effect] = &plan.effects[..] else { panic!("{plan:?}") };
    assert_eq!((effect.action.as_str(), &effect.target), ("POST", &receiver.base));
    assert!(receiver.asked().is_empty());
    tool.call(&fixed_context(), input(arguments.clone(), "k")).await.unwrap();
    let sent: Value = serde_json::from_slice(&receiver.last().body).unwrap();
    assert_eq!(effect.detail, Some(json!({"webhook_id": "k", "body": sent})));
    assert!(!serde_json::to_string(&plan).unwrap().contains("s3cret"));
    assert_eq!(tool.access(&arguments), Access::Writes(vec![receiver.base.clone()]));
    let annotations = tool.spec().annotations;
    assert!(!annotations.read_only && !annotations.idempotent && annotations.open_world);
    assert!(tool.to_receiver_that_deduplicates().spec().annotations.idempotent);
}

#[tokio::test]
async fn without_a_secret_nothing_is_signed_and_a_bad_one_sends_nothing() {
    let receiver = Server::start(|_| Answer::new(200)).await;
    tool(&receiver.base).call(&fixed_context(), input(json!({}), "k")).await.unwrap();
    assert_eq!((receiver.last().header("webhook-signature"), receiver.last().header(ID)), (None, Some("k")));
    let wrong = tool(&receiver.base).with_secret(secret("whsec_short"));
    let error = wrong.call(&fixed_context(), input(json!({}), "k")).await.unwrap_err();
    assert!(error.kind() == ErrorKind::InvalidInput && !format!("{error:?}").contains("short"), "{error:?}");
    assert_eq!(receiver.asked().len(), 1);
}

#[tokio::test]
async fn an_address_beside_us_is_denied_by_the_client() {
    let strict = Arc::new(GuardedClient::new(EgressPolicy::default(), HttpLimits::default()));
    let schema = Schema::from_value(json!({"type": "object"}));
    let tool = Webhook::new("announce", "Announces.", "http://169.254.169.254/", schema, strict).unwrap();
    let error = tool.call(&fixed_context(), input(json!({}), "k")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}
