//! Limits: what is too much, and what no store can keep, is refused in the same words everywhere, before anything is
//! read or written.

use std::fmt::Debug;

use bytes::Bytes;
use futures::{StreamExt, stream};
use serde_json::{Value, json};

use crate::{
    error::{Error, ErrorKind},
    id::KnowledgeBaseId,
    store::{
        ClaimRequest, Cursor, DispatchKind, Expect, Filter, IndexKey, MAX_CURSOR_BYTES, MAX_DOCUMENT_BYTES,
        MAX_LISTED, MAX_ORDER_KEYS, Query,
    },
    testkit::{
        check::{Outcome, carries, present, refused, same},
        collections::GADGETS,
        world::{MINUTE, World, id},
    },
};

super::cases! {
    "limits.a_filter_lists_so_many_values" => listed,
    "limits.an_order_has_so_many_keys" => keys,
    "limits.a_cursor_is_so_long" => cursors,
    "limits.a_document_is_so_long" => documents,
    "limits.keys_and_labels_hold_no_nul" => nul,
}

/// Fails unless the result is refused as invalid and names the limit.
fn over<T: Debug>(what: &str, result: Result<T, Error>, limit: usize) -> Outcome {
    let error = refused(what, result, ErrorKind::InvalidInput)?;
    carries(&error, "limit", limit)?;
    let named = error.message().contains(&limit.to_string());
    crate::testkit::check::ensure(named, format!("{what}: the message does not name the limit: {error:?}"))
}

async fn listed(w: World) -> Outcome {
    w.put(&w.a, GADGETS, id(1), json!({ "size": 1 }), Expect::Absent).await?;
    let among = |count: usize| Query::new(Filter::is_in("size", (0_i64..).take(count).collect::<Vec<_>>()));
    same("the most", w.query(&w.a, GADGETS, &among(MAX_LISTED)).await?.records.len(), 1)?;
    let inside = |query: Query| Query::new(Filter::Not(Box::new(Filter::any([query.filter]))));
    over("one more", w.query(&w.a, GADGETS, &among(MAX_LISTED + 1)).await, MAX_LISTED)?;
    over("inside", w.query(&w.a, GADGETS, &inside(among(MAX_LISTED + 1))).await, MAX_LISTED)
}

async fn keys(w: World) -> Outcome {
    let ordered = |keys| (0..keys).fold(Query::new(Filter::True), |query, _| query.ascending("size"));
    w.query(&w.a, GADGETS, &ordered(MAX_ORDER_KEYS)).await?;
    over("one more", w.query(&w.a, GADGETS, &ordered(MAX_ORDER_KEYS + 1)).await, MAX_ORDER_KEYS)
}

async fn cursors(w: World) -> Outcome {
    for (number, length) in [(1, 2_000), (2, 2_000), (3, 4_000), (4, 4_000)] {
        let label = format!("{number}{}", "x".repeat(length));
        w.put(&w.a, GADGETS, id(number), json!({ "label": label }), Expect::Absent).await?;
    }
    let query = Query::new(Filter::True).ascending("label").limit(1);
    let first = w.query(&w.a, GADGETS, &query).await?;
    let cursor = present("a cursor", first.next)?;
    same(
        "a long cursor is taken",
        w.query(&w.a, GADGETS, &query.clone().after(cursor)).await?.records.len(),
        1,
    )?;
    let all = w.query(&w.a, GADGETS, &query.clone().limit(4)).await?;
    same("a page that needs no cursor", all.records.len(), 4)?;
    over(
        "a page that ends at long text",
        w.query(&w.a, GADGETS, &query.clone().limit(3)).await,
        MAX_CURSOR_BYTES,
    )?;
    let foreign = Cursor::from_text("A".repeat(MAX_CURSOR_BYTES + 1));
    over("a cursor from outside", w.query(&w.a, GADGETS, &query.after(foreign)).await, MAX_CURSOR_BYTES)
}

async fn documents(w: World) -> Outcome {
    let empty = json!({ "extra": "" });
    let room = MAX_DOCUMENT_BYTES - crate::json::encoded_len(&empty);
    let sized = |length: usize| json!({ "extra": "x".repeat(length) });
    w.put(&w.a, GADGETS, id(1), sized(room), Expect::Absent).await?;
    let whole = present("the longest document", w.get(&w.a, GADGETS, id(1)).await?)?;
    same("its length", whole.document.get("extra").and_then(Value::as_str).map(str::len), Some(room))?;
    let result = w.put(&w.a, GADGETS, id(2), sized(room + 1), Expect::Absent).await;
    over("one byte more", result, MAX_DOCUMENT_BYTES)?;
    same("what was refused", w.get(&w.a, GADGETS, id(2)).await?, None)
}

async fn nul(w: World) -> Outcome {
    let invalid =
        |what: &str, result: Result<(), Error>| refused(what, result, ErrorKind::InvalidInput).map(drop);
    let body = || stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
    let blobs = &w.stores.blobs;
    invalid("a media type", blobs.put(&w.a, "text\0", None, body()).await.map(drop))?;
    invalid("a blob name", blobs.put(&w.a, "text/plain", Some("a\0b"), body()).await.map(drop))?;
    invalid("a counter key", w.stores.counters.values(&w.a, &["a", "a\0"]).await.map(drop))?;
    let index = IndexKey { knowledge_base: KnowledgeBaseId::from_uuid(id(1)), kind: "k\0".to_owned() };
    invalid("an index kind", w.stores.segments.manifest(&w.a, &index).await.map(drop))?;
    invalid("an index kind", w.stores.segments.segment(&w.a, &index, id(1)).await.map(drop))?;
    let kinds = vec![DispatchKind::new("run\0")];
    invalid("a kind of work", w.stores.dispatch.wait(&w.system, &kinds).await)?;
    let request = ClaimRequest { kinds, hold: MINUTE, limit: 1 };
    invalid("a kind of work", w.stores.dispatch.claim(&w.system, &request).await.map(drop))?;
    let authority = crate::testing::fixed_authority(&w.clock, 5);
    invalid("a reason", authority.system("a\0b").await.map(drop))
}
