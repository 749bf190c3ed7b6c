//! Archives through the facade: runs go on where they were brought, who may export, and what the trail says.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use agentforge::{
    ErrorKind, Forge,
    approval::ApprovalState,
    archive::{ArchivePhase, ArchiveStep, ImportOptions, NoProgress},
    context::Principal,
    prelude::*,
    record::RunState,
    serde_json::json,
    store::AuditQuery,
};

use crate::{
    folder::Folder,
    processes::{balance, book, leave},
};

async fn open(location: &str) -> Forge {
    Forge::builder(location).tool(balance()).tool(book()).open().await.unwrap()
}

async fn actions(workspace: &Workspace) -> Vec<String> {
    let entries = workspace.audit().entries(&AuditQuery::default()).await.unwrap();
    entries.into_iter().map(|entry| entry.draft.action).collect()
}

#[tokio::test]
async fn a_run_that_waits_is_approved_in_the_store_it_was_brought_to() {
    let folder = Folder::new();
    let forge = open(&folder.file("old.db")).await;
    let workspace = forge.workspace();
    workspace.processes().publish(&leave()).await.unwrap();
    let started =
        workspace.processes().start("leave", json!({"employee": "Ada", "days": 3}), None).await.unwrap();
    let waits = workspace.approvals().open().await.unwrap();
    assert_eq!(waits.len(), 1);
    let steps = AtomicUsize::new(0);
    let counting = |step: &ArchiveStep| {
        assert_eq!(step.phase, ArchivePhase::Exporting);
        steps.fetch_add(1, Ordering::SeqCst);
    };
    let manifest = forge.export(folder.file("archive"), &counting).await.unwrap();
    assert!(manifest.whole_store && manifest.rows() > 0 && steps.into_inner() > 20);
    let tenant = workspace.context().tenant();
    forge.close().await.unwrap();

    let imported =
        Forge::builder(folder.file("new.db")).import(folder.file("archive"), &NoProgress).await.unwrap();
    assert_eq!((imported.written, imported.present), (manifest.rows(), 0));
    let forge = open(&folder.file("new.db")).await;
    let workspace = forge.workspace();
    assert_eq!(workspace.context().tenant(), tenant, "the default tenant is the one that came");
    workspace.approvals().approve(waits[0].id).await.unwrap();
    let run = workspace.runs().wait(started.run, Duration::from_secs(20)).await.unwrap();
    assert_eq!(run.state, RunState::Completed);
    assert_eq!(workspace.approvals().get(waits[0].id).await.unwrap().state, ApprovalState::Approved);
    assert!(workspace.audit().verify().await.unwrap().is_intact());
    forge.close().await.unwrap();

    let again = Forge::builder(folder.file("new.db")).import(folder.file("archive"), &NoProgress).await;
    assert_eq!(
        again.unwrap_err().kind(),
        ErrorKind::Conflict,
        "a store with a life of its own takes no other"
    );
}

#[tokio::test]
async fn a_tenant_is_exported_by_its_administrators_and_moves_into_a_running_store() {
    let folder = Folder::new();
    let (old, new) = (open("memory:").await, open("memory:").await);
    let (tenant, owner) = old.create_tenant("Acme", "acme").await.unwrap();
    let acme = old.enter(tenant, Principal::user(owner)).await.unwrap();
    let viewer = acme.identity().add_user("Vi", &["viewer"]).await.unwrap();
    acme.processes().publish(&leave()).await.unwrap();
    let started = acme.processes().start("leave", json!({"employee": "Ada", "days": 3}), None).await.unwrap();

    let looking = old.enter(tenant, Principal::user(viewer)).await.unwrap();
    let refused = looking.export(folder.file("refused"), &NoProgress).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Denied);
    assert!(!folder.path().join("refused").exists());
    let archive = folder.file("archive");
    acme.export(archive.clone(), &NoProgress).await.unwrap();
    assert!(actions(&acme).await.ends_with(&["export.started".to_owned(), "export.completed".to_owned()]));

    assert_eq!(new.enter(tenant, Principal::user(owner)).await.unwrap_err().kind(), ErrorKind::NotFound);
    new.import(archive.clone(), ImportOptions::default(), &NoProgress).await.unwrap();
    let acme = new.enter(tenant, Principal::user(owner)).await.unwrap();
    let waits = acme.approvals().open().await.unwrap();
    acme.approvals().approve(waits[0].id).await.unwrap();
    let run = acme.runs().wait(started.run, Duration::from_secs(20)).await.unwrap();
    assert_eq!(run.state, RunState::Completed);
    assert!(acme.audit().verify().await.unwrap().is_intact());
    assert_ne!(new.workspace().context().tenant(), tenant, "the store keeps its default tenant");

    let again = new.import(archive, ImportOptions::default(), &NoProgress).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    old.close().await.unwrap();
    new.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_opens_with_what_was_written_before_it() {
    let folder = Folder::new();
    let forge = open(&folder.file("forge.db")).await;
    let workspace = forge.workspace();
    workspace.identity().add_user("Ada", &["viewer"]).await.unwrap();
    let backup = forge.backup(folder.file("copy.db")).await.unwrap();
    assert!(backup.bytes > 0);
    let taken = forge.backup(folder.file("copy.db")).await.unwrap_err();
    assert_eq!(taken.kind(), ErrorKind::Conflict);
    workspace.identity().add_user("Bea", &["viewer"]).await.unwrap();
    forge.close().await.unwrap();

    let copy = open(&folder.file("copy.db")).await;
    let added = actions(&copy.workspace()).await.iter().filter(|action| *action == "user.created").count();
    assert_eq!(added, 2, "the owner and Ada");
    assert!(copy.workspace().audit().verify().await.unwrap().is_intact());
    copy.close().await.unwrap();

    let memory = open("memory:").await;
    assert_eq!(memory.backup(folder.file("no.db")).await.unwrap_err().kind(), ErrorKind::Unsupported);
    memory.close().await.unwrap();
}
