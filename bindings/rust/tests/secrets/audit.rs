//! A sealed audit trail: the reader sees details, the store and whoever lacks the key do not.

use agentforge::{
    Forge,
    record::UserRecord,
    serde_json::{Value, json},
    store::{AuditDraft, AuditEntry, AuditQuery, Change, ChangeSet, Expect, Stores},
    vault::seal_audit,
};

use super::world::{masters, memory, person, vault};
use crate::folder::Folder;

async fn entries(stores: &Stores, cx: &agentforge::CallContext) -> Vec<AuditEntry> {
    stores.audit.entries(cx, &AuditQuery::default()).await.unwrap()
}

fn done(detail: Value) -> Change {
    Change::Audit(AuditDraft::done("thing.done", "thing", 1, detail))
}

#[tokio::test]
async fn details_are_sealed_where_they_are_stored_and_open_for_the_reader() {
    let (stored, cx) = (memory(), person(1));
    let stores = seal_audit(stored.clone(), vault(&stored.records, masters(&[1])));
    stored.records.apply(&cx, ChangeSet::new(&cx).with(done(json!({"old": 1})))).await.unwrap();
    let details = [json!({"name": "Ada", "deep": [1, null, "é"]}), json!("text"), Value::Null];
    let changes = details.iter().cloned().fold(ChangeSet::new(&cx), |set, detail| set.with(done(detail)));
    stores.records.apply(&cx, changes).await.unwrap();

    let of = |entries: Vec<AuditEntry>| -> Vec<Value> {
        let things = entries.into_iter().filter(|entry| entry.draft.action == "thing.done");
        things.map(|entry| entry.draft.detail).collect()
    };
    let read = of(entries(&stores, &cx).await);
    assert_eq!(read, [json!({"old": 1}), details[0].clone(), details[1].clone(), Value::Null]);
    let at_rest = of(entries(&stored, &cx).await);
    assert_eq!(at_rest[1]["$sealed"]["v"], 1);
    assert!(!format!("{:?}", &at_rest[1..]).contains("Ada"));
    for audit in [&stores.audit, &stored.audit] {
        assert!(audit.verify(&cx).await.unwrap().is_intact());
    }
}

#[tokio::test]
async fn after_the_keys_are_destroyed_details_are_null_and_the_chain_is_whole() {
    let (stored, cx, other) = (memory(), person(1), person(2));
    let vault = vault(&stored.records, masters(&[1]));
    let stores = seal_audit(stored, vault.clone());
    for cx in [&cx, &other] {
        stores.records.apply(cx, ChangeSet::new(cx).with(done(json!({"name": "Ada"})))).await.unwrap();
    }
    vault.destroy_keys(&cx).await.unwrap();
    let thing = |entries: Vec<AuditEntry>| {
        entries.into_iter().find(|entry| entry.draft.action == "thing.done").unwrap()
    };
    let gone = thing(entries(&stores, &cx).await);
    assert_eq!((gone.draft.detail, gone.draft.resource_id.as_deref()), (Value::Null, Some("1")));
    assert_eq!(thing(entries(&stores, &other).await).draft.detail["name"], "Ada");
    assert!(stores.audit.verify(&cx).await.unwrap().is_intact());
}

#[tokio::test]
async fn a_detail_that_was_copied_to_another_entry_stays_shut() {
    let (stored, cx) = (memory(), person(1));
    let stores = seal_audit(stored.clone(), vault(&stored.records, masters(&[1])));
    stores.records.apply(&cx, ChangeSet::new(&cx).with(done(json!({"name": "Ada"})))).await.unwrap();
    let sealed = entries(&stored, &cx).await.pop().unwrap().draft.detail;
    let copied = AuditDraft::done("thing.undone", "thing", 1, sealed.clone());
    let later = cx.for_new_request();
    for (cx, change) in [(&cx, Change::Audit(copied)), (&later, done(sealed.clone()))] {
        stored.records.apply(cx, ChangeSet::new(cx).with(change)).await.unwrap();
        let shown = entries(&stores, cx).await.pop().unwrap();
        assert_eq!(shown.draft.detail, sealed, "it reads as it is stored");
    }
}

#[tokio::test]
async fn a_change_set_whose_detail_cannot_be_sealed_changes_nothing() {
    use super::world::Counted;
    use agentforge::store::RecordStoreExt;
    let (stored, cx) = (memory(), person(1));
    vault(&stored.records, masters(&[1])).active_key(&cx).await.unwrap();
    let wrong = Counted { inner: masters(&[2]), unwrapped: 0.into() };
    let stores = seal_audit(stored.clone(), vault(&stored.records, std::sync::Arc::new(wrong)));
    let user = UserRecord::new(agentforge::id::UserId::new(&cx), "Ada", ["viewer"]);
    let changes =
        ChangeSet::new(&cx).with(Change::put(&user, Expect::Absent).unwrap()).with(done(json!({"name": 1})));
    stores.records.apply(&cx, changes).await.unwrap_err();
    assert!(stored.records.find::<UserRecord>(&cx, user.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_forge_seals_its_trail_from_the_first_entry_and_reads_it_again() {
    let folder = Folder::new();
    let open = || Forge::builder(folder.file("forge.db")).seal_audit().open();
    let forge = open().await.unwrap();
    forge.workspace().identity().add_user("Zacharias-Unmistakable", &["viewer"]).await.unwrap();
    let found = forge.workspace().audit().entries(&AuditQuery::default()).await.unwrap();
    let named = found.iter().any(|entry| entry.draft.detail["name"] == "Zacharias-Unmistakable");
    assert!(named, "{found:?}");
    assert!(forge.workspace().audit().verify().await.unwrap().is_intact());
    forge.close().await.unwrap();

    let unsealed = Forge::open(folder.file("forge.db")).await.unwrap();
    let entries = unsealed.workspace().audit().entries(&AuditQuery::default()).await.unwrap();
    let at_rest = format!("{entries:?}");
    assert!(at_rest.contains("$sealed") && !at_rest.contains("Zacharias-Unmistakable"));
    assert!(unsealed.workspace().audit().verify().await.unwrap().is_intact(), "it verifies without the key");
    unsealed.close().await.unwrap();
}
