//! Translates what goes wrong with a server into the platform's error, once. What a server says is foreign text: it is
//! cut, and it is quoted in a message and never becomes one.

use std::time::Duration;

use agentforge_core::error::{Error, ErrorKind, Result};
use rmcp::{
    model::ErrorData,
    service::{ClientInitializeError, ServiceError},
    transport::{AuthError, DynamicTransportError, streamable_http_client::StreamableHttpError},
};

use super::{http::HttpFault, stdio::Process};

const SHOWN: usize = 300;

/// A server's words, cut and on one line.
pub(super) fn quote(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let mut shown: String = line.chars().take(SHOWN).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    shown
}

/// Why the other side wants us to authorise, if that is what went wrong.
pub(super) struct Challenge {
    /// The `WWW-Authenticate` header, when there was one.
    pub(super) header: Option<String>,
    /// Whether what we had was accepted and is not enough.
    pub(super) insufficient: bool,
}

/// What a request to a server failed with.
pub(super) enum Failure {
    /// It wants authorisation.
    Challenged(Challenge),
    /// It answered with an error of its own.
    Refused(ErrorData),
    /// Anything else.
    Broken(Error),
}

impl Failure {
    pub(super) fn of_service(server: &str, error: ServiceError, process: Option<&Process>) -> Self {
        match error {
            ServiceError::McpError(data) => Self::Refused(data),
            ServiceError::TransportSend(error) => Self::of_transport(server, &error, process),
            ServiceError::TransportClosed => Self::Broken(closed(server, process)),
            ServiceError::Cancelled { .. } => Self::Broken(Error::cancelled()),
            ServiceError::Timeout { timeout } => Self::Broken(Error::new(
                ErrorKind::Timeout,
                format!("the MCP server `{server}` did not answer within {} ms", timeout.as_millis()),
            )),
            other => Self::Broken(undecodable(server, &other.to_string())),
        }
    }

    pub(super) fn of_start(server: &str, error: ClientInitializeError, process: Option<&Process>) -> Self {
        match error {
            ClientInitializeError::TransportError { error, .. } => {
                Self::of_transport(server, &error, process)
            }
            ClientInitializeError::JsonRpcError(data) => Self::Refused(data),
            ClientInitializeError::ConnectionClosed(_) => Self::Broken(closed(server, process)),
            ClientInitializeError::LegacyFallbackFailed { discover, fallback } => {
                match Self::of_start(server, *fallback, process) {
                    Self::Refused(_) => Self::of_start(server, *discover, process),
                    other => other,
                }
            }
            ClientInitializeError::NoCompatibleProtocolVersion { server_supported, .. } => {
                let theirs: Vec<_> = server_supported.iter().map(|version| quote(version.as_str())).collect();
                Self::Broken(Error::new(
                    ErrorKind::Unsupported,
                    format!(
                        "the MCP server `{server}` speaks only revisions that this client does not: {}",
                        theirs.join(", ")
                    ),
                ))
            }
            ClientInitializeError::Cancelled => Self::Broken(Error::cancelled()),
            other => Self::Broken(undecodable(server, &other.to_string())),
        }
    }

    fn of_transport(server: &str, error: &DynamicTransportError, process: Option<&Process>) -> Self {
        match error.error.downcast_ref::<StreamableHttpError<HttpFault>>() {
            Some(error) => Self::of_http(server, error),
            None => Self::Broken(closed(server, process)),
        }
    }

    fn of_http(server: &str, error: &StreamableHttpError<HttpFault>) -> Self {
        let broken =
            |kind, what: String| Self::Broken(Error::new(kind, format!("the MCP server `{server}` {what}")));
        match error {
            StreamableHttpError::Client(fault) => Self::Broken(fault.to_error(server)),
            StreamableHttpError::AuthRequired(challenge) => Self::Challenged(Challenge {
                header: Some(challenge.www_authenticate_header.clone()),
                insufficient: false,
            }),
            StreamableHttpError::InsufficientScope(challenge) => Self::Challenged(Challenge {
                header: Some(challenge.www_authenticate_header.clone()),
                insufficient: true,
            }),
            StreamableHttpError::Auth(AuthError::AuthorizationRequired) => {
                Self::Challenged(Challenge { header: None, insufficient: false })
            }
            StreamableHttpError::Auth(error) => Self::Broken(of_oauth(server, error)),
            StreamableHttpError::HttpStatus(status) if status.status == 429 => {
                let wait = status.retry_after.as_deref().and_then(|text| text.trim().parse().ok());
                let error = Error::new(
                    ErrorKind::RateLimited,
                    format!("the MCP server `{server}` answers too many requests (HTTP 429)"),
                );
                Self::Broken(error.retry_after(wait.map(Duration::from_secs)))
            }
            StreamableHttpError::HttpStatus(status) => {
                broken(ErrorKind::Transport, format!("answers HTTP {}", status.status))
            }
            StreamableHttpError::ResponseBodyTooLarge { max_size } => {
                broken(ErrorKind::Decode, format!("sent a body of more than {max_size} bytes"))
            }
            StreamableHttpError::UnexpectedServerResponse(text) => broken(
                ErrorKind::Decode,
                format!("gave an answer that is none of the protocol: {}", quote(text)),
            ),
            StreamableHttpError::UnexpectedContentType(_) | StreamableHttpError::Deserialize(_) => {
                broken(ErrorKind::Decode, "gave an answer that is none of the protocol".to_owned())
            }
            other => {
                broken(ErrorKind::Transport, format!("could not be reached: {}", quote(&other.to_string())))
            }
        }
    }

    /// The error of a failure that nobody can do anything about any more.
    pub(super) fn into_error(self, server: &str) -> Error {
        match self {
            Self::Broken(error) => error,
            Self::Challenged(challenge) if challenge.insufficient => Error::denied(format!(
                "the MCP server `{server}` wants more rights than the token has; grant them, or give OAuth to the host"
            )),
            Self::Challenged(_) => Error::new(
                ErrorKind::Unauthenticated,
                format!(
                    "the MCP server `{server}` wants to know who asks; give a bearer token or OAuth to the host"
                ),
            ),
            Self::Refused(data) => refused(server, &data),
        }
    }
}

/// The error of an answer that is an error of the protocol.
pub(super) fn refused(server: &str, data: &ErrorData) -> Error {
    let kind = match data.code.0 {
        -32002 => ErrorKind::NotFound,
        -32601 => ErrorKind::Unsupported,
        -32602 => ErrorKind::InvalidInput,
        _ => ErrorKind::Transport,
    };
    let said = quote(&data.message);
    Error::new(kind, format!("the MCP server `{server}` refused: {said}"))
        .with("code", data.code.0)
        .never_retry()
}

fn closed(server: &str, process: Option<&Process>) -> Error {
    match process {
        Some(process) => process.error(server),
        None => Error::new(ErrorKind::Transport, format!("the MCP server `{server}` went away")),
    }
}

pub(super) fn undecodable(server: &str, what: &str) -> Error {
    let what = quote(what);
    Error::new(ErrorKind::Decode, format!("the MCP server `{server}` does not keep to the protocol: {what}"))
}

/// The error of a step of OAuth that failed. Messages of the library name addresses and reasons, never tokens.
pub(super) fn of_oauth(server: &str, error: &AuthError) -> Error {
    let kind = match error {
        AuthError::DiscoveryRequestFailed { .. }
        | AuthError::TokenRefreshFailed(_)
        | AuthError::HttpError(_) => ErrorKind::Transport,
        AuthError::MetadataError(_)
        | AuthError::ProtectedResourceMetadataInvalid { .. }
        | AuthError::AuthorizationServersUnavailable { .. } => ErrorKind::Decode,
        AuthError::CredentialStoreError(_) => ErrorKind::Internal,
        _ => ErrorKind::Unauthenticated,
    };
    let said = quote(&error.to_string());
    Error::new(kind, format!("authorising at the MCP server `{server}` failed: {said}"))
}

/// Fails when a context belongs to another tenant than the one that connected: a connection carries its credentials.
pub(super) fn check_tenant(
    server: &str,
    owner: agentforge_core::id::TenantId,
    cx: &agentforge_core::context::CallContext,
) -> Result<()> {
    if cx.tenant() == owner {
        return Ok(());
    }
    Err(Error::not_found(format!("there is no MCP server `{server}` for this tenant")))
}
