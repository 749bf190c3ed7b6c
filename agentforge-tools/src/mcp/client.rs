//! A server in use: connected when it is needed, compared with its pins, and stopped with its client.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink},
    id::TenantId,
    tool::Tool,
};
use futures::future::BoxFuture;
use serde_json::json;
use tokio::sync::Semaphore;

use super::{
    Endpoint, McpHost, McpLimits, McpServer, PinReport, Pins, REVIEW_NEEDED,
    catalog::Catalog,
    connection::{Connection, http_transport},
    fault::{Challenge, Failure, check_tenant},
    handler::Handler,
    http::GuardedHttp,
    oauth::Session,
    resources::ReadResource,
    stdio,
    tool::McpTool,
};

/// How often one operation may ask for authorisation.
const CHALLENGES: u32 = 2;
/// The longest wait between two attempts to reach a server.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// A server in use, for one tenant.
///
/// Nothing runs detached: [`McpClient::close`] waits until the server, its reader and every child process have ended.
/// When the last clone, and the last tool made from it, is dropped without that, child processes are killed.
#[derive(Clone)]
pub struct McpClient(Arc<Shared>);

/// What a server says about itself. Foreign text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its own name.
    pub name: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// The revision of the protocol that both sides speak.
    pub revision: String,
    /// How it wants to be used. Whoever puts it before a model treats it as untrusted.
    pub instructions: Option<String>,
}

/// What a client and its tools share.
pub(super) struct Shared {
    server: McpServer,
    host: McpHost,
    owner: TenantId,
    /// For what outlives one call: streams, tokens, questions of the server.
    cx: CallContext,
    oauth: Option<Session>,
    http: Option<GuardedHttp>,
    slot: Mutex<Slot>,
    /// One connects, the others wait for it.
    opening: Semaphore,
    catalog: Mutex<Arc<Catalog>>,
    listed: AtomicBool,
    pins: Mutex<Pins>,
}

#[derive(Default)]
struct Slot {
    connection: Option<Arc<Connection>>,
    closed: bool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl McpClient {
    /// Connects, lists the server's tools and compares them with what was approved. One attempt: a wrong command or
    /// address is told at once. The client serves the tenant of `cx` and no other.
    pub async fn connect(server: McpServer, host: McpHost, pins: Pins, cx: &CallContext) -> Result<Self> {
        server.check()?;
        let shared = Arc::new(Shared::new(server, host, pins, cx)?);
        let limited = cx.with_timeout(shared.limits().connect);
        let work = Box::pin(async {
            shared.connection(&limited, 1).await.map_err(|failure| failure.into_error(shared.name()))?;
            shared.refresh_if_old(&limited).await
        });
        match limited.run(work).await {
            Ok(()) => Ok(Self(shared)),
            Err(error) => {
                shared.close().await;
                Err(error)
            }
        }
    }

    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.0
    }

    /// What the server says about itself; `None` while it is away.
    pub fn info(&self) -> Option<ServerInfo> {
        let info = locked(&self.0.slot).connection.as_ref()?.info()?;
        Some(ServerInfo {
            name: info.server_info.as_ref().map(|known| known.name.clone()),
            version: info.server_info.as_ref().map(|known| known.version.clone()),
            revision: info.protocol_version.as_str().to_owned(),
            instructions: info.instructions.clone(),
        })
    }

    /// How what the server listed last differs from what was approved.
    pub fn report(&self) -> PinReport {
        self.0.catalog().report(&self.0.pins())
    }

    /// Asks the server for its tools again, and reports.
    pub async fn review(&self, cx: &CallContext) -> Result<PinReport> {
        check_tenant(self.0.name(), self.0.owner, cx)?;
        self.0.listed.store(false, Ordering::Release);
        let limited = cx.with_timeout(self.0.limits().connect);
        limited.run(self.0.refresh_if_old(&limited)).await?;
        Ok(self.report())
    }

    /// Approves what a report shows, and nothing that came after it. The pins are for the host to store.
    pub fn approve(&self, report: &PinReport) -> Pins {
        let mut pins = locked(&self.0.pins);
        pins.approve(report);
        pins.clone()
    }

    /// The approved tools, as they are defined now. They stay what they are: when the server defines one otherwise
    /// later, a call of it is refused until that was approved and the tools were asked for again.
    pub fn tools(&self) -> Vec<Arc<dyn Tool>> {
        let (catalog, pins) = (self.0.catalog(), self.0.pins());
        let mut tools: Vec<Arc<dyn Tool>> = Vec::new();
        for definition in catalog.approved(&pins) {
            tools.push(Arc::new(McpTool { shared: self.0.clone(), definition: definition.clone() }));
        }
        if self.0.server.resources_as_tool {
            let own: Arc<dyn Tool> = Arc::new(ReadResource::new(self.0.clone()));
            // A server's own tool of that name does the same and was approved.
            if tools.iter().all(|tool| tool.spec().name != own.spec().name) {
                tools.push(own);
            }
        }
        tools
    }

    /// Stops the server and waits until everything that belongs to it has ended. Later calls fail.
    pub async fn close(&self) -> Result<()> {
        self.0.close().await;
        Ok(())
    }

    pub(super) async fn listing<T, F>(&self, cx: &CallContext, list: F) -> Result<Vec<T>>
    where
        F: Fn(Arc<Connection>, usize) -> BoxFuture<'static, Result<Vec<T>, Failure>> + Send + Sync,
        T: Send,
    {
        let most = self.0.limits().listed;
        self.asking(cx, |connection, _| list(connection, most)).await
    }

    pub(super) async fn asking<T, F>(&self, cx: &CallContext, ask: F) -> Result<T>
    where
        F: Fn(Arc<Connection>, CallContext) -> BoxFuture<'static, Result<T, Failure>> + Send + Sync,
        T: Send,
    {
        let limited = cx.with_timeout(self.0.limits().call);
        let work = async {
            let asked = self.0.with_connection(&limited, |connection| ask(connection, limited.clone()));
            asked.await.map_err(|failure| failure.into_error(self.0.name()))
        };
        limited.run(work).await
    }
}

impl Shared {
    fn new(server: McpServer, host: McpHost, pins: Pins, cx: &CallContext) -> Result<Self> {
        let own = cx.shielded();
        let mut oauth = None;
        let mut http = None;
        if let Endpoint::Http(endpoint) = &server.endpoint {
            let Some(client) = host.http.clone() else {
                return Err(Error::invalid(format!(
                    "the MCP server `{}` is reached over HTTP; give the host a client with `McpHost::http`",
                    server.name
                )));
            };
            let headers =
                endpoint.headers.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
            let most = server.limits.message_bytes;
            let guarded = GuardedHttp::new(client.clone(), own.clone(), headers, host.bearer.clone(), most);
            if let Some(settings) = host.oauth.clone() {
                let session =
                    Session::new(&server.name, &endpoint.url, settings, guarded.clone(), client, own.clone());
                oauth = Some(session);
            }
            http = Some(guarded);
        }
        Ok(Self {
            owner: cx.tenant(),
            oauth,
            http,
            slot: Mutex::default(),
            opening: Semaphore::new(1),
            catalog: Mutex::new(Arc::new(Catalog::empty(cx.now()))),
            listed: AtomicBool::new(false),
            pins: Mutex::new(pins),
            cx: own,
            server,
            host,
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.server.name
    }

    pub(super) const fn limits(&self) -> &McpLimits {
        &self.server.limits
    }

    pub(super) const fn is_trusted(&self) -> bool {
        self.server.trusted
    }

    pub(super) fn events(&self) -> &dyn EventSink {
        &*self.host.events
    }

    pub(super) fn catalog(&self) -> Arc<Catalog> {
        locked(&self.catalog).clone()
    }

    pub(super) fn pins(&self) -> Pins {
        locked(&self.pins).clone()
    }

    /// The live connection, without waiting for one.
    fn present(&self) -> Result<Option<Arc<Connection>>, Failure> {
        let slot = locked(&self.slot);
        if slot.closed {
            return Err(Failure::Broken(
                Error::new(
                    ErrorKind::Cancelled,
                    format!("the client of the MCP server `{}` was closed", self.name()),
                )
                .never_retry(),
            ));
        }
        Ok(slot.connection.clone().filter(|connection| connection.is_open()))
    }

    /// The live connection, or a new one: at most so many attempts, with waits that double in between.
    async fn connection(&self, cx: &CallContext, attempts: u32) -> Result<Arc<Connection>, Failure> {
        if let Some(connection) = self.present()? {
            return Ok(connection);
        }
        let _turn = self.turn().await?;
        if let Some(connection) = self.present()? {
            return Ok(connection);
        }
        self.abandon().await;
        let mut challenges = 0;
        let mut attempt = 0;
        loop {
            let failure = match Box::pin(self.open()).await {
                Ok(connection) => {
                    let connection = Arc::new(connection);
                    locked(&self.slot).connection = Some(connection.clone());
                    // Another process, or another deployment, may define its tools otherwise.
                    self.listed.store(false, Ordering::Release);
                    return Ok(connection);
                }
                Err(failure) => failure,
            };
            match (failure, &self.oauth) {
                (Failure::Challenged(challenge), Some(session)) if challenges < CHALLENGES => {
                    challenges += 1;
                    session.authorise(cx, &challenge).await?;
                }
                (Failure::Broken(error), _) if error.is_retryable() && attempt + 1 < attempts => {
                    let wait = self.limits().backoff.saturating_mul(1 << attempt.min(16)).min(LONGEST_WAIT);
                    attempt += 1;
                    cx.clock().sleep_until(cx.now().after(wait)).await;
                }
                (failure, _) => return Err(failure),
            }
        }
    }

    async fn turn(&self) -> Result<tokio::sync::SemaphorePermit<'_>, Failure> {
        let turn = self.opening.acquire().await;
        turn.map_err(|_| Failure::Broken(Error::internal("the turn of an MCP connection was closed")))
    }

    /// Ends a connection that is of no use any more, and reaps its process.
    async fn abandon(&self) {
        let old = locked(&self.slot).connection.take();
        if let Some(old) = old {
            old.close().await;
        }
    }

    async fn open(&self) -> Result<Connection, Failure> {
        let elicitation = self.host.elicitation.clone();
        let handler = Arc::new(Handler::new(&self.server, elicitation, self.cx.clone()));
        match (&self.server.endpoint, &self.http) {
            (Endpoint::Stdio(program), _) => {
                let (transport, process) =
                    stdio::start(self.name(), program, self.limits()).map_err(Failure::Broken)?;
                Connection::open(&self.server, handler, transport, Some(process)).await
            }
            (Endpoint::Http(endpoint), Some(http)) => {
                let most = self.limits().message_bytes;
                if let Some(session) = &self.oauth {
                    let transport = http_transport(session.client().await?, &endpoint.url, most);
                    Connection::open(&self.server, handler, transport, None).await
                } else {
                    let transport = http_transport(http.clone(), &endpoint.url, most);
                    Connection::open(&self.server, handler, transport, None).await
                }
            }
            (Endpoint::Http(_), None) => {
                Err(Failure::Broken(Error::internal("a server over HTTP has no client")))
            }
        }
    }

    /// Does something over the live connection. When the server wants authorisation, that is done and the same asked
    /// again: what it refused had no effect.
    pub(super) async fn with_connection<'a, T, F>(&'a self, cx: &'a CallContext, ask: F) -> Result<T, Failure>
    where
        F: Fn(Arc<Connection>) -> BoxFuture<'a, Result<T, Failure>> + Send + Sync,
        T: Send,
    {
        check_tenant(self.name(), self.owner, cx).map_err(Failure::Broken)?;
        let mut challenges = 0;
        loop {
            let connection = self.connection(cx, self.limits().reconnects.max(1)).await?;
            match (ask(connection.clone()).await, &self.oauth) {
                (Err(Failure::Challenged(challenge)), Some(session)) if challenges < CHALLENGES => {
                    challenges += 1;
                    self.authorise(cx, session, &challenge, &connection).await?;
                }
                (answer, _) => return answer,
            }
        }
    }

    async fn authorise(
        &self,
        cx: &CallContext,
        session: &Session,
        challenge: &Challenge,
        refused: &Arc<Connection>,
    ) -> Result<(), Failure> {
        let _turn = self.turn().await?;
        // Somebody else may have done it while we waited.
        let still = self.present()?.is_some_and(|present| Arc::ptr_eq(&present, refused));
        if still {
            session.authorise(cx, challenge).await?;
            self.abandon().await;
        }
        Ok(())
    }

    /// Lists the tools again when the server announced others, when it was reached anew, or when they are old.
    pub(super) async fn refresh_if_old(&self, cx: &CallContext) -> Result<()> {
        let refreshed = self.with_connection(cx, |connection| {
            Box::pin(async move {
                let changed = connection.tools_changed();
                let age = cx.now().since(self.catalog().at);
                let fresh =
                    self.listed.load(Ordering::Acquire) && !changed && age < self.limits().definitions;
                if !fresh {
                    // A change that arrives while we ask is asked for at the next call.
                    self.listed.store(true, Ordering::Release);
                    if let Err(failure) = self.refresh(cx, &connection).await {
                        self.listed.store(false, Ordering::Release);
                        return Err(failure);
                    }
                }
                Ok(())
            })
        });
        refreshed.await.map_err(|failure| failure.into_error(self.name()))
    }

    async fn refresh(&self, cx: &CallContext, connection: &Connection) -> Result<(), Failure> {
        let offered = connection.info().is_none_or(|info| info.capabilities.tools.is_some());
        let tools = if offered {
            let page = |peer: rmcp::Peer<rmcp::RoleClient>, params| async move {
                peer.list_tools(params).await.map(|page| (page.tools, page.next_cursor))
            };
            connection.pages(self.limits().listed, page).await?
        } else {
            Vec::new()
        };
        let catalog = Arc::new(Catalog::read(&self.server, &tools, cx.now()));
        let report = catalog.report(&self.pins());
        *locked(&self.catalog) = catalog;
        if !report.is_settled() && self.events().takes(REVIEW_NEEDED) {
            let names = |listed: &[super::Proposed]| {
                listed.iter().map(|proposed| proposed.tool.clone()).collect::<Vec<_>>()
            };
            let data = json!({
                "server": self.name(),
                "added": names(&report.added),
                "changed": names(&report.changed),
                "removed": report.removed,
                "refused": report.refused,
            });
            let told = self.events().emit(cx, Event::new(cx, REVIEW_NEEDED, data)).await;
            told.map_err(Failure::Broken)?;
        }
        Ok(())
    }

    async fn close(&self) {
        // Whoever is connecting finishes first and finds the client closed at its next step.
        let _turn = self.opening.acquire().await;
        locked(&self.slot).closed = true;
        self.abandon().await;
    }
}
