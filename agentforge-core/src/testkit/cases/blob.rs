//! Blobs: stored once by hash, streamed in any pieces, referred to before they count.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};

use crate::{
    error::{Error, ErrorKind},
    json::Digest,
    store::{BlobRef, BlobsExt, Change},
    testkit::{
        check::{Outcome, ensure, refused, same},
        random::Choices,
        world::{World, blob_ref},
    },
};

super::cases! {
    "blobs.are_read_back_by_hash" => read_back,
    "blobs.stream_in_many_pieces" => many_pieces,
    "blobs.the_same_bytes_are_one_blob" => same_bytes,
    "blobs.a_broken_upload_leaves_nothing" => broken_upload,
    "blobs.only_what_was_put_can_be_retained" => retain_unknown,
    "blobs.references_keep_them_readable" => references,
}

async fn read_back(w: World) -> Outcome {
    for bytes in [Bytes::new(), Bytes::from_static(b"a"), Bytes::from_static(b"\0\xff\0")] {
        let body = stream::iter([Ok(bytes.clone())]).boxed();
        let stored = w.stores.blobs.put(&w.a, "text/plain; x=\"é\"", Some("ä.txt"), body).await?;
        let expected = BlobRef {
            sha256: Digest::of_bytes(&bytes),
            size: bytes.len() as u64,
            media_type: "text/plain; x=\"é\"".to_owned(),
            name: Some("ä.txt".to_owned()),
        };
        same("the reference", &stored, &expected)?;
        same("the bytes", w.stores.blobs.get_bytes(&w.a, stored.sha256).await?, bytes)?;
    }
    let unknown = w.stores.blobs.get_bytes(&w.a, Digest::of_bytes(b"never put")).await;
    refused("bytes that were never put", unknown, ErrorKind::NotFound)?;
    Ok(())
}

async fn many_pieces(w: World) -> Outcome {
    let choices = Choices::new(3);
    let pieces: Vec<Bytes> = (0..300)
        .map(|number| Bytes::from(vec![u8::try_from(number % 251).unwrap_or(0); choices.below(9_000)]))
        .collect();
    let whole: Bytes = pieces.concat().into();
    let body = stream::iter(pieces.into_iter().map(Ok)).boxed();
    let stored = w.stores.blobs.put(&w.a, "application/octet-stream", None, body).await?;
    same("the reference", &stored, &blob_ref(&whole))?;
    let pieces: Vec<Bytes> = w.stores.blobs.get(&w.a, stored.sha256).await?.try_collect().await?;
    ensure(pieces.concat() == whole, "the bytes differ after they were streamed back")
}

async fn same_bytes(w: World) -> Outcome {
    let bytes = Bytes::from_static(b"the same");
    let first = w.stores.blobs.put_bytes(&w.a, "text/plain", bytes.clone()).await?;
    let second = w.stores.blobs.put_bytes(&w.a, "text/html", bytes.clone()).await?;
    same("the hash", second.sha256, first.sha256)?;
    same("the media type of the second", second.media_type.as_str(), "text/html")?;
    same("the bytes", w.stores.blobs.get_bytes(&w.a, first.sha256).await?, bytes.clone())?;
    let foreign = w.stores.blobs.get_bytes(&w.b, first.sha256).await;
    refused("another tenant's blob", foreign, ErrorKind::NotFound)?;
    w.stores.blobs.put_bytes(&w.b, "text/plain", bytes.clone()).await?;
    same("the bytes in the other tenant", w.stores.blobs.get_bytes(&w.b, first.sha256).await?, bytes)
}

async fn broken_upload(w: World) -> Outcome {
    let begun = Bytes::from_static(b"begun");
    let broken = Error::new(ErrorKind::Transport, "the upload broke off");
    let body = stream::iter([Ok(begun.clone()), Err(broken)]).boxed();
    let result = w.stores.blobs.put(&w.a, "text/plain", None, body).await;
    refused("a broken upload", result, ErrorKind::Transport)?;
    let found = w.stores.blobs.get_bytes(&w.a, blob_ref(&begun).sha256).await;
    refused("the bytes of a broken upload", found, ErrorKind::NotFound)?;
    Ok(())
}

async fn retain_unknown(w: World) -> Outcome {
    let bytes = Bytes::from_static(b"only in the first tenant");
    let stored = w.stores.blobs.put_bytes(&w.a, "text/plain", bytes).await?;
    let unknown = blob_ref(&Bytes::from_static(b"never put"));
    let refusal = w.apply(&w.a, [Change::RetainBlob(unknown)]).await;
    refused("retaining what was never put", refusal, ErrorKind::NotFound)?;
    let refusal = w.apply(&w.b, [Change::RetainBlob(stored)]).await;
    refused("retaining another tenant's blob", refusal, ErrorKind::NotFound)?;
    Ok(())
}

async fn references(w: World) -> Outcome {
    let bytes = Bytes::from_static(b"kept");
    let blob = w.stores.blobs.put_bytes(&w.a, "text/plain", bytes.clone()).await?;
    w.apply(&w.a, [Change::RetainBlob(blob.clone()), Change::RetainBlob(blob.clone())]).await?;
    w.apply(&w.a, [Change::ReleaseBlob(blob.clone())]).await?;
    same(
        "the bytes with one reference left",
        w.stores.blobs.get_bytes(&w.a, blob.sha256).await?,
        bytes.clone(),
    )?;
    w.apply(&w.a, [Change::ReleaseBlob(blob.clone())]).await?;
    same("the bytes within the grace time", w.stores.blobs.get_bytes(&w.a, blob.sha256).await?, bytes)?;
    w.apply(&w.a, [Change::RetainBlob(blob)]).await?;
    Ok(())
}
