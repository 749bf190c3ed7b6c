//! What an object store says when it fails, in the words of core.

use agentforge_core::error::{Error, ErrorKind};
use object_store::Error as ObjectError;

/// Something that could not be done.
pub(super) fn unusable(what: &str, error: ObjectError) -> Error {
    let (kind, why) = match &error {
        ObjectError::NotFound { .. } => (ErrorKind::NotFound, "has no such object"),
        ObjectError::PermissionDenied { .. } | ObjectError::Unauthenticated { .. } => {
            (ErrorKind::Transport, "refused; check its keys and what they allow")
        }
        ObjectError::InvalidPath { .. }
        | ObjectError::UnknownConfigurationKey { .. }
        | ObjectError::NotSupported { .. } => {
            (ErrorKind::InvalidInput, "cannot be used like this; check its options")
        }
        _ => (ErrorKind::Transport, "failed; look at the cause and try again"),
    };
    let retry = matches!(error, ObjectError::Generic { .. });
    let told = Error::new(kind, format!("the object store could not {what}: it {why}")).caused_by(error);
    if retry { told } else { told.never_retry() }
}
