//! How long a provider asks to wait, in every dialect that providers speak.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use super::ReplyHead;

/// The longest wait that is believed; beyond it the number is taken for a mistake.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait from `retry-after-ms`, else from `retry-after` in seconds or as a date, else from words like
/// `try again in 1m2.5s` in the message, else from the headers that say when a limit begins anew.
pub fn wait_of(head: &ReplyHead, message: &str) -> Option<Duration> {
    let milliseconds = head.headers.get("retry-after-ms").and_then(|text| seconds(text, 0.001));
    let wait = milliseconds
        .or_else(|| {
            let text = head.headers.get("retry-after")?;
            seconds(text, 1.0).or_else(|| until(text, head))
        })
        .or_else(|| in_words(message))
        .or_else(|| new_window(head))?;
    (wait <= LONGEST).then_some(wait)
}

/// The wait in the words of an error that came without a head of its own, inside a stream.
pub(super) fn wait_in_words(message: &str) -> Option<Duration> {
    in_words(message).filter(|wait| *wait <= LONGEST)
}

fn seconds(text: &str, unit: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(text.trim().parse::<f64>().ok()? * unit).ok()
}

/// The time until an HTTP date, by the server's own clock where it tells its time.
fn until(date: &str, head: &ReplyHead) -> Option<Duration> {
    let parse = |text: &str| DateTimeParser::new().parse_timestamp(text.trim()).ok();
    let now = head.headers.get("date").and_then(parse).unwrap_or(head.at.as_jiff());
    let wait = parse(date)?.duration_since(now);
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

/// When the limit that is used up begins anew: `x-ratelimit-reset`, `x-ratelimit-reset-requests`,
/// `anthropic-ratelimit-tokens-reset` and their like, each beside a count of what remains. They come with every reply,
/// so they mean a wait only where a limit is what failed.
fn new_window(head: &ReplyHead) -> Option<Duration> {
    if head.status != 429 {
        return None;
    }
    let mut used_up: Option<Duration> = None;
    let mut others: Option<Duration> = None;
    for (name, value) in head.headers.iter() {
        let name = name.to_ascii_lowercase();
        let known = ["x-ratelimit-", "anthropic-ratelimit-", "ratelimit-"];
        if !name.contains("reset") || !known.into_iter().any(|family| name.starts_with(family)) {
            continue;
        }
        let Some(wait) = instant(value, head) else { continue };
        if head.headers.get(&name.replace("reset", "remaining")).is_some_and(|count| count.trim() == "0") {
            used_up = used_up.max(Some(wait));
        } else {
            // Which limit it was is a guess: the nearest one costs at most another attempt.
            others = Some(others.map_or(wait, |other| other.min(wait)));
        }
    }
    used_up.or(others)
}

/// `7`, `1.2s`, `6m0s`, seconds or milliseconds since 1970, RFC 3339, or an HTTP date.
pub(super) fn instant(text: &str, head: &ReplyHead) -> Option<Duration> {
    const SECONDS_OF_2001: f64 = 1e9;
    let now = || {
        let date =
            head.headers.get("date").and_then(|text| DateTimeParser::new().parse_timestamp(text.trim()).ok());
        date.unwrap_or(head.at.as_jiff())
    };
    if let Ok(number) = text.trim().parse::<f64>() {
        if number < SECONDS_OF_2001 {
            return seconds(text, 1.0);
        }
        let since = if number < SECONDS_OF_2001 * 1000.0 { number } else { number / 1000.0 };
        let then = Duration::try_from_secs_f64(since).ok()?;
        let now = Duration::try_from(now().as_duration()).ok()?;
        return Some(then.saturating_sub(now));
    }
    if let Ok(then) = text.trim().parse::<jiff::Timestamp>() {
        return Some(Duration::try_from(then.duration_since(now())).unwrap_or(Duration::ZERO));
    }
    until(text, head).or_else(|| in_words(&format!("try again in {}", text.trim())))
}

/// `… try again in 6m0s`, `… in 1.2s`, `… in 20ms`, `… in 3 seconds`.
fn in_words(message: &str) -> Option<Duration> {
    let lower = message.to_ascii_lowercase();
    let after = ["try again in ", "retry after ", "retry in "]
        .into_iter()
        .find_map(|cue| lower.split_once(cue).map(|(_, after)| after))?;
    let mut total = 0.0;
    let mut rest = after;
    loop {
        let digits =
            rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(rest.len());
        let (number, more) = rest.split_at_checked(digits)?;
        let Ok(number) = number.trim_end_matches('.').parse::<f64>() else { break };
        let more = more.trim_start();
        let unit_length = more.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(more.len());
        let (unit, more) = more.split_at_checked(unit_length)?;
        total += number
            * match unit {
                "ms" | "milliseconds" => 0.001,
                "s" | "sec" | "second" | "seconds" => 1.0,
                "m" | "min" | "minute" | "minutes" => 60.0,
                "h" | "hour" | "hours" => 3600.0,
                _ => return None,
            };
        rest = more;
    }
    if rest.len() == after.len() { None } else { Duration::try_from_secs_f64(total).ok() }
}

#[cfg(test)]
mod tests {
    use agentforge_core::time::Timestamp;

    use super::*;

    fn head(headers: &[(&str, &str)]) -> ReplyHead {
        ReplyHead {
            provider: "test".to_owned(),
            status: 429,
            headers: headers.iter().copied().collect(),
            at: Timestamp::from_micros(1_767_225_600_000_000).unwrap(),
        }
    }

    #[test]
    fn every_dialect_of_headers() {
        let check = |headers: &[(&str, &str)], expected: Option<u64>| {
            let wait = wait_of(&head(headers), "").map(|wait| u64::try_from(wait.as_millis()).unwrap());
            assert_eq!(wait, expected, "{headers:?}");
        };
        check(&[("Retry-After-Ms", "1500"), ("retry-after", "9")], Some(1500));
        check(&[("retry-after", "2")], Some(2000));
        check(&[("retry-after", "0.25")], Some(250));
        check(&[("retry-after", "Thu, 01 Jan 2026 00:00:07 GMT")], Some(7000));
        check(
            &[("retry-after", "Thu, 01 Jan 2026 00:00:07 GMT"), ("date", "Thu, 01 Jan 2026 00:00:05 GMT")],
            Some(2000),
        );
        check(&[("retry-after", "Wed, 31 Dec 2025 00:00:00 GMT")], Some(0));
        for nonsense in ["", "soon", "-5", "NaN", "inf", "1e300", "99999999"] {
            check(&[("retry-after", nonsense)], None);
        }
    }

    #[test]
    fn the_limit_that_is_used_up_says_when_it_begins_anew() {
        let check = |headers: &[(&str, &str)], expected: Option<u64>| {
            let wait = wait_of(&head(headers), "").map(|wait| u64::try_from(wait.as_millis()).unwrap());
            assert_eq!(wait, expected, "{headers:?}");
        };
        check(&[("x-ratelimit-reset-requests", "1m2.5s")], Some(62_500));
        check(&[("X-RateLimit-Reset-Tokens", "20ms"), ("retry-after", "3")], Some(3000));
        check(&[("x-ratelimit-reset", "7")], Some(7000));
        check(&[("x-ratelimit-reset", "1767225607")], Some(7000));
        check(&[("x-ratelimit-reset", "1767225607500")], Some(7500));
        check(&[("anthropic-ratelimit-tokens-reset", "2026-01-01T00:00:07Z")], Some(7000));
        check(&[("ratelimit-reset", "Thu, 01 Jan 2026 00:00:07 GMT")], Some(7000));
        check(&[("x-ratelimit-reset", "1767225000")], Some(0));
        let both = |requests: &'static str, tokens: &'static str| {
            [
                ("x-ratelimit-reset-requests", "2s"),
                ("x-ratelimit-remaining-requests", requests),
                ("x-ratelimit-reset-tokens", "9s"),
                ("x-ratelimit-remaining-tokens", tokens),
            ]
        };
        check(&both("0", "5"), Some(2000));
        check(&both("5", "0"), Some(9000));
        check(&both("0", "0"), Some(9000));
        check(&both("5", "5"), Some(2000));
        for nonsense in ["", "soon", "-5", "NaN", "1e300"] {
            check(&[("x-ratelimit-reset", nonsense)], None);
        }
        check(&[("x-reset", "7")], None);
        // These headers come with every reply: elsewhere they say nothing.
        let fine = ReplyHead { status: 500, ..head(&[("x-ratelimit-reset", "7")]) };
        assert_eq!(wait_of(&fine, ""), None);
    }

    #[test]
    fn waits_in_words() {
        let check = |message: &str, expected: Option<u64>| {
            let wait = wait_of(&head(&[]), message).map(|wait| u64::try_from(wait.as_millis()).unwrap());
            assert_eq!(wait, expected, "{message:?}");
        };
        check("Rate limit reached. Please try again in 1.2s. Visit …", Some(1200));
        check("Please try again in 6m0s.", Some(360_000));
        check("Please try again in 280ms.", Some(280));
        check("try again in 3 seconds", Some(3000));
        check("try again in a moment", None);
        check("try again in 5 fortnights", None);
        check("busy", None);
    }
}
