//! An operation of an HTTP interface as data: everything that its tool needs but a client and credentials.

use std::collections::{BTreeMap, BTreeSet};

use agentforge_core::{
    error::{Error, Result},
    http::Method,
    json::Digest,
    security::Permission,
    tool::{Annotations, ToolSpec},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::{
    body::{RequestBody, is_header_text},
    build::placeholders,
    input,
    pages::Pagination,
    parameter::{Parameter, Place},
    shape::ResponseShape,
};

/// Schemes that stand together, each with the scopes that it needs. Empty means that nobody is asked who they are.
pub type Security = BTreeMap<String, Vec<String>>;

/// An operation of an HTTP interface. Plain data: it can be stored, compared and sent.
///
/// ```
/// use agentforge_core::http::Method;
/// use agentforge_tools::rest::{Files, Parameter, Place, RestOperation};
/// use serde_json::json;
///
/// let operation = RestOperation::new("get_order", "One order.", Method::Get, "https://shop.example/v1", "/orders/{id}")
///     .parameter(Parameter::new("id", Place::Path));
/// operation.check()?;
/// let request = operation.build(&json!({"id": "a/b"}), &Files::new())?;
/// assert_eq!(request.url, "https://shop.example/v1/orders/a%2Fb");
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestOperation {
    /// The name of the tool, `[a-zA-Z0-9_-]{1,64}`.
    pub name: String,
    /// What it does and when to call it, for a model.
    pub description: String,
    /// The method.
    pub method: Method,
    /// Where the interface is: scheme, host and perhaps the beginning of every path.
    pub base_url: String,
    /// The rest of the path, with a `{name}` for each parameter in it.
    pub path: String,
    /// The parameters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Parameter>,
    /// The body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<RequestBody>,
    /// Schemas that others name by `#/$defs/…`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub definitions: Map<String, Value>,
    /// Headers that every request has; no secrets, since they are stored and shown.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// The statuses that mean success; every 2xx when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expected: Vec<u16>,
    /// The ways to authenticate, of which one suffices; none when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub security: Vec<Security>,
    /// What becomes of a reply.
    #[serde(default)]
    pub response: ResponseShape,
    /// How further pages are asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pagination: Option<Pagination>,
    /// The header under which a write carries its idempotency key; `null` when the service must not get one.
    #[serde(default = "idempotency_key")]
    pub idempotency_header: Option<String>,
    /// What a call does, when the method says it wrongly.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// What the principal must be permitted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permissions: Vec<Permission>,
}

#[allow(clippy::unnecessary_wraps)]
fn idempotency_key() -> Option<String> {
    Some("Idempotency-Key".to_owned())
}

impl RestOperation {
    /// An operation without parameters and body.
    pub fn new(
        name: impl Into<String>,
        description: impl Into<String>,
        method: Method,
        base_url: impl Into<String>,
        path: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            description: description.into(),
            method,
            base_url: base_url.into(),
            path: path.into(),
            parameters: Vec::new(),
            body: None,
            definitions: Map::new(),
            headers: BTreeMap::new(),
            expected: Vec::new(),
            security: Vec::new(),
            response: ResponseShape::default(),
            pagination: None,
            idempotency_header: idempotency_key(),
            annotations: None,
            permissions: Vec::new(),
        }
    }

    /// With one more parameter.
    #[must_use]
    pub fn parameter(mut self, parameter: Parameter) -> Self {
        self.parameters.push(parameter);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: RequestBody) -> Self {
        self.body = Some(body);
        self
    }

    /// With a header that every request has.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// With one more way to authenticate: these schemes together, without scopes.
    #[must_use]
    pub fn secured_by<'a>(mut self, schemes: impl IntoIterator<Item = &'a str>) -> Self {
        self.security.push(schemes.into_iter().map(|name| (name.to_owned(), Vec::new())).collect());
        self
    }

    /// With another shape of replies.
    #[must_use]
    pub fn shaped(mut self, response: ResponseShape) -> Self {
        self.response = response;
        self
    }

    /// With further pages.
    #[must_use]
    pub fn paged(mut self, pagination: Pagination) -> Self {
        self.pagination = Some(pagination);
        self
    }

    /// With annotations of its own.
    #[must_use]
    pub const fn annotated(mut self, annotations: Annotations) -> Self {
        self.annotations = Some(annotations);
        self
    }

    /// What a call does: what the host said, else what the method says by RFC 9110.
    pub fn effective_annotations(&self) -> Annotations {
        self.annotations.unwrap_or(Annotations {
            read_only: self.method.is_safe(),
            destructive: self.method == Method::Delete,
            idempotent: self.method.is_idempotent(),
            open_world: true,
        })
    }

    /// What its tool declares. The version is a hash of the operation, so that an approval ends when it changes.
    pub fn spec(&self) -> ToolSpec {
        let mut spec = ToolSpec::new(&self.name, &self.description, input::schema(self))
            .annotated(self.effective_annotations())
            .untrusted();
        let whole = serde_json::to_value(self).unwrap_or_default();
        spec.version = Digest::of_json(&whole).to_string().chars().take(16).collect();
        spec.permissions.clone_from(&self.permissions);
        spec
    }

    /// Fails with every problem of the description.
    pub fn check(&self) -> Result<()> {
        let mut problems = Vec::new();
        let mut note = |result: Result<()>| {
            if let Err(error) = result {
                problems.push(error.message().to_owned());
            }
        };
        note(check_base(&self.base_url).map(drop));
        note(self.check_path());
        note(self.check_headers());
        note(self.check_arguments());
        for parameter in &self.parameters {
            note(parameter.check());
        }
        if let Some(body) = &self.body {
            note(body.check());
            if matches!(self.method, Method::Get | Method::Head) {
                note(Err(Error::invalid(format!("a {} request has no body", self.method))));
            }
        }
        note(self.response.check());
        if let Some(pagination) = &self.pagination {
            note(pagination.check(self));
        }
        let Some(first) = problems.first() else { return Ok(()) };
        let more = match problems.len() {
            1 => String::new(),
            n => format!(" (and {} more)", n - 1),
        };
        Err(Error::invalid(format!("the operation `{}` is not usable: {first}{more}", self.name))
            .with("operation", self.name.clone())
            .with("problems", problems))
    }

    fn check_path(&self) -> Result<()> {
        if !self.path.is_empty() && !self.path.starts_with('/') {
            return Err(Error::invalid(format!("the path `{}` must begin with `/`", self.path)));
        }
        if self.path.contains(['?', '#', '\\']) || self.path.chars().any(char::is_control) {
            return Err(Error::invalid(format!(
                "the path `{}` holds a query, a fragment or a control character; queries are parameters",
                self.path.escape_debug()
            )));
        }
        let named: BTreeSet<&str> = placeholders(&self.path)?.into_iter().collect();
        let given: BTreeSet<&str> =
            self.in_place(Place::Path).map(|parameter| parameter.name.as_str()).collect();
        if let Some(missing) = named.difference(&given).next() {
            return Err(Error::invalid(format!(
                "the path has `{{{missing}}}` and no parameter of that name"
            )));
        }
        if let Some(unused) = given.difference(&named).next() {
            return Err(Error::invalid(format!("the path has no `{{{unused}}}` for its parameter")));
        }
        Ok(())
    }

    fn check_headers(&self) -> Result<()> {
        let parameters = self.in_place(Place::Header).map(|parameter| parameter.name.as_str());
        let fixed = self.headers.keys().map(String::as_str);
        for name in parameters.chain(fixed).chain(self.idempotency_header.as_deref()) {
            if let Some(reason) = forbidden_header(name) {
                return Err(Error::invalid(format!("the header `{}` {reason}", name.escape_debug())));
            }
        }
        match self.headers.iter().find(|(_, value)| !is_header_text(value)) {
            Some((name, _)) => Err(Error::invalid(format!(
                "the header `{name}` has a value with a line break or a letter beyond ASCII"
            ))),
            None => Ok(()),
        }
    }

    fn check_arguments(&self) -> Result<()> {
        let mut seen = BTreeSet::new();
        let body = self.body.as_ref().map(RequestBody::argument_name);
        for name in self.parameters.iter().map(Parameter::argument_name).chain(body) {
            if !seen.insert(name) {
                return Err(Error::invalid(format!(
                    "two arguments are named `{name}`; give one of them another `argument`"
                )));
            }
        }
        Ok(())
    }

    /// The parameters that travel somewhere.
    pub(super) fn in_place(&self, place: Place) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.place == place)
    }
}

/// The base as an address; it may hold neither credentials nor a query.
pub(super) fn check_base(text: &str) -> Result<Url> {
    let wrong = |why: &str| {
        Err(Error::invalid(format!("`base_url` {why}; expected for example https://api.example.com/v1")))
    };
    let Ok(url) = Url::parse(text) else { return wrong("is no whole address") };
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return wrong("is none of http or https");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("holds a user or a password, which belong into credentials");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return wrong("holds a query or a fragment");
    }
    Ok(url)
}

/// Why a header may be set neither by a document nor by a model, if it may not.
pub(crate) fn forbidden_header(name: &str) -> Option<&'static str> {
    const OF_HTTP: [&str; 13] = [
        "connection",
        "content-length",
        "cookie",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Some("is no header name");
    }
    OF_HTTP
        .contains(&name.to_ascii_lowercase().as_str())
        .then_some("belongs to HTTP itself and cannot be set")
}
