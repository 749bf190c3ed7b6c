//! What recorders and one API of AWS put around a stream, taken off.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::Value;

use crate::{frame::EventStreamFramer, transport::Headers};

/// The body of a reply without what is around it: base64 where text stands for the binary event stream, and the
/// messages in which the `InvokeModel` API sends a model's own events, which become the event stream that the model's
/// maker would have sent.
pub(super) fn opened(body: Bytes, headers: &Headers) -> Bytes {
    let is_binary = headers
        .get("content-type")
        .is_some_and(|kind| kind.starts_with("application/vnd.amazon.eventstream"));
    let body = match STANDARD.decode(body.trim_ascii()) {
        Ok(bytes) if is_binary && bytes.first() == Some(&0) => bytes.into(),
        _ => body,
    };
    if body.first() != Some(&0) {
        return body;
    }
    invoked(&body).unwrap_or(body)
}

/// The events inside a stream of `InvokeModel`; `None` when it is another.
fn invoked(body: &[u8]) -> Option<Bytes> {
    let mut stream = Vec::new();
    let mut is_all = true;
    EventStreamFramer::new()
        .feed(body, |message| {
            let inner = serde_json::from_slice::<Value>(message.payload).ok();
            let inner = inner.as_ref().and_then(|inner| inner.get("bytes")?.as_str());
            match inner.and_then(|inner| STANDARD.decode(inner).ok()) {
                Some(event) if message.header(":event-type").as_deref() == Some("chunk") => {
                    stream.extend_from_slice(b"data: ");
                    stream.extend_from_slice(&event);
                    stream.extend_from_slice(b"\n\n");
                }
                _ => is_all = false,
            }
            Ok(())
        })
        .ok()?;
    (is_all && !stream.is_empty()).then(|| stream.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_around_is_taken_off() {
        // A message without headers that carries `hi`.
        let message = [0, 0, 0, 18, 0, 0, 0, 0, 0x7f, 0x02, 0x1b, 0x8b, b'h', b'i', 0x54, 0xa7, 0xf4, 0x15];
        let binary = Headers::from_iter([("Content-Type", "application/vnd.amazon.eventstream")]);
        let text = Bytes::from(STANDARD.encode(message));
        assert_eq!(opened(text.clone(), &binary), message.as_slice());
        assert_eq!(opened(text.clone(), &Headers::new()), text);
        assert_eq!(opened(Bytes::from_static(b"{}"), &binary), "{}");
        assert_eq!(opened(Bytes::new(), &binary), "");
    }
}
