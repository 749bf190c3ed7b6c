//! Arguments of a tool call out of a request. What is not there is named, never guessed.

use std::{collections::BTreeSet, ops::Range};

use serde_json::{Map, Value};

use super::{
    clause::Clause,
    material::{Found, Material, stems_in_a_row},
    schema::{Form, Parameter},
    words::{stem, stems},
};

/// The arguments that a request gives.
#[derive(Debug)]
pub(super) struct Arguments {
    pub(super) values: Map<String, Value>,
    /// The stems of the request's words that became arguments.
    pub(super) words: BTreeSet<String>,
    /// Required parameters that the request does not give.
    pub(super) missing: Vec<String>,
}

/// Fills parameters from one clause of a request, and from the rest of it where the clause says nothing.
pub(super) fn fill(parameters: &[Parameter], clause: &Clause<'_>, material: &Material) -> Arguments {
    let mut filler = Filler {
        clause,
        material,
        row: stems_in_a_row(clause.text),
        used: Vec::new(),
        found: Arguments { values: Map::new(), words: BTreeSet::new(), missing: Vec::new() },
    };
    // Numbers whose unit stands beside them are taken first, so that none is left for the wrong parameter.
    for parameter in parameters {
        if let Some(value) = filler.number_with_unit(parameter) {
            filler.keep(parameter, value);
        }
    }
    for parameter in parameters {
        if filler.found.values.contains_key(&parameter.name) {
            continue;
        }
        let value = if parameter.required { filler.value(parameter) } else { filler.optional(parameter) };
        match value.or_else(|| parameter.default.clone().filter(|_| parameter.required)) {
            Some(value) => filler.keep(parameter, value),
            None if parameter.required => filler.found.missing.push(parameter.name.clone()),
            None => {}
        }
    }
    filler.found
}

struct Filler<'a> {
    clause: &'a Clause<'a>,
    material: &'a Material,
    row: String,
    used: Vec<Range<usize>>,
    found: Arguments,
}

/// Names of parameters whose values look like `A-17`.
const CODED: &[&str] = &["id", "code", "number", "order", "ticket", "invoice", "sku", "refer", "ref", "key"];

/// Names of parameters that hold somebody's own words, which only a quotation gives exactly.
const WORDED: &[&str] =
    &["reason", "note", "comment", "messag", "text", "body", "subject", "title", "descript", "content"];

impl Filler<'_> {
    fn keep(&mut self, parameter: &Parameter, value: Value) {
        let said = match &value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        self.found.words.extend(stems(&said));
        self.found.values.insert(parameter.name.clone(), value);
    }

    /// The first that is not used yet: in the clause, else anywhere.
    fn take<T: Clone>(&mut self, list: &[Found<T>], fits: impl Fn(&T) -> bool) -> Option<T> {
        let free = |found: &&Found<T>| !self.used.contains(&found.place) && fits(&found.value);
        let inside = |found: &&Found<T>| self.clause.place.contains(&found.place.start);
        let found = list.iter().filter(free).find(inside).or_else(|| list.iter().find(free))?;
        self.used.push(found.place.clone());
        Some(found.value.clone())
    }

    fn value(&mut self, parameter: &Parameter) -> Option<Value> {
        let material = self.material;
        match &parameter.form {
            Form::Text => self.text(parameter).map(Value::String),
            Form::Email => self.take(&material.emails, |_| true).map(Value::String),
            Form::Date => self.take(&material.dates, |_| true).map(Value::String),
            Form::Choice(values) => self.choice(values).map(Value::String),
            Form::Integer => self
                .take(&material.numbers, |number| whole(number.value).is_some())
                .and_then(|number| whole(number.value)),
            Form::Number => {
                self.take(&material.numbers, |_| true).and_then(|number| any_number(number.value))
            }
            Form::Boolean => self.flag(parameter),
            Form::Constant(value) => Some(value.clone()),
            Form::Other => None,
        }
    }

    /// An optional parameter is filled only by what is surely meant for it.
    fn optional(&mut self, parameter: &Parameter) -> Option<Value> {
        match &parameter.form {
            Form::Choice(values) => self.choice(values).map(Value::String),
            Form::Date => {
                let dates = &self.material.dates;
                self.take(dates, |_| true).map(Value::String)
            }
            Form::Boolean => self.flag(parameter),
            _ => None,
        }
    }

    fn text(&mut self, parameter: &Parameter) -> Option<String> {
        let material = self.material;
        let is = |list: &[&str]| parameter.words.iter().any(|word| list.contains(&word.as_str()));
        if is(WORDED) {
            return self.take(&material.quoted, |_| true);
        }
        if is(CODED) {
            return self
                .take(&material.codes, |_| true)
                .or_else(|| self.take(&material.quoted, |_| true))
                .or_else(|| {
                    self.take(&material.numbers, |_| true)
                        .and_then(|number| any_number(number.value))
                        .map(|number| number.to_string())
                });
        }
        self.take(&material.quoted, |_| true)
            .or_else(|| self.take(&material.names, |_| true))
            .or_else(|| self.take(&material.emails, |_| true))
            .or_else(|| self.take(&material.codes, |_| true))
            .or_else(|| self.take(&material.dates, |_| true))
    }

    /// A number beside which the parameter's own name stands: `5 days` for `days`.
    fn number_with_unit(&mut self, parameter: &Parameter) -> Option<Value> {
        let exact = match parameter.form {
            Form::Integer => whole,
            Form::Number => any_number,
            _ => return None,
        };
        let numbers = &self.material.numbers;
        let found = self.take(numbers, |number| {
            exact(number.value).is_some()
                && (parameter.words.contains(&number.after) || parameter.words.contains(&number.before))
        })?;
        exact(found.value)
    }

    /// The value whose words occur, the longest first: `part time` before `part`.
    fn choice(&self, values: &[String]) -> Option<String> {
        let mut rows: Vec<(String, &String)> =
            values.iter().map(|value| (stems_in_a_row(value), value)).collect();
        rows.sort_by_key(|(row, _)| std::cmp::Reverse(row.len()));
        let occurs = |within: &str| {
            rows.iter()
                .find(|(row, _)| row.trim().len() > 1 && within.contains(row.as_str()))
                .map(|(_, value)| (*value).clone())
        };
        occurs(&self.row).or_else(|| occurs(&self.material.row))
    }

    /// Whether the parameter's own name is said, and not denied right before.
    fn flag(&self, parameter: &Parameter) -> Option<Value> {
        let words: Vec<&str> = self.row.split_whitespace().collect();
        let place = words.iter().position(|word| parameter.words.contains(*word))?;
        let denied = place.checked_sub(1).and_then(|before| words.get(before)).is_some_and(|before| {
            ["not", "no", "without", "never"].iter().any(|denial| stem(denial) == **before)
        });
        Some(Value::Bool(!denied))
    }
}

#[allow(clippy::cast_possible_truncation)]
fn whole(number: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() < EXACT).then(|| Value::from(number as i64))
}

fn any_number(number: f64) -> Option<Value> {
    whole(number).or_else(|| serde_json::Number::from_f64(number).map(Value::Number))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::{clause::clauses, schema::parameters},
        *,
    };

    /// Checks the arguments of a tool with these properties, all required unless they end with `?`.
    fn check(properties: Value, request: &str, expected: Value) {
        let mut required = Vec::new();
        let mut named = Map::new();
        for (name, property) in properties.as_object().unwrap() {
            if !name.ends_with('?') {
                required.push(name.clone());
            }
            named.insert(name.trim_end_matches('?').to_owned(), property.clone());
        }
        let schema = json!({"properties": named, "required": required});
        let clauses = clauses(request);
        let found = fill(&parameters(&schema), &clauses[0], &Material::of(request));
        let found = if found.missing.is_empty() { Value::Object(found.values) } else { json!(found.missing) };
        assert_eq!(found, expected, "{request:?}");
    }

    #[test]
    fn what_a_request_gives_is_taken() {
        let text = json!({"type": "string"});
        check(json!({"employee": text}), "How many days does Ada have left?", json!({"employee": "Ada"}));
        check(json!({"order_id": text}), "Where is order A-17?", json!({"order_id": "A-17"}));
        check(json!({"ticket": text}), "Close ticket 42", json!({"ticket": "42"}));
        check(json!({"city": text}), "weather in \"new york\"", json!({"city": "new york"}));
        check(
            json!({"email": text, "name": text}),
            "Invite Ada via ada@example.org",
            json!({"email": "ada@example.org", "name": "Ada"}),
        );
        check(
            json!({"from": text, "to": text}),
            "Fly from Berlin to Paris",
            json!({"from": "Berlin", "to": "Paris"}),
        );
        let date = json!({"type": "string", "format": "date"});
        check(
            json!({"end": date, "start": date, "days": {"type": "integer"}}),
            "Book 5 days between 2026-03-01 and 2026-03-05",
            json!({"days": 5, "end": "2026-03-01", "start": "2026-03-05"}),
        );
        let kinds = json!({"type": "string", "enum": ["sick", "annual_leave", "annual"]});
        check(json!({"kind": kinds}), "I want annual leave", json!({"kind": "annual_leave"}));
        check(json!({"paid": {"type": "boolean"}}), "Take it without paid hours", json!({"paid": false}));
        check(
            json!({"paid?": {"type": "boolean"}, "days": {"type": "number"}}),
            "2.5 paid days",
            json!({"days": 2.5, "paid": true}),
        );
        check(
            json!({"nights": {"type": "integer"}, "adults": {"type": "integer"}}),
            "a room for two adults, 3 nights",
            json!({"nights": 3, "adults": 2}),
        );
    }

    #[test]
    fn what_a_request_does_not_give_is_named() {
        let text = json!({"type": "string"});
        check(json!({"employee": text}), "how many days are left?", json!(["employee"]));
        check(json!({"days": {"type": "integer"}}), "some 2.5 days", json!(["days"]));
        check(json!({"message": text}), "Send Ada a mail", json!(["message"]));
        check(json!({"a": {"type": "object"}}), "Ada", json!(["a"]));
        check(json!({"kind": {"enum": ["x", "y"]}}), "an axe", json!(["kind"]));
        check(json!({"days": {"type": "integer", "default": 7}}), "forecast", json!({"days": 7}));
    }
}
