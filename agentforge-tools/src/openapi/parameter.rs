//! Parameters of a document as those of a REST operation.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    document::{Document, token},
    name,
    problem::{Effect, Fault, Problem},
    schema::Schemas,
};
use crate::rest::{Parameter, Place, Style, forbidden_header};

/// Headers that OpenAPI says are described elsewhere.
const ELSEWHERE: [&str; 3] = ["accept", "content-type", "authorization"];

/// Headers that carry an idempotency key, which is the runtime's to give.
const IDEMPOTENCY: [&str; 2] = ["idempotency-key", "x-idempotency-key"];

/// The parameters of an operation.
#[derive(Default)]
pub(super) struct Parameters {
    pub(super) list: Vec<Parameter>,
    /// The header that the interface wants for idempotency keys.
    pub(super) idempotency_header: Option<String>,
}

/// A parameter as the document has it.
struct Declared<'a> {
    place: String,
    name: &'a str,
    value: &'a Value,
}

/// Reads the parameters of a path and of an operation, which stand above those of the path.
pub(super) fn read(
    document: &Document,
    schemas: &mut Schemas<'_>,
    lists: [(&str, Option<&Value>); 2],
    deprecated: bool,
    problems: &mut Vec<Problem>,
) -> Result<Parameters, Fault> {
    let mut declared: BTreeMap<(String, &str), Declared<'_>> = BTreeMap::new();
    let mut order = Vec::new();
    for (place, list) in lists {
        for (index, value) in list.and_then(Value::as_array).into_iter().flatten().enumerate() {
            let place = format!("{place}/parameters/{index}");
            let value = document.resolve(&place, value)?;
            let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
            let (name, within) = (text("name"), text("in"));
            if name.is_empty() {
                return Err(Fault::at(place, "the parameter has no name"));
            }
            let key = (within.to_owned(), name);
            if !declared.contains_key(&key) {
                order.push(key.clone());
            }
            declared.insert(key, Declared { place, name, value });
        }
    }
    let mut parameters = Parameters::default();
    for key in order {
        let Some(one) = declared.remove(&key) else { continue };
        let within = match key.0.as_str() {
            "path" => Place::Path,
            "query" => Place::Query,
            "header" => Place::Header,
            "cookie" => Place::Cookie,
            other => {
                let why = format!("the parameter `{}` is in `{other}`, which is not known", one.name);
                leave_out(&one, why, problems)?;
                continue;
            }
        };
        let lower = one.name.to_ascii_lowercase();
        if within == Place::Header && ELSEWHERE.contains(&lower.as_str()) {
            continue;
        }
        if within == Place::Header && IDEMPOTENCY.contains(&lower.as_str()) {
            parameters.idempotency_header = Some(one.name.to_owned());
            continue;
        }
        let flag = |key: &str| one.value.get(key) == Some(&Value::Bool(true));
        if flag("deprecated") && !deprecated && !flag("required") {
            continue;
        }
        if within == Place::Header
            && let Some(reason) = forbidden_header(one.name)
        {
            leave_out(&one, format!("the header `{}` {reason}", one.name), problems)?;
            continue;
        }
        match parameter(schemas, &one, within) {
            Ok(parameter) => parameters.list.push(parameter),
            Err(why) => leave_out(&one, why, problems)?,
        }
    }
    name_arguments(&mut parameters.list);
    Ok(parameters)
}

/// Leaves an optional parameter out; without a required one there is no call.
fn leave_out(one: &Declared<'_>, why: String, problems: &mut Vec<Problem>) -> Result<(), Fault> {
    let fault = Fault::at(&one.place, why);
    if one.value.get("required") == Some(&Value::Bool(true)) {
        return Err(fault);
    }
    problems.push(fault.becomes(Effect::Simplified));
    Ok(())
}

fn parameter(schemas: &mut Schemas<'_>, one: &Declared<'_>, within: Place) -> Result<Parameter, String> {
    let mut parameter = Parameter::new(one.name, within);
    let flag = |key: &str| one.value.get(key) == Some(&Value::Bool(true));
    parameter.required |= flag("required");
    parameter.allow_reserved = flag("allowReserved");
    parameter.explode = one.value.get("explode").and_then(Value::as_bool);
    let description = one.value.get("description").and_then(Value::as_str).unwrap_or_default();
    if !description.trim().is_empty() {
        parameter.description = Some(name::brief(description, 500));
    }
    let content =
        one.value.get("content").and_then(Value::as_object).and_then(|content| content.iter().next());
    let schema = match content {
        Some((media_type, content)) => {
            if media_type.contains("json") {
                parameter.style = Some(Style::Json);
            } else if !media_type.starts_with("text/") {
                return Err(format!("the parameter `{}` is written as `{media_type}`", one.name));
            }
            content.get("schema")
        }
        None => one.value.get("schema"),
    };
    if let Some(style) = one.value.get("style") {
        parameter.style = serde_json::from_value(style.clone())
            .map(Some)
            .map_err(|_| format!("the parameter `{}` has the unknown style {style}", one.name))?;
    }
    if let Some(schema) = schema {
        parameter.schema = schemas
            .convert(schema)
            .map_err(|why| format!("the parameter `{}` cannot be described: {why}", one.name))?;
    }
    Ok(parameter)
}

/// Gives every parameter an argument that models accept, each another one.
fn name_arguments(parameters: &mut [Parameter]) {
    let mut names = name::Names::default();
    for parameter in parameters {
        let wanted = name::fitting(&parameter.name, "value");
        let mut argument = names.free(&wanted);
        if argument != wanted {
            argument = names.free(&name::fitting(&format!("{}_{wanted}", parameter.place.as_str()), "value"));
        }
        if argument != parameter.name {
            parameter.argument = Some(argument);
        }
    }
}

/// Adds what the path's template names and nobody declared.
pub(super) fn complete(
    place: &str,
    path: &str,
    parameters: &mut Vec<Parameter>,
    problems: &mut Vec<Problem>,
) {
    let mut named = Vec::new();
    for piece in path.split('{').skip(1) {
        named.extend(piece.split_once('}').map(|(name, _)| name));
    }
    for name in &named {
        let known = parameters.iter().any(|one| one.place == Place::Path && one.name == *name);
        if !known {
            let why = format!("the path names `{{{name}}}` and nothing declares it; it takes text");
            problems.push(Fault::at(place, why).becomes(Effect::Simplified));
            parameters.push(Parameter::new(*name, Place::Path));
        }
    }
    parameters.retain(|one| {
        let kept = one.place != Place::Path || named.contains(&one.name.as_str());
        if !kept {
            let why = format!("the path has no `{{{}}}` for its parameter", token(&one.name));
            problems.push(Fault::at(place, why).becomes(Effect::Simplified));
        }
        kept
    });
    name_arguments(parameters);
}
