//! Writing, reading and deleting records, and the versions that writers agree by.

use serde_json::json;

use crate::{
    error::ErrorKind,
    store::{Change, Expect, Filter, Query, RawRecord},
    testkit::{
        check::{Outcome, carries, ensure, present, refused, same},
        collections::{ACCOUNTS, GADGETS},
        world::{SECOND, World, id},
    },
    time::Clock,
};

super::cases! {
    "records.a_record_is_read_back_whole" => read_back_whole,
    "records.every_write_counts_the_version" => writes_count,
    "records.many_come_in_the_order_of_their_ids" => many_in_order,
    "records.version_conflicts_carry_the_current_version" => version_conflicts,
    "records.a_refused_write_changes_nothing" => refused_changes_nothing,
    "records.deleting_what_is_absent" => deleting_the_absent,
    "records.a_deleted_record_is_gone_and_its_id_is_free" => deleted_is_gone,
    "records.a_soft_deleted_record_is_hidden_and_kept" => soft_delete,
    "records.a_soft_deleted_record_counts_as_absent" => soft_deleted_is_absent,
    "records.a_field_of_a_wrong_type_is_refused" => wrong_type,
}

async fn read_back_whole(w: World) -> Outcome {
    let document = json!({
        "label": "naïve 😀 \u{fb00} \"quoted\" \\ 'single' \n\t\u{1}",
        "size": i64::MIN,
        "flag": false,
        "maker": "67E55044-10B1-426F-9247-BB680E5FE0C8",
        "due": "2026-03-01T10:30:00.000001+01:00",
        "numbers": [0, -1, u64::MAX, 9_007_199_254_740_993_i64, 0.1, -2.5e-10, 1e300],
        "nested": { "null": null, "empty": {}, "list": [[], [{ "a": true }]], "": "empty key", "é": "é" },
    });
    let version = w.put(&w.a, GADGETS, id(1), document.clone(), Expect::Absent).await?;
    let now = w.clock.now();
    let expected =
        RawRecord { id: id(1), version: 1, created_at: now, updated_at: now, deleted_at: None, document };
    same("the version of a first write", version, 1)?;
    same("the record by id", w.get(&w.a, GADGETS, id(1)).await?, Some(expected.clone()))?;
    let page = w.query(&w.a, GADGETS, &Query::new(Filter::True)).await?;
    same("the records of the collection", page.records, vec![expected])
}

async fn writes_count(w: World) -> Outcome {
    let created = w.clock.now();
    w.put(&w.a, GADGETS, id(1), json!({ "label": "first", "old": 1 }), Expect::Anything).await?;
    w.clock.advance(SECOND);
    let second = w.put(&w.a, GADGETS, id(1), json!({ "label": "second" }), Expect::Version(1)).await?;
    same("the version of a second write", second, 2)?;
    w.clock.advance(SECOND);
    let third = w.put(&w.a, GADGETS, id(1), json!({ "label": "third" }), Expect::Anything).await?;
    same("the version of a third write", third, 3)?;
    let record = present("the record", w.get(&w.a, GADGETS, id(1)).await?)?;
    same("the document, of which nothing old is left", record.document, json!({ "label": "third" }))?;
    same("the version", record.version, 3)?;
    same("when it was created", record.created_at, created)?;
    same("when it was updated", record.updated_at, w.clock.now())
}

async fn many_in_order(w: World) -> Outcome {
    for number in 1..=3 {
        w.put(&w.a, GADGETS, id(number), json!({}), Expect::Absent).await?;
    }
    let wanted = [3, 9, 1, 3, 2].map(id);
    let found = w.stores.records.get_many(&w.a, GADGETS, &wanted).await?;
    let found: Vec<_> = found.into_iter().map(|record| record.map(|record| record.id)).collect();
    same("the ids of what was found", found, vec![Some(id(3)), None, Some(id(1)), Some(id(3)), Some(id(2))])?;
    same("what no ids find", w.stores.records.get_many(&w.a, GADGETS, &[]).await?, vec![])
}

async fn version_conflicts(w: World) -> Outcome {
    let put = |expect| w.put(&w.a, GADGETS, id(1), json!({ "label": "new" }), expect);
    put(Expect::Absent).await?;
    put(Expect::Version(1)).await?;
    for (what, expect) in [
        ("a put that expects nothing", Expect::Absent),
        ("a put that expects an old version", Expect::Version(1)),
        ("a put that expects a future version", Expect::Version(3)),
    ] {
        let error = refused(what, put(expect).await, ErrorKind::Conflict)?;
        carries(&error, "field", "version").map_err(|failure| failure.during(what))?;
        carries(&error, "current_version", 2).map_err(|failure| failure.during(what))?;
    }
    let stale = w.delete(&w.a, GADGETS, id(1), Expect::Version(1)).await;
    let error = refused("a deletion that expects an old version", stale, ErrorKind::Conflict)?;
    carries(&error, "field", "version")?;
    carries(&error, "current_version", 2)?;
    let gone = w.put(&w.a, GADGETS, id(2), json!({}), Expect::Version(1)).await;
    let error = refused("a put that expects a version of what is absent", gone, ErrorKind::Conflict)?;
    carries(&error, "field", "version")
}

async fn refused_changes_nothing(w: World) -> Outcome {
    w.put(&w.a, GADGETS, id(1), json!({ "label": "kept" }), Expect::Absent).await?;
    let before = w.get(&w.a, GADGETS, id(1)).await?;
    w.clock.advance(SECOND);
    for expect in [Expect::Absent, Expect::Version(7)] {
        let refusal = w.put(&w.a, GADGETS, id(1), json!({ "label": "lost" }), expect).await;
        refused("a put", refusal, ErrorKind::Conflict)?;
    }
    let refusal = w.delete(&w.a, GADGETS, id(1), Expect::Version(7)).await;
    refused("a deletion", refusal, ErrorKind::Conflict)?;
    same("the record", w.get(&w.a, GADGETS, id(1)).await?, before)
}

async fn deleting_the_absent(w: World) -> Outcome {
    w.delete(&w.a, GADGETS, id(1), Expect::Anything).await?;
    for expect in [Expect::Version(1), Expect::Absent] {
        let refusal = w.delete(&w.a, GADGETS, id(1), expect).await;
        refused("deleting what is absent", refusal, ErrorKind::NotFound)?;
    }
    Ok(())
}

async fn deleted_is_gone(w: World) -> Outcome {
    for expect in [Expect::Version(1), Expect::Anything] {
        w.put(&w.a, GADGETS, id(1), json!({ "label": "x" }), Expect::Absent).await?;
        w.delete(&w.a, GADGETS, id(1), expect).await?;
        same("the record by id", w.get(&w.a, GADGETS, id(1)).await?, None)?;
        let mut all = Query::new(Filter::True);
        all.deleted = true;
        same("the records of the collection", w.query(&w.a, GADGETS, &all).await?.records, vec![])?;
    }
    Ok(())
}

async fn soft_delete(w: World) -> Outcome {
    let document = json!({ "email": "a@example.org" });
    w.put(&w.a, ACCOUNTS, id(1), document.clone(), Expect::Absent).await?;
    w.put(&w.a, ACCOUNTS, id(2), json!({ "email": "b@example.org" }), Expect::Absent).await?;
    w.clock.advance(SECOND);
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await?;
    same("the deleted record by id", w.get(&w.a, ACCOUNTS, id(1)).await?, None)?;
    let living = Query::new(Filter::True).counted();
    let page = w.query(&w.a, ACCOUNTS, &living).await?;
    same("the living", page.records.iter().map(|record| record.id).collect(), vec![id(2)])?;
    same("the number of the living", page.total, Some(1))?;
    let mut all = Query::new(Filter::eq("email", "a@example.org")).counted();
    all.deleted = true;
    let page = w.query(&w.a, ACCOUNTS, &all).await?;
    same("the number of the living and the deleted", page.total, Some(1))?;
    let record = present("the deleted record", page.records.into_iter().next())?;
    same("its document", record.document, document)?;
    same("when it was deleted", record.deleted_at, Some(w.clock.now()))?;
    let again = w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await;
    refused("deleting it again", again, ErrorKind::NotFound)?;
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Anything).await?;
    Ok(())
}

async fn soft_deleted_is_absent(w: World) -> Outcome {
    let put = |expect| w.put(&w.a, ACCOUNTS, id(1), json!({ "email": "a@example.org" }), expect);
    put(Expect::Absent).await?;
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await?;
    refused("writing the version that was deleted", put(Expect::Version(1)).await, ErrorKind::Conflict)?;
    let version = put(Expect::Absent).await?;
    ensure(version > 1, format!("version {version} came twice: a reader of the first 1 would not notice"))?;
    let record = present("the record that was written anew", w.get(&w.a, ACCOUNTS, id(1)).await?)?;
    same("when it was deleted", record.deleted_at, None)?;
    same("its version", record.version, version)
}

async fn wrong_type(w: World) -> Outcome {
    for (field, wrong) in [
        ("flag", json!("true")),
        ("size", json!(1.5)),
        ("size", json!(u64::MAX)),
        ("label", json!(["a"])),
        ("maker", json!("no-uuid")),
        ("due", json!("yesterday")),
    ] {
        let document = json!({ field: wrong });
        let put = Change::Put { spec: GADGETS, id: id(1), document, expect: Expect::Anything };
        let error = refused(field, w.apply(&w.a, [put]).await, ErrorKind::InvalidInput)?;
        carries(&error, "field", field)?;
    }
    same("the record", w.get(&w.a, GADGETS, id(1)).await?, None)
}
