//! Search against the definition of BM25, over segments, removals and merges; and damaged segments.

use std::collections::BTreeMap;

use agentforge_core::id::ChunkId;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn document(number: u128) -> DocumentId {
    DocumentId::from_uuid(Uuid::from_u128(number))
}

fn entry(document_number: u128, chunk: u128, text: &str) -> IndexEntry {
    IndexEntry {
        chunk: ChunkId::from_uuid(Uuid::from_u128(chunk)),
        document: document(document_number),
        text: text.to_owned(),
        vector: None,
    }
}

fn segment_of(entries: &[IndexEntry], removed: &[DocumentId]) -> Arc<Segment> {
    let mut builder = SegmentBuilder::default();
    builder.add(entries);
    builder.remove(removed);
    Arc::new(codec::decode(builder.finish().unwrap()).unwrap())
}

fn search(segments: &[Arc<Segment>], text: &str, allowed: &Allowed, limit: usize) -> Vec<(u128, f32)> {
    let found = View::new(segments.to_vec(), &[]).search(&count_terms(text), allowed, limit);
    found.into_iter().map(|hit| (hit.chunk.as_uuid().as_u128(), hit.score)).collect()
}

fn chunks(segments: &[Arc<Segment>], text: &str) -> Vec<u128> {
    search(segments, text, &Allowed::All, 10).into_iter().map(|(chunk, _)| chunk).collect()
}

/// BM25 as its definition reads, over plain texts.
#[allow(clippy::cast_precision_loss)]
fn reference(entries: &[IndexEntry], text: &str) -> Vec<(u128, f64)> {
    let counts: Vec<_> = entries.iter().map(|entry| count_terms(&entry.text)).collect();
    let total = counts.len() as f64;
    let mean = (counts.iter().map(|counts| f64::from(counts.length)).sum::<f64>() / total).max(1.0);
    let mut scores: Vec<_> = entries.iter().map(|entry| (entry.chunk.as_uuid().as_u128(), 0.0)).collect();
    for (term, repeated) in count_terms(text).terms {
        let holders = counts.iter().filter(|counts| counts.terms.contains_key(&term)).count() as f64;
        let weight = (1.0 + (total - holders + 0.5) / (holders + 0.5)).ln() * f64::from(repeated);
        for (score, counts) in scores.iter_mut().zip(&counts) {
            let count = f64::from(counts.terms.get(&term).copied().unwrap_or(0));
            let norm = 1.2 * (0.25 + 0.75 * f64::from(counts.length) / mean);
            score.1 += weight * count / (count + norm);
        }
    }
    scores.retain(|(_, score)| *score > 0.0);
    scores
}

#[test]
fn the_best_chunk_comes_first_and_equal_ones_by_id() {
    let segment = segment_of(
        &[
            entry(1, 30, "annual leave and sick leave"),
            entry(2, 20, "expenses of travel"),
            entry(3, 10, "expenses of travel"),
        ],
        &[],
    );
    assert_eq!(chunks(std::slice::from_ref(&segment), "sick leave"), [30]);
    assert_eq!(chunks(std::slice::from_ref(&segment), "travel expenses"), [10, 20]);
    assert_eq!(chunks(&[segment], "the of and"), []);
}

#[test]
fn ties_at_the_limit_are_broken_the_same_way_across_segments() {
    let segments = [9, 3, 7, 1, 5].map(|number| segment_of(&[entry(number, number, "same words")], &[]));
    let found = search(&segments, "words", &Allowed::All, 3);
    assert_eq!(found.iter().map(|(chunk, _)| *chunk).collect::<Vec<_>>(), [1, 3, 5]);
}

#[test]
fn a_repeated_word_of_the_question_counts_twice() {
    let segment = segment_of(&[entry(1, 1, "cat words here"), entry(2, 2, "dog words here")], &[]);
    assert_eq!(chunks(std::slice::from_ref(&segment), "cat dog dog")[0], 2);
    assert_eq!(chunks(&[segment], "cat cat dog")[0], 1);
}

#[test]
fn only_allowed_documents_are_found() {
    let segment = segment_of(&[entry(1, 1, "leave"), entry(2, 2, "leave leave"), entry(3, 3, "leave")], &[]);
    let allowed = Allowed::Documents([document(1), document(3), document(99)].into());
    let found = search(&[segment], "leave", &allowed, 1);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, 1);
}

#[test]
fn a_removed_document_changes_neither_answers_nor_statistics() {
    let first = segment_of(&[entry(1, 1, "leave days"), entry(2, 2, "leave sick sick")], &[]);
    let second = segment_of(&[entry(3, 3, "leave parental")], &[document(2)]);
    let without =
        [segment_of(&[entry(1, 1, "leave days")], &[]), segment_of(&[entry(3, 3, "leave parental")], &[])];
    let with = [first, second];
    for question in ["leave", "sick", "parental leave days"] {
        assert_eq!(
            search(&with, question, &Allowed::All, 10),
            search(&without, question, &Allowed::All, 10),
            "{question}"
        );
    }
}

#[test]
fn unknown_versions_and_damage_are_corrupt() {
    let bytes = {
        let mut builder = SegmentBuilder::default();
        builder.add(&[entry(1, 1, "some words of a text")]);
        builder.finish().unwrap().to_vec()
    };
    let check = |bytes: Vec<u8>, part: &str| {
        let error = codec::decode(bytes.into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        assert!(error.message().contains(part), "{error}");
    };
    check(Vec::new(), "cut off");
    check(vec![0; 40], "does not begin");
    check(bytes[..bytes.len() - 1].to_vec(), "checksum");
    let mut newer = bytes.clone();
    newer[4] = 2;
    check(newer, "version 2");
    let mut flipped = bytes.clone();
    flipped[30] ^= 1;
    check(flipped, "checksum");
}

/// A small vocabulary, so that documents share words.
fn words() -> impl Strategy<Value = String> {
    proptest::collection::vec(prop_oneof!["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "the"], 0..12)
        .prop_map(|words| words.join(" "))
}

/// Texts of chunks, by document.
fn corpus() -> impl Strategy<Value = Vec<Vec<String>>> {
    proptest::collection::vec(proptest::collection::vec(words(), 1..4), 1..12)
}

fn entries_of(corpus: &[Vec<String>]) -> Vec<Vec<IndexEntry>> {
    let mut next = 0;
    (0_u128..)
        .zip(corpus)
        .map(|(number, texts)| {
            texts
                .iter()
                .map(|text| {
                    next += 1;
                    entry(number, next, text)
                })
                .collect()
        })
        .collect()
}

proptest! {
    #[test]
    fn segments_removals_and_merges_score_like_the_definition(
        corpus in corpus(),
        removed in proptest::collection::btree_set(0_usize..12, 0..6),
        parts in 1_usize..5,
        question in words(),
    ) {
        let by_document = entries_of(&corpus);
        let gone: Vec<_> = removed.iter().map(|number| document(*number as u128)).collect();
        let mut segments: Vec<_> = by_document
            .chunks(parts)
            .map(|documents| segment_of(&documents.concat(), &[]))
            .collect();
        segments.push(segment_of(&[], &gone));

        let live: Vec<_> = by_document
            .iter()
            .enumerate()
            .filter(|(number, _)| !removed.contains(number))
            .flat_map(|(_, entries)| entries.clone())
            .collect();
        let expected: BTreeMap<_, _> = reference(&live, &question).into_iter().collect();
        let found = search(&segments, &question, &Allowed::All, 1_000);
        prop_assert_eq!(found.len(), expected.len());
        for (chunk, score) in &found {
            prop_assert!((f64::from(*score) - expected[chunk]).abs() < 1e-4);
        }
        prop_assert!(found.is_sorted_by(|a, b| a.1 > b.1 || (a.1.to_bits() == b.1.to_bits() && a.0 < b.0)));

        let mut builder = SegmentBuilder::default();
        for member in &View::new(segments, &[]).members {
            builder.absorb(&member.segment, |chunk| member.is_dead(chunk));
        }
        let merged = Arc::new(codec::decode(builder.finish().unwrap()).unwrap());
        prop_assert_eq!(merged.chunks.len(), live.len());
        prop_assert_eq!(search(&[merged], &question, &Allowed::All, 1_000), found);
    }

    #[test]
    fn mutated_bytes_are_read_or_corrupt_and_never_panic(
        corpus in corpus(),
        changes in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
        question in words(),
    ) {
        let mut builder = SegmentBuilder::default();
        builder.add(&entries_of(&corpus).concat());
        builder.remove(&[document(77)]);
        let bytes = builder.finish().unwrap();
        // A right checksum lets the damage through to the checks behind it.
        let mut body = bytes[..bytes.len() - 8].to_vec();
        for (place, value) in changes {
            let place = place.index(body.len());
            body[place] = value;
        }
        if let Some(cut) = cut {
            body.truncate(cut.index(body.len()));
        }
        let checksum = codec::checksum(&body);
        body.extend_from_slice(&checksum);
        match codec::decode(body.into()) {
            Ok(segment) => drop(search(&[Arc::new(segment)], &question, &Allowed::All, 5)),
            Err(error) => prop_assert_eq!(error.kind(), ErrorKind::Corrupt),
        }
    }

    #[test]
    fn any_bytes_are_read_or_corrupt(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Err(error) = codec::decode(bytes.into()) {
            prop_assert_eq!(error.kind(), ErrorKind::Corrupt);
        }
    }
}
