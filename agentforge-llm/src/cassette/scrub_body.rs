//! Takes members out of bodies, whatever carries their JSON: one document, lines, a stream of events, or the binary
//! event stream of AWS, whose checksums are made anew.

use bytes::Bytes;
use serde_json::Value;

use super::{
    matching::{steps, visit},
    scrub::REDACTED,
};
use crate::frame::{EventStreamFramer, event_message::written};

/// Members whose texts are secrets whoever says them.
const NAMES: [&str; 9] = [
    "authorization",
    "api_key",
    "apikey",
    "api-key",
    "x-api-key",
    "access_token",
    "refresh_token",
    "client_secret",
    "password",
];

/// The members that are taken out.
pub(super) struct Members<'a> {
    pub(super) named: &'a [String],
    pub(super) pointers: &'a [String],
}

impl Members<'_> {
    /// The body without them. `saw` is shown each text that a name of the usual ones marks as secret.
    pub(super) fn scrub(&self, body: &Bytes, saw: &mut dyn FnMut(&str)) -> Bytes {
        each_payload(body, &mut |payload| self.text(payload, saw)).unwrap_or_else(|| body.clone())
    }

    /// The JSON in a text without them; `None` when nothing changed. What is unchanged keeps its bytes.
    fn text(&self, bytes: &[u8], saw: &mut dyn FnMut(&str)) -> Option<Vec<u8>> {
        if let Ok(document) = serde_json::from_slice(bytes) {
            return self.json(document, saw).map(|json| json.to_string().into_bytes());
        }
        let text = std::str::from_utf8(bytes).ok()?;
        let mut clean = String::with_capacity(text.len());
        let mut changed = false;
        let mut event: Vec<&str> = Vec::new();
        for line in text.split_inclusive('\n') {
            event.push(line);
            if line.trim().is_empty() {
                changed |= self.event(&event, &mut clean, saw);
                event.clear();
            }
        }
        changed |= self.event(&event, &mut clean, saw);
        changed.then(|| clean.into_bytes())
    }

    /// One event of a stream, or lines that each are a document.
    fn event(&self, lines: &[&str], clean: &mut String, saw: &mut dyn FnMut(&str)) -> bool {
        let data = |line: &str| {
            let data = line.strip_prefix("data:")?;
            Some(data.strip_prefix(' ').unwrap_or(data).trim_end_matches(['\r', '\n']).to_owned())
        };
        let whole: Vec<String> = lines.iter().filter_map(|line| data(line)).collect();
        let joined = serde_json::from_str(&whole.join("\n")).ok().and_then(|json| self.json(json, saw));
        let mut changed = joined.is_some();
        let mut joined = joined.map(|json| json.to_string());
        for line in lines {
            match (data(line), changed && !whole.is_empty()) {
                // The data may stand in several lines; the first one takes all of it.
                (Some(_), true) => {
                    if let Some(json) = joined.take() {
                        clean.push_str(&format!("data: {json}\n"));
                    }
                }
                (None, _) if line.trim_start().starts_with('{') => {
                    let json = serde_json::from_str(line).ok().and_then(|json| self.json(json, saw));
                    if let Some(json) = json {
                        changed = true;
                        clean.push_str(&format!("{json}\n"));
                    } else {
                        clean.push_str(line);
                    }
                }
                _ => clean.push_str(line),
            }
        }
        changed
    }

    /// The value without them; `None` when nothing changed.
    fn json(&self, mut value: Value, saw: &mut dyn FnMut(&str)) -> Option<Value> {
        let mut changed = self.members(&mut value, saw);
        for pointer in self.pointers {
            visit(&mut value, &steps(pointer), &mut |found| changed |= blank(found));
        }
        changed.then_some(value)
    }

    fn members(&self, value: &mut Value, saw: &mut dyn FnMut(&str)) -> bool {
        let mut changed = false;
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    changed |= if self.named.contains(name) {
                        blank(member)
                    } else if let (Value::String(text), true) =
                        (&*member, NAMES.contains(&name.to_ascii_lowercase().as_str()))
                    {
                        saw(text);
                        blank(member)
                    } else {
                        self.members(member, saw)
                    };
                }
            }
            Value::Array(elements) => {
                for element in elements {
                    changed |= self.members(element, saw);
                }
            }
            _ => {}
        }
        changed
    }
}

/// Empties a value and keeps its form, so that who reads it later still can.
fn blank(value: &mut Value) -> bool {
    match value {
        Value::String(text) if text.is_empty() || text == REDACTED => false,
        Value::String(text) => {
            *text = REDACTED.to_owned();
            true
        }
        Value::Number(number) if number.as_f64() == Some(0.0) => false,
        Value::Number(_) => {
            *value = 0.into();
            true
        }
        Value::Bool(true) => {
            *value = false.into();
            true
        }
        Value::Bool(false) | Value::Null => false,
        Value::Array(elements) => elements.iter_mut().map(blank).fold(false, |any, changed| any | changed),
        Value::Object(members) => members.values_mut().map(blank).fold(false, |any, changed| any | changed),
    }
}

/// Changes what a body carries: the payload of every message of a binary event stream, else the body as a whole.
/// `None` when nothing changed.
pub(super) fn each_payload(body: &Bytes, change: &mut dyn FnMut(&[u8]) -> Option<Vec<u8>>) -> Option<Bytes> {
    if !is_event_stream(body) {
        return change(body).map(Bytes::from);
    }
    let mut changed = false;
    let mut clean = Vec::with_capacity(body.len());
    let mut rest = &body[..];
    while let Some((message, after)) = length(rest, 0).and_then(|length| rest.split_at_checked(length)) {
        let anew = length(message, 4)
            .and_then(|headers| {
                let before = message.get(8..)?.get(4..)?;
                let (headers, payload) = before.split_at_checked(headers)?;
                Some((headers, payload.get(..payload.len().checked_sub(4)?)?))
            })
            .and_then(|(headers, payload)| written(headers, &change(payload)?));
        changed |= anew.is_some();
        clean.extend_from_slice(anew.as_deref().unwrap_or(message));
        rest = after;
        if message.is_empty() {
            break;
        }
    }
    // A message that was cut cannot be read by anyone; what it says may still be a secret.
    let cut = change(rest);
    changed |= cut.is_some();
    clean.extend_from_slice(cut.as_deref().unwrap_or(rest));
    changed.then(|| clean.into())
}

/// Whether the first message is whole and fits its checksums.
fn is_event_stream(body: &[u8]) -> bool {
    let whole = length(body, 0).and_then(|length| body.get(..length));
    let mut messages = 0;
    let read = whole.map(|message| {
        EventStreamFramer::new().feed(message, |_| {
            messages += 1;
            Ok(())
        })
    });
    read.is_some_and(|read| read.is_ok()) && messages == 1
}

fn length(bytes: &[u8], at: usize) -> Option<usize> {
    let four: [u8; 4] = bytes.get(at..at + 4)?.try_into().ok()?;
    usize::try_from(u32::from_be_bytes(four)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scrubbed(body: &[u8]) -> Vec<u8> {
        let named = ["email".to_owned()];
        let pointers = ["/user/*/id".to_owned()];
        let members = Members { named: &named, pointers: &pointers };
        members.scrub(&Bytes::copy_from_slice(body), &mut |_| {}).to_vec()
    }

    #[test]
    fn members_are_emptied_in_documents_events_and_lines_and_the_rest_keeps_its_bytes() {
        let check = |body: &str, expected: &str| {
            assert_eq!(String::from_utf8(scrubbed(body.as_bytes())).unwrap(), expected);
        };
        check(r#"{ "a": 1.50 }"#, r#"{ "a": 1.50 }"#);
        check(r#"{"email":"x@y","n":1}"#, r#"{"email":"[REDACTED]","n":1}"#);
        check(r#"{"email":{"to":["x@y",7,true,null]}}"#, r#"{"email":{"to":["[REDACTED]",0,false,null]}}"#);
        check(r#"{"user":[{"id":5,"n":1},{"id":"x"}]}"#, r#"{"user":[{"id":0,"n":1},{"id":"[REDACTED]"}]}"#);
        check(
            r#"{"properties":{"password":{"type":"string"}}}"#,
            r#"{"properties":{"password":{"type":"string"}}}"#,
        );
        check(r#"{"tools":[{"authorization":"x"}]}"#, r#"{"tools":[{"authorization":"[REDACTED]"}]}"#);
        check(
            "event: a\r\ndata: {\"n\":  1}\r\n\r\nevent: b\ndata: {\"email\":\ndata: \"x@y\"}\nid: 4\n\ndata: [DONE]\n\n",
            "event: a\r\ndata: {\"n\":  1}\r\n\r\nevent: b\ndata: {\"email\":\"[REDACTED]\"}\nid: 4\n\ndata: [DONE]\n\n",
        );
        check("{\"n\": 1}\n{\"email\":\"x\"}\n", "{\"n\": 1}\n{\"email\":\"[REDACTED]\"}\n");
        check("no JSON, email x@y", "no JSON, email x@y");
    }

    #[test]
    fn a_binary_event_stream_keeps_its_headers_and_gets_new_checksums() {
        let headers = [3, b'a', b'b', b'c', 7, 0, 2, b'o', b'k'];
        let first = written(&headers, br#"{"email":"x@y"}"#).unwrap();
        let second = written(&[], br#"{"n":1}"#).unwrap();
        let clean = scrubbed(&[first.clone(), second.clone(), first[..20].to_vec()].concat());
        let mut seen = Vec::new();
        let mut framer = EventStreamFramer::new();
        framer
            .feed(&clean, |message| {
                seen.push((
                    message.header("abc").map(std::borrow::Cow::into_owned),
                    message.payload.to_vec(),
                ));
                Ok(())
            })
            .unwrap();
        assert_eq!(seen[0], (Some("ok".to_owned()), br#"{"email":"[REDACTED]"}"#.to_vec()));
        assert_eq!(seen[1], (None, br#"{"n":1}"#.to_vec()));
        assert!(framer.is_inside() && clean.ends_with(&first[..20]));
        assert_eq!(scrubbed(&second), second);
    }
}
