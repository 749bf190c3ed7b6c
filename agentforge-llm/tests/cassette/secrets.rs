//! No key ever stands in a file, however a request carries it and however a provider repeats it.

use agentforge_llm::cassette::{Mode, Scrub};
use base64::{Engine, engine::general_purpose::STANDARD};

use super::*;

/// The file, and everything in it that can be decoded, in one heap of bytes.
fn everything(file: &[u8]) -> Vec<u8> {
    fn walk(value: &Value, heap: &mut Vec<u8>) {
        match value {
            Value::String(text) => {
                heap.extend_from_slice(text.as_bytes());
                heap.push(b'\n');
                if let Ok(bytes) = STANDARD.decode(text) {
                    heap.extend(bytes);
                }
                if let Ok(inner) = serde_json::from_str::<Value>(text)
                    && !inner.is_string()
                {
                    walk(&inner, heap);
                }
            }
            Value::Array(elements) => elements.iter().for_each(|element| walk(element, heap)),
            Value::Object(members) => members.iter().for_each(|(name, member)| {
                heap.extend_from_slice(name.as_bytes());
                walk(member, heap);
            }),
            _ => {}
        }
    }
    let mut heap = file.to_vec();
    walk(&serde_json::from_slice(file).unwrap(), &mut heap);
    heap
}

#[test]
fn no_key_ever_stands_in_the_file() {
    const COOKIE: &str = "session=cookie-secret-42";
    let quoting = |text: String| Reply {
        status: 401,
        headers: vec![("x-seen", format!("Bearer {KEY}")), ("set-cookie", COOKIE.to_owned())],
        pieces: vec![text.into()],
        broken: false,
    };
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend_from_slice(KEY.as_bytes());
    // Cut within the key: what is recorded is looked at as a whole.
    let cut = vec![Bytes::copy_from_slice(&bytes[..9]), Bytes::copy_from_slice(&bytes[9..])];
    let binary = Reply { status: 200, headers: Vec::new(), pieces: cut, broken: false };
    let provider = Provider::default()
        .then(quoting(json!({"error": {"message": format!("wrong key {KEY}")}}).to_string()))
        .then(quoting(format!(
            "data: {}\n\n",
            json!({"echo": [KEY], "bytes": STANDARD.encode(format!("k={KEY};"))})
        )))
        .then(binary)
        .then(Reply { broken: true, ..quoting(KEY.to_owned()) });
    let ways: [(&str, &str, String); 4] = [
        ("https://a.b/x", "authorization", format!("Bearer {KEY}")),
        ("https://a.b/x?key=sk-very-secret-0123456789&alt=sse", "x-goog-api-key", KEY.to_owned()),
        ("https://a.b/x", "api-key", KEY.to_owned()),
        ("https://a.b/sk-very-secret-0123456789", "x-api-key", KEY.to_owned()),
    ];
    let (_folder, path) = place();
    let record =
        Cassette::at(&path).mode(Mode::Record).over(Arc::new(provider)).with_pieces().build().unwrap();
    let request = |(url, name, value): &(&str, &'static str, String)| {
        let body = json!({"prompt": "Hi", "user": KEY, "tools": [{"authorization": "mcp-token-0123456789"}]});
        let mut headers = Headers::new();
        headers.push(*name, value.clone());
        headers.push("cookie", COOKIE);
        HttpRequest { headers, ..post(url, body.to_string()) }
    };
    let mut live = Vec::new();
    for way in &ways {
        live.push(send(&record, request(way)));
    }
    // The caller gets what was said.
    assert!(String::from_utf8_lossy(&live[0].as_ref().unwrap().2.concat()).contains(KEY));
    record.finish().unwrap();
    let file = std::fs::read(&path).unwrap();
    let heap = String::from_utf8_lossy(&everything(&file)).into_owned();
    for secret in ["very-secret", "0123456789", "cookie-secret", "mcp-token"] {
        assert!(!heap.contains(secret), "{secret}: {heap}");
    }
    assert!(heap.contains("[REDACTED]") && heap.contains("wrong key [REDACTED]"), "{heap}");
    // The same requests find their answers, with the key, with another one and without.
    for key in [KEY, "sk-another-key-9876543210"] {
        let replay = Cassette::at(&path).build().unwrap();
        for (url, name, value) in &ways[..3] {
            let way = (url.replace(KEY, key), *name, value.replace(KEY, key));
            let mut request = request(&(way.0.as_str(), way.1, way.2.clone()));
            let body = String::from_utf8(request.body.to_vec()).unwrap();
            request.body = body.replace(KEY, key).into();
            assert!(send(&replay, request).is_ok(), "{way:?}");
        }
    }
}

#[test]
fn a_model_that_is_called_through_the_registry_leaves_no_key_either() {
    let echo = document(401, &json!({"error": {"message": format!("no such key: {KEY}")}}));
    let provider = Provider::default().then(echo).says(&format!("Your key is {KEY}."));
    let (_folder, path) = place();
    let record = Cassette::at(&path).mode(Mode::Record).over(Arc::new(provider)).build().unwrap();
    let error = ask(&record, "Hi").unwrap_err();
    assert!(!format!("{error:?}").contains(KEY), "{error:?}");
    ask(&record, "Hi").unwrap();
    let first = |text: &str| text.contains("very-secret-0123456789");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!first(&text) && text.contains("[REDACTED]"), "{text}");
}

#[test]
fn what_the_host_names_is_taken_out_on_both_sides_and_does_not_matter_to_a_replay() {
    let reply = document(200, &json!({"user": {"email": "a@b.example"}, "n": 5, "text": "licence 77-X-12"}));
    let provider = Provider::default().then(Reply { headers: vec![("x-person", "Ann".to_owned())], ..reply });
    let (_folder, path) = place();
    let scrub = || {
        Scrub::new()
            .header("x-person")
            .parameter("customer")
            .member("email")
            .pointer("/people/*/age")
            .secret("77-X-12")
    };
    let record = Cassette::at(&path)
        .mode(Mode::Record)
        .over(Arc::new(provider))
        .scrub(scrub())
        .named("the lab", "people")
        .build()
        .unwrap();
    let request = |person: &str, age: u32| {
        let body = json!({"email": format!("{person}@b.example"), "people": [{"age": age, "n": 1}]});
        post(&format!("https://a.b/x?customer={person}"), body.to_string())
    };
    send(&record, request("Ann", 41)).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    for gone in ["Ann", "41", "b.example", "77-X-12"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    assert!(text.contains("\"the lab\"") && text.contains("\"people\""), "{text}");
    let replay = Cassette::at(&path).scrub(scrub()).build().unwrap();
    let (_, headers, pieces) = send(&replay, request("Bob", 7)).unwrap();
    assert_eq!(headers.get("x-person"), Some("[REDACTED]"));
    let body: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!(body, json!({"user": {"email": "[REDACTED]"}, "n": 5, "text": "licence [REDACTED]"}));
}
