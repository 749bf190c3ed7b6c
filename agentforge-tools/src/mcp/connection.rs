//! One live connection: the handshake, requests that are cancelled when their caller goes away, and the questions that
//! a server may ask before it answers.

use std::{
    pin::pin,
    sync::{Arc, Mutex, PoisonError, atomic::Ordering},
    time::Duration,
};

use agentforge_core::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventSink},
};
use futures::{FutureExt, future::Either, future::select};
use rmcp::{
    model::{
        CallToolRequestParams, CallToolResult, CancelledNotification, CancelledNotificationParam,
        ClientRequest, GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequest,
        InputRequiredResult, InputResponses, JsonObject, PaginatedRequestParams, ProtocolVersion,
        ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Request, RequestId,
        RequestMetaObject, ServerNotification, ServerPeerInfo, ServerResult, SubscriptionFilter,
    },
    service::{
        ClientCacheConfig, ClientLifecycleMode, ClientServiceExt, Peer, PeerRequestOptions, RoleClient,
        RunningService, ServiceError, Subscription,
    },
    transport::{Transport, streamable_http_client::StreamableHttpClient},
};
use serde_json::{Value, json};

use super::{
    McpServer, PROGRESS, Revision,
    fault::{Failure, undecodable},
    handler::{Handler, Progress},
    stdio::Process,
};

/// How often a server may ask something before it answers one request.
const ROUNDS: u32 = 8;
/// How long a server may take to say that it will announce changes. One that does not is asked again by age.
const LISTEN: Duration = Duration::from_secs(3);

/// A server that is connected.
pub(super) struct Connection {
    server: String,
    peer: Peer<RoleClient>,
    handler: Arc<Handler>,
    process: Option<Arc<Process>>,
    running: Mutex<Option<RunningService<RoleClient, Arc<Handler>>>>,
    changes: Mutex<Option<Subscription>>,
}

/// A request whose caller may go away: dropped before its answer, it tells the server.
struct Pending<'a> {
    peer: &'a Peer<RoleClient>,
    id: Option<RequestId>,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        let Some(id) = self.id.take() else { return };
        let reason = "the caller does not wait any more".to_owned();
        let said = CancelledNotification::new(CancelledNotificationParam::new(Some(id), Some(reason)));
        // Polled once, which puts it into the queue; nobody waits for it to be sent.
        let _ = self.peer.send_notification(said.into()).now_or_never();
    }
}

impl Connection {
    /// Makes the handshake over a transport.
    pub(super) async fn open<T>(
        server: &McpServer,
        handler: Arc<Handler>,
        transport: T,
        process: Option<Arc<Process>>,
    ) -> Result<Self, Failure>
    where
        T: Transport<RoleClient> + 'static,
    {
        let lifecycle = match server.revision {
            Revision::Auto => ClientLifecycleMode::Auto {
                preferred_versions: vec![ProtocolVersion::V_2026_07_28],
                legacy_version: Some(ProtocolVersion::V_2025_11_25),
            },
            Revision::V2026 => {
                ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
            }
            Revision::V2025 => ClientLifecycleMode::Initialize,
        };
        let running = match handler.clone().serve_with_lifecycle(transport, lifecycle).await {
            Ok(running) => running,
            Err(error) => {
                return Err(Failure::of_start(&server.name, error, process.as_deref()));
            }
        };
        let peer = running.peer().clone();
        // Definitions are pinned and lists are asked for when they are needed: a second cache would only be another age.
        peer.set_response_cache_config(ClientCacheConfig::disabled()).await;
        let connection = Self {
            server: server.name.clone(),
            peer,
            handler,
            process,
            running: Mutex::new(Some(running)),
            changes: Mutex::new(None),
        };
        connection.listen().await;
        Ok(connection)
    }

    /// Asks a server of the newer revision to announce changes of its tools. Older ones do so unasked.
    async fn listen(&self) {
        let Some(info) = self.info() else { return };
        let announces =
            info.capabilities.tools.as_ref().is_some_and(|tools| tools.list_changed == Some(true));
        if info.protocol_version < ProtocolVersion::V_2026_07_28 || !announces {
            return;
        }
        let filter = SubscriptionFilter::builder().tools_list_changed().build();
        if let Ok(Ok(subscription)) = tokio::time::timeout(LISTEN, self.peer.listen(filter)).await {
            *self.changes.lock().unwrap_or_else(PoisonError::into_inner) = Some(subscription);
        }
    }

    /// What the server said about itself.
    pub(super) fn info(&self) -> Option<Arc<ServerPeerInfo>> {
        self.peer.peer_info()
    }

    /// Whether requests can still be sent.
    pub(super) fn is_open(&self) -> bool {
        !self.peer.is_transport_closed()
    }

    /// Whether the server announced other tools since this was last asked, or may have without our hearing it.
    pub(super) fn tools_changed(&self) -> bool {
        let mut changed = self.handler.tools_changed.swap(false, Ordering::AcqRel);
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(subscription) = changes.as_mut() {
            match subscription.next().now_or_never() {
                None => break,
                Some(Ok(Some(ServerNotification::ToolListChangedNotification(_)))) => changed = true,
                Some(Ok(Some(_))) => {}
                Some(Ok(None) | Err(_)) => {
                    changed = true;
                    *changes = None;
                }
            }
        }
        changed
    }

    /// Stops the server and waits until everything that belongs to it has ended.
    pub(super) async fn close(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(self.changes.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let Some(mut running) = running {
            // A task that panicked has ended as well.
            let _ = running.close().await;
        }
        if let Some(process) = &self.process {
            process.kill();
        }
    }

    fn failed(&self, error: ServiceError) -> Failure {
        Failure::of_service(&self.server, error, self.process.as_deref())
    }

    fn off_protocol(&self, what: &str) -> Failure {
        Failure::Broken(undecodable(&self.server, what))
    }

    /// Every page of a list, up to a number of items.
    pub(super) async fn pages<T, F, Fut>(&self, most: usize, page: F) -> Result<Vec<T>, Failure>
    where
        F: Fn(Peer<RoleClient>, Option<PaginatedRequestParams>) -> Fut + Send,
        Fut: Future<Output = Result<(Vec<T>, Option<String>), ServiceError>> + Send,
        T: Send,
    {
        let mut all = Vec::new();
        let mut cursor: Option<String> = None;
        // A page may be empty, but not every one of them.
        for _ in 0..=most {
            let params = cursor.map(|cursor| PaginatedRequestParams::default().with_cursor(Some(cursor)));
            let (items, next) = page(self.peer.clone(), params).await.map_err(|error| self.failed(error))?;
            all.extend(items);
            if all.len() > most {
                break;
            }
            match next {
                Some(next) => cursor = Some(next),
                None => return Ok(all),
            }
        }
        Err(Failure::Broken(Error::new(
            ErrorKind::Decode,
            format!(
                "the MCP server `{}` lists more than {most} items; raise `listed` if it may",
                self.server
            ),
        )))
    }

    /// Calls a tool, and tells the sink how it gets on.
    pub(super) async fn call_tool(
        &self,
        cx: &CallContext,
        events: &dyn EventSink,
        tool: &str,
        call_id: &str,
        arguments: JsonObject,
    ) -> Result<CallToolResult, Failure> {
        let mut params = CallToolRequestParams::new(tool.to_owned()).with_arguments(arguments);
        for round in 0..ROUNDS {
            let request = ClientRequest::CallToolRequest(Request::new(params.clone()));
            let report = |progress: Progress| {
                let data = json!({
                    "server": self.server, "tool": tool, "call_id": call_id,
                    "progress": progress.done, "total": progress.total, "message": progress.message,
                });
                events.emit(cx, Event::new(cx, PROGRESS, data))
            };
            let answer = self.request(cx, request, events.takes(PROGRESS), report).await?;
            match answer {
                ServerResult::CallToolResult(result) => return Ok(result),
                ServerResult::InputRequiredResult(asked) => {
                    (params.input_responses, params.request_state) = self.answer(cx, asked, round).await?;
                }
                _ => return Err(self.off_protocol("an answer to a call that is none")),
            }
        }
        Err(self.off_protocol("too many questions before an answer"))
    }

    async fn request<'a, R>(
        &self,
        cx: &CallContext,
        request: ClientRequest,
        reports: bool,
        report: R,
    ) -> Result<ServerResult, Failure>
    where
        R: Fn(Progress) -> futures::future::BoxFuture<'a, Result<()>> + Send,
    {
        let options = PeerRequestOptions::no_options().with_meta(trace(cx));
        let mut handle =
            self.peer.send_request_with_option(request, options).await.map_err(|error| self.failed(error))?;
        let mut pending = Pending { peer: &self.peer, id: Some(handle.id.clone()) };
        let mut progress = self.handler.listen(&handle.progress_token);
        let answer = loop {
            match select(&mut handle.rx, pin!(progress.recv())).await {
                Either::Left((answer, _)) => break answer,
                Either::Right((Some(said), _)) if reports => {
                    report(said).await.map_err(Failure::Broken)?;
                }
                Either::Right((Some(_), _)) => {}
                Either::Right((None, _)) => break (&mut handle.rx).await,
            }
        };
        pending.id = None;
        while let (true, Ok(said)) = (reports, progress.try_recv()) {
            report(said).await.map_err(Failure::Broken)?;
        }
        match answer {
            Ok(answer) => answer.map_err(|error| self.failed(error)),
            Err(_) => Err(self.failed(ServiceError::TransportClosed)),
        }
    }

    /// Reads a resource.
    pub(super) async fn read_resource(
        &self,
        cx: &CallContext,
        uri: &str,
    ) -> Result<ReadResourceResult, Failure> {
        let mut params = ReadResourceRequestParams::new(uri).with_meta(trace(cx));
        for round in 0..ROUNDS {
            match self.peer.read_resource_once(params.clone()).await.map_err(|error| self.failed(error))? {
                ReadResourceResponse::Complete(result) => return Ok(result),
                ReadResourceResponse::InputRequired(asked) => {
                    (params.input_responses, params.request_state) = self.answer(cx, asked, round).await?;
                }
                _ => return Err(self.off_protocol("an answer of an unknown kind")),
            }
        }
        Err(self.off_protocol("too many questions before an answer"))
    }

    /// Fills a prompt in.
    pub(super) async fn get_prompt(
        &self,
        cx: &CallContext,
        name: &str,
        arguments: JsonObject,
    ) -> Result<GetPromptResult, Failure> {
        let mut params = GetPromptRequestParams::new(name).with_arguments(arguments).with_meta(trace(cx));
        for round in 0..ROUNDS {
            match self.peer.get_prompt_once(params.clone()).await.map_err(|error| self.failed(error))? {
                GetPromptResponse::Complete(result) => return Ok(result),
                GetPromptResponse::InputRequired(asked) => {
                    (params.input_responses, params.request_state) = self.answer(cx, asked, round).await?;
                }
                _ => return Err(self.off_protocol("an answer of an unknown kind")),
            }
        }
        Err(self.off_protocol("too many questions before an answer"))
    }

    /// Answers what a server wants to know before it goes on. What the host does not offer is refused, and the request
    /// with it: the server cannot go on.
    async fn answer(
        &self,
        cx: &CallContext,
        asked: InputRequiredResult,
        round: u32,
    ) -> Result<(Option<InputResponses>, Option<String>), Failure> {
        let questions = asked.input_requests.unwrap_or_default();
        if questions.is_empty() {
            if asked.request_state.is_none() {
                return Err(self.off_protocol("a question that asks nothing"));
            }
            // It only wants more time.
            let wait = Duration::from_millis(50).saturating_mul(1 << round.min(4));
            cx.clock().sleep_until(cx.now().after(wait)).await;
            return Ok((None, asked.request_state));
        }
        let mut answers = InputResponses::new();
        for (key, question) in questions {
            let answer = match question {
                InputRequest::Elicitation(request) => {
                    self.handler.elicit(request.params).await.map(|answer| to_json(&answer))
                }
                InputRequest::ListRoots(_) => self.handler.roots().map(|roots| to_json(&roots)),
                _ => {
                    return Err(self.off_protocol("a question for a model, which this client does not offer"));
                }
            };
            answers.insert(key, answer.map_err(Failure::Refused)?);
        }
        Ok((Some(answers), asked.request_state))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(process) = &self.process {
            process.kill();
        }
    }
}

fn to_json(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// The caller's trace, for servers that take part in it.
fn trace(cx: &CallContext) -> RequestMetaObject {
    let mut meta = RequestMetaObject::new();
    if let Some(trace) = cx.trace() {
        meta.set_traceparent(trace.traceparent.clone());
        if let Some(state) = &trace.tracestate {
            meta.set_tracestate(state.clone());
        }
    }
    meta
}

/// The transport of a server over HTTP.
pub(super) fn http_transport<C: StreamableHttpClient + Sync>(
    client: C,
    url: &str,
    most: usize,
) -> impl Transport<RoleClient> + use<C> {
    use rmcp::transport::{
        common::client_side_sse::ExponentialBackoff,
        streamable_http_client::{StreamableHttpClientTransport, StreamableHttpClientTransportConfig},
    };
    let mut retries = ExponentialBackoff::default();
    retries.max_times = Some(5);
    retries.max_delay = Some(Duration::from_secs(10));
    let mut config = StreamableHttpClientTransportConfig::with_uri(url).max_sse_event_size(most);
    config.retry_config = Arc::new(retries);
    StreamableHttpClientTransport::with_client(client, config)
}
