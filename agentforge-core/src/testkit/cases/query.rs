//! Queries: the answer of every backend is the answer of `Filter::matches` and a sort, whatever is asked and however
//! it is cut into pages.

use std::cmp;

use serde_json::json;
use uuid::Uuid;

use crate::{
    error::ErrorKind,
    store::{
        CollectionSpec, Direction, Expect, FieldValue, Filter, MAX_PAGE, Ordering, Query, RawRecord,
        fields_of,
    },
    testkit::{
        Failure,
        check::{Outcome, carries, ensure, refused, same},
        collections::GADGETS,
        questions::{random_document, random_query},
        random::Choices,
        world::{SECOND, World, id},
    },
    time::Clock,
};

super::cases! {
    "queries.agree_with_the_reference" => agree_with_the_reference,
    "queries.order_text_by_bytes_and_null_first" => text_and_null_order,
    "queries.a_prefix_is_no_pattern" => prefixes,
    "queries.pages_survive_writes_between_them" => stable_pages,
    "queries.the_last_page_has_no_next" => last_page,
    "queries.a_wrong_page_size_is_refused" => page_size,
    "queries.what_is_not_declared_is_refused" => undeclared,
}

const RECORDS: usize = 200;
const QUERIES: usize = 200;

async fn agree_with_the_reference(w: World) -> Outcome {
    let choices = Choices::new(0x5eed);
    let model = populate(&w, &choices).await?;
    for number in 0..QUERIES {
        let query = random_query(&choices, &model);
        let expected = answer(&model, &query);
        let found = walk(&w, &query).await.map_err(|f| f.during(format!("query {number}, {query:?}")))?;
        let ids = |records: &[&RawRecord]| records.iter().map(|record| record.id).collect::<Vec<_>>();
        if found.iter().collect::<Vec<_>>() != expected {
            return Err(Failure::new(format!(
                "query {number}, {query:?}: found {:?}, expected {:?}",
                ids(&found.iter().collect::<Vec<_>>()),
                ids(&expected)
            )));
        }
    }
    Ok(())
}

/// Writes, rewrites and deletes random gadgets; returns what must be there.
async fn populate(w: &World, choices: &Choices) -> Outcome<Vec<RawRecord>> {
    let mut model: Vec<RawRecord> = Vec::new();
    for number in 0..RECORDS {
        if choices.one_in(3) {
            w.clock.advance(std::time::Duration::from_micros(choices.below(1_500_000) as u64));
        }
        // Scattered ids, so that the order of writing is not the order of ids.
        let id = id((number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
        let document = random_document(choices);
        w.put(&w.a, GADGETS, id, document.clone(), Expect::Absent).await?;
        let now = w.clock.now();
        model.push(RawRecord {
            id,
            version: 1,
            created_at: now,
            updated_at: now,
            deleted_at: None,
            document,
        });
        let place = choices.below(model.len());
        if choices.one_in(4) {
            let document = random_document(choices);
            if let Some(record) = model.get_mut(place) {
                w.put(&w.a, GADGETS, record.id, document.clone(), Expect::Version(record.version)).await?;
                record.version += 1;
                (record.updated_at, record.document) = (now, document);
            }
        } else if choices.one_in(12) {
            let gone = model.swap_remove(place);
            w.delete(&w.a, GADGETS, gone.id, Expect::Version(gone.version)).await?;
        }
    }
    Ok(model)
}

/// The reference: filter, then sort.
fn answer<'a>(model: &'a [RawRecord], query: &Query) -> Vec<&'a RawRecord> {
    let value =
        |record: &RawRecord, field: &str| fields_of(GADGETS, record, field).unwrap_or(FieldValue::Null);
    let mut found: Vec<_> =
        model.iter().filter(|record| query.filter.matches(&|field| value(record, field))).collect();
    found.sort_by(|a, b| {
        let keys = query.order.iter().map(|by| {
            let ordering = value(a, &by.field).cmp(&value(b, &by.field));
            directed(ordering, by.direction)
        });
        let last = query.order.last().map_or(Direction::Ascending, |by| by.direction);
        keys.fold(cmp::Ordering::Equal, cmp::Ordering::then).then(directed(a.id.cmp(&b.id), last))
    });
    found
}

fn directed(ordering: cmp::Ordering, direction: Direction) -> cmp::Ordering {
    match direction {
        Direction::Ascending => ordering,
        Direction::Descending => ordering.reverse(),
    }
}

/// Every record of a query, page by page.
async fn walk(w: &World, query: &Query) -> Outcome<Vec<RawRecord>> {
    let mut query = query.clone();
    let mut found = Vec::new();
    for _ in 0..=RECORDS {
        let page = w.query(&w.a, GADGETS, &query).await?;
        ensure(page.records.len() <= query.limit as usize, "a page holds more than its limit")?;
        ensure(query.after.is_none() || !page.records.is_empty(), "a cursor led to an empty page")?;
        ensure(page.total.is_some() == query.count, "a page has a total although nobody asked, or none")?;
        found.extend(page.records);
        query.after = page.next;
        if query.after.is_none() {
            let all = found.len() as u64;
            ensure(page.total.is_none_or(|total| total == all), format!("{:?} is not {all}", page.total))?;
            return Ok(found);
        }
    }
    Err(Failure::new("the pages never end"))
}

async fn put_labels(w: &World, labels: &[Option<&str>]) -> Outcome {
    for (number, label) in (1..).zip(labels) {
        w.put(&w.a, GADGETS, id(number), json!({ "label": label }), Expect::Absent).await?;
    }
    Ok(())
}

async fn ids(w: &World, query: &Query) -> Outcome<Vec<Uuid>> {
    Ok(w.query(&w.a, GADGETS, query).await?.records.iter().map(|record| record.id).collect())
}

async fn text_and_null_order(w: World) -> Outcome {
    put_labels(&w, &[Some("😀"), Some("b"), None, Some("\u{fb00}"), Some("B"), Some(""), Some("b")]).await?;
    let up = Query::new(Filter::True).ascending("label");
    same("upwards", ids(&w, &up).await?, [3, 6, 5, 2, 7, 4, 1].map(id).into())?;
    let down = Query::new(Filter::True).descending("label");
    same("downwards", ids(&w, &down).await?, [1, 4, 7, 2, 5, 6, 3].map(id).into())?;
    let greater = Filter::Compare("label".to_owned(), Ordering::Greater, "b".into());
    same("what is greater than b", ids(&w, &Query::new(greater)).await?, [1, 4].map(id).into())
}

async fn prefixes(w: World) -> Outcome {
    put_labels(&w, &[Some("a%b"), Some("axb"), Some("A%b"), Some("%"), None, Some("a\\_"), Some("a")])
        .await?;
    for (prefix, expected) in [
        ("a%", vec![1]),
        ("%", vec![4]),
        ("_", vec![]),
        ("a", vec![1, 2, 6, 7]),
        ("a\\", vec![6]),
        ("", vec![1, 2, 3, 4, 6, 7]),
    ] {
        let query = Query::new(Filter::StartsWith("label".to_owned(), prefix.to_owned()));
        same(
            &format!("the prefix `{prefix}`"),
            ids(&w, &query).await?,
            expected.into_iter().map(id).collect(),
        )?;
    }
    Ok(())
}

async fn stable_pages(w: World) -> Outcome {
    put_labels(&w, &[Some("a"), Some("b"), Some("b"), Some("c"), Some("d")]).await?;
    let query = Query::new(Filter::True).ascending("label").limit(2);
    let first = w.query(&w.a, GADGETS, &query).await?;
    same("the first page", first.records.iter().map(|r| r.id).collect(), vec![id(1), id(2)])?;
    w.clock.advance(SECOND);
    w.delete(&w.a, GADGETS, id(2), Expect::Anything).await?;
    w.put(&w.a, GADGETS, id(6), json!({ "label": "a" }), Expect::Absent).await?;
    w.put(&w.a, GADGETS, id(7), json!({ "label": "bb" }), Expect::Absent).await?;
    let rest = Query { after: first.next, limit: 10, ..query };
    same("the rest", ids(&w, &rest).await?, [3, 7, 4, 5].map(id).into())
}

async fn last_page(w: World) -> Outcome {
    put_labels(&w, &[Some("a"); 4]).await?;
    let query = Query::new(Filter::True).limit(2);
    let first = w.query(&w.a, GADGETS, &query).await?;
    ensure(first.next.is_some(), "the first of two pages has no next")?;
    let second = w.query(&w.a, GADGETS, &Query { after: first.next, ..query }).await?;
    same("the second page", second.records.iter().map(|r| r.id).collect(), vec![id(3), id(4)])?;
    same("what follows the last page", second.next, None)?;
    let nothing = w.query(&w.a, GADGETS, &Query::new(Filter::False).counted()).await?;
    same("the records of an empty answer", nothing.records, vec![])?;
    same("the next page of an empty answer", nothing.next, None)?;
    same("the number of an empty answer", nothing.total, Some(0))
}

async fn page_size(w: World) -> Outcome {
    for limit in [0, MAX_PAGE + 1, u32::MAX] {
        let result = w.query(&w.a, GADGETS, &Query::new(Filter::True).limit(limit)).await;
        refused(&format!("a page of {limit}"), result, ErrorKind::InvalidInput)?;
    }
    w.query(&w.a, GADGETS, &Query::new(Filter::True).limit(MAX_PAGE)).await?;
    Ok(())
}

async fn undeclared(w: World) -> Outcome {
    let check = async |what: &str, query: Query, field: Option<&str>| {
        let spec: &'static CollectionSpec = GADGETS;
        let error = refused(what, w.query(&w.a, spec, &query).await, ErrorKind::InvalidInput)?;
        field.map_or(Ok(()), |field| carries(&error, "field", field))
    };
    check("an unknown field", Query::new(Filter::eq("colour", "red")), Some("colour")).await?;
    check("a field that hides SQL", Query::new(Filter::eq("label = label --", "x")), None).await?;
    check("another type", Query::new(Filter::eq("size", "seven")), Some("size")).await?;
    check("a prefix of a number", Query::new(Filter::StartsWith("size".into(), "1".into())), Some("size"))
        .await?;
    check("text with a NUL", Query::new(Filter::eq("label", "a\0")), Some("label")).await?;
    check("an order by an unknown field", Query::new(Filter::True).ascending("colour"), Some("colour"))
        .await?;
    let inside = Filter::Not(Box::new(Filter::all([Filter::IsNull("colour".to_owned())])));
    check("an unknown field deep inside", Query::new(inside), Some("colour")).await?;
    let deep = (0..10_000).fold(Filter::True, |filter, _| Filter::Not(Box::new(filter)));
    check("a filter that is nested too deeply", Query::new(deep), None).await
}
