//! Knowledge bases: adding, replacing, removing and finding, who may, and what many writers at once come to.

use std::sync::Arc;

use agentforge::knowledge::{AddEffect, ChunkSettings, KeywordIndex, KnowledgeBase, KnowledgeBases};
use agentforge_core::{
    context::CallContext,
    error::ErrorKind,
    id::AgentId,
    knowledge::{Hit, RetrievalQuery, Retriever},
    record::{ChunkRecord, DocumentRecord},
    security::Permission,
    store::RecordStoreExt,
};
use bytes::Bytes;

use crate::support::{TinyStore, granting, person};

const ALL: &[Permission] = &[Permission::KbRead, Permission::KbWrite, Permission::KbDelete];

const LEAVE: &str = "# Leave\n\n## Annual leave\n\nEvery employee has 25 days of annual leave per year.\n\n## Sick leave\n\n\
     Call your lead before nine in the morning.\n";

fn bases(store: &Arc<TinyStore>, permissions: &[Permission]) -> KnowledgeBases {
    let index = Arc::new(KeywordIndex::new(store.clone()));
    KnowledgeBases::over(store.clone(), index, granting(permissions))
        .with_chunking(ChunkSettings::new(120, 20).unwrap())
}

async fn opened(store: &Arc<TinyStore>, cx: &CallContext) -> KnowledgeBase {
    bases(store, ALL).open_or_create(cx, "handbook").await.unwrap()
}

async fn search(base: &KnowledgeBase, cx: &CallContext, text: &str) -> Vec<Hit> {
    base.search(cx, &RetrievalQuery { text: text.to_owned(), limit: 3 }).await.unwrap()
}

#[tokio::test]
async fn a_hit_cites_the_exact_range_of_its_document() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    let outcome = base.add(&cx, "leave.md", LEAVE).await.unwrap();
    assert_eq!((outcome.effect, outcome.chunks), (AddEffect::Added, 2));

    let hits = search(&base, &cx, "how many days of annual leave").await;
    let citation = &hits[0].citation;
    let (start, end) = (citation.start.unwrap() as usize, citation.end.unwrap() as usize);
    assert_eq!(&LEAVE[start..end], hits[0].text);
    assert_eq!(citation.quote, hits[0].text);
    assert_eq!(citation.label.as_deref(), Some("leave.md#1"));
    assert_eq!(citation.location.as_deref(), Some("Leave › Annual leave"));
    assert_eq!(citation.document, Some(outcome.document));
    let document = store.get::<DocumentRecord>(&cx, outcome.document).await.unwrap();
    assert_eq!(document.value.text, LEAVE);
    let chunk = store.get::<ChunkRecord>(&cx, citation.chunk.unwrap()).await.unwrap();
    assert_eq!(chunk.value.text, hits[0].text);
}

#[tokio::test]
async fn the_same_text_again_changes_nothing() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    let first = base.add(&cx, "leave.md", LEAVE).await.unwrap();
    let audited = store.audited();
    let again = base.add(&cx, "leave.md", LEAVE).await.unwrap();
    assert_eq!((again.effect, again.document), (AddEffect::Unchanged, first.document));
    assert_eq!(again.chunks, first.chunks);
    assert_eq!(store.audited(), audited);
    assert_eq!((store.count("documents"), store.segment_count()), (1, 1));
}

#[tokio::test]
async fn another_text_replaces_document_chunks_and_postings() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    let first = base.add(&cx, "leave.md", LEAVE).await.unwrap();
    let second = base.add(&cx, "leave.md", "# Leave\n\nThirty days of vacation.\n").await.unwrap();
    assert_eq!(second.effect, AddEffect::Replaced);
    assert_ne!(second.document, first.document);
    assert_eq!((store.count("documents"), store.count("chunks")), (1, 1));
    assert!(search(&base, &cx, "annual").await.is_empty());
    assert_eq!(search(&base, &cx, "vacation").await.len(), 1);
}

#[tokio::test]
async fn a_removed_document_is_not_found_any_more() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    base.add(&cx, "leave.md", LEAVE).await.unwrap();
    base.add(&cx, "travel.md", "Book trains two weeks ahead.").await.unwrap();
    assert!(base.remove(&cx, "leave.md").await.unwrap());
    assert!(!base.remove(&cx, "leave.md").await.unwrap());
    assert!(search(&base, &cx, "annual leave").await.is_empty());
    let documents = base.documents(&cx).await.unwrap();
    assert_eq!(documents.iter().map(|document| document.source.as_str()).collect::<Vec<_>>(), ["travel.md"]);
    assert_eq!(store.count("chunks"), 1);
    assert_eq!(
        store.audited(),
        ["kb:write knowledge_base", "kb:write document", "kb:write document", "kb:delete document"]
    );
}

#[tokio::test]
async fn each_operation_needs_its_permission() {
    let (store, maker, cx) = (Arc::new(TinyStore::default()), person(1, 1), person(1, 2));
    opened(&store, &maker).await.add(&maker, "leave.md", LEAVE).await.unwrap();

    let none = bases(&store, &[]);
    for error in [
        none.open(&cx, "handbook").await.err().unwrap(),
        none.open(&cx, "no such").await.err().unwrap(),
        none.open_or_create(&cx, "new").await.err().unwrap(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
    assert!(none.list(&cx).await.unwrap().is_empty());

    let reader = bases(&store, &[Permission::KbRead]);
    let base = reader.open(&cx, "handbook").await.unwrap();
    assert!(!search(&base, &cx, "leave").await.is_empty());
    assert_eq!(reader.list(&cx).await.unwrap().len(), 1);
    assert_eq!(base.add(&cx, "a.md", "text").await.unwrap_err().kind(), ErrorKind::Denied);
    assert_eq!(base.remove(&cx, "leave.md").await.unwrap_err().kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn an_owner_needs_no_role() {
    let (store, maker) = (Arc::new(TinyStore::default()), person(1, 1));
    opened(&store, &maker).await;
    let base = bases(&store, &[]).open(&maker, "handbook").await.unwrap();
    base.add(&maker, "leave.md", LEAVE).await.unwrap();
    let agent = maker.on_behalf(AgentId::new(&maker));
    let error =
        base.search(&agent, &RetrievalQuery { text: "leave".to_owned(), limit: 1 }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn a_base_does_not_exist_for_another_tenant() {
    let (store, mine, other) = (Arc::new(TinyStore::default()), person(1, 1), person(2, 1));
    let base = opened(&store, &mine).await;
    base.add(&mine, "leave.md", LEAVE).await.unwrap();
    assert_eq!(base.add(&other, "a.md", "text").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(base.documents(&other).await.unwrap_err().kind(), ErrorKind::NotFound);
    let query = RetrievalQuery { text: "leave".to_owned(), limit: 3 };
    assert_eq!(base.retrieve(&other, &query).await.unwrap_err().kind(), ErrorKind::NotFound);
    let error = bases(&store, ALL).open(&other, "handbook").await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_no_text_is_refused_and_nothing_written() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    for (source, bytes, part) in [
        ("a.md", &b"with \0 inside"[..], "NUL character at byte 5"),
        ("a.md", b" \n", "empty"),
        ("", b"text", "needs a source"),
        ("a.pdf", b"%PDF-1.4", "PDF"),
    ] {
        let error = base.add_bytes(&cx, source, bytes).await.unwrap_err();
        assert!(error.message().contains(part), "{error}");
    }
    assert_eq!(store.count("documents"), 0);
}

#[tokio::test]
async fn other_settings_than_a_base_was_made_with_are_refused() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    opened(&store, &cx).await;
    let error =
        bases(&store, ALL).with_chunking(ChunkSettings::default()).open(&cx, "handbook").await.err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("20..120"), "{error}");
}

#[tokio::test]
async fn many_writers_at_once_all_get_in_once() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    let adds =
        (0..20).map(|number| {
            let (base, cx) = (base.clone(), cx.clone());
            async move {
                base.add(&cx, &format!("{}.md", number / 2), &format!("Word{}", number / 2)).await.unwrap()
            }
        });
    let outcomes = futures::future::join_all(adds).await;
    assert!(store.conflicts() > 0);
    let added = outcomes.iter().filter(|outcome| outcome.effect == AddEffect::Added).count();
    assert_eq!((added, store.count("documents")), (10, 10));
    for number in 0..10 {
        assert_eq!(search(&base, &cx, &format!("word{number}")).await.len(), 1, "{number}");
    }
}

#[tokio::test]
async fn many_small_documents_leave_few_segments_and_are_all_found() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let base = opened(&store, &cx).await;
    for number in 0..60 {
        base.add(&cx, &format!("{number}.md"), &format!("Shared words and word{number}.")).await.unwrap();
        if number % 3 == 0 {
            base.add(&cx, &format!("{number}.md"), &format!("Changed words and word{number}."))
                .await
                .unwrap();
        }
        assert!(store.segment_count() <= 8);
    }
    for number in 0..60 {
        let hits = search(&base, &cx, &format!("word{number}")).await;
        assert_eq!(hits.len(), 1, "{number}");
    }
    let query = RetrievalQuery { text: "shared changed".to_owned(), limit: 100 };
    assert_eq!(base.search(&cx, &query).await.unwrap().len(), 60);
}

#[tokio::test]
async fn a_damaged_segment_is_corrupt_and_named() {
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    opened(&store, &cx).await.add(&cx, "leave.md", LEAVE).await.unwrap();
    store.damage_segments(|bytes| Bytes::copy_from_slice(&bytes[..bytes.len() / 2]));
    let query = RetrievalQuery { text: "leave".to_owned(), limit: 3 };
    let error = opened(&store, &cx).await.search(&cx, &query).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(error.get("segment").is_some());
}
