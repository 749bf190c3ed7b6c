//! The guarded client against real servers on this machine. No request leaves it: what stands for the internet is
//! 127.0.0.1, which the policy lists, and what stands for the network beside us is 127.0.0.2, which it does not.

mod addresses;
mod redirects;
mod server;
mod sizes;

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use agentforge_core::{
    Result,
    http::{
        EgressPolicy, GuardedClient, HttpClient, HttpLimits, HttpRequest, HttpResponse, Method, Resolver,
    },
    testing::fixed_context,
};
use async_trait::async_trait;

/// A resolver that gives its answers in turn, the last one again and again, and counts.
struct Answers {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
}

impl Answers {
    fn new(answers: &[&[&'static str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0) })
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Resolver for Answers {
    async fn resolve(&self, _name: &str) -> Result<Vec<IpAddr>> {
        let turn = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        Ok(self.answers[turn].iter().map(|address| address.parse().unwrap()).collect())
    }
}

/// The internet of these tests.
fn only_127_0_0_1() -> EgressPolicy {
    EgressPolicy::default().allow_any_port().allow_network("127.0.0.1".parse().unwrap())
}

fn client() -> GuardedClient {
    GuardedClient::new(only_127_0_0_1(), HttpLimits::default())
}

fn client_with(limits: HttpLimits) -> GuardedClient {
    GuardedClient::new(only_127_0_0_1(), limits)
}

fn client_naming(resolver: Arc<dyn Resolver>) -> GuardedClient {
    GuardedClient::with_resolver(only_127_0_0_1(), HttpLimits::default(), resolver)
}

async fn get(client: &GuardedClient, url: &str) -> Result<HttpResponse> {
    client.send(HttpRequest::new(Method::Get, url), &fixed_context()).await
}

async fn text(client: &GuardedClient, url: &str) -> Result<String> {
    let bytes = get(client, url).await?.bytes().await?;
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}
