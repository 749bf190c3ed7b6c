//! Hosts: where a wire is spoken, with which key, and how it departs from the wire. Data rows, no code.
//!
//! **Adding a host** is one row in `rows.rs`, or one [`Host`] given to the registry at run time. A host with a protocol
//! of its own needs a wire first.

pub(crate) mod address;
pub(crate) mod aws;
mod credential;
mod key;
mod line;
mod model;
mod profile;
mod public;
mod quirks;
mod reply;
mod rows;
mod served;
mod vertex;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

pub use agentforge_core::http::is_public;
pub use aws::AwsKeys;
pub use credential::{Credential, CredentialSource};
pub use key::ApiKey;
pub(crate) use line::Line;
pub(crate) use model::HostedModel;
pub use profile::{Profile, ProfileRow, StructuredOutput};
pub use public::check_public;
pub use quirks::{
    CallIdRule, MaxTokensField, MessagesPlace, Quirks, ReasoningField, ReasoningReplay, SeedField, ToolSubset,
};

pub(crate) use profile::{profile_of, rows as profile_rows};
pub(crate) use rows::{other_name, other_variable, rows};
pub(crate) use served::as_served;
pub(crate) use vertex::of_environment as vertex_of_environment;
pub use vertex::vertex_base_url;

use crate::wire::openai_chat;

/// A place that serves models.
///
/// ```
/// use agentforge_llm::host::Host;
/// let host = Host::compatible("lab", "http://10.0.0.5:8000/v1").with_key_variable("LAB_KEY");
/// assert_eq!(host.name, "lab");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// The name before the colon in `provider:model`.
    pub name: Cow<'static, str>,
    /// The address that the wire's paths follow; `None` when only the variable can say it. In that of AWS `{region}`
    /// stands for the region.
    pub base_url: Option<Cow<'static, str>>,
    /// The variable that replaces the address.
    #[serde(default)]
    pub base_url_variable: Option<Cow<'static, str>>,
    /// How the key is sent.
    #[serde(default)]
    pub auth: Auth,
    /// The variable that holds the key.
    #[serde(default)]
    pub key_variable: Option<Cow<'static, str>>,
    /// The variable that holds a token, which is sent as `Authorization: Bearer …` in place of the key.
    #[serde(default)]
    pub token_variable: Option<Cow<'static, str>>,
    /// Whether it serves nobody without a key.
    #[serde(default)]
    pub key_need: KeyNeed,
    /// The name of the wire that it speaks.
    pub wire: Cow<'static, str>,
    /// How it departs from the wire.
    #[serde(default)]
    pub quirks: Quirks,
    /// What its models can usually do.
    #[serde(default)]
    pub profile: Profile,
    /// The model that is taken when none is named.
    #[serde(default)]
    pub default_model: Option<Cow<'static, str>>,
}

/// How a key is sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Auth {
    /// `Authorization: Bearer …`
    #[default]
    Bearer,
    /// In a header of this name.
    Header(Cow<'static, str>),
    /// Not itself: a pair of AWS keys signs every request to the service of this name. A single key goes as
    /// `Authorization: Bearer …`.
    AwsSignature(Cow<'static, str>),
    /// Not at all.
    None,
}

/// Whether a host serves nobody without a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyNeed {
    /// It wants one.
    #[default]
    Required,
    /// It takes one.
    Optional,
}

impl Host {
    /// A host that speaks OpenAI chat completions at this address and may want a key.
    pub fn compatible(name: impl Into<Cow<'static, str>>, base_url: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            base_url: Some(base_url.into()),
            base_url_variable: None,
            auth: Auth::Bearer,
            key_variable: None,
            token_variable: None,
            key_need: KeyNeed::Optional,
            wire: Cow::Borrowed(openai_chat::NAME),
            quirks: Quirks::NONE,
            profile: profile::SERVED,
            default_model: None,
        }
    }

    /// With the variable that holds the key.
    #[must_use]
    pub fn with_key_variable(mut self, variable: impl Into<Cow<'static, str>>) -> Self {
        self.key_variable = Some(variable.into());
        self
    }

    /// At another address.
    #[must_use]
    pub fn at(mut self, base_url: impl Into<Cow<'static, str>>) -> Self {
        self.base_url = Some(base_url.into());
        self
    }
}
