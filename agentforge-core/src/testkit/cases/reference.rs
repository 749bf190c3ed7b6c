//! References: the target must be there, restrict refuses its deletion, cascade follows it.

use serde_json::json;

use crate::{
    error::ErrorKind,
    store::{Change, CollectionSpec, Expect, Filter, Query},
    testkit::{
        check::{Outcome, carries, refused, same},
        collections::{ACCOUNTS, BADGES, FILES, FOLDERS, LOCKS, NOTES},
        world::{World, id},
    },
};

super::cases! {
    "references.a_missing_target_is_refused" => missing_target,
    "references.another_tenants_target_is_missing" => other_tenant,
    "references.a_soft_deleted_target_is_missing" => soft_deleted_target,
    "references.null_refers_to_nothing" => null_reference,
    "references.target_and_referrer_in_one_set" => one_set,
    "references.restrict_refuses_a_deletion" => restrict,
    "references.cascade_deletes_every_level" => cascade,
    "references.cascade_follows_a_soft_deletion" => soft_cascade,
}

fn put(spec: &'static CollectionSpec, number: u128, field: &str, target: u128) -> Change {
    let document = json!({ field: id(target) });
    Change::Put { spec, id: id(number), document, expect: Expect::Anything }
}

fn put_folder(number: u128) -> Change {
    Change::Put { spec: FOLDERS, id: id(number), document: json!({}), expect: Expect::Anything }
}

async fn ids(w: &World, spec: &'static CollectionSpec) -> Outcome<Vec<uuid::Uuid>> {
    let page = w.query(&w.a, spec, &Query::new(Filter::True)).await?;
    Ok(page.records.iter().map(|record| record.id).collect())
}

async fn missing_target(w: World) -> Outcome {
    let error = refused(
        "a reference to nothing",
        w.apply(&w.a, [put(FILES, 1, "folder", 9)]).await,
        ErrorKind::InvalidInput,
    )?;
    carries(&error, "field", "folder")?;
    w.apply(&w.a, [put_folder(2), put(FILES, 1, "folder", 2)]).await?;
    let refusal = w.apply(&w.a, [put(FILES, 1, "folder", 9)]).await;
    refused("an update to a reference to nothing", refusal, ErrorKind::InvalidInput)?;
    let kept = w.get(&w.a, FILES, id(1)).await?.map(|record| record.document);
    same("the record whose update was refused", kept, Some(json!({ "folder": id(2) })))
}

async fn other_tenant(w: World) -> Outcome {
    w.apply(&w.a, [put_folder(1)]).await?;
    let refusal = w.apply(&w.b, [put(FILES, 2, "folder", 1)]).await;
    refused("a reference to another tenant's record", refusal, ErrorKind::InvalidInput)?;
    Ok(())
}

async fn soft_deleted_target(w: World) -> Outcome {
    w.put(&w.a, ACCOUNTS, id(1), json!({}), Expect::Absent).await?;
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await?;
    let refusal = w.apply(&w.a, [put(BADGES, 2, "account", 1)]).await;
    refused("a reference to a soft-deleted record", refusal, ErrorKind::InvalidInput)?;
    Ok(())
}

async fn null_reference(w: World) -> Outcome {
    w.put(&w.a, FILES, id(1), json!({}), Expect::Absent).await?;
    w.put(&w.a, FILES, id(2), json!({ "folder": null }), Expect::Absent).await?;
    Ok(())
}

async fn one_set(w: World) -> Outcome {
    w.apply(&w.a, [put_folder(1), put(FILES, 2, "folder", 1), put(NOTES, 3, "file", 2)]).await?;
    let delete = |spec, number| Change::Delete { spec, id: id(number), expect: Expect::Version(1) };
    w.apply(&w.a, [put_folder(4), put(LOCKS, 5, "folder", 4)]).await?;
    w.apply(&w.a, [delete(LOCKS, 5), delete(FOLDERS, 4)]).await?;
    same("the folders", ids(&w, FOLDERS).await?, vec![id(1)])
}

async fn restrict(w: World) -> Outcome {
    w.apply(&w.a, [put_folder(1), put_folder(2), put(LOCKS, 3, "folder", 1)]).await?;
    w.apply(&w.a, [put(FILES, 4, "folder", 1)]).await?;
    let refusal = w.delete(&w.a, FOLDERS, id(1), Expect::Version(1)).await;
    refused("deleting what is locked", refusal, ErrorKind::Conflict)?;
    same("the folders", ids(&w, FOLDERS).await?, vec![id(1), id(2)])?;
    same("the files", ids(&w, FILES).await?, vec![id(4)])?;
    w.delete(&w.a, FOLDERS, id(2), Expect::Version(1)).await?;
    w.apply(&w.a, [put_folder(2), put(LOCKS, 3, "folder", 2)]).await?;
    w.delete(&w.a, FOLDERS, id(1), Expect::Version(1)).await?;
    same("the folders once the lock has moved", ids(&w, FOLDERS).await?, vec![id(2)])
}

async fn cascade(w: World) -> Outcome {
    w.apply(&w.a, [put_folder(1), put_folder(2)]).await?;
    w.apply(&w.a, [put(FILES, 11, "folder", 1), put(FILES, 12, "folder", 1), put(FILES, 13, "folder", 2)])
        .await?;
    w.apply(&w.a, [put(NOTES, 21, "file", 11), put(NOTES, 22, "file", 12), put(NOTES, 23, "file", 13)])
        .await?;
    w.apply(&w.a, [put(FILES, 12, "folder", 2)]).await?;
    w.delete(&w.a, FOLDERS, id(1), Expect::Version(1)).await?;
    same("the folders", ids(&w, FOLDERS).await?, vec![id(2)])?;
    same("the files", ids(&w, FILES).await?, vec![id(12), id(13)])?;
    same("the notes", ids(&w, NOTES).await?, vec![id(22), id(23)])
}

async fn soft_cascade(w: World) -> Outcome {
    w.put(&w.a, ACCOUNTS, id(1), json!({}), Expect::Absent).await?;
    w.apply(&w.a, [put(BADGES, 2, "account", 1)]).await?;
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await?;
    same("the badges of a soft-deleted account", ids(&w, BADGES).await?, vec![])
}
