//! Credentials as settings name them: by reference, so that no secret stands in a setup.

use std::collections::BTreeMap;

use agentforge_core::{error::Result, tool::NamedCredentials};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::rest::Credential;

/// What stands in a setup for one scheme.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum CredentialSetting {
    /// `secret://NAME`: a key or a token.
    Secret(String),
    /// A user.
    Basic { username: String, password: String },
    /// A client of OAuth 2.
    Client { client_id: String, client_secret: String },
}

pub(super) type CredentialSettings = BTreeMap<String, CredentialSetting>;

impl CredentialSetting {
    pub(super) fn credential(&self, named: &dyn NamedCredentials) -> Result<Credential> {
        Ok(match self {
            Self::Secret(reference) => Credential::secret(named.named(reference)?),
            Self::Basic { username, password } => Credential::basic(username, named.named(password)?),
            Self::Client { client_id, client_secret } => {
                Credential::client(client_id, named.named(client_secret)?)
            }
        })
    }

    /// The schema of one setting.
    pub(super) fn schema() -> Value {
        let reference = json!({"type": "string", "pattern": "^secret://[A-Za-z0-9._/-]{1,128}$"});
        let pair = |name: &str, secret: &str| {
            json!({
                "type": "object",
                "properties": {name: {"type": "string"}, secret: reference},
                "required": [name, secret],
                "additionalProperties": false,
            })
        };
        json!({"anyOf": [reference, pair("username", "password"), pair("client_id", "client_secret")]})
    }
}
