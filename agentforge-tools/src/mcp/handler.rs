//! What a server may ask of us and tell us. Everything that the host has not offered is refused with the protocol's own
//! error; nothing that a server sends makes us do anything on our own.
#![allow(
    deprecated,
    reason = "roots are deprecated by the newest revision and still asked for by servers of older ones"
)]

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use agentforge_core::{
    context::CallContext,
    schema::{Schema, Validator},
};
use rmcp::{
    ClientHandler, RoleClient,
    model::{
        ClientCapabilities, ClientConfig, ElicitRequestParams, ElicitResult, ElicitationAction,
        ElicitationCapability, ErrorCode, ErrorData, FormElicitationCapability, Implementation,
        ListRootsResult, ProgressNotificationParam, ProgressToken, ProtocolVersion, Root, RootsCapabilities,
    },
    service::{NotificationContext, RequestContext},
};
use serde_json::Value;
use tokio::sync::mpsc;

use super::{Elicitation, ElicitationAnswer, ElicitationRequest, McpServer};

/// How many reports of progress wait for a call that does not look; later ones are dropped.
const WAITING: usize = 64;
/// How many reports are kept that came before their call had begun to listen.
const EARLY: usize = 16;

/// One report of progress.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    pub(super) done: f64,
    pub(super) total: Option<f64>,
    pub(super) message: Option<String>,
}

/// Our side of a connection.
pub(super) struct Handler {
    server: String,
    roots: Vec<Root>,
    elicitation: Option<Arc<dyn Elicitation>>,
    cx: CallContext,
    calls: Mutex<Calls>,
    /// Whether the server said that its tools are others now.
    pub(super) tools_changed: AtomicBool,
}

#[derive(Default)]
struct Calls {
    listening: BTreeMap<String, mpsc::Sender<Progress>>,
    early: VecDeque<(String, Progress)>,
}

impl Handler {
    pub(super) fn new(
        server: &McpServer,
        elicitation: Option<Arc<dyn Elicitation>>,
        cx: CallContext,
    ) -> Self {
        let roots = server.roots.iter().map(|root| {
            let known = Root::new(root.uri.clone());
            match &root.name {
                Some(name) => known.with_name(name.clone()),
                None => known,
            }
        });
        Self {
            server: server.name.clone(),
            roots: roots.collect(),
            elicitation,
            cx,
            calls: Mutex::default(),
            tools_changed: AtomicBool::new(false),
        }
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The progress of one call, until the receiver is dropped.
    pub(super) fn listen(&self, token: &ProgressToken) -> mpsc::Receiver<Progress> {
        let (send, receive) = mpsc::channel(WAITING);
        let token = token.0.to_string();
        let mut calls = self.calls();
        calls.listening.retain(|_, sender| !sender.is_closed());
        for (_, progress) in calls.early.iter().filter(|(early, _)| *early == token) {
            let _ = send.try_send(progress.clone());
        }
        calls.early.retain(|(early, _)| *early != token);
        calls.listening.insert(token, send);
        receive
    }

    /// Answers a question about the places that the host lets the server see.
    pub(super) fn roots(&self) -> Result<ListRootsResult, ErrorData> {
        if self.roots.is_empty() {
            return Err(not_offered("roots/list"));
        }
        Ok(ListRootsResult::new(self.roots.clone()))
    }

    /// Answers a question for a person.
    pub(super) async fn elicit(&self, request: ElicitRequestParams) -> Result<ElicitResult, ErrorData> {
        let Some(answers) = &self.elicitation else { return Err(not_offered("elicitation/create")) };
        let ElicitRequestParams::FormElicitationParams { message, requested_schema, .. } = request else {
            return Err(not_offered("elicitation/create with an address"));
        };
        let schema = serde_json::to_value(requested_schema).unwrap_or_default();
        let question = ElicitationRequest { server: self.server.clone(), message, schema: schema.clone() };
        let answer = answers.answer(&self.cx, question).await;
        Ok(match answer {
            Ok(ElicitationAnswer::Accept(mut form)) => {
                fill_defaults(&schema, &mut form);
                let fits =
                    Validator::new(&Schema::from_value(schema)).is_ok_and(|v| v.violations(&form).is_empty());
                if !fits {
                    return Err(ErrorData::internal_error("the answer does not fit the form", None));
                }
                ElicitResult::new(ElicitationAction::Accept).with_content(form)
            }
            Ok(ElicitationAnswer::Decline) => ElicitResult::new(ElicitationAction::Decline),
            // Why the host could not answer is no business of the server.
            Ok(ElicitationAnswer::Cancel) | Err(_) => ElicitResult::new(ElicitationAction::Cancel),
        })
    }
}

fn not_offered(what: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("{what} is not offered by this client"), None)
}

fn fill_defaults(schema: &Value, form: &mut Value) {
    let (Some(properties), Some(fields)) =
        (schema.get("properties").and_then(Value::as_object), form.as_object_mut())
    else {
        return;
    };
    for (name, property) in properties {
        if let Some(default) = property.get("default") {
            fields.entry(name.clone()).or_insert_with(|| default.clone());
        }
    }
}

impl ClientHandler for Handler {
    fn get_info(&self) -> ClientConfig {
        let mut offered = ClientCapabilities::default();
        if !self.roots.is_empty() {
            offered.roots = Some(RootsCapabilities::default());
        }
        if self.elicitation.is_some() {
            let form = FormElicitationCapability::new().with_schema_validation(true);
            offered.elicitation = Some(ElicitationCapability::new().with_form(form));
        }
        let own = Implementation::new("agentforge", env!("CARGO_PKG_VERSION"));
        // What the older handshake offers; the newer revision has none and is asked for by another question.
        ClientConfig::new(offered, own).with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    async fn list_roots(&self, _: RequestContext<RoleClient>) -> Result<ListRootsResult, ErrorData> {
        self.roots()
    }

    async fn create_elicitation(
        &self,
        request: ElicitRequestParams,
        _: RequestContext<RoleClient>,
    ) -> Result<ElicitResult, ErrorData> {
        self.elicit(request).await
    }

    async fn on_progress(&self, said: ProgressNotificationParam, _: NotificationContext<RoleClient>) {
        let token = said.progress_token.0.to_string();
        let progress = Progress { done: said.progress, total: said.total, message: said.message };
        let mut calls = self.calls();
        if let Some(call) = calls.listening.get(&token) {
            let _ = call.try_send(progress);
        } else {
            if calls.early.len() >= EARLY {
                calls.early.pop_front();
            }
            calls.early.push_back((token, progress));
        }
    }

    async fn on_tool_list_changed(&self, _: NotificationContext<RoleClient>) {
        self.tools_changed.store(true, Ordering::Release);
    }
}
