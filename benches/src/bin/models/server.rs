//! The provider: the mock server of the test kit, in a process of its own. The path names the wire, and the model how
//! much is said: `tokens-N` says so many words in as many pieces, `begun-N` stops after the first pieces of such an
//! answer and stays silent.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use agentforge::{
    Result,
    models::testkit::{Answer, MockProvider, Pause, ReceivedRequest, Speech},
};
use agentforge_benches::probe::Failure;

/// Pieces of an answer that stays silent: enough for the first words in every wire.
const BEGUN: usize = 8;

/// As models write: mostly plain, now and then a line end or a quotation mark, which JSON escapes.
const WORDS: [&str; 10] =
    ["The ", "museum ", "of ", "design ", "is\ndry, ", "and ", "children ", "like ", "\"rooms\" ", "best. "];

/// The text of so many tokens.
pub(crate) fn text(tokens: usize) -> String {
    WORDS.into_iter().cycle().take(tokens).collect()
}

/// Serves until standard input ends. Prints its address.
pub(crate) async fn run() -> std::result::Result<(), Failure> {
    let provider = MockProvider::start().await?;
    let known: Mutex<HashMap<String, Answer>> = Mutex::default();
    let known = Arc::new(known);
    provider.otherwise(move |request| {
        let asked = model(request);
        let key = format!("{} {asked}", request.path);
        let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = known.entry(key).or_insert_with(|| match answer(&request.path, &asked) {
            Ok(answer) => answer,
            Err(error) => Answer::page(500, error.to_string()),
        });
        answer.clone()
    });
    println!("{}", provider.base_url());
    tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink())).await??;
    Ok(())
}

/// The model that is asked: some wires have it in the path.
fn model(request: &ReceivedRequest) -> String {
    let body = request.json();
    match body.get("model").and_then(|model| model.as_str()) {
        Some(model) => model.to_owned(),
        None => request.path.split(['/', ':']).find(|part| part.contains('-')).unwrap_or_default().to_owned(),
    }
}

fn answer(path: &str, model: &str) -> Result<Answer> {
    let wire = path.split('/').nth(2).unwrap_or_default();
    let (what, tokens) = model.split_once('-').unwrap_or((model, "1"));
    let answer = Speech::new().text(text(tokens.parse().unwrap_or(1))).streamed(wire)?;
    Ok(if what == "begun" { answer.first(BEGUN).pause(Pause::Forever) } else { answer })
}
