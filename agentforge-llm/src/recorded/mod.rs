//! Recorded traffic: files of requests and replies of real providers, read leniently, and decoded by the wire that each
//! exchange speaks.
//!
//! A file is `{"provider", "case", "exchanges": [{"request", "response"}]}`. A body stands as text in `body`, as bytes in
//! `body_base64`, or as the payloads of a stream in `chunks`; a request may be missing.

mod speaks;

use std::{collections::VecDeque, sync::Arc};

use agentforge_core::{
    Error, ErrorKind, Result,
    model::{Accumulator, ChatResponse, ResponseInfo},
    time::Timestamp,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

use crate::{
    transport::Headers,
    wire::{Recall, ReplyHead, Wire},
};

/// One file of recorded traffic.
///
/// ```
/// use agentforge_llm::recorded::Recording;
/// let recording = Recording::read(br#"{"provider": "lab", "exchanges": [{
///     "request": {"path": "/v1/chat/completions"},
///     "response": {"status": 200, "body": "{\"choices\":[{\"message\":{\"content\":\"Hi.\"}}]}"}
/// }]}"#)?;
/// let exchange = recording.exchanges.first().expect("there is one");
/// let wire = exchange.wire()?;
/// let (answer, error) = exchange.decode(&*wire);
/// assert_eq!((wire.name(), answer.message.text().as_str(), error.is_none()), ("openai_chat", "Hi.", true));
/// # Ok::<(), agentforge_core::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Recording {
    /// Who answered; `unknown` when the file does not say.
    pub provider: String,
    /// What was recorded, for people; empty when the file does not say.
    pub case: String,
    /// The exchanges in order.
    pub exchanges: Vec<Exchange>,
}

/// One request and its reply.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Who answered.
    pub provider: String,
    /// The request, when it was recorded.
    pub request: Option<RecordedRequest>,
    /// The status of the reply.
    pub status: u16,
    /// The headers of the reply.
    pub headers: Headers,
    /// The body of the reply.
    pub body: Bytes,
}

/// A recorded request.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// The path of its address, without a query.
    pub path: String,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

impl Recording {
    /// Reads a file. What is no JSON, or holds no list of exchanges, is a `decode` error; a member that is missing or of
    /// another form reads as empty.
    pub fn read(file: &[u8]) -> Result<Self> {
        let undecodable = |why: String| Error::new(ErrorKind::Decode, format!("this is no recording: {why}"));
        let file: Value = serde_json::from_slice(file).map_err(|error| undecodable(error.to_string()))?;
        let Some(exchanges) = file.get("exchanges").and_then(Value::as_array) else {
            return Err(undecodable("it has no list `exchanges`".to_owned()));
        };
        let word = |name: &str| file.get(name).and_then(Value::as_str);
        let provider = word("provider").unwrap_or("unknown");
        let read = |exchange: &Value| Exchange::of(provider, exchange);
        Ok(Self {
            provider: provider.to_owned(),
            case: word("case").unwrap_or_default().to_owned(),
            exchanges: exchanges.iter().map(read).collect::<Result<_>>()?,
        })
    }
}

impl Exchange {
    fn of(provider: &str, exchange: &Value) -> Result<Self> {
        let member = |name: &str| exchange.get(name).filter(|value| value.is_object());
        let (request, reply) = (member("request"), member("response").unwrap_or(&Value::Null));
        let status = reply.get("status").and_then(Value::as_u64).unwrap_or(200);
        let mut body = body_of(reply)?;
        if body.is_empty() {
            let chunks = reply.get("chunks").or_else(|| exchange.get("chunks"));
            body = stream_of(chunks.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default());
        }
        Ok(Self {
            provider: provider.to_owned(),
            request: request.map(RecordedRequest::of).transpose()?,
            status: u16::try_from(status).unwrap_or_default(),
            headers: headers_of(reply),
            body,
        })
    }

    /// The wire that it speaks: its path says so, else the form of its reply. An API that no wire of this crate speaks
    /// is `unsupported`.
    pub fn wire(&self) -> Result<Arc<dyn Wire>> {
        let name = speaks::wire_of(self);
        crate::wire::builtin().into_iter().find(|wire| Some(wire.name()) == name).ok_or_else(|| {
            let what = match &self.request {
                Some(request) => format!("`{}` is an API", request.path),
                None => "the reply has the form of an API".to_owned(),
            };
            Error::new(ErrorKind::Unsupported, format!("{what} that no wire here speaks"))
        })
    }

    /// What a wire reads in the reply: the answer as far as it came, and the error that it was or that ended it. Of an
    /// answer that was cut an open tool call is left out, since nobody knows its arguments.
    pub fn decode(&self, wire: &dyn Wire) -> (ChatResponse, Option<Error>) {
        let (mut whole, mut partial) = (Accumulator::new(), Accumulator::new());
        if !(200..300).contains(&self.status) {
            let error = wire.decode_error(&self.head(), &self.body);
            return (whole.finish(ResponseInfo::default(), Vec::new()), Some(error));
        }
        let mut decoder = wire.decoder(Recall { provider: self.provider.clone(), ..Recall::default() });
        let mut events = VecDeque::new();
        let read = decoder.feed(&self.body, &mut events).and_then(|()| decoder.finish(&mut events));
        let folded = events.into_iter().try_for_each(|event| {
            partial.push(event.clone())?;
            whole.push(event)
        });
        let mut answer = whole.finish(decoder.info().clone(), Vec::new());
        let error = read.and(folded).err();
        if error.is_some() {
            answer.message = partial.partial();
        }
        (answer, error)
    }

    /// The head of the reply, as a wire wants it for a failure.
    pub fn head(&self) -> ReplyHead {
        ReplyHead {
            provider: self.provider.clone(),
            status: self.status,
            headers: self.headers.clone(),
            at: Timestamp::UNIX_EPOCH,
        }
    }
}

impl RecordedRequest {
    fn of(request: &Value) -> Result<Self> {
        let path = request.get("path").and_then(Value::as_str).unwrap_or_default();
        Ok(Self {
            path: path.split(['?', '#']).next().unwrap_or_default().to_owned(),
            headers: headers_of(request),
            body: body_of(request)?,
        })
    }
}

fn headers_of(message: &Value) -> Headers {
    let headers = message.get("headers").and_then(Value::as_object);
    let values = headers.into_iter().flatten().flat_map(|(name, value)| {
        let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        values.iter().filter_map(Value::as_str).map(move |value| (name.as_str(), value))
    });
    values.collect()
}

fn body_of(message: &Value) -> Result<Bytes> {
    if let Some(bytes) = message.get("body_base64").and_then(Value::as_str) {
        let bytes = STANDARD.decode(bytes).map_err(|error| {
            Error::new(ErrorKind::Decode, "`body_base64` of a recording is no base64").caused_by(error)
        })?;
        return Ok(bytes.into());
    }
    Ok(match message.get("body") {
        None | Some(Value::Null) => Bytes::new(),
        Some(Value::String(text)) => Bytes::copy_from_slice(text.as_bytes()),
        Some(body) => body.to_string().into(),
    })
}

/// Payloads as the stream of events that they were.
fn stream_of(chunks: &[Value]) -> Bytes {
    let mut stream = String::new();
    for chunk in chunks {
        let data = chunk.as_str().map_or_else(|| chunk.to_string(), str::to_owned);
        let framed = ["data:", "event:", ":"].into_iter().any(|field| data.starts_with(field));
        for line in data.trim_end().lines() {
            stream.push_str(if framed { "" } else { "data: " });
            stream.push_str(line);
            stream.push('\n');
        }
        stream.push('\n');
    }
    stream.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(exchange: &Value) -> Exchange {
        let file = json!({"provider": "lab", "exchanges": [exchange]}).to_string();
        Recording::read(file.as_bytes()).unwrap().exchanges.remove(0)
    }

    /// The wire that an exchange speaks; empty when it is one that we do not.
    fn wire(path: Option<&str>, body: &str) -> String {
        let request = path.map(|path| json!({"path": path}));
        let exchange = one(&json!({"request": request, "response": {"status": 200, "body": body}}));
        exchange.wire().map_or_else(
            |error| {
                assert_eq!(error.kind(), ErrorKind::Unsupported);
                String::new()
            },
            |wire| wire.name().to_owned(),
        )
    }

    #[test]
    fn the_path_decides_and_where_it_is_missing_or_says_nothing_the_form() {
        let chat = r#"{"object":"chat.completion","choices":[]}"#;
        let chunk = "data: {\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n";
        let message = r#"{"type":"message","role":"assistant","content":[]}"#;
        let stream = "event: ping\ndata: {\"type\":\"ping\"}\n\ndata: {\"type\":\"message_start\"}\n\n";
        let broken = r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#;
        assert_eq!(wire(Some("/v1/chat/completions"), "anything"), "openai_chat");
        assert_eq!(wire(Some("/api/v1/messages?beta=true"), "anything"), "anthropic_messages");
        assert_eq!(wire(None, chat), "openai_chat");
        assert_eq!(wire(None, chunk), "openai_chat");
        assert_eq!(wire(None, message), "anthropic_messages");
        assert_eq!(wire(None, stream), "anthropic_messages");
        assert_eq!(wire(None, broken), "anthropic_messages");
        assert_eq!(wire(None, &format!("event: error\ndata: {broken}\n\n")), "anthropic_messages");
        assert_eq!(wire(None, r#"{"error":{"message":"no","type":"x","code":null}}"#), "openai_chat");
        // A gateway's own path: the form of an answer is enough, that of an error is not.
        assert_eq!(wire(Some("/model/claude/invoke"), message), "anthropic_messages");
        assert_eq!(wire(Some("/v1/models"), broken), "");
        // Neighbours.
        assert_eq!(wire(Some("/v1/messages/count_tokens"), r#"{"input_tokens":3}"#), "");
        assert_eq!(wire(Some("/v1/threads/t/messages"), r#"{"object":"thread.message"}"#), "");
        assert_eq!(wire(Some("/v1/complete"), r#"{"type":"completion","completion":" Hi"}"#), "");
        assert_eq!(wire(None, "garbage"), "");
        assert_eq!(wire(None, ""), "");
    }

    #[test]
    fn a_body_is_text_or_bytes_or_json_or_chunks() {
        let text = |exchange: Value| String::from_utf8(one(&exchange).body.to_vec()).unwrap();
        assert_eq!(text(json!({"response": {"body": "hi"}})), "hi");
        assert_eq!(text(json!({"response": {"body_base64": "aGk="}})), "hi");
        assert_eq!(text(json!({"response": {"body": {"a": 1}}})), r#"{"a":1}"#);
        let chunks = json!(["{\"a\":1}", {"b": 2}, "event: x\ndata: 3\n\n", "[DONE]"]);
        let stream = "data: {\"a\":1}\n\ndata: {\"b\":2}\n\nevent: x\ndata: 3\n\ndata: [DONE]\n\n";
        assert_eq!(text(json!({"response": {"body": "", "chunks": chunks}})), stream);
        assert_eq!(text(json!({"response": {"status": 200}, "chunks": chunks})), stream);
        assert_eq!(text(json!({})), "");
    }

    #[test]
    fn a_foreign_file_is_an_error_and_odd_members_are_empty() {
        for wrong in
            ["", "{", "[]", "{}", r#"{"exchanges":3}"#, r#"{"exchanges":[{"response":{"body_base64":"%"}}]}"#]
        {
            assert_eq!(Recording::read(wrong.as_bytes()).unwrap_err().kind(), ErrorKind::Decode, "{wrong}");
        }
        let odd = one(&json!({"request": 3, "response": {"status": "x", "headers": [1], "body": null}}));
        assert!(odd.request.is_none() && odd.body.is_empty() && odd.status == 200);
        let headers = one(&json!({"response": {"headers": {"a": ["1", "2"], "b": 3}}})).headers;
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("a", "1"), ("a", "2")]);
        assert!(one(&json!(7)).wire().is_err());
    }

    #[test]
    fn a_failing_reply_and_a_cut_one_give_their_error_and_what_had_come() {
        let failing = one(&json!({
            "request": {"path": "/v1/messages"},
            "response": {"status": 529, "body": "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}"},
        }));
        let (_, error) = failing.decode(&*failing.wire().unwrap());
        assert_eq!(error.unwrap().kind(), ErrorKind::Overloaded);
        let cut = one(&json!({"chunks": [
            {"choices": [{"delta": {"content": "Half"}}]},
            {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{\"x"}}]}}]},
        ]}));
        let (answer, error) = cut.decode(&*cut.wire().unwrap());
        assert_eq!((answer.message.text().as_str(), error.unwrap().kind()), ("Half", ErrorKind::Transport));
        assert_eq!(answer.message.tool_calls().count(), 0);
    }
}
