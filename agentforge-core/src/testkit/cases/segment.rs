//! Index segments: invisible until a swap names them, and every swap whole.

use bytes::Bytes;
use futures::future::join_all;

use crate::{
    error::{ErrorKind, Result},
    store::{Applied, Change, Manifest, Receipt},
    testkit::{
        check::{Outcome, refused, same},
        world::{World, id, index},
    },
};

super::cases! {
    "segments.a_swap_makes_them_the_index" => swap,
    "segments.are_invisible_before_a_swap" => invisible,
    "segments.dropped_ones_are_gone" => dropped,
    "segments.a_moved_generation_is_a_conflict" => moved,
    "segments.a_swap_names_only_what_was_put" => unknown,
    "segments.one_of_many_swaps_wins" => one_wins,
    "segments.indexes_do_not_mix" => apart,
    "segments.never_change" => immutable,
}

fn put(segment: u128, bytes: &'static [u8]) -> Change {
    Change::PutSegment { index: index(1), segment: id(segment), bytes: Bytes::from_static(bytes) }
}

fn swap_to<const N: usize>(expected: u64, segments: [u128; N]) -> Change {
    Change::SwapSegments { index: index(1), expected, segments: segments.map(id).into() }
}

async fn manifest(w: &World) -> Result<Manifest> {
    w.stores.segments.manifest(&w.a, &index(1)).await
}

async fn bytes(w: &World, segment: u128) -> Result<Bytes> {
    w.stores.segments.segment(&w.a, &index(1), id(segment)).await
}

async fn swap(w: World) -> Outcome {
    same("the manifest of an unknown index", manifest(&w).await?, Manifest::default())?;
    let receipt = w.apply(&w.a, [put(1, b"one\0\xff"), put(2, b""), swap_to(0, [2, 1])]).await?;
    same("the receipt", receipt.applied.last(), Some(&Applied::Generation(1)))?;
    let expected = Manifest { generation: 1, segments: vec![id(2), id(1)] };
    same("the manifest in the order of the swap", manifest(&w).await?, expected)?;
    same("the bytes of the first", bytes(&w, 1).await?, Bytes::from_static(b"one\0\xff"))?;
    same("the bytes of the empty one", bytes(&w, 2).await?, Bytes::new())
}

async fn invisible(w: World) -> Outcome {
    w.apply(&w.a, [put(1, b"one")]).await?;
    same("the manifest", manifest(&w).await?, Manifest::default())?;
    refused("a segment that no swap named", bytes(&w, 1).await, ErrorKind::NotFound)?;
    w.apply(&w.a, [swap_to(0, [1])]).await?;
    same("its bytes after the swap", bytes(&w, 1).await?, Bytes::from_static(b"one"))
}

async fn dropped(w: World) -> Outcome {
    w.apply(&w.a, [put(1, b"one"), put(2, b"two"), swap_to(0, [1, 2])]).await?;
    w.apply(&w.a, [put(3, b"three"), swap_to(1, [3, 2])]).await?;
    same("the manifest", manifest(&w).await?, Manifest { generation: 2, segments: vec![id(3), id(2)] })?;
    refused("a segment that was dropped", bytes(&w, 1).await, ErrorKind::NotFound)?;
    let back = w.apply(&w.a, [swap_to(2, [1])]).await;
    refused("a swap back to a segment that was dropped", back, ErrorKind::NotFound)?;
    same("a segment that was kept", bytes(&w, 2).await?, Bytes::from_static(b"two"))?;
    w.apply(&w.a, [swap_to(2, [])]).await?;
    same(
        "the manifest of an emptied index",
        manifest(&w).await?,
        Manifest { generation: 3, segments: vec![] },
    )
}

async fn moved(w: World) -> Outcome {
    w.apply(&w.a, [put(1, b"one"), swap_to(0, [1])]).await?;
    for expected in [0, 2, u64::MAX] {
        let refusal = w.apply(&w.a, [put(2, b"two"), swap_to(expected, [2])]).await;
        refused(&format!("a swap that expects {expected}"), refusal, ErrorKind::Conflict)?;
    }
    same("the manifest", manifest(&w).await?, Manifest { generation: 1, segments: vec![id(1)] })
}

async fn unknown(w: World) -> Outcome {
    w.apply(&w.a, [put(1, b"one"), swap_to(0, [1])]).await?;
    let refusal = w.apply(&w.a, [swap_to(1, [1, 9])]).await;
    refused("a swap to a segment that was never put", refusal, ErrorKind::NotFound)?;
    let foreign = w.apply(&w.b, [swap_to(0, [1])]).await;
    refused("a swap to another tenant's segment", foreign, ErrorKind::NotFound)?;
    same("the manifest", manifest(&w).await?, Manifest { generation: 1, segments: vec![id(1)] })
}

async fn one_wins(w: World) -> Outcome {
    let tries = (1..=8).map(|number| w.apply(&w.a, [put(number, b"x"), swap_to(0, [number])]));
    let results: Vec<Result<Receipt>> = join_all(tries).await;
    same("how many won", results.iter().filter(|result| result.is_ok()).count(), 1)?;
    same("the generation", manifest(&w).await?.generation, 1)
}

async fn apart(w: World) -> Outcome {
    w.apply(&w.a, [put(1, b"one"), swap_to(0, [1])]).await?;
    let mut vectors = index(1);
    vectors.kind = "vector".to_owned();
    for other in [index(2), vectors] {
        let found = w.stores.segments.manifest(&w.a, &other).await?;
        same("the manifest of another index", found, Manifest::default())?;
        let found = w.stores.segments.segment(&w.a, &other, id(1)).await;
        refused("the segment in another index", found, ErrorKind::NotFound)?;
    }
    Ok(())
}

async fn immutable(w: World) -> Outcome {
    w.apply(&w.a, [put(1, b"one"), swap_to(0, [1])]).await?;
    w.apply(&w.a, [put(1, b"one")]).await?;
    refused("other bytes under the same id", w.apply(&w.a, [put(1, b"two")]).await, ErrorKind::Conflict)?;
    same("the bytes", bytes(&w, 1).await?, Bytes::from_static(b"one"))
}
