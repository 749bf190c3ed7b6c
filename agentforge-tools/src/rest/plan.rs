//! What a call would do, for a dry run: the method, the address and the body, without credentials.

use agentforge_core::{
    error::Result,
    http::HttpRequest,
    tool::{PlannedEffect, ToolPlan},
};
use serde_json::{Value, json};

use super::{
    body::{BodyKind, RequestBody},
    file::Files,
    operation::RestOperation,
};

/// Names of fields whose values people would not want to read in a plan.
const SECRET_WORDS: [&str; 8] =
    ["password", "passwd", "secret", "token", "api_key", "apikey", "authorization", "credential"];

impl RestOperation {
    /// What a call would do.
    pub(super) fn planned(&self, arguments: &Value) -> Result<ToolPlan> {
        let stand_ins = self.blobs(arguments)?.into_iter().map(|blob| (blob, bytes::Bytes::new()));
        let request = self.build(arguments, &stand_ins.collect::<Files>())?;
        let target = shown_address(&request);
        if self.effective_annotations().read_only {
            return Ok(ToolPlan::new(format!("would read {target} and change nothing")));
        }
        let mut effect = PlannedEffect::new(self.method.as_str(), &target);
        if let Some(body) = &self.body
            && let Some(value) = arguments.get(body.argument_name())
        {
            effect = effect.with_detail(json!({
                "media_type": body.media_type,
                "body": shown_body(body, value),
            }));
        }
        Ok(ToolPlan::new(format!("would send {} {target}", self.method)).with(effect))
    }
}

/// The address; a query's value that its name calls a secret is left out.
fn shown_address(request: &HttpRequest) -> String {
    let Some((path, query)) = request.url.split_once('?') else { return request.url.clone() };
    let shown = query.split('&').map(|pair| match pair.split_once('=') {
        Some((name, _)) if is_secret(name) => format!("{name}=…"),
        _ => pair.to_owned(),
    });
    format!("{path}?{}", shown.collect::<Vec<_>>().join("&"))
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_WORDS.iter().any(|word| name.contains(word))
}

fn shown_body(body: &RequestBody, value: &Value) -> Value {
    let mut shown = value.clone();
    if BodyKind::of(&body.media_type) == Some(BodyKind::File) {
        shorten_file(&mut shown);
    }
    for field in &body.files {
        match shown.get_mut(field) {
            Some(Value::Array(items)) => items.iter_mut().for_each(shorten_file),
            Some(file) => shorten_file(file),
            None => {}
        }
    }
    hide_secrets(&mut shown);
    shown
}

/// A file by its name and size: nobody reads base64.
fn shorten_file(file: &mut Value) {
    if let Some(object) = file.as_object_mut()
        && let Some(Value::String(encoded)) = object.remove("base64")
    {
        object.insert("bytes".to_owned(), json!(encoded.trim_end_matches('=').len() * 3 / 4));
    }
}

fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                if is_secret(name) && value.is_string() {
                    *value = Value::from("…");
                } else {
                    hide_secrets(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}
