//! Recorded traffic: files of requests and replies of real providers, read leniently, and decoded by the wire that each
//! exchange speaks.
//!
//! A file is `{"source", "provider", "case", "exchanges": [{"request", "response"}]}`. A request has `method`, `host`,
//! `path`, `query`, `headers` and a body, or a `url` for host, path and query; it may be missing. A response has `status`,
//! `headers` and a body. A body stands as text in `body`, as bytes in `body_base64`, or as the payloads of a stream in
//! `chunks`. How a body came may stand beside it: `pieces` lists the lengths of its pieces, and `broken_off` says why it
//! ended too early. [`Cassette`](crate::cassette::Cassette) makes and replays such files.

mod envelope;
mod speaks;
mod write;

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
    /// Where it is from, for people; empty when the file does not say.
    pub source: String,
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
    /// The lengths of the pieces in which the body came; empty when they were not recorded.
    pub pieces: Vec<usize>,
    /// Why the body ended too early, when it did.
    pub broken_off: Option<String>,
}

/// A recorded request.
#[derive(Debug, Clone)]
pub struct RecordedRequest {
    /// Its method; `POST` when the file does not say.
    pub method: String,
    /// The host of its address, with the port where it is not the usual one; `None` when the file does not say.
    pub host: Option<String>,
    /// The path of its address, without a query.
    pub path: String,
    /// The query of its address: names and values without their escapes.
    pub query: Vec<(String, String)>,
    /// Its headers.
    pub headers: Headers,
    /// Its body.
    pub body: Bytes,
}

impl Recording {
    /// Reads a file. What is no JSON, or holds no list of exchanges, is a `decode` error; a member that is missing or of
    /// another form reads as empty.
    pub fn read(file: &[u8]) -> Result<Self> {
        let mut recording = Self::as_it_came(file)?;
        for exchange in &mut recording.exchanges {
            let opened = envelope::opened(exchange.body.clone(), &exchange.headers);
            if opened != exchange.body {
                exchange.body = opened;
                exchange.pieces.clear();
            }
        }
        Ok(recording)
    }

    /// Reads a file whose replies are to be sent again: nothing is taken off their bodies.
    pub(crate) fn as_it_came(file: &[u8]) -> Result<Self> {
        let undecodable = |why: String| Error::new(ErrorKind::Decode, format!("this is no recording: {why}"));
        let file: Value = serde_json::from_slice(file).map_err(|error| undecodable(error.to_string()))?;
        let Some(exchanges) = file.get("exchanges").and_then(Value::as_array) else {
            return Err(undecodable("it has no list `exchanges`".to_owned()));
        };
        let word = |name: &str| file.get(name).and_then(Value::as_str);
        let provider = word("provider").unwrap_or("unknown");
        let read = |exchange: &Value| Exchange::of(provider, exchange);
        Ok(Self {
            source: word("source").unwrap_or_default().to_owned(),
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
            pieces: pieces_of(reply),
            broken_off: reply.get("broken_off").and_then(Value::as_str).map(str::to_owned),
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
        let word = |name: &str| request.get(name).and_then(Value::as_str);
        let address = Address::of(word("path").or_else(|| word("url")).unwrap_or_default());
        let query = query_of(request);
        Ok(Self {
            method: word("method").unwrap_or("POST").to_owned(),
            host: word("host").map(str::to_owned).or(address.host),
            path: address.path,
            query: if query.is_empty() { address.query } else { query },
            headers: headers_of(request),
            body: body_of(request)?,
        })
    }
}

/// The parts of an address, or of what follows its host.
pub(crate) struct Address {
    pub(crate) host: Option<String>,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
}

impl Address {
    pub(crate) fn of(text: &str) -> Self {
        let text = text.split('#').next().unwrap_or_default();
        let (before, query) = text.split_once('?').unwrap_or((text, ""));
        let (host, path) = match before.split_once("://") {
            Some((_, rest)) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (host, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (Some(host.to_owned()), path)
            }
            None => (None, before),
        };
        let pair = |pair: &str| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (unescaped(name), unescaped(value))
        };
        Self {
            host,
            path: path.to_owned(),
            query: query.split('&').filter(|pair| !pair.is_empty()).map(pair).collect(),
        }
    }
}

/// Text without its percent escapes. An escape that is none stays as it is.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, later)) = rest.split_first() {
        let digits = if *first == b'%' { later.split_at_checked(2) } else { None };
        let escaped = digits.and_then(|(digits, after)| {
            let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
            Some((byte, after))
        });
        let (byte, after) = escaped.unwrap_or((*first, later));
        bytes.push(byte);
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `[["name", "value"]]` or `[{"name", "value"}]`.
fn query_of(request: &Value) -> Vec<(String, String)> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let pairs = request.get("query").and_then(Value::as_array).into_iter().flatten();
    pairs
        .map(|pair| match pair.as_array() {
            Some(pair) => (text(pair.first()), text(pair.get(1))),
            None => (text(pair.get("name")), text(pair.get("value"))),
        })
        .collect()
}

fn pieces_of(reply: &Value) -> Vec<usize> {
    let lengths = reply.get("pieces").and_then(Value::as_array).into_iter().flatten();
    lengths.filter_map(Value::as_u64).filter_map(|length| usize::try_from(length).ok()).collect()
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
        // One API under many roofs: of one version and another, of Vertex AI, in a list.
        let gemini = r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]}}],"modelVersion":"g"}"#;
        for path in [
            "/v1beta/models/g:generateContent",
            "/v1/models/g:streamGenerateContent?alt=sse",
            "/v1/projects/p/locations/global/publishers/google/models/g:streamGenerateContent",
        ] {
            assert_eq!(wire(Some(path), "anything"), "gemini_generate_content");
        }
        assert_eq!(wire(None, gemini), "gemini_generate_content");
        assert_eq!(wire(None, &format!("[{gemini}]")), "gemini_generate_content");
        assert_eq!(wire(None, &format!("data: {gemini}\n\n")), "gemini_generate_content");
        let broken_gemini = r#"{"error":{"code":429,"message":"no","status":"RESOURCE_EXHAUSTED"}}"#;
        assert_eq!(wire(None, broken_gemini), "gemini_generate_content");
        assert_eq!(wire(Some("/v1beta/models/g:countTokens"), broken_gemini), "");
        assert_eq!(wire(Some("/v1beta/models/g:batchEmbedContents"), r#"{"embeddings":[]}"#), "");
        let on_vertex = "/v1/projects/p/locations/l/publishers/anthropic/models/c:rawPredict";
        assert_eq!(wire(Some(on_vertex), message), "anthropic_messages");
        let response = r#"{"object":"response","output":[]}"#;
        let delta = "event: x\ndata: {\"type\":\"response.output_text.delta\",\"delta\":\"a\"}\n\n";
        let failed = r#"{"type":"error","code":"server_error","message":"m","sequence_number":2}"#;
        assert_eq!(wire(Some("/openai/v1/responses"), "anything"), "openai_responses");
        assert_eq!(wire(Some("/v1/responses/resp_1"), response), "openai_responses");
        assert_eq!(wire(None, delta), "openai_responses");
        assert_eq!(wire(None, &format!("event: error\ndata: {failed}\n\n")), "openai_responses");
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
    fn an_address_is_told_in_parts_or_whole() {
        let request = |request: Value| one(&json!({"request": request})).request.unwrap();
        let parts = request(json!({"method": "POST", "host": "a.b", "path": "/v1/x", "query": [["k", "1"]]}));
        let whole = request(json!({"url": "https://a.b/v1/x?k=1#end"}));
        for read in [parts, whole] {
            assert_eq!((read.method.as_str(), read.host.as_deref()), ("POST", Some("a.b")));
            assert_eq!((read.path.as_str(), read.query), ("/v1/x", vec![("k".to_owned(), "1".to_owned())]));
        }
        let named = request(json!({"path": "/v1/x?ignored=1", "query": [{"name": "a b", "value": "ü"}]}));
        assert_eq!((named.host, named.query), (None, vec![("a b".to_owned(), "ü".to_owned())]));
        let escaped = Address::of("/x?a%20b=%C3%BC&flag&odd=%zz%4");
        let expected = [("a b", "ü"), ("flag", ""), ("odd", "%zz%4")];
        assert_eq!(escaped.query, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert_eq!(Address::of("https://a.b").path, "");
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
