//! Unique keys: one record per combination, null frees, and the order of changes counts.

use serde_json::{Value, json};

use crate::{
    context::CallContext,
    error::ErrorKind,
    store::{Change, Expect},
    testkit::{
        check::{Outcome, carries, refused, same},
        collections::ACCOUNTS,
        world::{World, id},
    },
};

super::cases! {
    "unique.a_taken_key_is_a_conflict_that_names_its_fields" => taken,
    "unique.a_combination_conflicts_only_as_a_whole" => combination,
    "unique.null_makes_a_combination_free" => null_is_free,
    "unique.text_is_compared_exactly" => exact,
    "unique.a_record_keeps_and_frees_its_own_keys" => keeps_and_frees,
    "unique.soft_deleted_records_do_not_block" => soft_deleted,
    "unique.keys_move_inside_one_change_set" => moves_inside,
    "unique.every_tenant_has_its_own" => per_tenant,
}

async fn put(w: &World, cx: &CallContext, number: u128, document: Value) -> crate::error::Result<u64> {
    w.put(cx, ACCOUNTS, id(number), document, Expect::Anything).await
}

async fn taken(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "email": "a@example.org" })).await?;
    let refusal = put(&w, &w.a, 2, json!({ "email": "a@example.org" })).await;
    let error = refused("a second record with the same key", refusal, ErrorKind::Conflict)?;
    carries(&error, "field", "email")?;
    put(&w, &w.a, 2, json!({ "email": "b@example.org" })).await?;
    let refusal = put(&w, &w.a, 2, json!({ "email": "a@example.org" })).await;
    let error = refused("an update to a taken key", refusal, ErrorKind::Conflict)?;
    carries(&error, "field", "email")?;
    let kept = w.get(&w.a, ACCOUNTS, id(2)).await?.map(|record| record.document);
    same("the record whose update was refused", kept, Some(json!({ "email": "b@example.org" })))
}

async fn combination(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "team": "red", "number": 1 })).await?;
    put(&w, &w.a, 2, json!({ "team": "red", "number": 2 })).await?;
    put(&w, &w.a, 3, json!({ "team": "blue", "number": 1 })).await?;
    let refusal = put(&w, &w.a, 4, json!({ "team": "red", "number": 1 })).await;
    let error = refused("the same combination", refusal, ErrorKind::Conflict)?;
    carries(&error, "field", "team,number")
}

async fn null_is_free(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "team": "red", "number": null })).await?;
    put(&w, &w.a, 2, json!({ "team": "red" })).await?;
    put(&w, &w.a, 3, json!({})).await?;
    put(&w, &w.a, 4, json!({})).await?;
    Ok(())
}

async fn exact(w: World) -> Outcome {
    for (number, email) in (1..).zip(["a", "A", "a ", "", "á", "a\u{301}", "%"]) {
        put(&w, &w.a, number, json!({ "email": email })).await?;
    }
    refused("the empty text again", put(&w, &w.a, 99, json!({ "email": "" })).await, ErrorKind::Conflict)?;
    Ok(())
}

async fn keeps_and_frees(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "email": "a", "x": 1 })).await?;
    put(&w, &w.a, 1, json!({ "email": "a", "x": 2 })).await?;
    put(&w, &w.a, 1, json!({ "email": "b" })).await?;
    put(&w, &w.a, 2, json!({ "email": "a" })).await?;
    w.delete(&w.a, ACCOUNTS, id(2), Expect::Anything).await?;
    put(&w, &w.a, 3, json!({ "email": "a" })).await?;
    Ok(())
}

async fn soft_deleted(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "email": "a" })).await?;
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await?;
    put(&w, &w.a, 2, json!({ "email": "a" })).await?;
    let refusal = put(&w, &w.a, 1, json!({ "email": "a" })).await;
    refused("writing the deleted one anew over a taken key", refusal, ErrorKind::Conflict)?;
    same("the deleted record", w.get(&w.a, ACCOUNTS, id(1)).await?, None)
}

async fn moves_inside(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "email": "a" })).await?;
    let put = |number, email: &str| Change::Put {
        spec: ACCOUNTS,
        id: id(number),
        document: json!({ "email": email }),
        expect: Expect::Anything,
    };
    let delete = Change::Delete { spec: ACCOUNTS, id: id(1), expect: Expect::Anything };
    w.apply(&w.a, [put(1, "b"), put(2, "a")]).await?;
    w.apply(&w.a, [delete, put(3, "b")]).await?;
    refused(
        "taking a key before it is freed",
        w.apply(&w.a, [put(4, "a"), put(2, "c")]).await,
        ErrorKind::Conflict,
    )?;
    refused("one key twice in a set", w.apply(&w.a, [put(5, "z"), put(6, "z")]).await, ErrorKind::Conflict)?;
    same("the record of the refused set", w.get(&w.a, ACCOUNTS, id(5)).await?, None)
}

async fn per_tenant(w: World) -> Outcome {
    put(&w, &w.a, 1, json!({ "email": "a" })).await?;
    put(&w, &w.b, 2, json!({ "email": "a" })).await?;
    Ok(())
}
