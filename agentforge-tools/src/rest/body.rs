//! The body of a request: what a model writes for it and what is sent.

use std::collections::BTreeMap;

use agentforge_core::{
    error::{Error, Result},
    http::HttpRequest,
    json::Digest,
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    file::{self, Files},
    multipart::Multipart,
    parameter::Style,
    percent::Escape,
    style,
};

/// The body of a request. A model writes it under one argument.
///
/// By its media type it is sent as JSON, as a form, as `multipart/form-data`, as text, or as the bytes of one file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestBody {
    /// The media type, for example `application/json`.
    pub media_type: String,
    /// What a model calls it; `body` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// Whether a call must have one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub required: bool,
    /// What it means, for a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it takes. Of no meaning for the bytes of one file.
    #[serde(default)]
    pub schema: Value,
    /// Which fields of a multipart body are files, or lists of files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// How fields of a form or of a multipart body are written, where that is not the usual way.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, FieldEncoding>,
}

/// How a field of a form or of a multipart body is written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FieldEncoding {
    /// The style of a list or an object; in a form only.
    pub style: Option<Style>,
    /// Whether each item stands for itself.
    pub explode: Option<bool>,
    /// The content type of a part.
    pub content_type: Option<String>,
}

/// How a body of some media type is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyKind {
    /// JSON.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `multipart/form-data`.
    Multipart,
    /// Text.
    Text,
    /// The bytes of one file.
    File,
}

impl BodyKind {
    /// How a body of this media type is made; none when nobody here can write it.
    pub(crate) fn of(media_type: &str) -> Option<Self> {
        let essence = essence(media_type);
        Some(match essence.as_str() {
            "application/x-www-form-urlencoded" => Self::Form,
            "multipart/form-data" => Self::Multipart,
            "application/xml" => return None,
            other if is_json(other) => Self::Json,
            other if other.ends_with("+xml") || other.starts_with("multipart/") => return None,
            "text/xml" => return None,
            other if other.starts_with("text/") => Self::Text,
            other if other.contains('/') => Self::File,
            _ => return None,
        })
    }
}

/// A media type without its parameters, in lower case.
pub(super) fn essence(media_type: &str) -> String {
    media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a media type without parameters is one of JSON.
pub(super) fn is_json(essence: &str) -> bool {
    essence == "application/json" || essence == "text/json" || essence.ends_with("+json")
}

impl RequestBody {
    /// A JSON body that a call must have.
    pub fn json(schema: Value) -> Self {
        Self::new("application/json", schema)
    }

    /// A body of another media type that a call must have.
    pub fn new(media_type: impl Into<String>, schema: Value) -> Self {
        Self {
            media_type: media_type.into(),
            argument: None,
            required: true,
            description: None,
            schema,
            files: Vec::new(),
            fields: BTreeMap::new(),
        }
    }

    /// With a field that is a file, or a list of files.
    #[must_use]
    pub fn file(mut self, field: impl Into<String>) -> Self {
        self.files.push(field.into());
        self
    }

    /// What a model calls it.
    pub fn argument_name(&self) -> &str {
        self.argument.as_deref().unwrap_or("body")
    }

    pub(super) fn kind(&self) -> Result<BodyKind> {
        BodyKind::of(&self.media_type).ok_or_else(|| {
            Error::invalid(format!(
                "a body of `{}` cannot be written; use JSON, a form, multipart/form-data, text or a file",
                self.media_type
            ))
        })
    }

    pub(super) fn check(&self) -> Result<()> {
        self.kind()?;
        let types = self.fields.values().filter_map(|field| field.content_type.as_ref());
        match types.chain([&self.media_type]).find(|text| !is_header_text(text)) {
            Some(text) => Err(Error::invalid(format!("`{}` is no media type", text.escape_debug()))),
            None => Ok(()),
        }
    }

    /// The blobs that a body names.
    pub(super) fn blobs(&self, value: &Value) -> Result<Vec<Digest>> {
        let mut found = Vec::new();
        if self.kind()? == BodyKind::File {
            found.extend(file::blob_of(self.argument_name(), value)?);
        }
        for field in &self.files {
            for item in items(value.get(field)) {
                found.extend(file::blob_of(field, item)?);
            }
        }
        Ok(found)
    }

    /// The request with this body.
    pub(super) fn put(&self, request: HttpRequest, value: &Value, files: &Files) -> Result<HttpRequest> {
        let (media_type, bytes) = match self.kind()? {
            BodyKind::Json => (self.media_type.clone(), Bytes::from(value.to_string())),
            BodyKind::Text => (self.media_type.clone(), Bytes::from(style::atom(value))),
            BodyKind::Form => (self.media_type.clone(), Bytes::from(style::joined(&self.form(value)?))),
            BodyKind::File => {
                let upload = file::read(self.argument_name(), value, files)?;
                let declared = self.media_type.contains('*').then_some(upload.media_type).flatten();
                let media_type = match declared {
                    Some(media_type) if is_header_text(&media_type) => media_type,
                    Some(_) => {
                        return Err(Error::invalid("`media_type` of the file is no media type"));
                    }
                    None if self.media_type.contains('*') => "application/octet-stream".to_owned(),
                    None => self.media_type.clone(),
                };
                (media_type, upload.bytes)
            }
            BodyKind::Multipart => self.multipart(value, files)?.finish(),
        };
        Ok(request.header("content-type", media_type).body(bytes))
    }

    fn form(&self, value: &Value) -> Result<Vec<(String, String)>> {
        let mut pairs = Vec::new();
        for (name, value) in self.object(value)? {
            let encoding = self.fields.get(name);
            let declared = encoding.and_then(|encoding| encoding.style);
            // A list repeats its name; an object without a style is JSON, as OpenAPI says.
            let style = declared.unwrap_or(if value.is_object() { Style::Json } else { Style::Form });
            let explode = encoding.and_then(|encoding| encoding.explode).unwrap_or(style == Style::Form);
            pairs.extend(style::pairs(name, style, explode, value, Escape::Strict));
        }
        Ok(pairs)
    }

    fn multipart(&self, value: &Value, files: &Files) -> Result<Multipart> {
        let mut parts = Multipart::default();
        for (name, value) in self.object(value)? {
            let declared = self.fields.get(name).and_then(|encoding| encoding.content_type.as_deref());
            // `image/png, image/jpeg` and `image/*` say what is accepted; only one type can be sent.
            let declared = declared.filter(|text| !text.contains([',', '*']));
            for item in items(Some(value)) {
                if self.files.contains(name) {
                    let upload = file::read(name, item, files)?;
                    parts.file(name, upload, declared)?;
                } else if item.is_object() || item.is_array() || declared.is_some_and(is_json) {
                    parts.text(name, declared.or(Some("application/json")), &item.to_string());
                } else if !item.is_null() {
                    parts.text(name, declared, &style::atom(item));
                }
            }
        }
        Ok(parts)
    }

    fn object<'a>(&self, value: &'a Value) -> Result<&'a serde_json::Map<String, Value>> {
        value
            .as_object()
            .ok_or_else(|| Error::invalid(format!("`{}` must be an object of fields", self.argument_name())))
    }
}

/// A list's items, or the value alone.
fn items(value: Option<&Value>) -> &[Value] {
    match value {
        None => &[],
        Some(Value::Array(items)) => items,
        Some(one) => std::slice::from_ref(one),
    }
}

/// Whether text can stand in a header without ending it.
pub(super) fn is_header_text(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..0x7f).contains(&byte) || byte == b'\t')
}
