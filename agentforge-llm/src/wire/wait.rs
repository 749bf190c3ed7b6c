//! How long a provider asks to wait, in every dialect that providers speak.

use std::time::Duration;

use jiff::fmt::rfc2822::DateTimeParser;

use super::ReplyHead;

/// The longest wait that is believed; beyond it the number is taken for a mistake.
const LONGEST: Duration = Duration::from_hours(24);

/// The wait from `retry-after-ms`, else from `retry-after` in seconds or as a date, else from words like
/// `try again in 1m2.5s` in the message.
pub fn wait_of(head: &ReplyHead, message: &str) -> Option<Duration> {
    let milliseconds = head.headers.get("retry-after-ms").and_then(|text| seconds(text, 0.001));
    let wait = milliseconds
        .or_else(|| {
            let text = head.headers.get("retry-after")?;
            seconds(text, 1.0).or_else(|| until(text, head))
        })
        .or_else(|| in_words(message))?;
    (wait <= LONGEST).then_some(wait)
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
