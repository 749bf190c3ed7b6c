//! Cursors: good for the query and the tenant that they were made for, and for nothing else.

use serde_json::json;

use crate::{
    error::ErrorKind,
    store::{Cursor, Expect, Filter, Query},
    testkit::{
        check::{Outcome, carries, present, refused, same},
        collections::{ACCOUNTS, GADGETS},
        world::{World, id},
    },
};

super::cases! {
    "cursors.only_their_own_query_takes_them" => own_query,
    "cursors.another_tenant_is_refused" => other_tenant,
    "cursors.a_change_by_hand_is_noticed" => tampered,
    "cursors.garbage_is_invalid" => garbage,
    "cursors.the_page_size_may_change" => page_size,
}

/// Five gadgets in both tenants; the query and the cursor behind the first two.
async fn furnish(w: &World) -> Outcome<(Query, Cursor)> {
    for cx in [&w.a, &w.b] {
        for number in 1..=5 {
            let document = json!({ "size": number, "label": "x" });
            w.put(cx, GADGETS, id(number), document, Expect::Absent).await?;
        }
    }
    let query = Query::new(Filter::eq("label", "x")).ascending("size").limit(2);
    let page = w.query(&w.a, GADGETS, &query).await?;
    Ok((query, present("the cursor of the second page", page.next)?))
}

async fn own_query(w: World) -> Outcome {
    let (query, cursor) = furnish(&w).await?;
    let mut deleted = query.clone();
    deleted.deleted = true;
    let others = [
        ("another filter", Query { filter: Filter::True, ..query.clone() }),
        ("another order", query.clone().ascending("label")),
        ("another direction", Query { order: vec![], ..query.clone() }.descending("size")),
        ("no order", Query { order: vec![], ..query.clone() }),
        ("deleted records too", deleted),
    ];
    for (what, other) in others {
        let refusal = w.query(&w.a, GADGETS, &other.after(cursor.clone())).await;
        let error = refused(what, refusal, ErrorKind::InvalidInput)?;
        carries(&error, "field", "cursor")?;
    }
    let everything = Query::new(Filter::True).limit(2);
    let of_gadgets = w.query(&w.a, GADGETS, &everything).await?.next;
    let foreign = everything.after(present("a cursor", of_gadgets)?);
    refused("another collection", w.query(&w.a, ACCOUNTS, &foreign).await, ErrorKind::InvalidInput)?;
    Ok(())
}

async fn other_tenant(w: World) -> Outcome {
    let (query, cursor) = furnish(&w).await?;
    let refusal = w.query(&w.b, GADGETS, &query.after(cursor)).await;
    let error = refused("another tenant's cursor", refusal, ErrorKind::InvalidInput)?;
    carries(&error, "field", "cursor")
}

async fn tampered(w: World) -> Outcome {
    let (query, cursor) = furnish(&w).await?;
    let text = cursor.as_str();
    for place in 0..text.len() {
        let changed: String = text
            .chars()
            .enumerate()
            .map(|(at, letter)| match letter {
                _ if at != place => letter,
                'A' => 'B',
                _ => 'A',
            })
            .collect();
        let result = w.query(&w.a, GADGETS, &query.clone().after(Cursor::from_text(changed))).await;
        refused(&format!("a change at {place}"), result, ErrorKind::InvalidInput)?;
    }
    Ok(())
}

async fn garbage(w: World) -> Outcome {
    let (query, cursor) = furnish(&w).await?;
    let half: String = cursor.as_str().chars().take(cursor.as_str().len() / 2).collect();
    let twice = format!("{0}{0}", cursor.as_str());
    for text in ["", "x", "é", "%00", "e30", "bnVsbA", "AAAAAAAAAAAAAAAA", "a\0b", &half, &twice] {
        let result = w.query(&w.a, GADGETS, &query.clone().after(Cursor::from_text(text))).await;
        let error = refused(&format!("the cursor `{text}`"), result, ErrorKind::InvalidInput)?;
        carries(&error, "field", "cursor")?;
    }
    Ok(())
}

async fn page_size(w: World) -> Outcome {
    let (query, cursor) = furnish(&w).await?;
    let page = w.query(&w.a, GADGETS, &query.limit(100).counted().after(cursor)).await?;
    same("the rest", page.records.iter().map(|record| record.id).collect(), vec![id(3), id(4), id(5)])?;
    same("the number of all, not of the rest", page.total, Some(5))?;
    same("the next cursor", page.next, None)
}
