//! The table, and the file that shows it.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use agentforge_core::ErrorKind::{self, *};
use agentforge_llm::testkit::Fault;

use super::*;

/// What comes of a fault.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Outcome {
    /// The answer, as if nothing had happened.
    Answers,
    /// An error: its kind, how far the call had come, and the advice.
    Fails(ErrorKind, Phase, Advice),
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Advice {
    Never,
    Retry,
    RetryIn(u64),
}

const BEFORE: Phase = Phase::BeforeFirstEvent;
const MID: Phase = Phase::MidStream;

/// What should come of a fault in any wire.
fn usual(fault: Fault) -> Outcome {
    use Advice::{Never, Retry, RetryIn};
    let before = |kind, advice| Outcome::Fails(kind, BEFORE, advice);
    let mid = |kind| Outcome::Fails(kind, MID, Never);
    match fault {
        Fault::RetryAfterSeconds
        | Fault::RetryAfterDate
        | Fault::ResetAt
        | Fault::AnthropicReset
        | Fault::RetryInfo => before(RateLimited, RetryIn(7000)),
        Fault::RetryAfterMs => before(RateLimited, RetryIn(1500)),
        Fault::ResetIn => before(RateLimited, RetryIn(62_500)),
        Fault::WaitInWords => before(RateLimited, RetryIn(1200)),
        Fault::NoWait => before(RateLimited, Retry),
        Fault::Overloaded | Fault::ErrorFirst => before(Overloaded, Retry),
        Fault::Unavailable => before(Overloaded, RetryIn(7000)),
        Fault::ServerError | Fault::PageOfFailure | Fault::EmptyFailure | Fault::HugeFailure => {
            before(Transport, Retry)
        }
        Fault::GatewayTimeout | Fault::SilentHead | Fault::SilentFirst => before(Timeout, Retry),
        Fault::WrongKey => before(Unauthenticated, Never),
        Fault::NoSuchModel => before(NotFound, Never),
        Fault::TooLong => before(ContextOverflow, Never),
        Fault::Filtered => before(ContentFiltered, Never),
        Fault::Quota => before(QuotaExceeded, Never),
        Fault::Redirect => before(Transport, Never),
        Fault::PageOfSuccess
        | Fault::EmptyBody
        | Fault::HugeBody
        | Fault::Garbage
        | Fault::GarbageEvent
        | Fault::BrokenGzip => before(Decode, Never),
        Fault::HangsUp | Fault::CutFirst => before(Transport, Retry),
        Fault::GarbageLater => mid(Decode),
        Fault::ErrorLater => mid(Overloaded),
        Fault::CutLater | Fault::EndsEarly => mid(Transport),
        Fault::SilentLater => mid(Timeout),
        Fault::Gzip | Fault::Trickle | Fault::Document | Fault::WrongType => Outcome::Answers,
        other => panic!("say what should come of `{}`", other.name()),
    }
}

/// Where a wire says less than others, and so means something else.
fn expected(fault: Fault, wire: &str) -> Outcome {
    use Advice::{Never, Retry};
    match (wire, fault) {
        // Google's own; its API that is compatible with chat completions says it too.
        (
            wire::anthropic::NAME | wire::bedrock::NAME | wire::cohere::NAME | wire::ollama::NAME,
            Fault::RetryInfo,
        ) => Outcome::Fails(RateLimited, BEFORE, Retry),
        // These block in an answer of success, or not at all.
        (wire::gemini::NAME | wire::cohere::NAME | wire::ollama::NAME, Fault::Filtered) => {
            Outcome::Fails(InvalidInput, BEFORE, Never)
        }
        // The end of a stream says that it failed and not why.
        (wire::cohere::NAME, Fault::ErrorFirst) => Outcome::Fails(Transport, BEFORE, Retry),
        (wire::cohere::NAME, Fault::ErrorLater) => Outcome::Fails(Transport, MID, Never),
        _ => usual(fault),
    }
}

fn outcome(answered: &Result<String, Error>) -> Outcome {
    match answered {
        Ok(text) => {
            assert_eq!(text, "All is well.");
            Outcome::Answers
        }
        Err(error) => {
            let advice = match (error.is_retryable(), error.wait()) {
                (false, _) => Advice::Never,
                (true, None) => Advice::Retry,
                (true, Some(wait)) => Advice::RetryIn(u64::try_from(wait.as_millis()).unwrap()),
            };
            Outcome::Fails(
                error.kind(),
                error.phase().expect("every failing call says how far it came"),
                advice,
            )
        }
    }
}

/// Everything that one wire makes of every fault. One connection each, so that no fault touches the next.
async fn run(wire: &'static str, http: Http) -> Vec<String> {
    let mut wrong = Vec::new();
    for fault in Fault::ALL.iter().copied() {
        let provider = MockProvider::start().await.unwrap();
        provider.fault(fault, wire).unwrap();
        let (headers, idle, time) = match fault {
            Fault::SilentHead => (30, 0, Time::MovesAfterTheRequest),
            Fault::SilentFirst => (0, 10, Time::MovesAfterTheRequest),
            Fault::SilentLater => (0, 10, Time::MovesAfterTheFirstWord),
            _ => (0, 0, Time::Stands),
        };
        let limit = |seconds| if seconds == 0 { NEVER } else { Duration::from_secs(seconds) };
        let timeouts = Timeouts { headers: limit(headers), idle: limit(idle) };
        let answered = ask(&waiting(&provider, wire, http, timeouts), &provider, time).await;
        let [request] = &provider.requests()[..] else { panic!("{wire}, {}: one request", fault.name()) };
        assert_eq!(request.version, if http == Http::One { 1 } else { 2 });
        let at = format!("{wire}, {}, {http:?}", fault.name());
        if let Err(error) = &answered {
            let shown = format!("{error:?} {error} {:?} {:?}", error.to_report(), error.to_problem());
            assert!(!shown.contains(KEY) && !shown.contains("very-secret"), "{at}: {shown}");
            assert!(error.message().len() < 700, "{at}: {} letters: {error}", error.message().len());
            assert!(fault != Fault::WrongKey || error.message().contains("[key]"), "{at}: {error}");
        }
        let (is, should) = (outcome(&answered), expected(fault, wire));
        if is != should {
            wrong.push(format!("{at}: {is:?} instead of {should:?}: {answered:?}"));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_wire_makes_of_every_fault_what_the_table_says() {
    let mut wrong = Vec::new();
    for http in [Http::One, Http::Two] {
        let runs: Vec<_> = wires().into_iter().map(|wire| tokio::spawn(run(wire, http))).collect();
        for run in runs {
            wrong.extend(run.await.unwrap());
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

fn cell(outcome: Outcome) -> String {
    match outcome {
        Outcome::Answers => "answers".to_owned(),
        Outcome::Fails(kind, at, advice) => {
            let advice = match advice {
                Advice::Never => "no retry".to_owned(),
                Advice::Retry => "retry".to_owned(),
                Advice::RetryIn(wait) => format!("retry in {} s", Duration::from_millis(wait).as_secs_f64()),
            };
            format!("`{kind}` {}, {advice}", phase(Some(at)))
        }
    }
}

/// The whole file.
fn page() -> String {
    let mut page = String::from(
        "# Faults\n\n\
         What a call ends in when its provider misbehaves: the kind of the error, how far the call had come, and whether\n\
         and when to try again. Each row is acted by the server of `agentforge_llm::testkit`, over HTTP/1.1 and HTTP/2, in\n\
         every wire. This file is written by the test that asserts it; `AGENTFORGE_BLESS=1` writes it anew.\n\n\
         | fault | what the provider does | what the call ends in |\n|---|---|---|\n",
    );
    for fault in Fault::ALL.iter().copied() {
        let mut by_outcome: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for wire in wires() {
            by_outcome.entry(cell(expected(fault, wire))).or_default().push(wire);
        }
        let common = cell(usual(fault));
        let mut ends = if by_outcome.contains_key(&common) { common.clone() } else { String::new() };
        for (outcome, wires) in by_outcome.iter().filter(|(outcome, _)| **outcome != common) {
            let wires: Vec<String> = wires.iter().map(|wire| format!("`{wire}`")).collect();
            let separator = if ends.is_empty() { "" } else { "; " };
            write!(ends, "{separator}{}: {outcome}", wires.join(", ")).unwrap();
        }
        writeln!(page, "| {} | {} | {ends} |", fault.name(), fault.what()).unwrap();
    }
    let wires: Vec<String> = wires().into_iter().map(|wire| format!("`{wire}`")).collect();
    writeln!(page, "\nWires: {}.", wires.join(", ")).unwrap();
    page
}

#[test]
fn the_table_in_the_documents_is_the_one_that_is_asserted() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("FAULTS.md");
    let page = page();
    if std::env::var_os("AGENTFORGE_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let file = std::fs::read_to_string(&path).unwrap();
    assert_eq!(file, page, "FAULTS.md is not what the test asserts; AGENTFORGE_BLESS=1 writes it anew");
}
