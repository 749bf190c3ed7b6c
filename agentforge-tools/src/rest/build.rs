//! From arguments to a request. Pure: the same arguments make the same request, without credentials.

use std::collections::BTreeSet;

use agentforge_core::{
    error::{Error, Result},
    http::HttpRequest,
    json::Digest,
};
use serde_json::{Map, Value};
use url::Url;

use super::{
    body::is_header_text,
    file::Files,
    operation::{RestOperation, check_base},
    parameter::{Parameter, Place, Style},
    percent::{Escape, is_dot_segment},
    style,
};

impl RestOperation {
    /// The request of a call, without credentials. `files` are the bytes of the blobs that [`Self::blobs`] names.
    ///
    /// Fails with invalid input when an argument is missing or would leave the place that it is written into: a path
    /// with `..`, a header with a line break, an object that adds another parameter to the query.
    pub fn build(&self, arguments: &Value, files: &Files) -> Result<HttpRequest> {
        let arguments = arguments
            .as_object()
            .ok_or_else(|| Error::invalid(format!("the arguments of `{}` must be an object", self.name)))?;
        let path = self.expanded_path(arguments)?;
        let query = self.query(arguments)?;
        let base = check_base(&self.base_url)?;
        let mut url = format!("{}{path}", base.as_str().trim_end_matches('/'));
        stays_within(&base, &url)?;
        if !query.is_empty() {
            url.push('?');
            url.push_str(&query);
        }
        let mut request = HttpRequest::new(self.method, url);
        for (name, value) in &self.headers {
            request = request.header(name.as_str(), value.as_str());
        }
        for (parameter, value) in self.given(Place::Header, arguments)? {
            let text = style::inline(parameter, value, Escape::None);
            if !is_header_text(&text) {
                return Err(Error::invalid(format!(
                    "`{}` is sent as a header and holds a line break or a letter beyond ASCII",
                    parameter.argument_name()
                )));
            }
            request = request.header(parameter.name.as_str(), text);
        }
        let cookies: Vec<_> = self
            .given(Place::Cookie, arguments)?
            .into_iter()
            .flat_map(|(parameter, value)| {
                style::pairs(&parameter.name, parameter.written(), false, value, Escape::Strict)
            })
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if request.headers.get("accept").is_none() {
            request = request.header("accept", self.response.accept());
        }
        match (&self.body, self.body_argument(arguments)) {
            (Some(body), Some(value)) => body.put(request, value, files),
            (Some(body), None) if body.required => Err(missing(body.argument_name())),
            _ => Ok(request),
        }
    }

    /// The blobs that a call names, which are read before its request is built.
    pub fn blobs(&self, arguments: &Value) -> Result<Vec<Digest>> {
        let Some(arguments) = arguments.as_object() else { return Ok(Vec::new()) };
        match (&self.body, self.body_argument(arguments)) {
            (Some(body), Some(value)) => body.blobs(value),
            _ => Ok(Vec::new()),
        }
    }

    fn body_argument<'a>(&self, arguments: &'a Map<String, Value>) -> Option<&'a Value> {
        let name = self.body.as_ref()?.argument_name();
        // An absent body and a body of `null` differ only where the schema takes `null`.
        arguments.get(name)
    }

    /// The parameters of a place that the call gives.
    fn given<'a>(
        &'a self,
        place: Place,
        arguments: &'a Map<String, Value>,
    ) -> Result<Vec<(&'a Parameter, &'a Value)>> {
        let mut given = Vec::new();
        for parameter in self.in_place(place) {
            match arguments.get(parameter.argument_name()) {
                Some(value) if !value.is_null() => given.push((parameter, value)),
                _ if parameter.required => return Err(missing(parameter.argument_name())),
                _ => {}
            }
        }
        Ok(given)
    }

    fn expanded_path(&self, arguments: &Map<String, Value>) -> Result<String> {
        let given = self.given(Place::Path, arguments)?;
        let mut path = String::with_capacity(self.path.len() + 32);
        let mut rest = self.path.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let (parameter, value) =
                given.iter().find(|(parameter, _)| parameter.name == name).ok_or_else(|| missing(name))?;
            refuse_dots(parameter, value)?;
            let text = style::inline(parameter, value, Escape::Strict);
            if text.is_empty() {
                return Err(Error::invalid(format!(
                    "`{}` is part of the path and may not be empty",
                    parameter.argument_name()
                )));
            }
            path.push_str(before);
            path.push_str(&text);
            rest = after;
        }
        path.push_str(rest);
        if path.split('/').any(is_dot_segment) {
            return Err(Error::invalid("the arguments would make `.` or `..` a part of the path"));
        }
        Ok(path)
    }

    fn query(&self, arguments: &Map<String, Value>) -> Result<String> {
        let declared: BTreeSet<&str> =
            self.in_place(Place::Query).map(|parameter| parameter.name.as_str()).collect();
        let mut all = Vec::new();
        for (parameter, value) in self.given(Place::Query, arguments)? {
            let escape = if parameter.allow_reserved { Escape::Reserved } else { Escape::Strict };
            let pairs =
                style::pairs(&parameter.name, parameter.written(), parameter.exploded(), value, escape);
            // The fields of an exploded object become parameters of their own; they may not pose as another one.
            let posing = pairs.iter().map(|(name, _)| name.as_str());
            let posing = posing.filter(|name| *name != parameter.name);
            if let Some(name) = posing.into_iter().find(|name| declared.contains(name)) {
                return Err(Error::invalid(format!(
                    "the field `{name}` of `{}` would replace another parameter of the query",
                    parameter.argument_name()
                )));
            }
            all.extend(pairs);
        }
        Ok(style::joined(&all))
    }
}

/// The names in a path's template.
pub(super) fn placeholders(path: &str) -> Result<Vec<&str>> {
    let mut found = Vec::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('{') {
        let unclosed = || Error::invalid(format!("the path `{path}` has a brace that is not closed"));
        let (name, after) = after.split_once('}').ok_or_else(unclosed)?;
        if before.contains('}') || name.is_empty() || name.contains(['{', '/']) {
            return Err(unclosed());
        }
        found.push(name);
        rest = after;
    }
    if rest.contains('}') {
        return Err(Error::invalid(format!("the path `{path}` has a brace that was not opened")));
    }
    Ok(found)
}

/// Slashes in a value are encoded, and many servers decode them before they look for `..`.
fn refuse_dots(parameter: &Parameter, value: &Value) -> Result<()> {
    let holds_dots =
        |value: &Value| value.as_str().is_some_and(|text| text.split(['/', '\\']).any(is_dot_segment));
    let refused = match value {
        Value::Array(_) | Value::Object(_) if parameter.written() == Style::Json => {
            value.to_string().split(['/', '\\']).any(is_dot_segment)
        }
        Value::Array(items) => items.iter().any(holds_dots),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| key.split(['/', '\\']).any(is_dot_segment) || holds_dots(value))
        }
        value => holds_dots(value),
    };
    if refused && parameter.written() != Style::Json {
        return Err(Error::invalid(format!(
            "`{}` is part of the path and may not hold `.` or `..` between slashes",
            parameter.argument_name()
        )));
    }
    Ok(())
}

/// The last line of defence: what a client will ask for lies at the base's origin and under its path.
fn stays_within(base: &Url, url: &str) -> Result<()> {
    let within = Url::parse(url).is_ok_and(|parsed| {
        parsed.origin() == base.origin()
            && parsed.path().starts_with(base.path().trim_end_matches('/'))
            && parsed.query().is_none()
            && parsed.fragment().is_none()
    });
    if within { Ok(()) } else { Err(Error::invalid("the arguments would lead outside of the interface")) }
}

fn missing(argument: &str) -> Error {
    Error::invalid(format!("the argument `{argument}` is missing"))
}
