//! How a request differs from a recorded one, in a few lines that a reader understands.

use serde_json::Value;

use super::matching::{Asked, Body};

/// The most lines that are shown.
const LINES: usize = 8;
/// The most letters of a value that are shown.
const LETTERS: usize = 60;

/// One place at which two requests differ.
pub(super) struct Difference {
    line: String,
    /// How much it tells two requests apart: another path is another question, another word is not.
    weight: usize,
}

/// All places at which they differ.
pub(super) fn differences(recorded: &Asked, sent: &Asked) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut text = |what: &str, recorded: &str, sent: &str, weight: usize| {
        if recorded != sent {
            let (recorded, sent) = quoted(recorded, sent);
            found.push(Difference { line: format!("{what}: recorded {recorded}, sent {sent}"), weight });
        }
    };
    text("method", &recorded.method, &sent.method, 1000);
    if let (Some(recorded), Some(sent)) = (&recorded.host, &sent.host) {
        text("host", recorded, sent, 300);
    }
    text("path", &recorded.path, &sent.path, 1000);
    text("query", &query(recorded), &query(sent), 100);
    match (&recorded.body, &sent.body) {
        (Body::Json(recorded), Body::Json(sent)) => values("", recorded, sent, &mut found),
        (Body::Other(recorded), Body::Other(sent)) => {
            text("body", &String::from_utf8_lossy(recorded), &String::from_utf8_lossy(sent), 10);
        }
        (Body::Json(_), Body::Other(_)) => text("body", "JSON", "something else", 1000),
        (Body::Other(_), Body::Json(_)) => text("body", "something else", "JSON", 1000),
    }
    found
}

/// How far two requests are apart.
pub(super) fn distance(differences: &[Difference]) -> usize {
    differences.iter().map(|difference| difference.weight).sum()
}

/// The differences, one a line, the first few of them.
pub(super) fn lines(differences: &[Difference]) -> String {
    let mut text = String::new();
    for difference in differences.iter().take(LINES) {
        text += &format!("\n  {}", difference.line);
    }
    if differences.len() > LINES {
        text += &format!("\n  … and {} more", differences.len() - LINES);
    }
    text
}

fn query(asked: &Asked) -> String {
    let pairs: Vec<String> = asked.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

fn values(at: &str, recorded: &Value, sent: &Value, found: &mut Vec<Difference>) {
    match (recorded, sent) {
        (Value::Object(left), Value::Object(right)) => {
            for (name, recorded) in left {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                match right.get(name) {
                    Some(sent) => values(&at, recorded, sent, found),
                    None => found.push(one_sided(&at, recorded, "not sent", "recorded ")),
                }
            }
            for (name, sent) in right.iter().filter(|(name, _)| !left.contains_key(*name)) {
                let at = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                found.push(one_sided(&at, sent, "not recorded", "sent "));
            }
        }
        (Value::Array(left), Value::Array(right)) => {
            for (place, (recorded, sent)) in left.iter().zip(right).enumerate() {
                values(&format!("{at}/{place}"), recorded, sent, found);
            }
            for (place, recorded) in left.iter().enumerate().skip(right.len()) {
                found.push(one_sided(&format!("{at}/{place}"), recorded, "not sent", "recorded "));
            }
            for (place, sent) in right.iter().enumerate().skip(left.len()) {
                found.push(one_sided(&format!("{at}/{place}"), sent, "not recorded", "sent "));
            }
        }
        (Value::String(left), Value::String(right)) if left != right => {
            let (recorded, sent) = quoted(left, right);
            found.push(Difference {
                line: format!("{}: recorded {recorded}, sent {sent}", root(at)),
                weight: unlike(left, right),
            });
        }
        (left, right) if left != right => found.push(Difference {
            line: format!("{}: recorded {}, sent {}", root(at), short(left), short(right)),
            weight: 10,
        }),
        _ => {}
    }
}

fn one_sided(at: &str, value: &Value, lacking: &str, having: &str) -> Difference {
    let shown = short(value);
    let line = if lacking == "not sent" {
        format!("{at}: {having}{shown}, {lacking}")
    } else {
        format!("{at}: {lacking}, {having}{shown}")
    };
    Difference { line, weight: 10 }
}

/// How unlike two texts are, from two to ten, by how much of them is the same at the beginning.
fn unlike(left: &str, right: &str) -> usize {
    let same = left.bytes().zip(right.bytes()).take_while(|(left, right)| left == right).count();
    10 - 8 * same / left.len().max(right.len()).max(1)
}

fn root(at: &str) -> &str {
    if at.is_empty() { "body" } else { at }
}

fn short(value: &Value) -> String {
    cut(&value.to_string(), 0)
}

/// Two texts from where they begin to differ, in quotes.
fn quoted(left: &str, right: &str) -> (String, String) {
    let same = left.chars().zip(right.chars()).take_while(|(left, right)| left == right).count();
    // A little of what is the same shows where one is.
    let from = if same > LETTERS / 2 { same - LETTERS / 4 } else { 0 };
    let shown = |text: &str| format!("\"{}\"", cut(text, from).escape_debug());
    (shown(left), shown(right))
}

fn cut(text: &str, from: usize) -> String {
    let mut shown: String = if from > 0 { "…".to_owned() } else { String::new() };
    let mut letters = text.chars().skip(from);
    shown.extend(letters.by_ref().take(LETTERS));
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}
