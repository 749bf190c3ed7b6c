//! Large payloads of journal rows: beyond the inline limit they go to a blob.

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    json::encoded_len,
    store::{Blobs, BlobsExt, Change, INLINE_PAYLOAD_LIMIT, Payload},
};
use bytes::Bytes;
use serde_json::Value;

/// The form in which a journal keeps a value, and the change that keeps its blob when it has one.
pub(super) async fn store(
    cx: &CallContext,
    blobs: &dyn Blobs,
    value: Value,
) -> Result<(Payload, Option<Change>)> {
    if encoded_len(&value) <= INLINE_PAYLOAD_LIMIT {
        return Ok((Payload::Inline(value), None));
    }
    let blob = blobs.put_bytes(cx, "application/json", Bytes::from(value.to_string())).await?;
    Ok((Payload::Blob(blob.clone()), Some(Change::RetainBlob(blob))))
}

/// The value that a journal keeps.
pub(super) async fn load(cx: &CallContext, blobs: &dyn Blobs, payload: Payload) -> Result<Value> {
    match payload {
        Payload::Inline(value) => Ok(value),
        Payload::Blob(blob) => {
            let bytes = blobs.get_bytes(cx, blob.sha256).await?;
            serde_json::from_slice(&bytes).map_err(|error| {
                Error::new(ErrorKind::Corrupt, "a journal payload in a blob is no JSON").caused_by(error)
            })
        }
    }
}
