//! Writes recorded traffic in the layout that the reader knows: members in a fixed order, headers by name, so that two
//! recordings of the same traffic differ in nothing.

use std::{borrow::Cow, collections::BTreeMap};

use agentforge_core::{Error, Result};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{Exchange, RecordedRequest, Recording};
use crate::transport::Headers;

impl Recording {
    /// The file of this recording, for people and for [`Recording::read`].
    ///
    /// ```
    /// use agentforge_llm::recorded::Recording;
    /// let recording = Recording::read(br#"{"exchanges": [{"response": {"body": "Hi."}}]}"#)?;
    /// let again = Recording::read(&recording.write()?)?;
    /// assert_eq!(&again.exchanges.first().expect("there is one").body[..], b"Hi.");
    /// # Ok::<(), agentforge_core::Error>(())
    /// ```
    pub fn write(&self) -> Result<Vec<u8>> {
        let file = FileForm {
            source: &self.source,
            provider: &self.provider,
            case: &self.case,
            exchanges: self.exchanges.iter().map(ExchangeForm::of).collect(),
        };
        let mut bytes = serde_json::to_vec_pretty(&file).map_err(|error| {
            Error::internal("the recording could not be written as JSON").caused_by(error)
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }
}

#[derive(Serialize)]
struct FileForm<'a> {
    source: &'a str,
    provider: &'a str,
    case: &'a str,
    exchanges: Vec<ExchangeForm<'a>>,
}

#[derive(Serialize)]
struct ExchangeForm<'a> {
    request: Option<RequestForm<'a>>,
    response: ReplyForm<'a>,
}

#[derive(Serialize)]
struct RequestForm<'a> {
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<&'a str>,
    path: &'a str,
    query: &'a [(String, String)],
    headers: BTreeMap<String, Values<'a>>,
    #[serde(flatten)]
    body: BodyForm<'a>,
}

#[derive(Serialize)]
struct ReplyForm<'a> {
    status: u16,
    headers: BTreeMap<String, Values<'a>>,
    #[serde(flatten)]
    body: BodyForm<'a>,
    #[serde(skip_serializing_if = "<[usize]>::is_empty")]
    pieces: &'a [usize],
    #[serde(skip_serializing_if = "Option::is_none")]
    broken_off: Option<&'a str>,
}

/// One value stands alone, several in a list.
#[derive(Serialize)]
#[serde(untagged)]
enum Values<'a> {
    One(&'a str),
    Many(Vec<&'a str>),
}

#[derive(Serialize)]
enum BodyForm<'a> {
    #[serde(rename = "body")]
    Text(Cow<'a, str>),
    #[serde(rename = "body_base64")]
    Bytes(String),
}

impl<'a> ExchangeForm<'a> {
    fn of(exchange: &'a Exchange) -> Self {
        Self {
            request: exchange.request.as_ref().map(RequestForm::of),
            response: ReplyForm {
                status: exchange.status,
                headers: headers(&exchange.headers),
                body: body(&exchange.body),
                pieces: &exchange.pieces,
                broken_off: exchange.broken_off.as_deref(),
            },
        }
    }
}

impl<'a> RequestForm<'a> {
    fn of(request: &'a RecordedRequest) -> Self {
        Self {
            method: &request.method,
            host: request.host.as_deref(),
            path: &request.path,
            query: &request.query,
            headers: headers(&request.headers),
            body: body(&request.body),
        }
    }
}

fn headers(headers: &Headers) -> BTreeMap<String, Values<'_>> {
    let mut named: BTreeMap<String, Values<'_>> = BTreeMap::new();
    for (name, value) in headers.iter() {
        let name = name.to_ascii_lowercase();
        let values = match named.remove(&name) {
            None => Values::One(value),
            Some(Values::One(first)) => Values::Many(vec![first, value]),
            Some(Values::Many(mut values)) => {
                values.push(value);
                Values::Many(values)
            }
        };
        named.insert(name, values);
    }
    named
}

fn body(bytes: &[u8]) -> BodyForm<'_> {
    match std::str::from_utf8(bytes) {
        Ok(text) => BodyForm::Text(Cow::Borrowed(text)),
        Err(_) => BodyForm::Bytes(STANDARD.encode(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
  "source": "by hand",
  "provider": "lab",
  "case": "hello",
  "exchanges": [
    {
      "request": {
        "method": "POST",
        "host": "a.b",
        "path": "/v1/x",
        "query": [
          [
            "alt",
            "sse"
          ]
        ],
        "headers": {
          "a": [
            "1",
            "2"
          ],
          "b": "3"
        },
        "body": "{\"q\":1}"
      },
      "response": {
        "status": 200,
        "headers": {},
        "body_base64": "/wA=",
        "pieces": [
          1,
          1
        ],
        "broken_off": "reset"
      }
    },
    {
      "request": null,
      "response": {
        "status": 429,
        "headers": {},
        "body": ""
      }
    }
  ]
}
"#;

    #[test]
    fn what_was_read_is_written_as_it_stood() {
        let recording = Recording::read(WHOLE.as_bytes()).unwrap();
        assert_eq!(String::from_utf8(recording.write().unwrap()).unwrap(), WHOLE);
        let mut shuffled = recording.clone();
        let request = shuffled.exchanges[0].request.as_mut().unwrap();
        request.headers = [("B", "3"), ("A", "1"), ("a", "2")].into_iter().collect();
        assert_eq!(shuffled.write().unwrap(), recording.write().unwrap());
    }
}
