//! The quality of keyword search on sets with relevance judgements, as nDCG@10 against the figures of bm25s.

use std::{
    collections::{BTreeMap, HashMap},
    fs,
    io::Write,
    path::PathBuf,
    sync::Arc,
};

use agentforge::knowledge::KeywordIndex;
use agentforge_core::{
    id::{ChunkId, DocumentId, KnowledgeBaseId},
    knowledge::{Allowed, IndexEntry, TextIndex},
    store::{ChangeSet, RecordStore},
};
use serde_json::Value;
use uuid::Uuid;

use crate::support::{TinyStore, person};

/// The folder of material that is not part of the project.
fn corpora() -> Option<PathBuf> {
    let folder = std::env::var_os("AGENTFORGE_CORPORA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora"),
        PathBuf::from,
    );
    folder.is_dir().then_some(folder)
}

/// The standard-error handle itself: the harness hides what passing tests print through macros.
#[allow(clippy::explicit_write)]
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}

fn lines(path: PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn ndcg(grades: &HashMap<&str, f64>, found: &[&str]) -> f64 {
    let gain = |(place, grade): (usize, f64)| grade / ((place + 2) as f64).log2();
    let mut ideal: Vec<f64> = grades.values().copied().collect();
    ideal.sort_by(|left, right| right.total_cmp(left));
    let best: f64 = ideal.into_iter().take(10).enumerate().map(gain).sum();
    let grades = found.iter().map(|id| grades.get(id).copied().unwrap_or(0.0));
    grades.enumerate().map(gain).sum::<f64>() / best
}

async fn check(set: &str, anchor: f64) {
    let Some(folder) = corpora().map(|folder| folder.join("retrieval").join(set)).filter(|set| set.is_dir())
    else {
        return say(&format!("skipped: nDCG@10 of {set}: no corpora; set AGENTFORGE_CORPORA"));
    };
    let (store, cx) = (Arc::new(TinyStore::default()), person(1, 1));
    let index = KeywordIndex::new(store.clone());
    let base = KnowledgeBaseId::new(&cx);
    let documents = lines(folder.join("corpus.jsonl"));
    let numbered: Vec<_> = (0_u128..).zip(&documents).collect();
    for batch in numbered.chunks(300) {
        let entries: Vec<_> = batch
            .iter()
            .map(|(number, document)| IndexEntry {
                chunk: ChunkId::from_uuid(Uuid::from_u128(*number)),
                document: DocumentId::from_uuid(Uuid::from_u128(*number)),
                text: format!(
                    "{} {}",
                    document["title"].as_str().unwrap(),
                    document["text"].as_str().unwrap()
                ),
                vector: None,
            })
            .collect();
        let mut changes = ChangeSet::new(&cx);
        changes.changes = index.plan(&cx, base, &entries, &[]).await.unwrap();
        store.apply(&cx, changes).await.unwrap();
    }
    let judged = fs::read_to_string(folder.join("qrels.tsv")).unwrap();
    let mut grades: BTreeMap<&str, HashMap<&str, f64>> = BTreeMap::new();
    for line in judged.lines().skip(1) {
        let [query, document, grade] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        grades.entry(query).or_default().insert(document, grade.parse().unwrap());
    }
    let (mut sum, mut count) = (0.0, 0.0);
    for query in lines(folder.join("queries.jsonl")) {
        let Some(grades) = grades.get(query["_id"].as_str().unwrap()) else { continue };
        if grades.values().all(|grade| *grade <= 0.0) {
            continue;
        }
        let text = query["text"].as_str().unwrap();
        let found = index.search(&cx, base, text, &Allowed::All, 10).await.unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|hit| documents[hit.chunk.as_uuid().as_u128() as usize]["_id"].as_str().unwrap())
            .collect();
        sum += ndcg(grades, &found);
        count += 1.0;
    }
    let mean = sum / count;
    say(&format!("nDCG@10 of {set}: {mean:.4} over {count} queries; bm25s has {anchor:.4}"));
    assert!(mean >= anchor - 0.02, "{set}: {mean:.4} is worse than {anchor:.4}");
}

#[tokio::test]
async fn cranfield_ranks_as_well_as_bm25s() {
    check("cranfield", 0.4247).await;
}

#[tokio::test]
async fn dbpedia_ranks_as_well_as_bm25s() {
    check("dbpedia", 0.3586).await;
}
