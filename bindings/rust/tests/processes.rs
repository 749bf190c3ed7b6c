//! Processes through the facade: an approval across a restart, one run per key, what is refused.

use std::time::Duration;

use agentforge::{
    ErrorKind, Forge,
    approval::ApprovalState,
    prelude::*,
    record::RunState,
    serde_json::{Value, json},
    tool::{Annotations, FunctionTool},
};

use crate::folder::Folder;

const LEAVE: &str = r#"{
    "v": 1,
    "name": "leave",
    "title": "Leave request",
    "input": {
        "type": "object",
        "properties": {"employee": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["employee", "days"],
        "additionalProperties": false
    },
    "nodes": [
        {"id": "balance", "type": "tool", "title": "Balance",
         "config": {"tool": "balance", "arguments": {"employee": "{{ input.employee }}"}}},
        {"id": "manager", "type": "approval", "title": "Manager",
         "config": {"title": "{{ input.employee }} wants {{ input.days }} days"}},
        {"id": "book", "type": "tool", "title": "Book",
         "config": {"tool": "book", "arguments": {"days": "{{ input.days }}"}}}
    ],
    "edges": [{"from": "balance", "to": "manager"}, {"from": "manager", "to": "book", "on": "approved"}]
}"#;

pub fn leave() -> Value {
    agentforge::serde_json::from_str(LEAVE).unwrap()
}

pub fn balance() -> impl Tool {
    FunctionTool::new("balance", "The balance of an employee.", |_cx, _arguments: Value| async {
        Ok::<_, &str>(json!({"days_left": 14}))
    })
    .with_spec(|spec| spec.annotated(Annotations::READ_ONLY))
}

pub fn book() -> impl Tool {
    FunctionTool::new("book", "Books days.", |_cx, arguments: Value| async move { Ok::<_, &str>(arguments) })
        .with_spec(|spec| spec.annotated(Annotations::WRITES))
}

async fn open(location: &str) -> Forge {
    Forge::builder(location).tool(balance()).tool(book()).open().await.unwrap()
}

#[tokio::test]
async fn an_approval_survives_a_restart_and_the_run_finishes_by_itself() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let forge = open(&file).await;
    let workspace = forge.workspace();
    workspace.processes().publish(&leave()).await.unwrap();
    let input = json!({"employee": "Dana", "days": 3});
    let run = workspace.processes().start("leave", input, None).await.unwrap().run;
    assert_eq!(workspace.runs().get(run).await.unwrap().state, RunState::Suspended);
    forge.close().await.unwrap();

    let forge = open(&file).await;
    let workspace = forge.workspace();
    let approval = workspace.approvals().open().await.unwrap().remove(0);
    assert_eq!(approval.subject.title, "Dana wants 3 days");
    let decided = workspace.approvals().approve(approval.id).await.unwrap();
    assert_eq!(decided.approval.state, ApprovalState::Approved);
    let ended = workspace.runs().wait(run, Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.state, RunState::Completed, "{ended:?}");
    let timeline = workspace.runs().timeline(run).await.unwrap();
    let places: Vec<_> = timeline.iter().filter_map(|entry| entry.place.as_deref()).collect();
    for node in ["balance", "manager", "book"] {
        assert!(places.contains(&node), "{node} in {places:?}");
    }
    assert!(workspace.audit().verify().await.unwrap().is_intact());
    forge.close().await.unwrap();
}

#[tokio::test]
async fn one_key_starts_one_run_even_at_once() {
    let folder = Folder::new();
    let forge = open(&folder.file("forge.db")).await;
    let workspace = forge.workspace();
    workspace.processes().publish(&leave()).await.unwrap();
    let input = json!({"employee": "Dana", "days": 3});
    let starting = (0..8).map(|_| {
        let (workspace, input) = (workspace.clone(), input.clone());
        async move { workspace.processes().start("leave", input, Some("one")).await }
    });
    let started = crate::knowledge::futures_join(starting).await;
    let runs: std::collections::BTreeSet<_> = started.into_iter().map(|status| status.unwrap().run).collect();
    assert_eq!(runs.len(), 1);
    assert_eq!(workspace.runs().list(10).await.unwrap().records.len(), 1);
    assert_eq!(workspace.approvals().open().await.unwrap().len(), 1);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn what_is_wrong_is_named_with_its_place() {
    let forge = open("memory:").await;
    let workspace = forge.workspace();
    let missing = workspace.processes().start("leave", json!({}), None).await.unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    workspace.processes().publish(&leave()).await.unwrap();
    let wrong =
        workspace.processes().start("leave", json!({"employee": "Dana", "days": 0}), None).await.unwrap_err();
    assert_eq!(wrong.kind(), ErrorKind::InvalidInput);
    assert!(format!("{wrong:?}").contains("/days"), "{wrong:?}");
    let unknown = LEAVE.replace("\"tool\": \"book\"", "\"tool\": \"boook\"");
    let unknown = workspace
        .processes()
        .publish(&agentforge::serde_json::from_str(&unknown).unwrap())
        .await
        .unwrap_err();
    assert!(
        format!("{unknown:?}").contains("book") && format!("{unknown:?}").contains("boook"),
        "{unknown:?}"
    );
    forge.close().await.unwrap();
}

#[tokio::test]
async fn another_process_approves_and_this_one_goes_on() {
    let folder = Folder::new();
    let file = folder.file("forge.db");
    let (first, second) = (open(&file).await, open(&file).await);
    let workspace = first.workspace();
    workspace.processes().publish(&leave()).await.unwrap();
    let run =
        workspace.processes().start("leave", json!({"employee": "Dana", "days": 3}), None).await.unwrap().run;
    let approval = second.workspace().approvals().open().await.unwrap().remove(0);
    second.workspace().approvals().approve(approval.id).await.unwrap();
    let ended = workspace.runs().wait(run, Duration::from_secs(20)).await.unwrap();
    assert_eq!(ended.state, RunState::Completed);
    second.close().await.unwrap();
    first.close().await.unwrap();
}
