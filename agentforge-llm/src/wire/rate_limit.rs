//! The rate limits that a provider tells beside every reply: how many are left, and until when.

use agentforge_core::model::{RateLimit, RateLimitUnit};

use super::{ReplyHead, wait::instant};

/// The families of headers. `ratelimit-…` is the IETF's draft.
const FAMILIES: [&str; 3] = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];

/// Every limit that says what remains of it: `x-ratelimit-remaining-tokens`, `x-ratelimit-remaining-requests-day`,
/// `anthropic-ratelimit-input-tokens-remaining`, `ratelimit-remaining` and their like. What is no count is skipped;
/// some send `-1` for a limit that they do not keep.
pub(crate) fn rate_limits(head: &ReplyHead) -> Vec<RateLimit> {
    head.headers
        .iter()
        .filter_map(|(header, value)| {
            let header = header.to_ascii_lowercase();
            let rest = FAMILIES.into_iter().find_map(|family| header.strip_prefix(family))?;
            let words: Vec<&str> = rest.split('-').filter(|word| *word != "remaining").collect();
            if words.len() == rest.split('-').count() {
                return None;
            }
            let beside = |word| head.headers.get(&header.replace("remaining", word));
            let limit = beside("limit").and_then(|text| text.trim().parse().ok());
            let wait = beside("reset").and_then(|text| instant(text, head));
            Some(RateLimit {
                counts: unit(&words)?,
                name: if words.is_empty() { "requests".to_owned() } else { words.join("-") },
                limit,
                remaining: value.trim().parse().ok()?,
                resets_at: wait.map(|wait| head.at.after(wait)),
            })
        })
        .filter(|limit| limit.limit != Some(0))
        .collect()
}

fn unit(words: &[&str]) -> Option<RateLimitUnit> {
    let says = |known: &[&str]| words.iter().any(|word| known.contains(word));
    if says(&["tokens", "token"]) {
        return Some(if says(&["input", "prompt"]) {
            RateLimitUnit::InputTokens
        } else if says(&["output", "generated"]) {
            RateLimitUnit::OutputTokens
        } else {
            RateLimitUnit::Tokens
        });
    }
    (words.is_empty() || says(&["requests", "request", "req"])).then_some(RateLimitUnit::Requests)
}

#[cfg(test)]
mod tests {
    use RateLimitUnit::{InputTokens, OutputTokens, Requests, Tokens};
    use agentforge_core::time::Timestamp;

    use super::*;

    #[test]
    fn every_dialect_of_what_remains() {
        let at = Timestamp::from_micros(1_767_225_600_000_000).unwrap();
        let check = |headers: &[(&str, &str)], expected: Option<(&str, RateLimitUnit, u64, Option<i64>)>| {
            let headers = headers.iter().copied().collect();
            let limits = rate_limits(&ReplyHead { provider: "test".to_owned(), status: 200, headers, at });
            let found = limits.first().map(|limit| {
                let seconds = limit.resets_at.map(|until| (until.as_micros() - at.as_micros()) / 1_000_000);
                (limit.name.as_str(), limit.counts, limit.remaining, seconds)
            });
            assert_eq!(found, expected);
        };
        check(
            &[("X-RateLimit-Remaining-Tokens", "149"), ("x-ratelimit-reset-tokens", "6m0s")],
            Some(("tokens", Tokens, 149, Some(360))),
        );
        check(
            &[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-reset-requests", "1767225607")],
            Some(("requests", Requests, 0, Some(7))),
        );
        check(
            &[
                ("anthropic-ratelimit-input-tokens-remaining", "5"),
                ("anthropic-ratelimit-input-tokens-reset", "2026-01-01T00:00:07Z"),
            ],
            Some(("input-tokens", InputTokens, 5, Some(7))),
        );
        check(
            &[("anthropic-ratelimit-output-tokens-remaining", "5")],
            Some(("output-tokens", OutputTokens, 5, None)),
        );
        check(&[("x-ratelimit-remaining-tokens-minute", "9")], Some(("tokens-minute", Tokens, 9, None)));
        check(
            &[("ratelimit-remaining", "3"), ("ratelimit-reset", "2")],
            Some(("requests", Requests, 3, Some(2))),
        );
        // A limit that is not kept, another thing that is counted, and no count at all.
        check(&[("x-ratelimit-remaining-requests", "-1")], None);
        check(&[("x-ratelimit-remaining-requests", "0"), ("x-ratelimit-limit-requests", "0")], None);
        check(&[("x-ratelimit-remaining-images", "4")], None);
        check(&[("x-ratelimit-limit-requests", "60"), ("x-remaining", "3")], None);
    }
}
