//! The security schemes of a document, and what an operation needs of them.

use std::collections::BTreeMap;

use serde_json::Value;
use url::Url;

use super::{
    document::{Document, Version, token},
    problem::{Effect, Fault, Problem},
};
use crate::rest::{AuthScheme, ClientAuth, KeyPlace, Security, forbidden_header};

/// The schemes that can be followed; a problem for each that cannot.
pub(super) fn schemes(
    document: &Document,
    base: Option<&str>,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, AuthScheme> {
    let pointer = match document.version {
        Version::Swagger2 => "/securityDefinitions",
        _ => "/components/securitySchemes",
    };
    let Some(listed) = document.root.pointer(pointer).and_then(Value::as_object) else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (name, scheme) in listed {
        let place = format!("{pointer}/{}", token(name));
        let read = document
            .resolve(&place, scheme)
            .and_then(|scheme| read(scheme, base).map_err(|why| Fault::at(&place, why)));
        match read {
            Ok(scheme) => {
                found.insert(name.clone(), scheme);
            }
            Err(fault) => problems.push(fault.becomes(Effect::Simplified)),
        }
    }
    found
}

fn read(scheme: &Value, base: Option<&str>) -> Result<AuthScheme, String> {
    let text = |key: &str| scheme.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "apiKey" => {
            let place = match text("in") {
                "header" => KeyPlace::Header,
                "query" => KeyPlace::Query,
                "cookie" => KeyPlace::Cookie,
                _ => return Err("the key has no place `in` header, query or cookie".to_owned()),
            };
            let name = text("name").to_owned();
            match (place, forbidden_header(&name)) {
                (_, _) if name.is_empty() => Err("the key has no name".to_owned()),
                (KeyPlace::Header, Some(reason)) => Err(format!("the header of the key {reason}")),
                (KeyPlace::Cookie, _) if name.contains([';', '=', ' ', ',']) => {
                    Err("the cookie of the key has no usable name".to_owned())
                }
                _ => Ok(AuthScheme::ApiKey { place, name }),
            }
        }
        "basic" => Ok(AuthScheme::Basic),
        "http" => match text("scheme").to_ascii_lowercase().as_str() {
            "basic" => Ok(AuthScheme::Basic),
            "bearer" => Ok(AuthScheme::Bearer),
            other => Err(format!("the HTTP scheme `{other}` is not known; known are basic and bearer")),
        },
        // A token that a person was given is the host's to keep; here it is a bearer token.
        "openIdConnect" => Ok(AuthScheme::Bearer),
        "oauth2" => {
            let flows = scheme.get("flows");
            let flow = flows.and_then(|flows| flows.get("clientCredentials"));
            let flow = flow.or_else(|| (text("flow") == "application").then_some(scheme));
            let Some(url) = flow.and_then(|flow| flow.get("tokenUrl")).and_then(Value::as_str) else {
                return Ok(AuthScheme::Bearer);
            };
            let whole = match (Url::parse(url), base.map(Url::parse)) {
                (Ok(url), _) => url,
                (Err(_), Some(Ok(base))) => {
                    base.join(url).map_err(|_| "its `tokenUrl` is no address".to_owned())?
                }
                _ => return Err("its `tokenUrl` is no whole address; set `base_url`".to_owned()),
            };
            Ok(AuthScheme::Oauth2 { token_url: whole.into(), client_auth: ClientAuth::default() })
        }
        other => {
            Err(format!("the type `{other}` is not known; known are apiKey, http, oauth2 and openIdConnect"))
        }
    }
}

/// What an operation needs: its own list, else the document's. Ways that nobody here can go are left out, and with
/// the last of them the operation.
pub(super) fn of_operation(
    place: &str,
    operation: &Value,
    root: &Value,
    schemes: &BTreeMap<String, AuthScheme>,
) -> Result<Vec<Security>, Fault> {
    let listed = operation.get("security").or_else(|| root.get("security")).and_then(Value::as_array);
    let Some(listed) = listed.filter(|listed| !listed.is_empty()) else { return Ok(Vec::new()) };
    let mut ways = Vec::new();
    let mut unknown = None;
    for way in listed.iter().filter_map(Value::as_object) {
        match way.keys().find(|name| !schemes.contains_key(*name)) {
            Some(name) => unknown = unknown.or(Some(name)),
            None => ways.push(
                way.iter()
                    .map(|(name, scopes)| {
                        let scopes = scopes.as_array().map_or(&[][..], Vec::as_slice);
                        (name.clone(), scopes.iter().filter_map(Value::as_str).map(str::to_owned).collect())
                    })
                    .collect(),
            ),
        }
    }
    match unknown {
        Some(name) if ways.is_empty() => Err(Fault::at(
            format!("{place}/security"),
            format!("it needs the security scheme `{name}`, which is not declared or cannot be followed"),
        )),
        _ => Ok(ways),
    }
}
