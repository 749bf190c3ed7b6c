//! Which request is which, and what is said when none is.

use super::*;

const URL: &str = "https://a.b/v1/x";

#[test]
fn json_is_compared_by_its_values_and_everything_else_byte_by_byte() {
    let body = json!({"b": [1, {"x": 2.5}], "a": "text"});
    let cassette = || recorded(std::slice::from_ref(&body)).build().unwrap();
    let spaced = "{\n \"a\": \"t\\u0065xt\", \"b\": [1, {\"x\": 2.5}] }";
    assert_eq!(send(&cassette(), post(URL, spaced)).unwrap().2.concat(), b"0");
    for other in [r#"{"a":"text"}"#, r#"{"a":"text","b":[{"x":2.5},1]}"#, "not JSON", ""] {
        assert!(send(&cassette(), post(URL, other)).is_err(), "{other}");
    }
    for url in ["https://c.d/v1/x", "https://a.b/v1/y", "https://a.b/v1/x?alt=sse"] {
        assert!(send(&cassette(), post(url, body.to_string())).is_err(), "{url}");
    }
    let elsewhere = recorded(std::slice::from_ref(&body)).ignoring_host().build().unwrap();
    assert_eq!(answer(&elsewhere, "http://127.0.0.1:9/v1/x/", &body), "0");
}

#[test]
fn what_changes_with_every_run_can_be_overlooked() {
    let bodies =
        [json!({"id": "1", "list": [{"id": 1, "n": 1}]}), json!({"id": "2", "list": [{"id": 2, "n": 2}]})];
    let cassette = recorded(&bodies).ignoring("/id").ignoring("/list/*/id").build().unwrap();
    assert_eq!(answer(&cassette, URL, &json!({"id": "9", "list": [{"id": 7, "n": 2}]})), "1");
    assert_eq!(answer(&cassette, URL, &json!({"list": [{"n": 1}]})), "0");
}

#[test]
fn equal_requests_get_their_answers_in_order() {
    let (same, other) = (json!({"q": 1}), json!({"q": 2}));
    let bodies = [same.clone(), other.clone(), same.clone()];
    let cassette = recorded(&bodies).build().unwrap();
    assert_eq!(answer(&cassette, URL, &same), "0");
    assert_eq!(answer(&cassette, URL, &same), "2");
    assert_eq!(cassette.unused(), 1);
    let message = answer(&cassette, URL, &same);
    assert!(message.contains("all 2 recorded answers to POST a.b/v1/x were given"), "{message}");
    assert_eq!(answer(&cassette, URL, &other), "1");

    let repeating = recorded(&bodies).repeating().build().unwrap();
    let answers: Vec<String> = (0..4).map(|_| answer(&repeating, URL, &same)).collect();
    assert_eq!(answers, ["0", "2", "2", "2"]);

    let in_order = recorded(&bodies).in_order().build().unwrap();
    let answers: Vec<String> = (0..3).map(|_| answer(&in_order, "https://z/", &json!(null))).collect();
    assert_eq!(answers, ["0", "1", "2"]);
    assert!(answer(&in_order, URL, &same).contains("all 3 recorded answers"));
}

#[test]
fn a_request_without_an_answer_is_shown_beside_the_nearest_one() {
    let bodies = [
        json!({"model": "m", "messages": [{"role": "user", "content": "Something else"}], "tools": [1, 2, 3]}),
        json!({"model": "m", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0.5, "a/b": {}}),
    ];
    let cassette = recorded(&bodies).build().unwrap();
    let sent = json!({
        "model": "m",
        "messages": [{"role": "user", "content": "Hello there"}, {"role": "assistant", "content": "Hi"}],
        "a/b": {"n": [1]},
    });
    let message = answer(&cassette, URL, &sent);
    let expected = "\
the cassette has no answer: POST a.b/v1/x was not recorded; from the nearest, exchange 2, it differs in
  /a~1b/n: not recorded, sent [1]
  /messages/0/content: recorded \"Hello\", sent \"Hello there\"
  /messages/1: not recorded, sent {\"content\":\"Hi\",\"role\":\"assistant\"}
  /temperature: recorded 0.5, not sent
record it, or name what may differ with `ignoring`";
    assert_eq!(message, expected);
    let message = answer(&cassette, "https://a.b/v1/other", &bodies[0]);
    assert!(
        message.contains("exchange 1") && message.contains("path: recorded \"/v1/x\", sent"),
        "{message}"
    );
    let message = answer(&recorded(&[]).build().unwrap(), URL, &sent);
    assert!(message.contains("no request is recorded"), "{message}");
}

#[test]
fn a_long_difference_is_cut_to_what_differs() {
    let text = |word: &str| format!("{}{word}{}", "grün ".repeat(40), "z".repeat(300));
    let many: Vec<u32> = (0..40).collect();
    let cassette = recorded(&[json!({"long": text("left"), "many": many})]).build().unwrap();
    let none: Vec<u32> = Vec::new();
    let message = answer(&cassette, URL, &json!({"long": text("right"), "many": none}));
    assert!(message.contains("grün left") && message.contains("grün right"), "{message}");
    assert!(message.contains("… and 33 more") && message.len() < 1500, "{message}");
    assert!(message.lines().all(|line| line.chars().count() < 200), "{message}");
}
