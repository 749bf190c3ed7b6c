//! What a host is shown so that it knows who asks, given once or asked for before every request.

use std::{fmt, sync::Arc};

use agentforge_core::{CallContext, Error, Result};
use async_trait::async_trait;

use super::{ApiKey, Auth, AwsKeys, Host};

/// What a host is shown so that it knows who asks. Never shown itself.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credential {
    /// A key, sent in the way of the host.
    Key(ApiKey),
    /// A token, sent as `Authorization: Bearer …` even where keys are sent otherwise.
    Token(ApiKey),
    /// A pair of AWS keys, which signs every request.
    Aws(AwsKeys),
    /// What the host's own program gives for every request, for example a token that lasts an hour.
    Source(Arc<dyn CredentialSource>),
}

/// Gives a credential for every request: for tokens and keys that do not last. It should keep what it gave as long as
/// that is good, since every request waits for it.
///
/// ```
/// use agentforge_core::{CallContext, Result};
/// use agentforge_llm::host::{ApiKey, Credential, CredentialSource};
/// struct Entra;
///
/// #[async_trait::async_trait]
/// impl CredentialSource for Entra {
///     async fn credential(&self, _cx: &CallContext) -> Result<Credential> {
///         ApiKey::new("eyJ0eXAi…".trim_end_matches('…'), "the token of Entra").map(Credential::Token)
///     }
/// }
/// ```
#[async_trait]
pub trait CredentialSource: Send + Sync {
    /// The credential for one request; never another source.
    async fn credential(&self, cx: &CallContext) -> Result<Credential>;
}

impl Credential {
    /// The credential for one request.
    pub(super) async fn now(&self, cx: &CallContext) -> Result<Self> {
        let Self::Source(source) = self else { return Ok(self.clone()) };
        match cx.run(source.credential(cx)).await? {
            Self::Source(_) => {
                Err(Error::invalid("a source of credentials gave another source; give what it gives"))
            }
            given => Ok(given),
        }
    }

    /// Fails when a host has no use for it.
    pub(crate) fn fits(&self, host: &Host) -> Result<()> {
        match (self, &host.auth) {
            (Self::Aws(_), Auth::AwsSignature(_)) => Ok(()),
            (Self::Aws(_), _) => {
                Err(Error::invalid(format!("host `{}` takes a key and no pair of AWS keys", host.name)))
            }
            _ => Ok(()),
        }
    }

    /// The variable of a host that holds such a credential, for whoever mends a wrong one.
    pub(super) fn variable<'a>(&self, host: &'a Host) -> Option<&'a str> {
        match self {
            Self::Token(_) => host.token_variable.as_deref(),
            Self::Key(_) | Self::Aws(_) => host.key_variable.as_deref(),
            Self::Source(_) => None,
        }
    }

    /// The error without anything secret, which a careless provider may have quoted.
    pub(super) fn scrub(&self, error: Error) -> Error {
        match self {
            Self::Key(key) | Self::Token(key) => key.scrub(error),
            Self::Aws(keys) => keys.secrets().fold(error, |error, secret| secret.scrub(error)),
            Self::Source(_) => error,
        }
    }
}

impl From<ApiKey> for Credential {
    fn from(key: ApiKey) -> Self {
        Self::Key(key)
    }
}

impl From<AwsKeys> for Credential {
    fn from(keys: AwsKeys) -> Self {
        Self::Aws(keys)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Credential::Key(…)",
            Self::Token(_) => "Credential::Token(…)",
            Self::Aws(_) => "Credential::Aws(…)",
            Self::Source(_) => "Credential::Source(…)",
        })
    }
}
