//! The schemes that an interface may ask for, and the credentials that fit them.

use std::{fmt, sync::Arc};

use agentforge_core::{
    error::{Error, Result},
    http::CredentialSource,
};
use serde::{Deserialize, Serialize};

use crate::rest::forbidden_header;

/// How an interface is told who asks. Plain data without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum AuthScheme {
    /// A key under a name.
    ApiKey {
        /// Where the key travels.
        #[serde(rename = "in")]
        place: KeyPlace,
        /// The name of the header, parameter or cookie.
        name: String,
    },
    /// A token in the `authorization` header.
    Bearer,
    /// A user's name and password in the `authorization` header.
    Basic,
    /// Tokens of OAuth 2 by client credentials; or a token that the host got in another way.
    Oauth2 {
        /// Where tokens are asked for.
        token_url: String,
        /// How the client says who it is there.
        #[serde(default)]
        client_auth: ClientAuth,
    },
}

/// Where a key travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyPlace {
    /// As a header.
    Header,
    /// In the query.
    Query,
    /// As a cookie.
    Cookie,
}

/// How a client says who it is to a token endpoint (RFC 6749, 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// In the `authorization` header.
    #[default]
    Basic,
    /// In the form.
    Post,
}

/// A credential of the host. Its secret is asked for at each call, and its `Debug` shows none.
#[derive(Clone)]
pub enum Credential {
    /// A key or a token.
    Secret(Arc<dyn CredentialSource>),
    /// A user.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Arc<dyn CredentialSource>,
    },
    /// A client of OAuth 2.
    Client {
        /// The id.
        id: String,
        /// The secret.
        secret: Arc<dyn CredentialSource>,
    },
}

impl Credential {
    /// A key or a token.
    pub fn secret(source: Arc<dyn CredentialSource>) -> Self {
        Self::Secret(source)
    }

    /// A user's name and password.
    pub fn basic(username: impl Into<String>, password: Arc<dyn CredentialSource>) -> Self {
        Self::Basic { username: username.into(), password }
    }

    /// A client's id and secret.
    pub fn client(id: impl Into<String>, secret: Arc<dyn CredentialSource>) -> Self {
        Self::Client { id: id.into(), secret }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Secret(_) => "Credential::Secret(…)",
            Self::Basic { .. } => "Credential::Basic(…)",
            Self::Client { .. } => "Credential::Client(…)",
        })
    }
}

impl AuthScheme {
    /// Fails when a credential does not fit, or the scheme cannot be followed.
    pub(super) fn check(&self, name: &str, credential: &Credential) -> Result<()> {
        let wanted = match (self, credential) {
            (Self::ApiKey { .. } | Self::Bearer, Credential::Secret(_))
            | (Self::Basic, Credential::Basic { .. })
            | (Self::Oauth2 { .. }, Credential::Client { .. } | Credential::Secret(_)) => None,
            (Self::ApiKey { .. }, _) => Some("a key"),
            (Self::Bearer, _) => Some("a token"),
            (Self::Basic, _) => Some("a user's name and password"),
            (Self::Oauth2 { .. }, _) => Some("a client's id and secret, or a token"),
        };
        if let Some(wanted) = wanted {
            return Err(Error::invalid(format!("the scheme `{name}` takes {wanted}")).with("scheme", name));
        }
        match self {
            Self::ApiKey { place: KeyPlace::Header, name: header } => match forbidden_header(header) {
                Some(reason) => Err(Error::invalid(format!("the header of the scheme `{name}` {reason}"))),
                None => Ok(()),
            },
            Self::Oauth2 { token_url, .. } => match (credential, url::Url::parse(token_url)) {
                (Credential::Client { .. }, Err(_)) => Err(Error::invalid(format!(
                    "the scheme `{name}` has no whole address to ask for tokens; set its `token_url`"
                ))),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
