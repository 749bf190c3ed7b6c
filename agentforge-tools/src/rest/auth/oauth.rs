//! Tokens by client credentials (RFC 6749, 4.4): kept until shortly before they end, and fetched once however many
//! calls wait for one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpClient, HttpRequest, Method, Redirects, SecretText},
    json::Digest,
    time::Timestamp,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures::{
    FutureExt,
    future::{BoxFuture, Shared, WeakShared},
};
use serde_json::Value;

use super::{super::percent::encode, scheme::ClientAuth};

/// How long before its end a token is not used any more; a tenth of a short life.
const LEEWAY: Duration = Duration::from_secs(30);

/// How long a token without an end is used.
const WITHOUT_END: Duration = Duration::from_mins(5);

/// How long a token endpoint may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// How many tokens are kept; beyond it those that have ended go, and then all.
const MAX_TOKENS: usize = 1_000;

/// What a token is asked for with.
pub(super) struct TokenRequest {
    pub(super) scheme: String,
    pub(super) token_url: String,
    pub(super) client_auth: ClientAuth,
    pub(super) id: String,
    pub(super) secret: SecretText,
    pub(super) scopes: Vec<String>,
}

#[derive(Clone)]
struct Token {
    text: SecretText,
    until: Timestamp,
}

type Fetch = BoxFuture<'static, Result<Token, Arc<Error>>>;

#[derive(Default)]
struct Slot {
    token: Option<Token>,
    /// The fetch that is under way. Weak: it ends with the last call that waits for it, and nothing is detached.
    pending: Option<WeakShared<Fetch>>,
}

/// The tokens of one scheme, by tenant, client, secret and scopes: a changed secret has no token yet.
#[derive(Default)]
pub(super) struct TokenCache(Mutex<HashMap<Digest, Slot>>);

impl TokenCache {
    /// A token that still holds, and its place.
    pub(super) async fn token(
        &self,
        request: TokenRequest,
        client: &Arc<dyn HttpClient>,
        cx: &CallContext,
    ) -> Result<(Digest, SecretText)> {
        let key = request.key(cx);
        let fetch = match self.present_or_pending(key, cx.now(), || fetch(request, client.clone(), cx)) {
            Ok(token) => return Ok((key, token)),
            Err(fetch) => fetch,
        };
        let token = cx.run(fetch.map(|result| result.map_err(|error| copied(&error)))).await?;
        let mut slots = self.slots();
        let slot = slots.entry(key).or_default();
        slot.pending = None;
        slot.token = Some(token.clone());
        Ok((key, token.text))
    }

    fn present_or_pending(
        &self,
        key: Digest,
        now: Timestamp,
        fetch: impl FnOnce() -> Fetch,
    ) -> Result<SecretText, Shared<Fetch>> {
        let mut slots = self.slots();
        if slots.len() >= MAX_TOKENS && !slots.contains_key(&key) {
            slots.retain(|_, slot| slot.token.as_ref().is_some_and(|token| now < token.until));
            if slots.len() >= MAX_TOKENS {
                slots.clear();
            }
        }
        let slot = slots.entry(key).or_default();
        if let Some(token) = slot.token.as_ref().filter(|token| now < token.until) {
            return Ok(token.text.clone());
        }
        // One that failed while others still look at it is not handed to a newcomer.
        let pending = slot.pending.as_ref().and_then(WeakShared::upgrade);
        if let Some(pending) = pending.filter(|pending| pending.peek().is_none()) {
            return Err(pending);
        }
        let shared = fetch().shared();
        slot.pending = shared.downgrade();
        Err(shared)
    }

    /// Forgets a token, unless another one has taken its place.
    pub(super) fn forget(&self, key: Digest, refused: &SecretText) {
        if let Some(slot) = self.slots().get_mut(&key)
            && slot.token.as_ref().is_some_and(|token| &token.text == refused)
        {
            slot.token = None;
        }
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<Digest, Slot>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TokenRequest {
    fn key(&self, cx: &CallContext) -> Digest {
        let tenant = cx.tenant().to_string();
        let mut scopes = self.scopes.clone();
        scopes.sort();
        Digest::of_parts(&[
            tenant.as_bytes(),
            self.token_url.as_bytes(),
            self.id.as_bytes(),
            self.secret.expose().as_bytes(),
            scopes.join(" ").as_bytes(),
        ])
    }

    fn request(&self) -> HttpRequest {
        let mut form = "grant_type=client_credentials".to_owned();
        if !self.scopes.is_empty() {
            form.push_str(&format!("&scope={}", encode(&self.scopes.join(" "))));
        }
        let mut request = HttpRequest::new(Method::Post, &self.token_url)
            .redirects(Redirects::Keep)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded");
        let (id, secret) = (encode(&self.id), encode(self.secret.expose()));
        match self.client_auth {
            ClientAuth::Basic => {
                let encoded = STANDARD.encode(format!("{id}:{secret}"));
                request = request.credential("authorization", format!("Basic {encoded}"));
            }
            ClientAuth::Post => form.push_str(&format!("&client_id={id}&client_secret={secret}")),
        }
        request.body(form)
    }
}

/// A fetch that outlives the patience of whoever began it, since others may wait for it.
fn fetch(request: TokenRequest, client: Arc<dyn HttpClient>, cx: &CallContext) -> Fetch {
    let cx = cx.shielded().with_timeout(PATIENCE);
    async move { ask(&request, &*client, &cx).await.map_err(Arc::new) }.boxed()
}

async fn ask(request: &TokenRequest, client: &dyn HttpClient, cx: &CallContext) -> Result<Token> {
    let reply = cx.run(client.send(request.request(), cx)).await?;
    let (status, success) = (reply.status, reply.is_success());
    let body = cx.run(reply.bytes()).await?;
    let value: Value = serde_json::from_slice(&body).unwrap_or_default();
    let scheme = &request.scheme;
    if !success {
        return Err(refused(scheme, status, &value));
    }
    let undecodable = |what: &str| {
        Error::new(ErrorKind::Decode, format!("the token endpoint of `{scheme}` gave {what}"))
            .with("scheme", scheme.clone())
    };
    let text = value.get("access_token").and_then(Value::as_str).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| undecodable("no `access_token`"))?;
    if !text.bytes().all(|byte| (0x21..0x7f).contains(&byte)) {
        return Err(undecodable("an `access_token` that no header can hold"));
    }
    let kind = value.get("token_type").and_then(Value::as_str).unwrap_or("bearer");
    if !kind.eq_ignore_ascii_case("bearer") {
        return Err(undecodable("a token that is no bearer token"));
    }
    let seconds = value.get("expires_in").and_then(|end| end.as_f64().or_else(|| end.as_str()?.parse().ok()));
    let life = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or(WITHOUT_END);
    let until = cx.now().after(life.saturating_sub(LEEWAY.min(life / 10)));
    Ok(Token { text: SecretText::from(text), until })
}

/// A refusal. Of the body only the code of RFC 6749 is quoted, since services put secrets into descriptions.
fn refused(scheme: &str, status: u16, body: &Value) -> Error {
    let code = body.get("error").and_then(Value::as_str).unwrap_or_default();
    let is_code = (1..=40).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let code = if is_code { format!(", {code}") } else { String::new() };
    let (kind, mend) = match status {
        429 => (ErrorKind::RateLimited, "it may work later"),
        500.. => (ErrorKind::Transport, "it may work later"),
        _ => (ErrorKind::Unauthenticated, "check the client's id, secret and scopes"),
    };
    Error::new(kind, format!("the token endpoint of `{scheme}` gave no token ({status}{code}); {mend}"))
        .with("scheme", scheme)
        .with("status", status)
}

/// One failure for each call that waited.
fn copied(error: &Error) -> Error {
    let mut copy = Error::new(error.kind(), error.message());
    if error.is_retryable() {
        copy = copy.retry_after(error.wait());
    }
    error.context().fold(copy, |copy, (key, value)| copy.with(key, value.clone()))
}
