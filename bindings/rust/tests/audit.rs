//! The audit trail as a host and its people see it: searched, erased, exported, and held against checkpoints.

use std::{sync::Arc, time::Duration};

use agentforge::{
    CallContext, ErrorKind, Forge, Result,
    audit::{Checkpoint, CheckpointSink, Checkpoints, Ed25519Signer, TrustedKeys, verify_export},
    context::Principal,
    serde_json::json,
    store::{AuditQuery, AuditVerdict},
};
use futures::TryStreamExt as _;
use tokio::sync::mpsc;

use crate::folder::Folder;

fn signer() -> Ed25519Signer {
    Ed25519Signer::new("host", &[5; 32]).unwrap()
}

#[tokio::test]
async fn an_erasure_needs_its_permission_and_says_who_and_why() {
    let forge = Forge::open("memory:").await.unwrap();
    let owner = forge.workspace();
    let auditor = owner.identity().add_user("Ada", &["auditor"]).await.unwrap();
    let viewer = owner.identity().add_user("Vera", &["viewer"]).await.unwrap();
    let tenant = owner.context().tenant();
    let auditor = forge.enter(tenant, Principal::user(auditor)).await.unwrap();
    let person = viewer.to_string();
    let viewer = forge.enter(tenant, Principal::user(viewer)).await.unwrap();

    let of_person =
        AuditQuery { resource_id: Some(person), resource: Some("user".to_owned()), ..AuditQuery::default() };
    let entry = auditor.audit().entries(&of_person).await.unwrap().remove(0);
    assert_eq!((entry.draft.action.as_str(), &entry.draft.detail["name"]), ("user.created", &json!("Vera")));
    assert_eq!(entry.actor, owner.context().scope().principal().to_string());
    let denied = |error: agentforge::Error| assert_eq!(error.kind(), ErrorKind::Denied);
    denied(viewer.audit().entries(&of_person).await.unwrap_err());
    denied(viewer.audit().export(&of_person).await.err().unwrap());
    denied(auditor.audit().erase(entry.seq, "because").await.unwrap_err());

    let before = owner.audit().entries(&AuditQuery::default()).await.unwrap();
    let kind = |result: Result<()>| result.unwrap_err().kind();
    assert_eq!(kind(owner.audit().erase(entry.seq, "  ").await), ErrorKind::InvalidInput);
    assert_eq!(kind(owner.audit().erase(999, "because").await), ErrorKind::NotFound);
    assert_eq!(owner.audit().entries(&AuditQuery::default()).await.unwrap(), before, "nothing was written");

    owner.audit().erase(entry.seq, "asked for by the person").await.unwrap();
    let found = auditor.audit().entries(&of_person).await.unwrap().remove(0);
    assert!(found.is_erased() && found.hash == entry.hash);
    let newest = AuditQuery { newest_first: true, limit: 1, ..AuditQuery::default() };
    let said = auditor.audit().entries(&newest).await.unwrap().remove(0);
    assert_eq!(said.draft.action, "audit_detail.erased");
    assert_eq!(said.draft.resource_id, Some(entry.seq.to_string()));
    assert_eq!(said.draft.detail, json!({"reason": "asked for by the person"}));
    assert!(auditor.audit().verify().await.unwrap().is_intact());
    forge.close().await.unwrap();
}

#[tokio::test]
async fn a_database_that_was_put_back_to_an_earlier_day_meets_its_checkpoint() {
    let folder = Folder::new();
    let (file, kept) = (folder.file("forge.db"), folder.file("checkpoints.jsonl"));
    let open = || {
        Forge::builder(file.clone()).without_worker().checkpoint_file("example.com", signer(), &kept).open()
    };
    let forge = open().await.unwrap();
    forge.workspace().identity().add_user("Ada", &["viewer"]).await.unwrap();
    let first = forge.workspace().audit().checkpoint().await.unwrap();
    forge.close().await.unwrap();
    std::fs::copy(&file, folder.file("earlier.db")).unwrap();

    let forge = open().await.unwrap();
    forge.workspace().identity().add_user("Vera", &["viewer"]).await.unwrap();
    let second = forge.workspace().audit().checkpoint().await.unwrap();
    assert_eq!(second.size, first.size + 1);
    assert!(forge.workspace().audit().verify_against_checkpoints().await.unwrap().is_intact());
    forge.close().await.unwrap();

    std::fs::copy(folder.file("earlier.db"), &file).unwrap();
    let forge = open().await.unwrap();
    assert!(forge.workspace().audit().verify().await.unwrap().is_intact());
    let verdict = forge.workspace().audit().verify_against_checkpoints().await.unwrap();
    assert!(matches!(verdict, AuditVerdict::Broken { seq, .. } if seq == first.size), "{verdict:?}");
    assert_eq!(forge.workspace().audit().checkpoint().await.unwrap_err().kind(), ErrorKind::Corrupt);
    forge.close().await.unwrap();
}

#[tokio::test]
async fn an_export_is_checked_away_from_the_store_and_is_audited_itself() {
    let folder = Folder::new();
    let forge = Forge::builder(folder.file("forge.db"))
        .checkpoint_file("example.com", signer(), folder.file("checkpoints.jsonl"))
        .seal_audit()
        .open()
        .await
        .unwrap();
    let workspace = forge.workspace();
    let checkpoint = workspace.audit().checkpoint().await.unwrap();
    workspace.identity().add_user("Ada", &["viewer"]).await.unwrap();
    let lines: Vec<_> =
        workspace.audit().export(&AuditQuery::default()).await.unwrap().try_collect().await.unwrap();
    let exported = lines.concat();
    let trusted = TrustedKeys::new([signer().key().clone()]);
    let report = verify_export(exported.as_slice(), Some(&trusted)).unwrap();
    assert!(report.verdict.is_intact(), "{:?}", report.verdict);
    assert_eq!((report.signed, report.head.checkpoint), (checkpoint.size, Some(checkpoint)));
    let of_export = AuditQuery { action: Some("audit.exported".to_owned()), ..AuditQuery::default() };
    assert_eq!(workspace.audit().entries(&of_export).await.unwrap().len(), 1);
    forge.close().await.unwrap();
}

/// Tells of every checkpoint.
struct Telling(mpsc::UnboundedSender<Checkpoint>);

#[agentforge::async_trait]
impl CheckpointSink for Telling {
    async fn keep(&self, _cx: &CallContext, checkpoint: &Checkpoint) -> Result<()> {
        let _ = self.0.send(checkpoint.clone());
        Ok(())
    }

    async fn kept(&self, _cx: &CallContext) -> Result<Vec<Checkpoint>> {
        Ok(Vec::new())
    }
}

#[tokio::test]
async fn every_tenants_checkpoints_are_made_in_the_background() {
    let (send, mut made) = mpsc::unbounded_channel();
    let trusted = TrustedKeys::new([signer().key().clone()]);
    let checkpoints =
        Checkpoints::new("example.com", Arc::new(signer()), Arc::new(trusted), Arc::new(Telling(send)))
            .unwrap();
    let forge = Forge::builder("memory:")
        .checkpoints(checkpoints)
        .checkpoint_every(Duration::from_millis(5))
        .open()
        .await
        .unwrap();
    let (other, _) = forge.create_tenant("Acme", "acme").await.unwrap();
    let mut missing = vec![agentforge::id::TenantId::PLATFORM, forge.workspace().context().tenant(), other];
    while !missing.is_empty() {
        let checkpoint = made.recv().await.unwrap();
        missing.retain(|tenant| *tenant != checkpoint.tenant);
    }
    forge.close().await.unwrap();
}

#[tokio::test]
async fn checkpoints_that_nobody_keeps_are_refused() {
    let forge = Forge::open("memory:").await.unwrap();
    let error = forge.workspace().audit().checkpoint().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    forge.close().await.unwrap();
    let wrong = [
        Forge::builder("memory:").checkpoint_every(Duration::from_mins(1)),
        Forge::builder("memory:").checkpoint_file("two words", signer(), "nowhere"),
        Forge::builder("memory:").checkpoint_file("a", signer(), "nowhere").checkpoint_every(Duration::ZERO),
    ];
    for builder in wrong {
        assert_eq!(builder.open().await.unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}
