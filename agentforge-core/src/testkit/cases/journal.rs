//! Journals: appended under a live lease, in sequence, within the size of a payload.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::{
    error::{ErrorKind, Result},
    id::RunId,
    store::{Applied, Change, Expect, INLINE_PAYLOAD_LIMIT, JournalEntry, JournalRow, Payload, Receipt},
    testkit::{
        check::{Outcome, carries, refused, same},
        collections::GADGETS,
        world::{HOUR, MINUTE, SECOND, World, blob_ref, id, run},
    },
    time::Clock,
};

super::cases! {
    "journal.rows_are_numbered_and_read_from_any_place" => numbered,
    "journal.a_row_is_read_back_whole" => whole,
    "journal.a_wrong_sequence_carries_the_current_one" => wrong_sequence,
    "journal.a_stale_epoch_is_fenced" => stale_epoch,
    "journal.without_a_live_lease_nothing_is_appended" => no_lease,
    "journal.a_fenced_append_takes_its_whole_set_along" => fenced_set,
    "journal.runs_do_not_mix" => runs_apart,
    "journal.one_of_many_appends_at_a_place_wins" => one_append_wins,
    "journal.an_oversized_payload_is_refused" => oversized,
}

fn append(run: RunId, epoch: u64, expected_seq: u64, payload: Value) -> Change {
    Change::Append { run, epoch, expected_seq, entries: vec![JournalEntry::new("step", payload)] }
}

async fn payloads(w: &World, run: RunId, from: u64, limit: u32) -> Outcome<Vec<(u64, Value)>> {
    let rows = w.stores.journal.rows(&w.a, run, from, limit).await?;
    let payload = |row: JournalRow| match row.entry.payload {
        Payload::Inline(value) => (row.seq, value),
        Payload::Blob(blob) => (row.seq, json!(blob)),
    };
    Ok(rows.into_iter().map(payload).collect())
}

async fn numbered(w: World) -> Outcome {
    same("the rows of an unknown run", payloads(&w, run(9), 0, 10).await?, vec![])?;
    let epoch = w.lease(&w.a, run(1), "me").await?;
    let entries = ["a", "b", "c"].map(|text| JournalEntry::new("step", json!(text))).into();
    w.apply(&w.a, [Change::Append { run: run(1), epoch, expected_seq: 0, entries }]).await?;
    let receipt = w.apply(&w.a, [append(run(1), epoch, 3, json!("d"))]).await?;
    same("the receipt", receipt.applied, vec![Applied::NextSeq(4)])?;
    let expected: Vec<_> = (0..).zip(["a", "b", "c", "d"].map(Value::from)).collect();
    same("all rows", payloads(&w, run(1), 0, 10).await?, expected.clone())?;
    let middle: Vec<_> = expected.iter().skip(1).take(2).cloned().collect();
    same("two rows from the second on", payloads(&w, run(1), 1, 2).await?, middle)?;
    same("the rows behind the end", payloads(&w, run(1), 4, 10).await?, vec![])?;
    same("the rows far behind the end", payloads(&w, run(1), u64::MAX, 10).await?, vec![])?;
    same("no rows", payloads(&w, run(1), 0, 0).await?, vec![])?;
    let nothing = Change::Append { run: run(1), epoch, expected_seq: 4, entries: vec![] };
    same("an append of nothing", w.apply(&w.a, [nothing]).await?.applied, vec![Applied::NextSeq(4)])
}

async fn whole(w: World) -> Outcome {
    let epoch = w.lease(&w.a, run(1), "me").await?;
    w.clock.advance(SECOND);
    let inline = JournalEntry {
        kind: "effect.completed".to_owned(),
        node_path: "root/each[2]/naïve 😀".to_owned(),
        iteration: u32::MAX,
        attempt: 7,
        effect_key: Some("key\u{1}".to_owned()),
        payload: Payload::Inline(json!({ "big": u64::MAX, "small": 0.1, "none": null, "list": [[]] })),
        v: u16::MAX,
    };
    let mut blob = blob_ref(&bytes::Bytes::from_static(b"elsewhere"));
    blob.name = Some("n.json".to_owned());
    let outside = JournalEntry { effect_key: None, payload: Payload::Blob(blob), ..inline.clone() };
    let entries = vec![inline.clone(), outside.clone()];
    w.apply(&w.a, [Change::Append { run: run(1), epoch, expected_seq: 0, entries }]).await?;
    let at = w.clock.now();
    w.clock.advance(SECOND);
    let row = |seq, entry| JournalRow { run: run(1), seq, epoch, at, entry };
    let rows = w.stores.journal.rows(&w.a, run(1), 0, 10).await?;
    same("the rows", rows, vec![row(0, inline), row(1, outside)])
}

async fn wrong_sequence(w: World) -> Outcome {
    let epoch = w.lease(&w.a, run(1), "me").await?;
    for seq in 0..2 {
        w.apply(&w.a, [append(run(1), epoch, seq, json!(seq))]).await?;
    }
    for (what, seq) in
        [("a place that is taken", 1), ("the first place", 0), ("a gap", 3), ("a huge gap", u64::MAX)]
    {
        let refusal = w.apply(&w.a, [append(run(1), epoch, seq, json!("x"))]).await;
        let error = refused(what, refusal, ErrorKind::Conflict)?;
        carries(&error, "current_seq", 2).map_err(|failure| failure.during(what))?;
    }
    same("the number of rows", payloads(&w, run(1), 0, 10).await?.len(), 2)
}

async fn stale_epoch(w: World) -> Outcome {
    let old = w.lease(&w.a, run(1), "old").await?;
    w.apply(&w.a, [append(run(1), old, 0, json!("old"))]).await?;
    w.clock.advance(HOUR + SECOND);
    let new = w.lease(&w.a, run(1), "new").await?;
    let stale = w.apply(&w.a, [append(run(1), old, 1, json!("stale"))]).await;
    refused("an append of the old owner", stale, ErrorKind::Fenced)?;
    let future = w.apply(&w.a, [append(run(1), new + 1, 1, json!("future"))]).await;
    refused("an append of an epoch that is not given yet", future, ErrorKind::Fenced)?;
    w.apply(&w.a, [append(run(1), new, 1, json!("new"))]).await?;
    same("the rows", payloads(&w, run(1), 0, 10).await?, vec![(0, json!("old")), (1, json!("new"))])?;
    let mut rows = w.stores.journal.rows(&w.a, run(1), 0, 10).await?;
    same("the epochs of the rows", rows.drain(..).map(|row| row.epoch).collect(), vec![old, new])
}

async fn no_lease(w: World) -> Outcome {
    let refusal = w.apply(&w.a, [append(run(1), 0, 0, json!(1))]).await;
    refused("an append without any lease", refusal, ErrorKind::Fenced)?;
    let refusal = w.apply(&w.a, [append(run(1), 1, 0, json!(1))]).await;
    refused("an append under an invented epoch", refusal, ErrorKind::Fenced)?;
    let epoch = w.lease(&w.a, run(1), "me").await?;
    w.clock.advance(HOUR);
    let refusal = w.apply(&w.a, [append(run(1), epoch, 0, json!(1))]).await;
    refused("an append under an expired lease", refusal, ErrorKind::Fenced)?;
    let epoch = w.lease(&w.a, run(1), "me").await?;
    w.apply(&w.a, [append(run(1), epoch, 0, json!(1))]).await?;
    w.apply(&w.a, [Change::ReleaseLease { run: run(1), epoch }]).await?;
    let refusal = w.apply(&w.a, [append(run(1), epoch, 1, json!(2))]).await;
    refused("an append under a lease that was given back", refusal, ErrorKind::Fenced)?;
    same("the rows", payloads(&w, run(1), 0, 10).await?, vec![(0, json!(1))])
}

async fn fenced_set(w: World) -> Outcome {
    let old = w.lease(&w.a, run(1), "old").await?;
    w.clock.advance(HOUR + SECOND);
    w.lease(&w.a, run(1), "new").await?;
    let put = Change::Put { spec: GADGETS, id: id(1), document: json!({}), expect: Expect::Anything };
    let refusal = w.apply(&w.a, [put, append(run(1), old, 0, json!(1))]).await;
    refused("a set with a fenced append", refusal, ErrorKind::Fenced)?;
    same("the record of that set", w.get(&w.a, GADGETS, id(1)).await?, None)
}

async fn runs_apart(w: World) -> Outcome {
    let first = w.lease(&w.a, run(1), "me").await?;
    let second = w.lease(&w.a, run(2), "me").await?;
    w.apply(&w.a, [append(run(1), first, 0, json!(1)), append(run(2), second, 0, json!(2))]).await?;
    same("the rows of the first", payloads(&w, run(1), 0, 10).await?, vec![(0, json!(1))])?;
    same("the rows of the second", payloads(&w, run(2), 0, 10).await?, vec![(0, json!(2))])
}

async fn one_append_wins(w: World) -> Outcome {
    let epoch = w.lease(&w.a, run(1), "me").await?;
    let tries = (0..16).map(|number| w.apply(&w.a, [append(run(1), epoch, 0, json!(number))]));
    let results: Vec<Result<Receipt>> = join_all(tries.collect::<Vec<_>>()).await;
    same("how many won", results.iter().filter(|result| result.is_ok()).count(), 1)?;
    for result in results.into_iter().filter(Result::is_err) {
        refused("a loser", result, ErrorKind::Conflict)?;
    }
    same("the number of rows", payloads(&w, run(1), 0, 100).await?.len(), 1)
}

async fn oversized(w: World) -> Outcome {
    let epoch = w.lease(&w.a, run(1), "me").await?;
    let of_size = |size: usize| json!("x".repeat(size.saturating_sub(2)));
    let most = of_size(INLINE_PAYLOAD_LIMIT);
    w.apply(&w.a, [append(run(1), epoch, 0, most.clone())]).await?;
    same("the largest payload", payloads(&w, run(1), 0, 1).await?, vec![(0, most)])?;
    for size in [INLINE_PAYLOAD_LIMIT + 1, INLINE_PAYLOAD_LIMIT * 4] {
        let refusal = w.apply(&w.a, [append(run(1), epoch, 1, of_size(size))]).await;
        refused(&format!("a payload of {size} bytes"), refusal, ErrorKind::InvalidInput)?;
    }
    w.clock.advance(MINUTE);
    same("the number of rows", payloads(&w, run(1), 0, 10).await?.len(), 1)
}
