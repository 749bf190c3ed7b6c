//! Answers out of tool results: passages are quoted with their marks, anything else is passed on in a sentence.

use std::collections::{BTreeMap, BTreeSet};

use agentforge_core::message::{Citation, Outcome, PartContent, ToolResult};
use serde_json::Value;

use super::{
    sentence::sentences,
    turn::{Answered, Turn},
    words::stems,
};

/// What is said, and what it rests on.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub(super) text: String,
    pub(super) citations: Vec<Citation>,
}

/// The most sentences that are quoted from one result.
const MOST_QUOTES: usize = 2;
/// The most of one sentence, or of one plain result, that is said.
const LONGEST: usize = 600;

/// The answer to a turn whose tools have answered.
pub(super) fn answer(turn: &Turn<'_>) -> Answer {
    let mut answer = Answer::default();
    let mut said: Vec<String> = Vec::new();
    let mut known: BTreeSet<String> = BTreeSet::new();
    let mut nothing_fits = false;
    for answered in &turn.results {
        let passages: Vec<&Citation> = passages(answered.result).collect();
        if answered.result.outcome != Outcome::Ok || passages.is_empty() {
            let name = readable_name(answered.call.map_or("the tool", |call| call.name.as_str()));
            let sentence = relay(&name, answered.result, &turn.asked);
            if known.insert(sentence.clone()) {
                said.push(sentence);
            }
            continue;
        }
        let question = question_of(answered).unwrap_or(&turn.asked);
        let quotes = quote(question, &passages);
        nothing_fits = nothing_fits || quotes.is_empty();
        let (sentences, citations): (Vec<_>, Vec<_>) =
            quotes.into_iter().filter(|(sentence, _)| known.insert(sentence.clone())).unzip();
        if !sentences.is_empty() {
            said.push(sentences.join(" "));
            answer.citations.extend(citations);
        }
    }
    if nothing_fits && answer.citations.is_empty() {
        said.push("The passages that were found do not answer the question.".to_owned());
    }
    answer.text = said.join("\n\n");
    answer
}

fn passages(result: &ToolResult) -> impl Iterator<Item = &Citation> {
    result.parts.iter().filter_map(|part| match &part.content {
        PartContent::Citation(citation) if !citation.quote.trim().is_empty() => Some(citation),
        _ => None,
    })
}

/// The text that a search was asked.
fn question_of<'a>(answered: &Answered<'a>) -> Option<&'a str> {
    let arguments = answered.call?.arguments.as_object()?;
    match arguments.values().collect::<Vec<_>>().as_slice() {
        [Value::String(only)] => Some(only),
        _ => None,
    }
}

struct Sentence<'a> {
    citation: &'a Citation,
    start: usize,
    text: &'a str,
    matched: BTreeSet<String>,
    /// Words of the question that only the headings above have.
    above: BTreeSet<String>,
}

/// The sentences that share most with the question, each with its mark and its citation.
fn quote(question: &str, passages: &[&Citation]) -> Vec<(String, Citation)> {
    let asked = stems(question);
    let mut found: Vec<Sentence<'_>> = Vec::new();
    for citation in passages {
        let above = stems(citation.location.as_deref().unwrap_or_default());
        for place in sentences(&citation.quote) {
            let Some(text) = citation.quote.get(place.clone()) else { continue };
            let text = shortened(text);
            let own = stems(text);
            let matched: BTreeSet<String> = asked.intersection(&own).cloned().collect();
            if matched.is_empty() {
                continue;
            }
            let above = asked.intersection(&above).filter(|word| !matched.contains(*word)).cloned().collect();
            found.push(Sentence { citation, start: place.start, text, matched, above });
        }
    }
    let mut frequency: BTreeMap<&str, usize> = BTreeMap::new();
    for word in found.iter().flat_map(|sentence| &sentence.matched) {
        *frequency.entry(word).or_default() += 1;
    }
    // A word that few sentences have says more than one that all have.
    #[allow(clippy::cast_precision_loss)]
    let weight = |word: &String| {
        let among = frequency.get(word.as_str()).copied().unwrap_or(1).max(1);
        1.0 + (found.len() as f64 / among as f64).ln()
    };
    let mut scored: Vec<(f64, &Sentence<'_>)> = found
        .iter()
        .filter(|sentence| sentence.matched.len() + sentence.above.len() >= asked.len().min(2))
        .map(|sentence| {
            let own: f64 = sentence.matched.iter().map(weight).sum();
            let above: f64 = sentence.above.iter().map(weight).sum();
            (own + above / 2.0, sentence)
        })
        .collect();
    scored.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let best = scored.first().map_or(0.0, |(score, _)| *score);
    let mut said: Vec<(String, Citation)> = Vec::new();
    let mut words: BTreeSet<String> = BTreeSet::new();
    for (score, sentence) in scored {
        let plain = sentence.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let adds = sentence.matched.iter().any(|word| !words.contains(word)) || score >= best * 0.9;
        if score < best * 0.6
            || said.len() >= MOST_QUOTES
            || !adds
            || said.iter().any(|(one, _)| one.starts_with(&plain))
        {
            continue;
        }
        words.extend(sentence.matched.iter().cloned());
        let citation = narrowed(sentence.citation, sentence.start, sentence.text);
        let mark = citation.label.clone().unwrap_or_else(|| citation.source.clone());
        said.push((format!("{plain} [{mark}]"), citation));
    }
    said
}

/// The beginning of a sentence that never ends, cut between words.
fn shortened(text: &str) -> &str {
    if text.len() <= LONGEST {
        return text;
    }
    let end = text.char_indices().map(|(at, _)| at).take_while(|at| *at <= LONGEST).last().unwrap_or(0);
    let head = text.get(..end).unwrap_or(text);
    head.rsplit_once(char::is_whitespace).map_or(head, |(head, _)| head.trim_end())
}

/// The citation of one sentence. Its place is exact when the passage was quoted exactly; else the whole passage stays
/// the place, since a wrong offset is worse than a wide one.
fn narrowed(passage: &Citation, start: usize, sentence: &str) -> Citation {
    let exact = match (passage.start, passage.end) {
        (Some(first), Some(last)) => last.checked_sub(first) == Some(passage.quote.len() as u64),
        (_, None) => true,
        (None, Some(_)) => false,
    };
    if !exact {
        return passage.clone();
    }
    let first = passage.start.map(|first| first.saturating_add(start as u64));
    Citation {
        quote: sentence.to_owned(),
        start: first,
        end: first.map(|first| first.saturating_add(sentence.len() as u64)),
        ..passage.clone()
    }
}

/// A result that is no passage, in a sentence.
fn relay(name: &str, result: &ToolResult, asked: &str) -> String {
    let said = match (&result.structured, result.outcome) {
        (Some(value), Outcome::Ok) if !is_empty(value) => readable(value, 0),
        _ => plain(
            &result.parts.iter().filter_map(|part| part.as_text()).collect::<Vec<_>>().join("\n"),
            asked,
        ),
    };
    let said = said.trim();
    let lead = match result.outcome {
        Outcome::Ok if said.is_empty() => format!("{name} is done."),
        Outcome::Ok => return finished(format!("{name}: {said}")),
        Outcome::Error => format!("{name} failed"),
        Outcome::Denied => format!("{name} was denied"),
        Outcome::Rejected => format!("{name} was rejected"),
        Outcome::Cancelled => format!("{name} was cancelled"),
        Outcome::InDoubt => format!("{name} may or may not have taken effect"),
    };
    if said.is_empty() { finished(lead) } else { finished(format!("{lead}: {said}")) }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

/// A text that may be JSON, or long.
fn plain(text: &str, asked: &str) -> String {
    let text = text.trim();
    if text.starts_with(['{', '['])
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return readable(&value, 0);
    }
    if text.len() <= LONGEST {
        return text.to_owned();
    }
    let asked = stems(asked);
    let places = sentences(text);
    let best = places.iter().filter_map(|place| text.get(place.clone())).max_by_key(|sentence| {
        // The first of equals: `max_by_key` takes the last, so later ones must not reach it.
        asked.intersection(&stems(sentence)).count()
    });
    shortened(best.unwrap_or(text)).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A value as people read it: `days left: 14, unit: days`.
fn readable(value: &Value, depth: u8) -> String {
    const MOST: usize = 12;
    let more =
        |count: usize| if count > MOST { format!(" and {} more", count - MOST) } else { String::new() };
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => shortened(text).to_owned(),
        _ if depth > 3 => "…".to_owned(),
        Value::Array(items) if items.is_empty() => "nothing".to_owned(),
        Value::Array(items) => {
            let separator = if items.iter().any(Value::is_object) { "; " } else { ", " };
            let said: Vec<String> = items.iter().take(MOST).map(|item| readable(item, depth + 1)).collect();
            format!("{}{}", said.join(separator), more(items.len()))
        }
        Value::Object(fields) if fields.is_empty() => "nothing".to_owned(),
        Value::Object(fields) => {
            let said: Vec<String> = fields
                .iter()
                .take(MOST)
                .map(|(name, value)| {
                    let value_said = readable(value, depth + 1);
                    let nested = matches!(value, Value::Object(inner) if !inner.is_empty());
                    let value_said = if nested { format!("({value_said})") } else { value_said };
                    format!("{}: {value_said}", name.replace(['_', '-'], " "))
                })
                .collect();
            format!("{}{}", said.join(", "), more(fields.len()))
        }
    }
}

/// `leave_balance` as `Leave balance`.
fn readable_name(name: &str) -> String {
    let name = name.replace(['_', '-'], " ");
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn finished(mut sentence: String) -> String {
    if !sentence.ends_with(['.', '!', '?', '…', ')']) {
        sentence.push('.');
    }
    sentence
}
