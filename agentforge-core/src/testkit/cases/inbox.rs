//! The inbox: a request is there once per key, waits until it is taken, and has a dispatch row while it waits.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    error::{ErrorKind, Result},
    id::UserId,
    store::{Change, Claim, ClaimRequest, DispatchKind, InboxRow, Receipt},
    testkit::{
        check::{Outcome, present, refused, same},
        world::{MINUTE, SECOND, World, id, run},
    },
};

super::cases! {
    "inbox.requests_wait_oldest_first" => in_order,
    "inbox.a_repetition_changes_nothing" => repetition,
    "inbox.a_taken_one_never_comes_back" => taken,
    "inbox.repetitions_at_once_post_once" => at_once,
    "inbox.a_request_is_due_until_it_was_worked_on" => due,
    "inbox.a_refused_set_posts_nothing" => refused_set,
    "inbox.what_no_store_can_keep_is_refused" => unstorable,
    "inbox.tenants_have_their_own" => apart,
}

fn post(key: &str, input: Value) -> Change {
    let user = Some(UserId::from_uuid(id(5)));
    Change::Post { key: key.to_owned(), process: "greet".to_owned(), input, user }
}

fn take(key: &str) -> Change {
    Change::TakeInbox { key: key.to_owned() }
}

async fn inputs(w: &World) -> Result<Vec<Value>> {
    let rows = w.stores.inbox.rows(&w.a, 100).await?;
    Ok(rows.into_iter().map(|row| row.input).collect())
}

async fn claimed(w: &World) -> Result<Vec<Claim>> {
    let request = ClaimRequest { kinds: vec![DispatchKind::INBOX], hold: MINUTE, limit: 10 };
    w.stores.dispatch.claim(&w.system, &request).await
}

async fn in_order(w: World) -> Outcome {
    same("an empty inbox", inputs(&w).await?, vec![])?;
    same("a request that nobody posted", w.stores.inbox.row(&w.a, InboxRow::id_of("a")).await?, None)?;
    let at = w.a.now();
    for (key, input) in [("z", json!({ "x": [1, "é", null] })), ("a", Value::Null), ("m", json!(3))] {
        w.apply(&w.a, [post(key, input)]).await?;
        w.clock.advance(SECOND);
    }
    same("the inputs", inputs(&w).await?, vec![json!({ "x": [1, "é", null] }), Value::Null, json!(3)])?;
    let first = w.stores.inbox.rows(&w.a, 1).await?;
    let user = Some(UserId::from_uuid(id(5)));
    let (key, process, input) = ("z".to_owned(), "greet".to_owned(), json!({ "x": [1, "é", null] }));
    let expected = InboxRow { key, process, input, user, at };
    same("the oldest", first, vec![expected.clone()])?;
    same("the same by its id", w.stores.inbox.row(&w.a, InboxRow::id_of("z")).await?, Some(expected))?;
    same("no rows", w.stores.inbox.rows(&w.a, 0).await?, vec![])?;
    let nobody = Change::Post { key: "n".to_owned(), process: "p".to_owned(), input: json!(4), user: None };
    w.apply(&w.a, [nobody]).await?;
    let row = present("it", w.stores.inbox.row(&w.a, InboxRow::id_of("n")).await?)?;
    same("the person of a request for nobody", row.user, None)
}

async fn repetition(w: World) -> Outcome {
    w.apply(&w.a, [post("a", json!(1))]).await?;
    let before = w.stores.inbox.rows(&w.a, 10).await?;
    w.clock.advance(SECOND);
    w.apply(&w.a, [post("a", json!(2)), post("a", json!(3))]).await?;
    same("the inbox after repetitions", w.stores.inbox.rows(&w.a, 10).await?, before)?;
    same("what is due", claimed(&w).await?.len(), 1)
}

async fn taken(w: World) -> Outcome {
    w.apply(&w.a, [post("a", json!(1)), post("b", json!(2))]).await?;
    let claims = claimed(&w).await?;
    same("the number of claims", claims.len(), 2)?;
    w.apply(&w.a, [take("a"), take("a"), take("never posted")]).await?;
    same("the rest", inputs(&w).await?, vec![json!(2)])?;
    same("the taken one by its id", w.stores.inbox.row(&w.a, InboxRow::id_of("a")).await?, None)?;
    for Claim { kind, id, epoch, .. } in claims {
        w.apply(&w.a, [Change::Dequeue { kind, id, epoch }]).await?;
    }
    w.apply(&w.a, [post("a", json!(3))]).await?;
    same("the inbox after the taken key came again", inputs(&w).await?, vec![json!(2)])?;
    w.clock.advance(MINUTE);
    same("what is due after the taken key came again", claimed(&w).await?, vec![])?;
    w.apply(&w.a, [take("c"), post("c", json!(4)), take("c"), post("c", json!(5))]).await?;
    same("the inbox after posting and taking in one set", inputs(&w).await?, vec![json!(2)])
}

async fn at_once(w: World) -> Outcome {
    let posts = (0..16).map(|number| w.apply(&w.a, [post("a", json!(number))]));
    join_all(posts).await.into_iter().collect::<Result<Vec<Receipt>>>()?;
    same("the number of requests", inputs(&w).await?.len(), 1)?;
    same("what is due", claimed(&w).await?.len(), 1)
}

async fn due(w: World) -> Outcome {
    w.apply(&w.a, [post("a", json!(1))]).await?;
    let claims = claimed(&w).await?;
    let found = claims.iter().map(|claim| (claim.tenant, claim.kind.clone(), claim.id)).collect();
    same("what is due", found, vec![(w.a.tenant(), DispatchKind::INBOX, InboxRow::id_of("a"))])?;
    w.apply(&w.a, [post("a", json!(2))]).await?;
    same("a claim during the hold", claimed(&w).await?, vec![])?;
    w.clock.advance(MINUTE);
    let again = claimed(&w).await?;
    let epoch = present("the claim after the hold", again.first())?.epoch;
    let dequeue = Change::Dequeue { kind: DispatchKind::INBOX, id: InboxRow::id_of("a"), epoch };
    w.apply(&w.a, [take("a"), dequeue]).await?;
    w.clock.advance(MINUTE);
    same("what is due in the end", claimed(&w).await?, vec![])
}

async fn refused_set(w: World) -> Outcome {
    let failing = || Change::ReleaseLease { run: run(1), epoch: 7 };
    refused("a set", w.apply(&w.a, [post("a", json!(1)), failing()]).await, ErrorKind::Fenced)?;
    same("the inbox", inputs(&w).await?, vec![])?;
    same("what is due", claimed(&w).await?, vec![])?;
    w.apply(&w.a, [post("a", json!(2))]).await?;
    refused("a set that takes", w.apply(&w.a, [take("a"), failing()]).await, ErrorKind::Fenced)?;
    same("the inbox after a refused taking", inputs(&w).await?, vec![json!(2)])
}

async fn unstorable(w: World) -> Outcome {
    let named = |key: &str, process: &str| Change::Post {
        key: key.to_owned(),
        process: process.to_owned(),
        input: json!(1),
        user: None,
    };
    let long = "k".repeat(513);
    let wrong = [
        named("", "p"),
        named("k", ""),
        named("\0", "p"),
        named("k", "\0"),
        named(&long, "p"),
        named("k", &long),
        post("k", json!({ "x": "\0" })),
        take(""),
        take("\0"),
    ];
    for change in wrong {
        let what = format!("{change:?}");
        refused(&what, w.apply(&w.a, [change]).await, ErrorKind::InvalidInput)?;
    }
    let longest = "k".repeat(512);
    w.apply(&w.a, [post(&longest, json!(1))]).await?;
    same("the inbox", inputs(&w).await?.len(), 1)
}

async fn apart(w: World) -> Outcome {
    w.apply(&w.a, [post("k", json!(1))]).await?;
    w.apply(&w.b, [take("k")]).await?;
    w.apply(&w.b, [post("k", json!(2))]).await?;
    same("the inbox of the first", inputs(&w).await?, vec![json!(1)])?;
    let second = w.stores.inbox.rows(&w.b, 10).await?;
    same("the inbox of the second", second.into_iter().map(|row| row.input).collect(), vec![json!(2)])?;
    same("the tenants of what is due", claimed(&w).await?.len(), 2)?;
    w.apply(&w.b, [take("k")]).await?;
    same("the inbox of the first after the other's taking", inputs(&w).await?, vec![json!(1)])
}
