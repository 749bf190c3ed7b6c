//! Requests to start processes become exactly one run each, or are taken with a word why not.

#[cfg(feature = "host-transaction")]
mod host;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use agentforge::{
    CallContext, ErrorKind, Forge, Result, Workspace, async_trait,
    context::Principal,
    id::{ApiKeyId, RunId},
    outbox::OutboxSink,
    record::RunState,
    serde_json::{Value, json},
    store::{AuditEntry, AuditQuery, OutboxRow},
    uuid::Uuid,
};

use crate::{
    folder::Folder,
    processes::{balance, book, leave},
};

/// A process that ends at once.
fn hello() -> Value {
    json!({
        "v": 1, "name": "hello", "title": "Hello",
        "input": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
        "nodes": [{"id": "pause", "type": "wait", "title": "Pause", "config": {"for": "PT0S"}}],
        "edges": []
    })
}

fn dana() -> Value {
    json!({"name": "Dana"})
}

async fn open(location: &str) -> Forge {
    Forge::builder(location).tool(balance()).tool(book()).without_worker().open().await.unwrap()
}

async fn runs(workspace: &Workspace) -> Vec<RunId> {
    workspace.runs().list(100).await.unwrap().records.into_iter().map(|stored| stored.value.id).collect()
}

async fn entries(workspace: &Workspace, action: &str) -> Vec<AuditEntry> {
    let query = AuditQuery { action: Some(action.to_owned()), ..AuditQuery::default() };
    workspace.audit().entries(&query).await.unwrap()
}

/// Keeps what arrives.
#[derive(Default)]
struct Kept(std::sync::Mutex<Vec<OutboxRow>>);

#[async_trait]
impl OutboxSink for Kept {
    async fn deliver(&self, _cx: &CallContext, row: &OutboxRow) -> Result<()> {
        self.0.lock().unwrap().push(row.clone());
        Ok(())
    }
}

#[tokio::test]
async fn a_request_becomes_the_run_of_its_key_once() {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge = open(&location).await;
        let workspace = forge.workspace();
        workspace.processes().publish(&hello()).await.unwrap();
        let run = workspace.processes().post("order-1", "hello", dana()).await.unwrap();
        assert_eq!(workspace.processes().post("order-1", "hello", dana()).await.unwrap(), run);
        assert!(runs(&workspace).await.is_empty(), "posting starts nothing by itself");
        forge.work().await.unwrap();
        assert_eq!(runs(&workspace).await, [run]);
        let record = workspace.runs().get(run).await.unwrap();
        assert_eq!((record.state, record.name.as_str()), (RunState::Completed, "hello"));
        workspace.processes().post("order-1", "hello", json!({"name": "Eve"})).await.unwrap();
        assert_eq!(forge.work().await.unwrap(), 0, "a repetition changes nothing");
        let started = workspace.processes().start("hello", dana(), Some("order-1")).await.unwrap();
        assert_eq!((started.run, runs(&workspace).await.len()), (run, 1));
        let by = entries(&workspace, "run.started").await;
        assert_eq!(by.len(), 1);
        assert_eq!(by[0].scope.principal, *workspace.context().scope().principal());
        assert_eq!(entries(&workspace, "request.posted").await.len(), 1);
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_run_that_was_started_before_takes_its_request_along() {
    let forge = open("memory:").await;
    let workspace = forge.workspace();
    workspace.processes().publish(&hello()).await.unwrap();
    let run = workspace.processes().start("hello", dana(), Some("k")).await.unwrap().run;
    assert_eq!(workspace.processes().post("k", "hello", dana()).await.unwrap(), run);
    forge.work().await.unwrap();
    assert_eq!((runs(&workspace).await, forge.work().await.unwrap()), (vec![run], 0));
    assert!(entries(&workspace, "request.rejected").await.is_empty());
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_request_that_can_never_run_is_taken_and_everybody_is_told() {
    let kept = Arc::new(Kept::default());
    let forge = Forge::builder("memory:").deliver_to(kept.clone()).without_worker().open().await.unwrap();
    let workspace = forge.workspace();
    workspace.processes().publish(&hello()).await.unwrap();
    workspace.processes().start("hello", json!({"name": "Eve"}), Some("used")).await.unwrap();
    forge.work().await.unwrap();
    kept.0.lock().unwrap().clear();
    let wrong = [
        ("unknown", "goodbye", dana(), "not_found"),
        ("invalid", "hello", json!({"name": 7}), "invalid_input"),
        ("used", "hello", dana(), "conflict"),
    ];
    for (key, process, input, _) in &wrong {
        workspace.processes().post(key, process, input.clone()).await.unwrap();
    }
    forge.work().await.unwrap();
    assert_eq!(forge.work().await.unwrap(), 0, "nothing is tried again");
    let told = kept.0.lock().unwrap().clone();
    let entries = entries(&workspace, "request.rejected").await;
    assert_eq!((told.len(), entries.len()), (3, 3));
    for (key, process, _, code) in wrong {
        let row = told.iter().find(|row| row.key == key).unwrap();
        assert_eq!(row.event.kind, "request.rejected");
        assert_eq!(
            (&row.event.data["process"], &row.event.data["error"]["code"]),
            (&json!(process), &json!(code))
        );
        let entry = entries.iter().find(|entry| entry.draft.resource_id.as_deref() == Some(key)).unwrap();
        assert!(!entry.draft.success);
        assert_eq!(entry.draft.detail["error"]["code"], code);
    }
    assert_eq!(runs(&workspace).await.len(), 1);
    // The key is spent, also for a process that comes later.
    workspace.processes().publish(&json!({
        "v": 1, "name": "goodbye", "title": "Goodbye",
        "nodes": [{"id": "pause", "type": "wait", "title": "Pause", "config": {"for": "PT0S"}}], "edges": []
    })).await.unwrap();
    workspace.processes().post("unknown", "goodbye", dana()).await.unwrap();
    assert_eq!(forge.work().await.unwrap(), 0);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_request_runs_with_the_rights_of_who_posted_it() {
    let forge = open("memory:").await;
    let owner = forge.workspace();
    let tenant = owner.context().tenant();
    owner.processes().publish(&leave()).await.unwrap();
    let viewer = owner.identity().add_user("Vera", &["viewer"]).await.unwrap();
    let viewer = forge.enter(tenant, Principal::user(viewer)).await.unwrap();
    let error = viewer.processes().post("k", "leave", dana()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    // A key or an agent has narrower rights than its person, and a request cannot carry them.
    let person = owner.context().scope().person().unwrap();
    let key = Principal::ApiKey { id: ApiKeyId::from_uuid(Uuid::from_u128(1)), owner: person };
    let by_key = forge.enter(tenant, key).await.unwrap();
    assert_eq!(by_key.processes().post("k", "leave", dana()).await.unwrap_err().kind(), ErrorKind::Denied);
    let cx = owner.context().on_behalf(agentforge::id::AgentId::from_uuid(Uuid::from_u128(2)));
    let agent = owner.narrowed(|_| cx);
    assert_eq!(agent.processes().post("k", "leave", dana()).await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(forge.work().await.unwrap(), 0);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn what_no_store_can_keep_is_refused_when_it_is_posted() {
    let forge = open("memory:").await;
    let workspace = forge.workspace();
    let long = "k".repeat(513);
    for (key, process, input) in
        [("", "p", dana()), (long.as_str(), "p", dana()), ("k", "", dana()), ("k", "p", json!({"x": "\0"}))]
    {
        let error = workspace.processes().post(key, process, input).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    }
    forge.close().await.unwrap();
}

#[tokio::test]
async fn one_key_in_two_tenants_is_two_runs() {
    let forge = open("memory:").await;
    let (acme, acme_owner) = forge.create_tenant("Acme", "acme").await.unwrap();
    let (beta, beta_owner) = forge.create_tenant("Beta", "beta").await.unwrap();
    let acme = forge.enter(acme, Principal::user(acme_owner)).await.unwrap();
    let beta = forge.enter(beta, Principal::user(beta_owner)).await.unwrap();
    acme.processes().publish(&hello()).await.unwrap();
    let of_acme = acme.processes().post("k", "hello", dana()).await.unwrap();
    let of_beta = beta.processes().post("k", "hello", dana()).await.unwrap();
    assert_ne!(of_acme, of_beta);
    forge.work().await.unwrap();
    assert_eq!(runs(&acme).await, [of_acme]);
    assert!(runs(&beta).await.is_empty(), "the process of one tenant ran in another");
    assert_eq!(entries(&beta, "request.rejected").await.len(), 1);
    assert!(entries(&acme, "request.rejected").await.is_empty());
    forge.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_on_one_file_start_every_request_once() {
    const REQUESTS: usize = 40;
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let forges = [Forge::open(&file).await.unwrap(), Forge::open(&file).await.unwrap()];
    forges[0].workspace().processes().publish(&hello()).await.unwrap();
    let mut posted = BTreeSet::new();
    for number in 0..REQUESTS {
        for forge in &forges {
            let key = format!("order-{number}");
            posted.insert(forge.workspace().processes().post(&key, "hello", dana()).await.unwrap());
        }
    }
    let workspace = forges[1].workspace();
    let done = async {
        loop {
            let page = workspace.runs().list(100).await.unwrap().records;
            if page.iter().filter(|stored| stored.value.state == RunState::Completed).count() == REQUESTS {
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), done).await.expect("requests were not worked on");
    assert_eq!(runs(&workspace).await.into_iter().collect::<BTreeSet<_>>(), posted);
    assert_eq!(posted.len(), REQUESTS);
    assert_eq!(entries(&workspace, "run.started").await.len(), REQUESTS);
    assert!(workspace.audit().verify().await.unwrap().is_intact());
    for forge in forges {
        forge.close().await.unwrap();
    }
}
