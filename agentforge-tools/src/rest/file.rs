//! Files in arguments: bytes as base64, or a reference to a stored blob.

use std::collections::BTreeMap;

use agentforge_core::{
    error::{Error, Result},
    json::Digest,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde_json::{Value, json};

/// The bytes of the blobs that a call names, read before its request is built.
pub type Files = BTreeMap<Digest, Bytes>;

/// The most that one call uploads.
pub(super) const MAX_UPLOAD: u64 = 32 * 1024 * 1024;

/// One file of a call.
pub(super) struct Upload {
    pub(super) bytes: Bytes,
    pub(super) name: Option<String>,
    pub(super) media_type: Option<String>,
}

/// What a model writes for a file.
pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "description": "A file: its bytes in `base64`, or in `blob` a reference to a stored file.",
        "properties": {
            "base64": {"type": "string", "contentEncoding": "base64"},
            "blob": {
                "type": "object",
                "properties": {
                    "sha256": {"type": "string"},
                    "size": {"type": "integer"},
                    "media_type": {"type": "string"},
                    "name": {"type": ["string", "null"]},
                },
                "required": ["sha256"],
            },
            "name": {"type": "string", "description": "The name of the file."},
            "media_type": {"type": "string", "description": "For example `image/png`."},
        },
        "additionalProperties": false,
    })
}

/// The file that an argument stands for.
pub(super) fn read(argument: &str, value: &Value, files: &Files) -> Result<Upload> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let blob = value.get("blob").filter(|blob| !blob.is_null());
    let of_blob = |key: &str| blob.and_then(|blob| blob.get(key)).and_then(Value::as_str).map(str::to_owned);
    let bytes = match (text("base64"), blob) {
        (Some(_), Some(_)) => {
            return Err(Error::invalid(format!(
                "the file `{argument}` has both `base64` and `blob`; give one of them"
            )));
        }
        (Some(encoded), None) => STANDARD.decode(encoded.trim()).map(Bytes::from).map_err(|error| {
            Error::invalid(format!("`base64` of the file `{argument}` is no standard base64: {error}"))
        })?,
        (None, Some(blob)) => {
            let digest = digest(argument, blob)?;
            files.get(&digest).cloned().ok_or_else(|| {
                Error::invalid(format!("the file `{argument}` names a blob that was not read"))
            })?
        }
        (None, None) => {
            return Err(Error::invalid(format!(
                "the file `{argument}` has no content; give its bytes in `base64`, or a stored `blob`"
            )));
        }
    };
    Ok(Upload {
        bytes,
        name: text("name").or_else(|| of_blob("name")),
        media_type: text("media_type").or_else(|| of_blob("media_type")),
    })
}

/// The hash of the blob that a file names, if it names one.
pub(super) fn blob_of(argument: &str, value: &Value) -> Result<Option<Digest>> {
    match value.get("blob") {
        None | Some(Value::Null) => Ok(None),
        Some(blob) => digest(argument, blob).map(Some),
    }
}

fn digest(argument: &str, blob: &Value) -> Result<Digest> {
    let text = blob.get("sha256").and_then(Value::as_str).unwrap_or_default();
    text.parse().map_err(|_| {
        Error::invalid(format!("`blob.sha256` of the file `{argument}` is no hash of 64 hexadecimal digits"))
    })
}
