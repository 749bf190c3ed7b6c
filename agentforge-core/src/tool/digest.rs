//! What an approval, an idempotency key and a record of a call are bound to.

use serde_json::Value;

use crate::{
    context::CallContext,
    json::{Digest, to_canonical},
};

/// The digest of a call: the tool, its version and whole declaration, canonical arguments and principal. An approval
/// holds for nothing else.
pub fn call_digest(
    cx: &CallContext,
    tool: &str,
    version: &str,
    declaration: Digest,
    arguments: &Value,
) -> Digest {
    let scope = cx.scope();
    // In their short form: why the system acts does not change what was approved.
    let principal = scope.principal().to_string();
    let behalf = scope.on_behalf_of().map(ToString::to_string);
    Digest::of_parts(&[
        b"agentforge.tool_call.v2",
        tool.as_bytes(),
        version.as_bytes(),
        declaration.as_bytes(),
        to_canonical(arguments).as_bytes(),
        scope.tenant().as_uuid().as_bytes(),
        principal.as_bytes(),
        behalf.as_deref().unwrap_or_default().as_bytes(),
    ])
}
