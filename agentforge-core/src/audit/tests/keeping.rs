//! Checkpoints: what they cost, what they show, and whom they believe.

use std::{fs, sync::Arc};

use async_trait::async_trait;
use futures::executor::block_on;

use super::*;
use crate::{
    audit::{CheckpointFile, CheckpointVerifier as _, merkle, verify_against},
    error::ErrorKind,
    id::TenantId,
    runtime::Offload,
    testing::{FixedClock, fixed_authority},
};

#[test]
fn a_checkpoint_reads_only_what_is_new_and_comes_to_the_same_root() {
    let (keeper, fresh) = (Keeper::new(), Keeper::new());
    let trail = Trail::long(&keeper.cx, 2_500);
    assert_eq!(keeper.checkpoint(&trail).unwrap().size, 2_500);
    trail.grow(&keeper.cx, 7);
    trail.read.store(0, Ordering::Relaxed);
    let later = keeper.checkpoint(&trail).unwrap();
    assert_eq!(trail.read.load(Ordering::Relaxed), 8, "the new ones and the last that was known");
    assert!(later.frontier.len() <= 12);
    assert_eq!(later.root, fresh.checkpoint(&trail).unwrap().root);
    assert_eq!(keeper.verify(&trail), intact(2_507));
}

#[test]
fn nothing_new_is_not_signed_again() {
    let keeper = Keeper::new();
    let trail = Trail::default();
    assert_eq!(keeper.checkpoint(&trail).unwrap().root, merkle::empty_root());
    trail.grow(&keeper.cx, 3);
    let first = keeper.checkpoint(&trail).unwrap();
    assert_eq!(keeper.checkpoint(&trail).unwrap(), first);
    assert_eq!(keeper.kept.edit(|kept| kept.len()), 2);
}

#[test]
fn the_signed_text_is_a_checkpoint_of_c2sp() {
    let keeper = Keeper::new();
    let checkpoint = keeper.checkpoint(&Trail::default()).unwrap();
    let text = checkpoint.text();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines,
        [
            &format!("example.com/audit/{}", keeper.cx.tenant()),
            "0",
            "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
            "head AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            &format!("at {}", checkpoint.at),
        ]
    );
    let note = checkpoint.to_note();
    let (signed, signature) = note.split_once("\n\n").unwrap();
    assert_eq!(format!("{signed}\n"), text);
    assert!(signature.starts_with("\u{2014} keeper ") && signature.ends_with('\n'), "{signature}");
}

#[test]
fn a_history_written_anew_passes_for_whole_until_it_meets_a_checkpoint() {
    let keeper = Keeper::new();
    let trail = Trail::long(&keeper.cx, 10);
    keeper.checkpoint(&trail).unwrap();
    trail.grow(&keeper.cx, 10);
    keeper.checkpoint(&trail).unwrap();
    trail.edit(|entries| {
        entries[13].draft.action = "things:undo".to_owned();
        relink(entries);
    });
    assert_eq!(block_on(trail.verify(&keeper.cx)).unwrap(), intact(20));
    let AuditVerdict::Broken { seq, reason } = keeper.verify(&trail) else { panic!("it passed") };
    assert_eq!(seq, 10, "the first checkpoint still agrees: {reason}");
    trail.grow(&keeper.cx, 1);
    let error = keeper.checkpoint(&trail).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "nothing is built upon it: {error}");
}

#[test]
fn a_tail_that_was_cut_off_is_missed() {
    let keeper = Keeper::new();
    let trail = Trail::long(&keeper.cx, 10);
    keeper.checkpoint(&trail).unwrap();
    trail.edit(|entries| entries.truncate(8));
    assert_eq!(block_on(trail.verify(&keeper.cx)).unwrap(), intact(8));
    assert!(matches!(keeper.verify(&trail), AuditVerdict::Broken { seq: 8, .. }));
    assert_eq!(keeper.checkpoint(&trail).unwrap_err().kind(), ErrorKind::Corrupt);
    trail.edit(Vec::clear);
    assert!(matches!(keeper.verify(&trail), AuditVerdict::Broken { seq: 0, .. }));
}

#[test]
fn a_broken_trail_is_not_signed() {
    let keeper = Keeper::new();
    let trail = Trail::long(&keeper.cx, 3);
    trail.edit(|entries| entries[1].draft.success = false);
    let error = keeper.checkpoint(&trail).unwrap_err();
    assert_eq!((error.kind(), error.get("seq")), (ErrorKind::Corrupt, Some(&json!(1))));
    assert_eq!(keeper.kept.edit(|kept| kept.len()), 0);
}

#[test]
fn a_checkpoint_that_was_changed_or_that_a_stranger_signed_proves_nothing() {
    let keeper = Keeper::new();
    let trail = Trail::long(&keeper.cx, 5);
    let checkpoint = keeper.checkpoint(&trail).unwrap();
    let against = |checkpoint: Checkpoint| {
        block_on(verify_against(&keeper.cx, &trail, &*keeper.trusted, &[checkpoint])).map_err(|e| e.kind())
    };
    assert_eq!(against(checkpoint.clone()), Ok(intact(5)));
    let smaller = Checkpoint { size: 4, ..checkpoint.clone() };
    assert_eq!(against(smaller), Err(ErrorKind::Corrupt));
    let renamed = Checkpoint { origin: "example.org".to_owned(), ..checkpoint.clone() };
    assert_eq!(against(renamed), Err(ErrorKind::Corrupt));
    let strangers = Checkpoint { key_id: "stranger+00000000".to_owned(), ..checkpoint.clone() };
    assert_eq!(against(strangers), Err(ErrorKind::Denied));
    let foreign = Checkpoint { tenant: TenantId::PLATFORM, ..checkpoint.clone() };
    assert_eq!(against(foreign), Err(ErrorKind::InvalidInput));

    keeper.kept.edit(|kept| kept[0].frontier[0] = merkle::empty_root());
    trail.grow(&keeper.cx, 1);
    assert_eq!(keeper.checkpoint(&trail).unwrap_err().kind(), ErrorKind::Corrupt, "its parts were changed");
}

#[test]
fn an_entry_is_proved_with_nothing_but_a_checkpoint() {
    let keeper = Keeper::new();
    let trail = Trail::long(&keeper.cx, 11);
    let checkpoint = keeper.checkpoint(&trail).unwrap();
    let entries = trail.copy();
    let leaves: Vec<_> = entries.iter().map(|entry| merkle::leaf(entry.hash.as_bytes())).collect();
    let path = merkle::inclusion_proof(&leaves, 6).unwrap();
    let proved = |leaf| merkle::verify_inclusion(leaf, 6, checkpoint.size, &path, checkpoint.root);
    assert!(proved(leaves[6]) && !proved(leaves[7]));
}

/// Runs a job where it stands.
struct Here;

#[async_trait]
impl Offload for Here {
    async fn run(&self, job: Box<dyn FnOnce() + Send>) -> Result<()> {
        job();
        Ok(())
    }
}

#[test]
fn a_file_keeps_every_tenants_checkpoints_and_forgets_a_line_that_a_crash_tore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("checkpoints.jsonl");
    let file = CheckpointFile::new(&path, Arc::new(Here));
    let keeper = Keeper::new();
    let checkpoint = |entries| keeper.checkpoint(&Trail::long(&keeper.cx, entries)).unwrap();
    let (first, second) = (checkpoint(0), {
        keeper.kept.edit(Vec::clear);
        checkpoint(3)
    });
    let other = fixed_authority(&FixedClock::new(), 5)
        .enter(
            TenantId::from_uuid(uuid::Uuid::from_u128(9)),
            crate::context::Principal::user(crate::id::UserId::new(&keeper.cx)),
        )
        .unwrap();
    assert_eq!(block_on(file.last(&keeper.cx)).unwrap(), None);
    block_on(file.keep(&keeper.cx, &first)).unwrap();
    let foreign = Checkpoint { tenant: other.tenant(), ..first.clone() };
    block_on(file.keep(&other, &foreign)).unwrap();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole[..], b"{\"v\":1,\"orig"].concat()).unwrap();
    assert_eq!(block_on(file.last(&keeper.cx)).unwrap(), Some(first.clone()));
    block_on(file.keep(&keeper.cx, &second)).unwrap();
    assert_eq!(block_on(file.kept(&keeper.cx)).unwrap(), [first, second.clone()]);
    assert_eq!(block_on(file.kept(&other)).unwrap(), [foreign]);
    keeper.trusted.verify(&second.key_id, second.text().as_bytes(), &second.signature).unwrap();

    fs::write(&path, b"nonsense\n").unwrap();
    assert_eq!(block_on(file.kept(&keeper.cx)).unwrap_err().kind(), ErrorKind::Corrupt);
}
