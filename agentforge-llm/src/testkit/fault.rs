//! Everything that goes wrong between a provider and its client, acted in any wire.

use agentforge_core::Result;
use bytes::Bytes;
use serde_json::json;

use super::{
    answer::{Answer, Pause},
    dialect::{self, Dialect, Failure, Why},
    provider::ReceivedRequest,
    speech::Speech,
};

/// The hour of the server, where it tells it: waits that are dates are seven seconds later.
const NOW: &str = "Thu, 01 Jan 2026 00:00:00 GMT";
const LATER: &str = "Thu, 01 Jan 2026 00:00:07 GMT";
const LATER_RFC3339: &str = "2026-01-01T00:00:07Z";
const LATER_MILLISECONDS: &str = "1767225607000";

/// What a good answer says, before or besides what goes wrong with it.
const SAID: &str = "All is well.";

const PAGE: &str = "<!DOCTYPE html>\n<html><body><h1>Bad gateway</h1></body></html>\n";

/// More than any client should hold for one answer.
const HUGE_PIECES: usize = 34;
const HUGE_PIECE: usize = 1024 * 1024;

macro_rules! faults {
    ($($name:ident = $word:literal, $what:literal;)*) => {
        /// Something that goes wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault { $(#[doc = concat!($what, ".")] $name,)* }

        impl Fault {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Fault] = &[$(Fault::$name,)*];

            /// Its name in the table.
            pub const fn name(self) -> &'static str {
                match self { $(Fault::$name => $word,)* }
            }

            /// What the server does.
            pub const fn what(self) -> &'static str {
                match self { $(Fault::$name => $what,)* }
            }
        }
    };
}

faults! {
    RetryAfterSeconds = "429 retry-after", "Status 429 with `retry-after: 7`";
    RetryAfterDate = "429 retry-after date", "Status 429 with `retry-after` as an HTTP date in 7 s";
    RetryAfterMs = "429 retry-after-ms", "Status 429 with `retry-after-ms: 1500` beside `retry-after: 2`";
    ResetIn = "429 reset in", "Status 429 with `x-ratelimit-reset-requests: 1m2.5s`, none remaining";
    ResetAt = "429 reset at", "Status 429 with `x-ratelimit-reset` in milliseconds since 1970";
    AnthropicReset = "429 anthropic reset", "Status 429 with `anthropic-ratelimit-tokens-reset` as an instant in 7 s";
    RetryInfo = "429 retry info", "Status 429 with a `google.rpc.RetryInfo` of 7 s in its body";
    WaitInWords = "429 in words", "Status 429 that says `Please try again in 1.2s`";
    NoWait = "429 bare", "Status 429 that names no wait";
    Overloaded = "529", "Status 529, overloaded";
    Unavailable = "503", "Status 503 with `retry-after: 7`";
    ServerError = "500", "Status 500 with an error of the API";
    GatewayTimeout = "504", "Status 504 without a body";
    WrongKey = "401", "Status 401 that quotes the key";
    NoSuchModel = "404", "Status 404, no such model";
    TooLong = "context overflow", "Status 400 that says that the prompt is too long";
    Filtered = "content filter", "Status 400 that says that a filter blocked the content";
    Quota = "quota", "Status 402, nothing left to pay with";
    Redirect = "redirect", "Status 307 to another address";
    PageOfSuccess = "page with 200", "A page of HTML with status 200";
    PageOfFailure = "page with 502", "A page of HTML with status 502";
    EmptyBody = "empty body", "Status 200 and nothing";
    EmptyFailure = "empty 500", "Status 500 and nothing";
    HugeBody = "huge body", "Status 200 and one answer of 34 MiB";
    HugeFailure = "huge 500", "Status 500 and a text of 34 MiB";
    Garbage = "garbage", "Status 200 and bytes without a meaning";
    GarbageEvent = "garbage event", "A stream whose first event is no JSON";
    GarbageLater = "garbage later", "A stream with an event in its middle that is no JSON";
    ErrorFirst = "error first", "A stream whose first event is an error: overloaded";
    ErrorLater = "error later", "A stream with an error in its middle: overloaded";
    HangsUp = "hangs up", "Closes the connection instead of answering";
    CutFirst = "cut at once", "Breaks off after the head of a stream";
    CutLater = "cut later", "Breaks off in the middle of a stream";
    EndsEarly = "ends early", "Ends a stream in its middle as if it were whole";
    SilentHead = "no head", "Takes the request and says nothing";
    SilentFirst = "stalls at once", "Falls silent after the head of a stream";
    SilentLater = "stalls later", "Falls silent in the middle of a stream";
    BrokenGzip = "broken gzip", "Claims a compression that the body has not";
    Gzip = "gzip", "A good stream, compressed";
    Trickle = "trickle", "A good stream, every byte alone";
    Document = "one document", "A good answer in one document instead of a stream";
    WrongType = "wrong content type", "A good stream that calls itself `text/html`";
}

impl Fault {
    /// What the server does, in a wire. A fault that quotes the request does so when it is given.
    pub(super) fn answer(self, wire: &str, request: Option<&ReceivedRequest>) -> Result<Answer> {
        let dialect = dialect::of(wire)?;
        let fails = |status: u16, why: Why, message: &str| failing(dialect, status, why, message);
        let limited = || fails(429, Why::RateLimited, "Slow down.").header("date", NOW);
        let good = || Speech::new().text(SAID).streamed(wire);
        // Up to the first words.
        let half = || good().map(|answer| answer.first(begun(dialect)));
        let head = || Answer::stream(wire, Vec::<Bytes>::new());
        let broken =
            |why| (dialect.failing_event)(&Failure { why, status: 503, message: "Overloaded.".to_owned() });
        Ok(match self {
            Self::RetryAfterSeconds => limited().header("retry-after", "7"),
            Self::RetryAfterDate => limited().header("retry-after", LATER),
            Self::RetryAfterMs => limited().header("retry-after", "2").header("retry-after-ms", "1500"),
            Self::ResetIn => limited()
                .header("x-ratelimit-remaining-requests", "0")
                .header("x-ratelimit-reset-requests", "1m2.5s")
                .header("x-ratelimit-remaining-tokens", "9000")
                .header("x-ratelimit-reset-tokens", "20ms"),
            Self::ResetAt => {
                limited().header("x-ratelimit-remaining", "0").header("x-ratelimit-reset", LATER_MILLISECONDS)
            }
            Self::AnthropicReset => limited()
                .header("anthropic-ratelimit-tokens-remaining", "0")
                .header("anthropic-ratelimit-tokens-reset", LATER_RFC3339),
            Self::RetryInfo => {
                let delay = json!({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "7s"});
                let error = json!({"code": 429, "message": "Slow down.", "status": "RESOURCE_EXHAUSTED", "details": [delay]});
                Answer::json(429, &json!({"error": error}))
            }
            Self::WaitInWords => {
                fails(429, Why::RateLimited, "Rate limit reached. Please try again in 1.2s. See the docs.")
            }
            Self::NoWait => limited(),
            Self::Overloaded => fails(529, Why::Overloaded, "Overloaded."),
            Self::Unavailable => fails(503, Why::Overloaded, "Overloaded.").header("retry-after", "7"),
            Self::ServerError => fails(500, Why::Broken, "Something broke."),
            Self::GatewayTimeout => Answer::new(504),
            Self::WrongKey => fails(401, Why::WrongKey, &quoting(request)),
            Self::NoSuchModel => fails(404, Why::NoSuchModel, "The model `model-1` does not exist."),
            Self::TooLong => fails(
                400,
                Why::TooLong,
                "prompt is too long: the input token count exceeds the context window",
            ),
            Self::Filtered => fails(400, Why::Filtered, "Output blocked by content filtering policy"),
            Self::Quota => fails(402, Why::NoMoney, "Your credits are depleted; check your billing."),
            Self::Redirect => Answer::new(307).header("location", "http://127.0.0.1:9/elsewhere"),
            Self::PageOfSuccess => Answer::page(200, PAGE),
            Self::PageOfFailure => Answer::page(502, PAGE),
            Self::EmptyBody => Answer::new(200),
            Self::EmptyFailure => Answer::new(500),
            Self::HugeBody => huge(200),
            Self::HugeFailure => huge(500),
            Self::Garbage => head()?.piece(garbage()),
            Self::GarbageEvent => head()?.piece((dialect.garbage)()),
            Self::GarbageLater => half()?.piece((dialect.garbage)()),
            Self::ErrorFirst => head()?.piece(broken(Why::Overloaded)),
            Self::ErrorLater => half()?.piece(broken(Why::Overloaded)),
            Self::HangsUp => Answer::hang_up(),
            Self::CutFirst => head()?.cut(),
            Self::CutLater => half()?.cut(),
            Self::EndsEarly => half()?,
            Self::SilentHead => head()?.late(Pause::Forever),
            Self::SilentFirst => head()?.pause(Pause::Forever),
            Self::SilentLater => half()?.pause(Pause::Forever),
            Self::BrokenGzip => good()?.header("content-encoding", "gzip"),
            Self::Gzip => good()?.gzip(),
            Self::Trickle => good()?.trickled(),
            Self::Document => Speech::new().text(SAID).whole(wire)?,
            Self::WrongType => {
                let mut answer = good()?;
                answer.headers = [("content-type", "text/html; charset=utf-8")].into_iter().collect();
                answer
            }
        })
    }
}

fn failing(dialect: &Dialect, status: u16, why: Why, message: &str) -> Answer {
    let answer =
        Answer::json(status, &(dialect.failure)(&Failure { why, status, message: message.to_owned() }));
    match dialect.failure_header {
        Some(header) => {
            let (name, value) = header(why);
            answer.header(name, value)
        }
        None => answer,
    }
}

/// How many events of a stream it takes until the first words are there.
fn begun(dialect: &Dialect) -> usize {
    let first = SAID.split_inclusive(' ').next().unwrap_or_default();
    let events = (dialect.stream)(&Speech::new().text(SAID));
    let said = |event: &Bytes| memchr::memmem::find(event, first.as_bytes()).is_some();
    events.iter().position(said).map_or(events.len(), |place| place + 1)
}

fn quoting(request: Option<&ReceivedRequest>) -> String {
    let key = request.and_then(|request| {
        let names = ["authorization", "x-api-key", "x-goog-api-key", "api-key"];
        names.into_iter().find_map(|name| request.headers.get(name))
    });
    format!("Incorrect API key provided: {}.", key.unwrap_or("none"))
}

fn huge(status: u16) -> Answer {
    let piece = Bytes::from(vec![b'x'; HUGE_PIECE]);
    let answer = Answer::new(status).header("content-type", "application/json").piece("{\"text\":\"");
    answer.pieces(std::iter::repeat_n(piece, HUGE_PIECES))
}

/// The same bytes in every run.
fn garbage() -> Bytes {
    let mut word = 0x2545_f491_u32;
    let next = |_| {
        word = word.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        word.to_be_bytes().first().copied().unwrap_or_default()
    };
    // Not one of the first letters of JSON, HTML or an event.
    std::iter::once(0x9c).chain((0..600).map(next)).collect()
}
