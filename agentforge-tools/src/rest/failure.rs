//! What a status beyond success means: a sentence that a model can act on, or a wait for the runtime.

use std::time::Duration;

use agentforge_core::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
    tool::ToolOutput,
};
use jiff::fmt::rfc2822::DateTimeParser;
use serde_json::{Value, json};

use super::{
    operation::RestOperation,
    reply::{Content, Reply, untrusted},
};

/// How much of a body is quoted.
const QUOTED: usize = 2_000;

/// A status that the operation did not expect.
pub(super) fn of(operation: &RestOperation, reply: &Reply, now: Timestamp) -> Result<ToolOutput> {
    let name = &operation.name;
    if let (429 | 503, Some(wait)) = (reply.status, wait_of(reply, now)) {
        let kind = if reply.status == 429 { ErrorKind::RateLimited } else { ErrorKind::Overloaded };
        return Err(Error::new(kind, format!("the service behind `{name}` asked to come back later"))
            .with("status", reply.status)
            .retry_after(Some(wait)));
    }
    let mut text = format!("`{name}` failed: {} {}", reply.status, sentence(operation, reply.status));
    let content = reply.content();
    let problem = match &content {
        Content::Json(value) => read_problem(value),
        _ => None,
    };
    match (&problem, &content) {
        (Some(problem), _) => text.push_str(&format!("\n{}", problem.text)),
        (None, Content::Json(value)) => text.push_str(&format!("\n{}", head(&value.to_string()))),
        (None, Content::Text(body)) if reply.media_type() != "text/html" => {
            text.push_str(&format!("\n{}", head(body.trim())));
        }
        _ => {}
    }
    let mut output = ToolOutput::error(text);
    let mut structured = json!({"status": reply.status});
    if let (Some(problem), Some(object)) = (problem, structured.as_object_mut()) {
        object.insert("problem".to_owned(), problem.whole);
    }
    output.structured = Some(structured);
    Ok(untrusted(output))
}

fn sentence(operation: &RestOperation, status: u16) -> &'static str {
    match status {
        400 => "the service did not understand the arguments; correct them as it says and call again",
        401 => "the service does not accept the credentials of this host; calling again does not help",
        402 => "the service wants to be paid first; calling again does not help",
        403 => "the account of this host may not do that; calling again does not help",
        404 => "there is nothing under these arguments; check the ids before calling again",
        405 | 501 => "the service does not offer this operation; calling again does not help",
        406 | 415 => "the service does not speak this format; calling again does not help",
        408 | 504 => "the service took too long",
        409 => "it conflicts with the present state; read that again before deciding what to do",
        410 => "what is asked for is gone for good",
        412 | 428 => "the state has changed in between; read it again and call with the new one",
        413 => "the request is too large; send less",
        422 => "the service understood the arguments and does not accept them; correct them as it says",
        423 => "it is locked at present; call again later",
        429 => "there were too many calls; wait before calling again",
        300..=399 => "the service points elsewhere; calling again does not help",
        500.. if operation.effective_annotations().repeatable() => {
            "the service failed; calling again later may help"
        }
        500.. => {
            "the service failed, and whether it took effect is not known; check that before calling again"
        }
        _ => "the service refused",
    }
}

/// A problem document (RFC 9457), or what services send in its place.
struct Problem {
    text: String,
    whole: Value,
}

fn read_problem(value: &Value) -> Option<Problem> {
    let object = value.as_object()?;
    // `{"error": {"message": ..}}` and `{"error": ".."}` are as common as problem documents.
    let inner = object.get("error").and_then(Value::as_object).unwrap_or(object);
    let word = |key: &str| inner.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let title = word("title").or_else(|| object.get("error").and_then(Value::as_str));
    let detail = ["detail", "message", "error_description", "msg"].into_iter().find_map(word);
    let mut text = match (title, detail) {
        (Some(title), Some(detail)) if title != detail => format!("{title}: {detail}"),
        (Some(text), _) | (None, Some(text)) => text.to_owned(),
        (None, None) => return None,
    };
    for key in ["errors", "invalid-params", "invalid_params", "details", "violations"] {
        if let Some(list) = inner.get(key).filter(|list| list.is_array() || list.is_object()) {
            text.push_str(&format!("\n{key}: {list}"));
        }
    }
    let keep = ["type", "title", "status", "detail", "instance"];
    let known = inner.iter().filter(|(key, value)| {
        keep.contains(&key.as_str()) && value.as_str().is_none_or(|text| text.len() <= QUOTED)
    });
    let whole = known.map(|(key, value)| (key.clone(), value.clone())).collect();
    Some(Problem { text: head(&text), whole: Value::Object(whole) })
}

fn head(text: &str) -> String {
    if text.chars().count() <= QUOTED {
        return text.to_owned();
    }
    let mut cut: String = text.chars().take(QUOTED).collect();
    cut.push_str(" …");
    cut
}

/// What `retry-after` says, in seconds or as a date by the service's own clock.
fn wait_of(reply: &Reply, now: Timestamp) -> Option<Duration> {
    let text = reply.headers.get("retry-after")?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds.max(0.0)).ok();
    }
    let instant = |text: &str| DateTimeParser::new().parse_timestamp(text.trim()).ok().map(Timestamp::from);
    let now = reply.headers.get("date").and_then(instant).unwrap_or(now);
    Some(instant(text)?.since(now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentforge_core::http::{Headers, Method};
    use bytes::Bytes;

    fn failed(method: Method, status: u16, headers: &[(&str, &str)], body: &str) -> Result<ToolOutput> {
        let operation = RestOperation::new("shop", "A shop.", method, "https://a.example", "/x");
        let headers = headers.iter().copied().collect::<Headers>();
        let reply = Reply { status, headers, body: Bytes::from(body.to_owned()) };
        of(&operation, &reply, "2026-01-01T00:00:00Z".parse().unwrap())
    }

    fn text(output: &ToolOutput) -> &str {
        output.parts[0].as_text().unwrap()
    }

    #[test]
    fn a_problem_document_is_read() {
        let body = r#"{"type":"https://x/out","title":"Out of stock","detail":"No tea left.","status":409,
            "errors":[{"field":"item"}],"trace":"secret stack"}"#;
        let output =
            failed(Method::Post, 409, &[("content-type", "application/problem+json")], body).unwrap();
        assert!(output.failed && output.trust.is_some());
        assert!(
            text(&output).contains("Out of stock: No tea left.\nerrors: [{\"field\":\"item\"}]"),
            "{}",
            text(&output)
        );
        assert!(!text(&output).contains("secret stack"));
        assert_eq!(output.structured.unwrap()["problem"]["title"], "Out of stock");
    }

    #[test]
    fn every_common_status_has_a_sentence_of_its_own() {
        let texts: Vec<_> = [400, 401, 403, 404, 409, 422, 429, 500]
            .map(|status| text(&failed(Method::Get, status, &[], "").unwrap()).to_owned())
            .into();
        let mut unique = texts.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), texts.len(), "{texts:#?}");
    }

    #[test]
    fn only_a_write_that_failed_is_in_doubt() {
        let check = |method, expected: bool| {
            let output = failed(method, 500, &[], "").unwrap();
            assert_eq!(text(&output).contains("not known"), expected, "{method}");
        };
        check(Method::Post, true);
        check(Method::Get, false);
        check(Method::Put, false);
    }

    #[test]
    fn a_wait_that_the_service_names_is_the_runtimes() {
        let check = |status, headers: &[(&str, &str)], seconds: u64| {
            let error = failed(Method::Get, status, headers, "").unwrap_err();
            assert!(error.is_retryable());
            assert_eq!(error.wait(), Some(Duration::from_secs(seconds)));
        };
        check(429, &[("retry-after", "7")], 7);
        check(503, &[("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT")], 30);
        check(
            503,
            &[("retry-after", "Thu, 01 Jan 2026 00:00:30 GMT"), ("date", "Thu, 01 Jan 2026 00:00:25 GMT")],
            5,
        );
        check(429, &[("retry-after", "Thu, 01 Jan 1970 00:00:00 GMT")], 0);
        assert!(failed(Method::Get, 429, &[("retry-after", "soon")], "").unwrap().failed);
        assert!(failed(Method::Get, 500, &[("retry-after", "7")], "").unwrap().failed);
    }

    #[test]
    fn a_long_body_is_cut_and_a_page_of_html_left_out() {
        let long = failed(Method::Get, 500, &[("content-type", "text/plain")], &"ü".repeat(10_000)).unwrap();
        assert!(text(&long).chars().count() < QUOTED + 200);
        let page = failed(Method::Get, 500, &[("content-type", "text/html")], "<h1>Oops</h1>").unwrap();
        assert!(!text(&page).contains("Oops"));
    }
}
