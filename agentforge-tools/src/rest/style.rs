//! Values as text: the styles of OpenAPI. Pure, and total over every JSON value.

use serde_json::{Map, Value};

use super::{
    parameter::{Parameter, Style},
    percent::{Escape, encode},
};

/// A value that is no list: text as it is, a number without a needless fraction, anything nested as JSON.
pub(super) fn atom(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64() {
            // A schema's `integer` accepts 3.0, and a server's `int` does not.
            #[allow(clippy::cast_possible_truncation)]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                (float as i64).to_string()
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

/// A value in a path or a header, in styles `simple`, `label`, `matrix` and `json`.
pub(super) fn inline(parameter: &Parameter, value: &Value, escape: Escape) -> String {
    let atom = |value: &Value| escape.of(&atom(value));
    let name = escape.of(&parameter.name);
    let explode = parameter.exploded();
    let joined = |items: &[Value], by: &str| items.iter().map(atom).collect::<Vec<_>>().join(by);
    let fields = |fields: &Map<String, Value>, within: &str, by: &str| {
        let pairs = fields.iter().map(|(key, value)| format!("{}{within}{}", escape.of(key), atom(value)));
        pairs.collect::<Vec<_>>().join(by)
    };
    match (parameter.written(), value) {
        (Style::Json, value) => escape.of(&value.to_string()),
        (Style::Label, Value::Array(items)) => format!(".{}", joined(items, if explode { "." } else { "," })),
        (Style::Label, Value::Object(map)) if explode => format!(".{}", fields(map, "=", ".")),
        (Style::Label, Value::Object(map)) => format!(".{}", fields(map, ",", ",")),
        (Style::Label, value) => format!(".{}", atom(value)),
        (Style::Matrix, Value::Array(items)) if explode => {
            items.iter().map(|item| format!(";{name}={}", atom(item))).collect::<Vec<_>>().concat()
        }
        (Style::Matrix, Value::Array(items)) => format!(";{name}={}", joined(items, ",")),
        (Style::Matrix, Value::Object(map)) if explode => format!(";{}", fields(map, "=", ";")),
        (Style::Matrix, Value::Object(map)) => format!(";{name}={}", fields(map, ",", ",")),
        (Style::Matrix, value) => format!(";{name}={}", atom(value)),
        (_, Value::Array(items)) => joined(items, ","),
        (_, Value::Object(map)) if explode => fields(map, "=", ","),
        (_, Value::Object(map)) => fields(map, ",", ","),
        (_, value) => atom(value),
    }
}

/// A value in a query or a form: pairs of a plain name and an encoded value. An absent value gives none.
pub(super) fn pairs(
    name: &str,
    style: Style,
    explode: bool,
    value: &Value,
    escape: Escape,
) -> Vec<(String, String)> {
    let one = |text: String| vec![(name.to_owned(), text)];
    let atom = |value: &Value| escape.of(&atom(value));
    match (style, value) {
        (_, Value::Null) => Vec::new(),
        (Style::Json, value) => one(escape.of(&value.to_string())),
        (_, Value::Array(items)) if items.is_empty() => Vec::new(),
        (_, Value::Object(map)) if map.is_empty() => Vec::new(),
        (Style::DeepObject, Value::Object(_)) => {
            let mut found = Vec::new();
            deep(name, value, escape, &mut found);
            found
        }
        (_, Value::Array(items)) if explode || style == Style::DeepObject => {
            items.iter().map(|item| (name.to_owned(), atom(item))).collect()
        }
        (_, Value::Object(map)) if explode => {
            let present = map.iter().filter(|(_, value)| !value.is_null());
            present.map(|(key, value)| (key.clone(), atom(value))).collect()
        }
        (style, Value::Array(items)) => {
            one(items.iter().map(atom).collect::<Vec<_>>().join(delimiter(style)))
        }
        (style, Value::Object(map)) => {
            let by = delimiter(style);
            let texts = map.iter().map(|(key, value)| format!("{}{by}{}", escape.of(key), atom(value)));
            one(texts.collect::<Vec<_>>().join(by))
        }
        (_, value) => one(atom(value)),
    }
}

const fn delimiter(style: Style) -> &'static str {
    match style {
        Style::SpaceDelimited => "%20",
        Style::PipeDelimited => "%7C",
        _ => ",",
    }
}

/// `filter[a][b]=c`; an item of an array repeats the name. The depth is that of the arguments, which were parsed with
/// a bound.
fn deep(name: &str, value: &Value, escape: Escape, found: &mut Vec<(String, String)>) {
    match value {
        Value::Null => {}
        Value::Object(map) => {
            for (key, value) in map {
                deep(&format!("{name}[{key}]"), value, escape, found);
            }
        }
        Value::Array(items) => {
            for item in items {
                deep(name, item, escape, found);
            }
        }
        value => found.push((name.to_owned(), escape.of(&atom(value)))),
    }
}

/// Pairs as they stand in a query or a form.
pub(super) fn joined(pairs: &[(String, String)]) -> String {
    let texts = pairs.iter().map(|(name, value)| format!("{}={value}", encode(name)));
    texts.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use super::{super::Place, *};
    use serde_json::json;

    fn query(style: Style, explode: bool, value: Value) -> String {
        joined(&pairs("id", style, explode, &value, Escape::Strict))
    }

    #[test]
    fn queries_are_written_as_the_styles_say() {
        let list = json!([3, "a b", true]);
        let object = json!({"role": "admin", "first": "A&B"});
        let check = |style, explode, value: &Value, expected: &str| {
            assert_eq!(query(style, explode, value.clone()), expected, "{style:?} {explode}");
        };
        check(Style::Form, true, &list, "id=3&id=a%20b&id=true");
        check(Style::Form, false, &list, "id=3,a%20b,true");
        check(Style::SpaceDelimited, false, &list, "id=3%20a%20b%20true");
        check(Style::PipeDelimited, false, &list, "id=3%7Ca%20b%7Ctrue");
        check(Style::Form, true, &object, "first=A%26B&role=admin");
        check(Style::Form, false, &object, "id=first,A%26B,role,admin");
        check(Style::DeepObject, true, &object, "id%5Bfirst%5D=A%26B&id%5Brole%5D=admin");
        check(
            Style::DeepObject,
            true,
            &json!({"a": {"b": [1, 2]}, "c": null}),
            "id%5Ba%5D%5Bb%5D=1&id%5Ba%5D%5Bb%5D=2",
        );
        check(Style::Json, false, &json!({"a": 1}), "id=%7B%22a%22%3A1%7D");
        check(Style::Form, true, &json!(3.0), "id=3");
        check(Style::Form, true, &json!([]), "");
        check(Style::Form, true, &Value::Null, "");
    }

    #[test]
    fn paths_are_written_as_the_styles_say() {
        let check = |style, explode: bool, value: Value, expected: &str| {
            let mut parameter = Parameter::new("id", Place::Path).style(style);
            parameter.explode = Some(explode);
            assert_eq!(inline(&parameter, &value, Escape::Strict), expected, "{style:?} {explode}");
        };
        let (list, object) = (json!([3, 4]), json!({"role": "a/b", "n": 1}));
        check(Style::Simple, false, json!("a/b"), "a%2Fb");
        check(Style::Simple, false, list.clone(), "3,4");
        check(Style::Simple, false, object.clone(), "n,1,role,a%2Fb");
        check(Style::Simple, true, object.clone(), "n=1,role=a%2Fb");
        check(Style::Label, false, json!(5), ".5");
        check(Style::Label, false, list.clone(), ".3,4");
        check(Style::Label, true, list.clone(), ".3.4");
        check(Style::Label, true, object.clone(), ".n=1.role=a%2Fb");
        check(Style::Matrix, false, json!(5), ";id=5");
        check(Style::Matrix, false, list.clone(), ";id=3,4");
        check(Style::Matrix, true, list, ";id=3;id=4");
        check(Style::Matrix, false, object.clone(), ";id=n,1,role,a%2Fb");
        check(Style::Matrix, true, object, ";n=1;role=a%2Fb");
    }
}
