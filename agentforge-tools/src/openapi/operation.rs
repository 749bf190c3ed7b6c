//! One operation of a document as a REST operation.

use std::collections::BTreeMap;

use agentforge_core::{http::Method, schema::Validator};
use serde_json::Value;

use super::{
    body,
    document::{Document, Version, token},
    name::{self, Names},
    options::{Candidate, ImportOptions},
    parameter,
    problem::{Effect, Fault, Problem},
    schema::Schemas,
    security, server, swagger,
};
use crate::rest::{AuthScheme, RestOperation};

/// What all operations of a document share while they are read.
pub(super) struct Reader<'a> {
    pub(super) document: &'a Document,
    pub(super) options: &'a ImportOptions,
    pub(super) schemas: Schemas<'a>,
    pub(super) names: Names,
    pub(super) schemes: BTreeMap<String, AuthScheme>,
    pub(super) root_server: Option<String>,
    pub(super) problems: Vec<Problem>,
    /// The ids that the selection names and that were found.
    pub(super) found: Vec<String>,
    /// The overrides that met an operation.
    pub(super) overridden: Vec<String>,
}

impl Reader<'_> {
    /// Reads every selected operation. What is wrong with one stops no other.
    pub(super) fn operations(&mut self) -> Vec<RestOperation> {
        let document = self.document;
        let mut operations = Vec::new();
        for (path, item) in document.root.get("paths").and_then(Value::as_object).into_iter().flatten() {
            if !path.starts_with('/') {
                continue;
            }
            let place = format!("/paths/{}", token(path));
            let item = match document.resolve(&place, item) {
                Ok(item) => item,
                Err(fault) => {
                    self.problems.push(fault.becomes(Effect::Skipped));
                    continue;
                }
            };
            for method in Method::ALL {
                let word = method.as_str().to_ascii_lowercase();
                let Some(operation) = item.get(&word) else { continue };
                let place = format!("{place}/{word}");
                match self.operation(&place, path, *method, item, operation) {
                    Ok(Some(operation)) => operations.push(operation),
                    Ok(None) => {}
                    Err(fault) => self.problems.push(fault.becomes(Effect::Skipped)),
                }
            }
        }
        operations
    }

    fn operation(
        &mut self,
        place: &str,
        path: &str,
        method: Method,
        item: &Value,
        operation: &Value,
    ) -> Result<Option<RestOperation>, Fault> {
        if !operation.is_object() {
            return Err(Fault::at(place, "the operation is no object"));
        }
        let id = operation.get("operationId").and_then(Value::as_str);
        let tags = operation.get("tags").and_then(Value::as_array);
        let candidate = Candidate {
            id,
            tags: tags.into_iter().flatten().filter_map(Value::as_str).collect(),
            path,
            method,
            deprecated: operation.get("deprecated") == Some(&Value::Bool(true)),
        };
        self.found.extend(
            id.filter(|id| self.options.select.operations.iter().any(|own| own == id)).map(str::to_owned),
        );
        if !self.options.select.takes(&candidate) {
            return Ok(None);
        }
        let upgraded;
        let (item, operation) = if self.document.version == Version::Swagger2 {
            upgraded = swagger::operation(self.document, place, item, operation)?;
            (&upgraded.item, &upgraded.operation)
        } else {
            (item, operation)
        };
        let prefix = &self.options.name_prefix;
        let own =
            id.map_or_else(|| name::of_route(method.as_str(), path), |id| name::fitting(id, "operation"));
        let wanted = name::fitting(&format!("{prefix}{own}"), "operation");
        let keys = [id.unwrap_or_default(), &wanted];
        let said = keys.into_iter().find_map(|key| self.options.overrides.get_key_value(key));
        self.overridden.extend(said.map(|(key, _)| key.clone()));
        let base = self.base_url(place, item, operation)?;
        let security = security::of_operation(place, operation, &self.document.root, &self.schemes)?;
        let above = place.rsplit_once('/').map_or(place, |(above, _)| above);
        let lists = [(above, item.get("parameters")), (place, operation.get("parameters"))];
        let deprecated = self.options.select.deprecated;
        let mut parameters =
            parameter::read(self.document, &mut self.schemas, lists, deprecated, &mut self.problems)?;
        parameter::complete(place, path, &mut parameters.list, &mut self.problems);
        let declared = operation.get("requestBody").filter(|_| !matches!(method, Method::Get | Method::Head));
        let mut body = body::read(self.document, &mut self.schemas, place, declared, &mut self.problems)?;
        if let Some(body) = &mut body
            && parameters.list.iter().any(|own| own.argument_name() == "body")
        {
            body.argument = Some("request_body".to_owned());
        }

        let mut read = RestOperation::new(wanted, "", method, base, path);
        read.description = description(operation, method, path);
        read.security = security;
        read.parameters = parameters.list;
        read.body = body;
        if parameters.idempotency_header.is_some() {
            read.idempotency_header = parameters.idempotency_header;
        }
        let used =
            read.parameters.iter().map(|own| &own.schema).chain(read.body.iter().map(|body| &body.schema));
        read.definitions = self.schemas.definitions_of(used).map_err(|why| Fault::at(place, why))?;
        if let Some((_, said)) = said {
            read.name = said.name.clone().unwrap_or(read.name);
            read.description = said.description.clone().unwrap_or(read.description);
            read.annotations = said.annotations;
            read.response = said.response.clone().unwrap_or_default();
            read.pagination = said.pagination.clone();
        }
        read.check().map_err(|error| Fault::at(place, error.message()))?;
        let spec = read.spec();
        spec.check().map_err(|error| Fault::at(place, error.message()))?;
        Validator::new(&spec.input).map_err(|error| Fault::at(place, error.message()))?;
        // A name is given away only when nothing can go wrong any more, so that a bad operation takes none.
        let name = self.names.free(&read.name);
        if name != read.name {
            let why = format!("another operation has the name `{}`; this one is `{name}`", read.name);
            self.problems.push(Fault::at(place, why).becomes(Effect::Simplified));
            read.name = name;
        }
        Ok(Some(read))
    }

    fn base_url(&self, place: &str, item: &Value, operation: &Value) -> Result<String, Fault> {
        if let Some(base) = &self.options.base_url {
            return Ok(base.clone());
        }
        for list in [operation.get("servers"), item.get("servers")] {
            let found = server::of_list(list, self.options);
            if let Some(base) =
                found.map_err(|error| Fault::at(format!("{place}/servers"), error.message()))?
            {
                return Ok(base);
            }
        }
        self.root_server.clone().ok_or_else(|| Fault::at(place, server::missing().message()))
    }
}

/// What a model reads: the summary, the description, and nothing endless.
fn description(operation: &Value, method: Method, path: &str) -> String {
    let text = |key: &str| operation.get(key).and_then(Value::as_str).unwrap_or_default().trim();
    let (summary, long) = (text("summary"), text("description"));
    let whole = match (summary.is_empty(), long.is_empty()) {
        (true, true) => format!("{method} {path}"),
        (false, true) => summary.to_owned(),
        (true, false) => long.to_owned(),
        (false, false) if long.starts_with(summary) => long.to_owned(),
        (false, false) => format!("{}\n{long}", summary.trim_end_matches('.').to_owned() + "."),
    };
    name::brief(&whole, 1_000)
}
