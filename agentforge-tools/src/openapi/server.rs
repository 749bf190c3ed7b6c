//! Where an interface is: the first server of an operation, its path or the document, or what the host says.

use agentforge_core::error::{Error, Result};
use serde_json::Value;
use url::Url;

use super::{document::shown, options::ImportOptions};

/// The address of a list of servers; none when there is no list.
pub(super) fn of_list(list: Option<&Value>, options: &ImportOptions) -> Result<Option<String>> {
    let Some(server) = list.and_then(Value::as_array).and_then(|list| list.first()) else { return Ok(None) };
    let template = server.get("url").and_then(Value::as_str).unwrap_or_default();
    let url = filled(template, server.get("variables"), options)?;
    match Url::parse(&url) {
        Ok(parsed) if matches!(parsed.scheme(), "http" | "https") => Ok(Some(url)),
        Ok(parsed) => Err(Error::invalid(format!(
            "the server speaks `{}`, and only http and https are spoken; set `base_url`",
            shown(parsed.scheme())
        ))),
        Err(_) => Err(Error::invalid(format!(
            "the server `{}` is no whole address; set `base_url` to one, for example https://api.example.com/v1",
            shown(&url)
        ))),
    }
}

fn filled(template: &str, variables: Option<&Value>, options: &ImportOptions) -> Result<String> {
    let mut url = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err(Error::invalid(
                "the server's address has a brace that is not closed; set `base_url`",
            ));
        };
        let variable = variables.and_then(|variables| variables.get(name));
        let default = variable.and_then(|variable| variable.get("default")).and_then(Value::as_str);
        let given = options.server_variables.get(name).map(String::as_str);
        let value = given.or(default).ok_or_else(|| {
            Error::invalid(format!(
                "the server's variable `{}` has no default; set it in `server_variables`, or set `base_url`",
                shown(name)
            ))
        })?;
        let allowed = variable.and_then(|variable| variable.get("enum")).and_then(Value::as_array);
        if let Some(allowed) = allowed.filter(|list| !list.iter().any(|item| item.as_str() == Some(value))) {
            let known: Vec<_> = allowed.iter().filter_map(Value::as_str).collect();
            return Err(Error::invalid(format!(
                "`{}` is no value of the server's variable `{}`; known are: {}",
                shown(value),
                shown(name),
                shown(&known.join(", "))
            )));
        }
        url.push_str(before);
        url.push_str(value);
        rest = after;
    }
    url.push_str(rest);
    Ok(url)
}

/// A document without servers, and a host that did not say where.
pub(super) fn missing() -> Error {
    Error::invalid(
        "the document names no server; set `base_url` to the whole address, for example https://api.example.com/v1",
    )
}
