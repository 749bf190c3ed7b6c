//! Knowledge bases on both stores: idempotent ingestion, exact citations, replacement without a gap.

use agentforge::{Forge, Workspace, knowledge::RetrievalQuery, knowledge_base::AddEffect};

use crate::folder::Folder;

pub fn query(text: &str) -> RetrievalQuery {
    RetrievalQuery { text: text.to_owned(), limit: 5 }
}

const LEAVE: &str = "# Leave\n\n## Annual\n\nEverybody has 28 days of leave.\n\n## Carrying over\n\nFive unused days are \
                     carried over into the next year — not more. Größe zählt nicht.\n";

async fn each(test: impl AsyncFn(&Forge, &Workspace)) {
    let folder = Folder::new();
    for location in ["memory:".to_owned(), folder.file("forge.db")] {
        let forge = Forge::builder(location).without_worker().open().await.unwrap();
        test(&forge, &forge.workspace()).await;
        forge.close().await.unwrap();
    }
}

#[tokio::test]
async fn a_citation_is_an_exact_range_of_the_source() {
    each(async |_, workspace| {
        let base = workspace.knowledge("handbook").await.unwrap();
        base.add(workspace.context(), "leave.md", LEAVE).await.unwrap();
        let hits = base.search(workspace.context(), &query("carried over unused days")).await.unwrap();
        let citation = &hits[0].citation;
        let (start, end) = (citation.start.unwrap() as usize, citation.end.unwrap() as usize);
        assert_eq!(LEAVE.get(start..end), Some(citation.quote.as_str()));
        assert!(citation.quote.contains("Five unused days"), "{citation:?}");
        assert!(citation.location.as_deref().unwrap().contains("Leave"));
    })
    .await;
}

#[tokio::test]
async fn adding_the_same_again_changes_nothing_and_new_text_replaces_the_old() {
    each(async |_, workspace| {
        let cx = workspace.context();
        let base = workspace.knowledge("handbook").await.unwrap();
        for (text, effect) in [
            ("Old words about zebras.", AddEffect::Added),
            ("Old words about zebras.", AddEffect::Unchanged),
            ("New words about giraffes.", AddEffect::Replaced),
        ] {
            assert_eq!(base.add(cx, "a.md", text).await.unwrap().effect, effect);
        }
        assert!(base.search(cx, &query("zebras")).await.unwrap().is_empty());
        assert_eq!(base.search(cx, &query("giraffes")).await.unwrap().len(), 1);
        assert!(base.remove(cx, "a.md").await.unwrap());
        assert!(base.search(cx, &query("giraffes")).await.unwrap().is_empty());
        assert!(base.documents(cx).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn many_documents_added_at_once_are_all_found() {
    each(async |_, workspace| {
        let cx = workspace.context();
        let base = workspace.knowledge("handbook").await.unwrap();
        let adding = (0..40).map(|number| {
            let base = base.clone();
            async move {
                base.add(cx, &format!("{number}.md"), &format!("This page is about topic{number}.")).await
            }
        });
        for added in futures_join(adding).await {
            added.unwrap();
        }
        for number in 0..40 {
            let hits = base.search(cx, &query(&format!("topic{number}"))).await.unwrap();
            assert_eq!(hits.len(), 1, "topic{number}");
            assert_eq!(hits[0].citation.source, format!("{number}.md"));
        }
    })
    .await;
}

/// Polls all futures together, without a crate for it.
pub async fn futures_join<T>(futures: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut pending: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|cx| {
        for (future, value) in &mut pending {
            if value.is_none()
                && let std::task::Poll::Ready(ready) = future.as_mut().poll(cx)
            {
                *value = Some(ready);
            }
        }
        if pending.iter().all(|(_, value)| value.is_some()) {
            std::task::Poll::Ready(pending.iter_mut().filter_map(|(_, value)| value.take()).collect())
        } else {
            std::task::Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn nothing_and_nul_are_refused_with_a_reason() {
    each(async |_, workspace| {
        let cx = workspace.context();
        let base = workspace.knowledge("handbook").await.unwrap();
        for text in ["", "   \n\t ", "a\0b"] {
            let error = base.add(cx, "a.md", text).await.unwrap_err();
            assert_eq!(error.kind(), agentforge::ErrorKind::InvalidInput, "{text:?}: {error}");
        }
        assert!(base.search(cx, &query("")).await.unwrap().is_empty());
    })
    .await;
}
