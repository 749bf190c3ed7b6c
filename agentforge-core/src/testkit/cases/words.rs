//! Words: a search finds the records whose fields say what was sought now, in one tenant and one field.

use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    context::CallContext,
    error::ErrorKind,
    store::{CollectionSpec, Expect, FieldValue, Filter, MAX_WORDS, Query, Receipt},
    testkit::{
        check::{Outcome, carries, ensure, refused, same},
        collections::{ACCOUNTS, FILES, FOLDERS, GADGETS},
        world::{SECOND, World, id},
    },
};

super::cases! {
    "words.are_found_by_their_beginnings" => beginnings,
    "words.belong_to_one_field" => one_field,
    "words.of_another_tenant_are_not_found" => another_tenant,
    "words.follow_every_write" => follow,
    "words.go_with_what_a_cascade_deletes" => cascade,
    "words.of_a_deleted_record_are_hidden" => deleted,
    "words.of_a_long_text_are_bounded" => long_text,
    "words.combine_with_filters_pages_and_counts" => combined,
    "words.that_cannot_be_searched_are_refused" => undeclared,
    "words.are_those_of_the_record_after_writes_at_once" => at_once,
}

async fn label(w: &World, cx: &CallContext, number: u128, label: impl Into<Value>) -> Outcome {
    let document = json!({ "label": label.into() });
    w.put(cx, GADGETS, id(number), document, Expect::Anything).await?;
    Ok(())
}

async fn found(
    w: &World,
    cx: &CallContext,
    spec: &'static CollectionSpec,
    filter: Filter,
) -> Outcome<Vec<Uuid>> {
    let page = w.query(cx, spec, &Query::new(filter)).await?;
    Ok(page.records.iter().map(|record| record.id).collect())
}

/// Fails unless a search for a text finds the gadgets of these numbers.
async fn finds(w: &World, sought: &str, expected: &[u128]) -> Outcome {
    let expected: Vec<Uuid> = expected.iter().copied().map(id).collect();
    same(&format!("`{sought}`"), found(w, &w.a, GADGETS, Filter::words("label", sought)).await?, expected)
}

async fn beginnings(w: World) -> Outcome {
    label(&w, &w.a, 1, "Quarterly Report, Berlin").await?;
    label(&w, &w.a, 2, "quarter/3_report.PDF").await?;
    label(&w, &w.a, 3, "École ΟΔΟΣ 東京 😀").await?;
    label(&w, &w.a, 4, "").await?;
    label(&w, &w.a, 5, Value::Null).await?;
    for (sought, expected) in [
        ("quarter", &[1, 2][..]),
        ("QUARTERLY", &[1]),
        ("report quart", &[1, 2]),
        ("rep ber", &[1]),
        ("rep ber pdf", &[]),
        ("port", &[]),
        ("quarterlyy", &[]),
        ("3", &[2]),
        ("éco", &[3]),
        ("ÉCOLE", &[3]),
        ("eco", &[]),
        ("οδος", &[3]),
        ("東", &[3]),
        ("%", &[1, 2, 3, 4, 5]),
        ("", &[1, 2, 3, 4, 5]),
        ("😀", &[1, 2, 3, 4, 5]),
    ] {
        finds(&w, sought, expected).await?;
    }
    let not = Filter::Not(Box::new(Filter::words("label", "rep")));
    same("what has no such word", found(&w, &w.a, GADGETS, not).await?, [3, 4, 5].map(id).into())
}

async fn one_field(w: World) -> Outcome {
    let account = json!({ "email": "ada@example.org", "team": "engines", "number": 1 });
    w.put(&w.a, ACCOUNTS, id(1), account, Expect::Absent).await?;
    for (field, sought, expected) in
        [("email", "ada", 1), ("team", "ada", 0), ("team", "eng", 1), ("email", "eng", 0)]
    {
        let hits = found(&w, &w.a, ACCOUNTS, Filter::words(field, sought)).await?.len();
        same(&format!("`{sought}` in `{field}`"), hits, expected)?;
    }
    let both = Filter::words("email", "ada org").and(Filter::words("team", "engines"));
    same("both fields", found(&w, &w.a, ACCOUNTS, both).await?, vec![id(1)])
}

async fn another_tenant(w: World) -> Outcome {
    label(&w, &w.a, 1, "alpha shared").await?;
    label(&w, &w.b, 1, "beta shared").await?;
    label(&w, &w.b, 2, "beta alone").await?;
    let of =
        async |cx: &CallContext, sought: &str| found(&w, cx, GADGETS, Filter::words("label", sought)).await;
    same("their word here", of(&w.a, "beta").await?, vec![])?;
    same("our word there", of(&w.b, "alpha").await?, vec![])?;
    same("the shared word here", of(&w.a, "shared").await?, vec![id(1)])?;
    w.delete(&w.b, GADGETS, id(1), Expect::Anything).await?;
    label(&w, &w.b, 2, "nothing").await?;
    same("the shared word after writes there", of(&w.a, "shared").await?, vec![id(1)])?;
    same("the shared word there after its deletion", of(&w.b, "shared").await?, vec![])
}

async fn follow(w: World) -> Outcome {
    label(&w, &w.a, 1, "old words stay").await?;
    label(&w, &w.a, 1, "new words stay").await?;
    finds(&w, "old", &[]).await?;
    finds(&w, "new words", &[1]).await?;
    let document = json!({ "label": "third stay", "size": 3 });
    w.put(&w.a, GADGETS, id(1), document, Expect::Version(2)).await?;
    finds(&w, "words", &[]).await?;
    finds(&w, "third stay", &[1]).await?;
    let stale = w.put(&w.a, GADGETS, id(1), json!({ "label": "refused" }), Expect::Version(1)).await;
    refused("a stale write", stale, ErrorKind::Conflict)?;
    finds(&w, "refused", &[]).await?;
    finds(&w, "third", &[1]).await?;
    label(&w, &w.a, 1, Value::Null).await?;
    finds(&w, "third", &[]).await?;
    label(&w, &w.a, 1, "fourth").await?;
    w.delete(&w.a, GADGETS, id(1), Expect::Anything).await?;
    finds(&w, "fourth", &[]).await?;
    w.put(&w.a, GADGETS, id(1), json!({ "label": "fifth" }), Expect::Absent).await?;
    finds(&w, "fourth", &[]).await?;
    finds(&w, "fifth", &[1]).await
}

async fn cascade(w: World) -> Outcome {
    w.put(&w.a, FOLDERS, id(1), json!({}), Expect::Absent).await?;
    let file = |title: &str| json!({ "folder": id(1), "title": title });
    w.put(&w.a, FILES, id(2), file("minutes of may"), Expect::Absent).await?;
    let titled = |sought: &str| found(&w, &w.a, FILES, Filter::words("title", sought));
    same("before", titled("may").await?, vec![id(2)])?;
    w.delete(&w.a, FOLDERS, id(1), Expect::Version(1)).await?;
    same("after", titled("may").await?, vec![])?;
    w.put(&w.a, FOLDERS, id(1), json!({}), Expect::Absent).await?;
    w.put(&w.a, FILES, id(2), file("minutes of june"), Expect::Absent).await?;
    same("words of a file that went", titled("may").await?, vec![])?;
    same("words of the file that came", titled("june").await?, vec![id(2)])
}

async fn deleted(w: World) -> Outcome {
    let account = |email: &str| json!({ "email": email, "team": "t", "number": 1 });
    let mailed = |sought: &str| Query::new(Filter::words("email", sought));
    w.put(&w.a, ACCOUNTS, id(1), account("ada@x"), Expect::Absent).await?;
    w.delete(&w.a, ACCOUNTS, id(1), Expect::Version(1)).await?;
    let hidden = w.query(&w.a, ACCOUNTS, &mailed("ada").counted()).await?;
    same("a deleted record", (hidden.records.len(), hidden.total), (0, Some(0)))?;
    let shown = w.query(&w.a, ACCOUNTS, &Query { deleted: true, ..mailed("ada") }).await?;
    same("a deleted record that is asked for", shown.records.len(), 1)?;
    w.put(&w.a, ACCOUNTS, id(1), account("bob@x"), Expect::Absent).await?;
    same("the words from before", w.query(&w.a, ACCOUNTS, &mailed("ada")).await?.records.len(), 0)?;
    same("the words of now", w.query(&w.a, ACCOUNTS, &mailed("bob")).await?.records.len(), 1)
}

/// In a field without an index, since a backend may refuse long text in an indexed one.
async fn long_text(w: World) -> Outcome {
    let many: Vec<String> = (0..10_000).map(|number| format!("w{number}x")).collect();
    let title = async |number: u128, title: String| {
        w.put(&w.a, FILES, id(number), json!({ "title": title }), Expect::Anything).await
    };
    let finds = async |sought: &str, expected: &[u128]| {
        let expected: Vec<Uuid> = expected.iter().copied().map(id).collect();
        let found = found(&w, &w.a, FILES, Filter::words("title", sought)).await?;
        same(&format!("{} bytes", sought.len()), found, expected)
    };
    title(1, many.join(" ")).await?;
    finds("w0x", &[1]).await?;
    finds(&format!("w{}x", MAX_WORDS - 1), &[1]).await?;
    finds(&format!("w{MAX_WORDS}x"), &[]).await?;
    finds(&many.join(" "), &[1]).await?;
    title(2, "é".repeat(10_000)).await?;
    finds(&"é".repeat(20), &[2]).await?;
    finds(&"É".repeat(100_000), &[2]).await
}

async fn combined(w: World) -> Outcome {
    for number in 0..30_u128 {
        w.clock.advance(SECOND);
        let kind = if number % 2 == 0 { "even" } else { "odd" };
        let document = json!({ "label": format!("{kind} number{}", number % 3), "size": number % 5 });
        w.put(&w.a, GADGETS, id(number), document, Expect::Absent).await?;
    }
    let sought = Filter::words("label", "ev numb")
        .and(Filter::any([Filter::eq("size", 1_i64), Filter::words("label", "number2")]));
    let is_sought = |number: &u128| number.is_multiple_of(2) && (number % 5 == 1 || number % 3 == 2);
    let mut expected: Vec<u128> = (0..30).filter(is_sought).collect();
    expected.sort_by_key(|number| (std::cmp::Reverse(number % 5), std::cmp::Reverse(*number)));
    let mut query = Query::new(sought).descending("size").limit(2).counted();
    let mut seen = Vec::new();
    loop {
        let page = w.query(&w.a, GADGETS, &query).await?;
        same("the number in all", page.total, Some(expected.len() as u64))?;
        seen.extend(page.records.into_iter().map(|record| record.id));
        query.after = page.next;
        if query.after.is_none() {
            return same("the pages", seen, expected.into_iter().map(id).collect());
        }
    }
}

async fn undeclared(w: World) -> Outcome {
    for (spec, field, sought) in [
        (GADGETS, "size", "1"),
        (GADGETS, "id", "1"),
        (GADGETS, "colour", "red"),
        (FOLDERS, "name", "a"),
        (GADGETS, "label", "a\0b"),
        (GADGETS, "label\" --", ""),
    ] {
        let query = Query::new(Filter::Not(Box::new(Filter::words(field, sought))));
        let error = refused(field, w.query(&w.a, spec, &query).await, ErrorKind::InvalidInput)?;
        carries(&error, "field", field)?;
    }
    Ok(())
}

async fn at_once(w: World) -> Outcome {
    const WRITERS: usize = 12;
    for _ in 0..5 {
        let writes = (0..WRITERS).map(|number| {
            let document = json!({ "label": format!("writer{number}z common") });
            w.put(&w.a, GADGETS, id(1), document, Expect::Anything)
        });
        join_all(writes).await.into_iter().collect::<Result<Vec<_>, _>>()?;
        let record = w.get(&w.a, GADGETS, id(1)).await?;
        let says = record.map(|record| record.document).unwrap_or_default();
        let mut hits = 0;
        for number in 0..WRITERS {
            let filter = Filter::words("label", format!("writer{number}z"));
            let label = FieldValue::from(says.get("label").and_then(Value::as_str).unwrap_or_default());
            let expected = usize::from(filter.matches(&|_| label.clone()));
            let found = found(&w, &w.a, GADGETS, filter).await?.len();
            same(&format!("writer {number}, when the record says {says}"), found, expected)?;
            hits += found;
        }
        ensure(hits == 1, "the words of one writer stand")?;
    }
    // Several records and their words in one set, written by several callers in another order.
    let set = |numbers: [u128; 3], word: &str| {
        let put = |number: u128| crate::store::Change::Put {
            spec: GADGETS,
            id: id(number),
            document: json!({ "label": format!("{word} of{number}") }),
            expect: Expect::Anything,
        };
        w.apply(&w.a, numbers.map(put))
    };
    let written: Vec<Receipt> =
        join_all([set([1, 2, 3], "up"), set([3, 2, 1], "down"), set([2, 1, 3], "mixed")])
            .await
            .into_iter()
            .collect::<Result<_, _>>()?;
    same("the sets", written.len(), 3)?;
    for number in 1..=3 {
        let record = w.get(&w.a, GADGETS, id(number)).await?;
        let says = record.map(|record| record.document).unwrap_or_default();
        for word in ["up", "down", "mixed"] {
            let filter = Filter::words("label", word).and(Filter::eq("id", id(number)));
            let found = found(&w, &w.a, GADGETS, filter).await?.len();
            let expected =
                says.get("label").and_then(Value::as_str).is_some_and(|label| label.starts_with(word));
            same(&format!("`{word}`, when record {number} says {says}"), found, usize::from(expected))?;
        }
    }
    Ok(())
}
