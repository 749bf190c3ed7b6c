//! OAuth for servers over HTTP: discovery, registration, PKCE, client credentials and refreshing, every request of it
//! through the host's own client. The host shows the person the page, and keeps the tokens.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{CredentialSource, HttpClient, SecretText},
};
use async_trait::async_trait;
use rmcp::transport::{
    AuthClient, AuthError, AuthorizationManager, AuthorizationRequest, AuthorizationSession,
    ClientCredentialsConfig, CredentialStore, StoredCredentials, auth::OAuthClientConfig,
};

use super::{
    fault::{Challenge, Failure, of_oauth},
    http::{GuardedHttp, OAuthHttp},
};

/// Shows a person where to agree, and brings back where the browser was sent to.
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Opens `url` for the person and waits for the redirect to the address that was given to
    /// [`OAuth::authorization_code`]. Returns the whole address that was asked for, with its query.
    async fn authorize(&self, cx: &CallContext, url: &str) -> Result<String>;
}

/// Keeps tokens. They are secrets: a store seals them, and hands them to the same tenant only.
#[async_trait]
pub trait OAuthTokens: Send + Sync {
    /// The tokens for a server's address, as they were saved.
    async fn load(&self, cx: &CallContext, url: &str) -> Result<Option<SecretText>>;

    /// Saves tokens in place of the present ones.
    async fn save(&self, cx: &CallContext, url: &str, tokens: SecretText) -> Result<()>;

    /// Forgets them.
    async fn clear(&self, cx: &CallContext, url: &str) -> Result<()>;
}

/// Keeps tokens until the process ends, per tenant and address.
#[derive(Debug, Default)]
pub struct MemoryTokens(Mutex<BTreeMap<(String, String), SecretText>>);

impl MemoryTokens {
    /// No tokens yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn tokens(&self) -> std::sync::MutexGuard<'_, BTreeMap<(String, String), SecretText>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(cx: &CallContext, url: &str) -> (String, String) {
    (cx.tenant().to_string(), url.to_owned())
}

#[async_trait]
impl OAuthTokens for MemoryTokens {
    async fn load(&self, cx: &CallContext, url: &str) -> Result<Option<SecretText>> {
        Ok(self.tokens().get(&key(cx, url)).cloned())
    }

    async fn save(&self, cx: &CallContext, url: &str, tokens: SecretText) -> Result<()> {
        self.tokens().insert(key(cx, url), tokens);
        Ok(())
    }

    async fn clear(&self, cx: &CallContext, url: &str) -> Result<()> {
        self.tokens().remove(&key(cx, url));
        Ok(())
    }
}

/// How tokens are come by, and where they are kept.
#[derive(Clone)]
pub struct OAuth {
    grant: Grant,
    registered: Option<Registered>,
    metadata_document: Option<String>,
    client_name: String,
    scopes: Vec<String>,
    tokens: Arc<dyn OAuthTokens>,
}

#[derive(Clone)]
enum Grant {
    Code { redirect: String, person: Arc<dyn Authorize> },
    Client,
}

#[derive(Clone)]
struct Registered {
    id: String,
    secret: Option<Arc<dyn CredentialSource>>,
}

impl OAuth {
    fn by(grant: Grant) -> Self {
        Self {
            grant,
            registered: None,
            metadata_document: None,
            client_name: "AgentForge".to_owned(),
            scopes: Vec::new(),
            tokens: Arc::new(MemoryTokens::new()),
        }
    }

    /// A person agrees in a browser, which then comes back to `redirect`, a loopback address that the host listens on.
    pub fn authorization_code(redirect: impl Into<String>, person: Arc<dyn Authorize>) -> Self {
        Self::by(Grant::Code { redirect: redirect.into(), person })
    }

    /// The host itself is known to the server, and nobody is asked.
    pub fn client_credentials(id: impl Into<String>, secret: Arc<dyn CredentialSource>) -> Self {
        Self::by(Grant::Client).registered(id, Some(secret))
    }

    /// As a client that is registered already.
    #[must_use]
    pub fn registered(mut self, id: impl Into<String>, secret: Option<Arc<dyn CredentialSource>>) -> Self {
        self.registered = Some(Registered { id: id.into(), secret });
        self
    }

    /// As the client that a document of the host describes, where the server reads such documents.
    #[must_use]
    pub fn metadata_document(mut self, url: impl Into<String>) -> Self {
        self.metadata_document = Some(url.into());
        self
    }

    /// With another name, where the client registers itself.
    #[must_use]
    pub fn client_name(mut self, name: impl Into<String>) -> Self {
        self.client_name = name.into();
        self
    }

    /// With scopes of the host's choice instead of those that the server asks for.
    #[must_use]
    pub fn scopes(mut self, scopes: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// With another place for tokens than the memory of this process.
    #[must_use]
    pub fn tokens(mut self, tokens: Arc<dyn OAuthTokens>) -> Self {
        self.tokens = tokens;
        self
    }
}

/// The state of OAuth at one server.
pub(super) struct Session {
    server: String,
    url: String,
    oauth: OAuth,
    http: GuardedHttp,
    transport: Arc<OAuthHttp>,
    cx: CallContext,
    current: Mutex<Option<AuthClient<GuardedHttp>>>,
}

impl Session {
    pub(super) fn new(
        server: &str,
        url: &str,
        oauth: OAuth,
        http: GuardedHttp,
        client: Arc<dyn HttpClient>,
        cx: CallContext,
    ) -> Self {
        Self {
            server: server.to_owned(),
            url: url.to_owned(),
            oauth,
            http,
            transport: Arc::new(OAuthHttp { client, cx: cx.clone() }),
            cx,
            current: Mutex::new(None),
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<AuthClient<GuardedHttp>>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, error: AuthError) -> Failure {
        Failure::Broken(of_oauth(&self.server, &error))
    }

    async fn manager(&self) -> Result<AuthorizationManager, Failure> {
        let made = AuthorizationManager::new_with_oauth_http_client(&self.url, self.transport.clone()).await;
        let mut manager = made.map_err(|error| self.failed(error))?;
        manager.set_credential_store(Store {
            tokens: self.oauth.tokens.clone(),
            cx: self.cx.clone(),
            url: self.url.clone(),
        });
        Ok(manager)
    }

    /// The client for a new connection: with the tokens that are there, and without any when there are none.
    pub(super) async fn client(&self) -> Result<AuthClient<GuardedHttp>, Failure> {
        if let Some(client) = self.current().clone() {
            return Ok(client);
        }
        let mut manager = self.manager().await?;
        let stored = manager.initialize_from_store().await.map_err(|error| self.failed(error))?;
        if stored {
            self.identify(&mut manager).await?;
        }
        Ok(self.keep(manager))
    }

    fn keep(&self, manager: AuthorizationManager) -> AuthClient<GuardedHttp> {
        let client = AuthClient::new(self.http.clone(), manager);
        *self.current() = Some(client.clone());
        client
    }

    /// Refreshing needs the secret again, which is not kept with the tokens.
    async fn identify(&self, manager: &mut AuthorizationManager) -> Result<(), Failure> {
        let (Some(registered), Grant::Code { redirect, .. }) = (&self.oauth.registered, &self.oauth.grant)
        else {
            return Ok(());
        };
        let mut config = OAuthClientConfig::new(registered.id.clone(), redirect.clone());
        if let Some(secret) = self.secret(registered).await? {
            config = config.with_client_secret(secret.expose());
        }
        manager.configure_client(config).map_err(|error| self.failed(error))
    }

    async fn secret(&self, registered: &Registered) -> Result<Option<SecretText>, Failure> {
        match &registered.secret {
            Some(source) => source.credential(&self.cx).await.map(Some).map_err(Failure::Broken),
            None => Ok(None),
        }
    }

    /// Does what the server asks for, with a person where one is needed. A connection that is opened after it uses the
    /// new tokens.
    pub(super) async fn authorise(&self, cx: &CallContext, challenge: &Challenge) -> Result<(), Failure> {
        let header = challenge.header.as_deref().filter(|header| !header.is_empty());
        let mut manager = self.manager().await?;
        let found = manager.resolve_metadata_from_challenge(header).await;
        manager.set_metadata(found.map_err(|error| self.failed(error))?.metadata);
        let manager = match &self.oauth.grant {
            Grant::Client => self.by_client(manager, header).await?,
            Grant::Code { redirect, person } => {
                let request = self.request(redirect, challenge).await?;
                let begun = AuthorizationSession::new(manager, request).await;
                let session = begun.map_err(|(_, error)| self.failed(error))?;
                let back = person.authorize(cx, session.get_authorization_url()).await;
                let back = back.map_err(Failure::Broken)?;
                if let Some(refusal) = refusal(&self.server, &back) {
                    return Err(Failure::Broken(refusal));
                }
                session.handle_callback_url(&back).await.map_err(|error| self.failed(error))?;
                session.auth_manager
            }
        };
        self.keep(manager);
        Ok(())
    }

    async fn request(&self, redirect: &str, challenge: &Challenge) -> Result<AuthorizationRequest, Failure> {
        let mut request = AuthorizationRequest::new(redirect)
            .with_initial_scope_selection()
            .with_client_name(self.oauth.client_name.clone());
        if let Some(url) = &self.oauth.metadata_document {
            request = request.with_client_metadata_url(url.clone());
        }
        if let Some(registered) = &self.oauth.registered {
            request = request.with_preregistered_client(registered.id.clone());
            if let Some(secret) = self.secret(registered).await? {
                request = request.with_client_secret(secret.expose());
            }
        }
        let mut scopes = self.oauth.scopes.clone();
        if challenge.insufficient {
            // More rights than before, and not others in their place.
            scopes.extend(self.granted().await);
            scopes.extend(scopes_of(challenge.header.as_deref().unwrap_or_default()));
        }
        let mut seen = std::collections::BTreeSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        Ok(if scopes.is_empty() { request } else { request.with_scopes(scopes) })
    }

    async fn granted(&self) -> Vec<String> {
        let Some(client) = self.current().clone() else { return Vec::new() };
        let manager = client.auth_manager.lock().await;
        manager.get_current_scopes().await
    }

    async fn by_client(
        &self,
        mut manager: AuthorizationManager,
        header: Option<&str>,
    ) -> Result<AuthorizationManager, Failure> {
        let missing = || {
            Failure::Broken(Error::invalid(format!(
                "client credentials for the MCP server `{}` need a registered client with a secret",
                self.server
            )))
        };
        let registered = self.oauth.registered.as_ref().ok_or_else(missing)?;
        let secret = self.secret(registered).await?.ok_or_else(missing)?;
        let scopes = if self.oauth.scopes.is_empty() {
            scopes_of(header.unwrap_or_default())
        } else {
            self.oauth.scopes.clone()
        };
        let config = ClientCredentialsConfig::ClientSecret {
            client_id: registered.id.clone(),
            client_secret: secret.expose().to_owned(),
            scopes,
            resource: Some(self.url.clone()),
        };
        manager.validate_client_credentials_metadata(&config).map_err(|error| self.failed(error))?;
        manager.configure_client_credentials(&config).map_err(|error| self.failed(error))?;
        manager.exchange_client_credentials(&config).await.map_err(|error| self.failed(error))?;
        Ok(manager)
    }
}

/// What the person, or the server in the person's stead, said no with.
fn refusal(server: &str, back: &str) -> Option<Error> {
    let query = back.split_once('?')?.1;
    let error = query.split('&').find_map(|pair| pair.strip_prefix("error="))?;
    let error: String =
        error.chars().filter(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    Some(Error::new(
        ErrorKind::Denied,
        format!("authorising at the MCP server `{server}` was refused: {error}"),
    ))
}

/// The scopes that a challenge names.
fn scopes_of(header: &str) -> Vec<String> {
    let lower = header.to_ascii_lowercase();
    let Some(value) = lower.find("scope=").and_then(|at| header.get(at.saturating_add(6)..)) else {
        return Vec::new();
    };
    let named = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => value.split([',', ' ']).next(),
    };
    named.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// The host's place for tokens, as the protocol's library sees it.
struct Store {
    tokens: Arc<dyn OAuthTokens>,
    cx: CallContext,
    url: String,
}

fn store_failed(error: &Error) -> AuthError {
    AuthError::CredentialStoreError(error.kind().to_string())
}

#[async_trait]
impl CredentialStore for Store {
    async fn load(&self) -> Result<Option<StoredCredentials>, AuthError> {
        let stored = self.tokens.load(&self.cx, &self.url).await.map_err(|error| store_failed(&error))?;
        let Some(stored) = stored else { return Ok(None) };
        // Tokens of a form that this release does not know are as good as none: the person is asked again.
        Ok(serde_json::from_str(stored.expose()).ok())
    }

    async fn save(&self, credentials: StoredCredentials) -> Result<(), AuthError> {
        let text = serde_json::to_string(&credentials)
            .map_err(|_| AuthError::CredentialStoreError("tokens cannot be written as JSON".to_owned()))?;
        let saved = self.tokens.save(&self.cx, &self.url, SecretText::from(text)).await;
        saved.map_err(|error| store_failed(&error))
    }

    async fn clear(&self) -> Result<(), AuthError> {
        self.tokens.clear(&self.cx, &self.url).await.map_err(|error| store_failed(&error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_from_a_challenge_in_both_forms() {
        let quoted =
            r#"Bearer error="insufficient_scope", scope="files:read files:write", resource_metadata="x""#;
        assert_eq!(scopes_of(quoted), ["files:read", "files:write"]);
        assert_eq!(scopes_of("Bearer scope=read, error=x"), ["read"]);
        assert!(scopes_of("Bearer").is_empty());
    }

    #[test]
    fn a_person_who_says_no_is_understood() {
        let error = refusal("s", "http://127.0.0.1:9/cb?error=access_denied&state=x").unwrap();
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert!(error.message().contains("access_denied"));
        assert!(refusal("s", "http://127.0.0.1:9/cb?code=a&state=x").is_none());
    }
}
