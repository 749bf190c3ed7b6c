//! Who a request comes from: the schemes of an interface, the host's credentials for them, and what they put on a
//! request. Secrets are asked for at each call; only tokens are kept, and only in memory.

mod mark;
mod oauth;
mod scheme;

use std::{collections::BTreeMap, fmt, sync::Arc};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpClient, SecretText},
};

use super::operation::Security;

pub(super) use mark::Marks;
use oauth::TokenCache;
pub use scheme::{AuthScheme, ClientAuth, Credential, KeyPlace};

/// The schemes of an interface with the host's credentials. Shared by every tool of the interface, so that they share
/// their tokens.
///
/// ```
/// use std::sync::Arc;
/// use agentforge_core::http::{Fixed, SecretText};
/// use agentforge_tools::rest::{AuthScheme, Authenticator, Credential};
///
/// let key = Credential::secret(Arc::new(Fixed(SecretText::from("k-123"))));
/// let authenticator = Authenticator::new().with("shop_key", AuthScheme::Bearer, key)?;
/// assert!(!format!("{authenticator:?}").contains("k-123"));
/// # Ok::<(), agentforge_core::error::Error>(())
/// ```
#[derive(Default, Clone)]
pub struct Authenticator {
    schemes: BTreeMap<String, Held>,
}

#[derive(Clone)]
struct Held {
    scheme: AuthScheme,
    credential: Credential,
    tokens: Arc<TokenCache>,
}

impl Authenticator {
    /// Without any scheme.
    pub fn new() -> Self {
        Self::default()
    }

    /// With a scheme under its name and the host's credential for it. A credential of another sort than the scheme
    /// takes is invalid input.
    pub fn with(
        mut self,
        name: impl Into<String>,
        scheme: AuthScheme,
        credential: Credential,
    ) -> Result<Self> {
        let name = name.into();
        scheme.check(&name, &credential)?;
        self.schemes.insert(name, Held { scheme, credential, tokens: Arc::default() });
        Ok(self)
    }

    /// Whether there is a credential for every scheme of a way.
    pub fn has(&self, way: &Security) -> bool {
        way.keys().all(|name| self.schemes.contains_key(name))
    }

    /// What a request must carry: by the first way whose credentials are all there, where asking nobody comes last.
    pub(super) async fn marks(
        &self,
        security: &[Security],
        client: &Arc<dyn HttpClient>,
        cx: &CallContext,
    ) -> Result<Marks> {
        let mut marks = Marks::default();
        let named = security.iter().find(|way| !way.is_empty() && self.has(way));
        let Some(way) = named.or_else(|| security.iter().find(|way| way.is_empty())) else {
            return match security.first() {
                None => Ok(marks),
                Some(first) => Err(self.missing(first)),
            };
        };
        for (name, scopes) in way {
            let Some(held) = self.schemes.get(name) else { continue };
            held.mark(name, scopes, client, cx, &mut marks).await?;
        }
        Ok(marks)
    }

    fn missing(&self, way: &Security) -> Error {
        let absent = way.keys().find(|name| !self.schemes.contains_key(*name));
        let name = absent.map_or("", String::as_str);
        Error::new(
            ErrorKind::Unauthenticated,
            format!("there is no credential for the scheme `{name}`; give the host's authenticator one"),
        )
        .with("scheme", name)
    }

    /// Forgets the tokens that a service has just refused. Says whether there were any, so that fetching others may
    /// help.
    pub(super) fn forget(&self, marks: &Marks) -> bool {
        let mut any = false;
        for (scheme, key, token) in marks.tokens() {
            if let Some(held) = self.schemes.get(scheme) {
                held.tokens.forget(*key, token);
                any = true;
            }
        }
        any
    }
}

impl Held {
    async fn mark(
        &self,
        name: &str,
        scopes: &[String],
        client: &Arc<dyn HttpClient>,
        cx: &CallContext,
        marks: &mut Marks,
    ) -> Result<()> {
        match (&self.scheme, &self.credential) {
            (AuthScheme::ApiKey { place, name: key }, Credential::Secret(source)) => {
                let secret = checked(name, source.credential(cx).await?)?;
                marks.key(*place, key, secret);
            }
            (AuthScheme::Bearer | AuthScheme::Oauth2 { .. }, Credential::Secret(source)) => {
                let secret = checked(name, source.credential(cx).await?)?;
                marks.bearer(secret);
            }
            (AuthScheme::Basic, Credential::Basic { username, password }) => {
                let secret = checked(name, password.credential(cx).await?)?;
                marks.basic(username, secret);
            }
            (AuthScheme::Oauth2 { token_url, client_auth }, Credential::Client { id, secret }) => {
                let secret = checked(name, secret.credential(cx).await?)?;
                let request = oauth::TokenRequest {
                    scheme: name.to_owned(),
                    token_url: token_url.clone(),
                    client_auth: *client_auth,
                    id: id.clone(),
                    secret,
                    scopes: scopes.to_vec(),
                };
                let (key, token) = self.tokens.token(request, client, cx).await?;
                marks.token(name, key, token);
            }
            // INVARIANT: `with` refused every other pair.
            _ => return Err(Error::internal(format!("the credential of `{name}` does not fit its scheme"))),
        }
        Ok(())
    }
}

/// A secret that would end its header cannot be sent; most often a line break was stored with it.
fn checked(scheme: &str, secret: SecretText) -> Result<SecretText> {
    if secret.expose().is_empty() {
        return Err(Error::invalid(format!("the credential of the scheme `{scheme}` is empty")));
    }
    if secret.expose().chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "the credential of the scheme `{scheme}` holds a line break or another control character; store it \
             without"
        )));
    }
    Ok(secret)
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.schemes.iter().map(|(name, held)| (name, &held.scheme))).finish()
    }
}
