//! Whatever is done to a history, it is found: by its own chain, or by a checkpoint where the chain was made whole.

use futures::executor::block_on;
use proptest::prelude::*;

use super::*;
use crate::{json::Digest, store::AuditSalt};

/// What is done to one field of an entry.
const EDITS: [fn(&mut AuditEntry); 9] = [
    |entry| entry.draft.action.push('x'),
    |entry| entry.draft.resource.push('x'),
    |entry| entry.draft.resource_id = None,
    |entry| entry.draft.success = !entry.draft.success,
    |entry| entry.at = entry.at.after(std::time::Duration::from_micros(1)),
    |entry| entry.scope.on_behalf_of = Some(entry.scope.principal.clone()),
    |entry| entry.correlation = crate::id::CorrelationId::from_uuid(uuid::Uuid::from_u128(1)),
    |entry| entry.detail_digest = Digest::of_bytes(b"x"),
    |entry| entry.hash = Digest::of_bytes(b"x"),
];

/// What only a look at more than the hashed fields shows.
const QUIET_EDITS: [fn(&mut AuditEntry); 3] = [
    |entry| entry.actor.push('x'),
    |entry| entry.draft.detail = json!({"number": "another"}),
    |entry| entry.salt = Some(AuditSalt::from_bytes([9; 16])),
];

#[derive(Debug, Clone)]
enum Tampering {
    Edit(usize),
    EditQuietly(usize),
    Delete,
    Swap(usize),
    Truncate,
    Insert,
    Rewrite(usize),
    DeleteAndRelink,
    InsertAndRelink,
    SwapAndRelink(usize),
}

impl Tampering {
    /// Whether the chain is made whole behind it, so that it alone shows nothing.
    const fn is_hidden(&self) -> bool {
        matches!(
            self,
            Self::Truncate
                | Self::Rewrite(_)
                | Self::DeleteAndRelink
                | Self::InsertAndRelink
                | Self::SwapAndRelink(_)
        )
    }

    /// Does it at a place, which is one of the entries.
    fn apply(&self, entries: &mut Vec<AuditEntry>, place: usize) {
        let other = |step: usize, length: usize| (place + 1 + step % (length - 1)) % length;
        let last = entries.len() - 1;
        match *self {
            Self::Edit(edit) => EDITS[edit % EDITS.len()](&mut entries[place]),
            Self::EditQuietly(edit) => QUIET_EDITS[edit % QUIET_EDITS.len()](&mut entries[place]),
            // Without the last one it would be a shorter history that is whole in itself.
            Self::Delete => drop(entries.remove(place.min(last - 1))),
            Self::Swap(step) | Self::SwapAndRelink(step) => entries.swap(place, other(step, last + 1)),
            Self::Truncate => entries.truncate(place),
            Self::Insert => entries.insert(place, entries[place].clone()),
            // Not the digest of a detail, which shows without any chain.
            Self::Rewrite(edit) => EDITS[edit % 7](&mut entries[place]),
            Self::DeleteAndRelink => drop(entries.remove(place)),
            Self::InsertAndRelink => {
                let mut forged = entries[last].clone();
                forged.draft.action.push('x');
                entries.insert(place, forged);
            }
        }
        if self.is_hidden() {
            relink(entries);
        }
    }
}

fn tampering() -> impl Strategy<Value = Tampering> {
    prop_oneof![
        any::<usize>().prop_map(Tampering::Edit),
        any::<usize>().prop_map(Tampering::EditQuietly),
        Just(Tampering::Delete),
        any::<usize>().prop_map(Tampering::Swap),
        Just(Tampering::Truncate),
        Just(Tampering::Insert),
        any::<usize>().prop_map(Tampering::Rewrite),
        Just(Tampering::DeleteAndRelink),
        Just(Tampering::InsertAndRelink),
        any::<usize>().prop_map(Tampering::SwapAndRelink),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_tampering_is_found_and_no_erasure_passes_for_one(
        sizes in prop::collection::vec(1_u64..12, 1..5),
        erased in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        tampering in tampering(),
        place in any::<prop::sample::Index>(),
    ) {
        let keeper = Keeper::new();
        let trail = Trail::long(&keeper.cx, 1);
        for size in sizes {
            trail.grow(&keeper.cx, size);
            keeper.checkpoint(&trail).unwrap();
        }
        let length = trail.edit(|entries| {
            for place in &erased {
                let place = place.index(entries.len());
                entries[place].erase_detail();
            }
            entries.len()
        });
        prop_assert_eq!(block_on(trail.verify(&keeper.cx)).unwrap(), intact(length as u64));
        prop_assert_eq!(keeper.verify(&trail), intact(length as u64));

        let mut entries = trail.copy();
        tampering.apply(&mut entries, place.index(length));
        let remaining = entries.len() as u64;
        let tampered = Trail::of(entries);
        let alone = block_on(tampered.verify(&keeper.cx)).unwrap();
        let expected = if tampering.is_hidden() { alone == intact(remaining) } else { !alone.is_intact() };
        prop_assert!(expected, "{:?} is, without a checkpoint, {:?}", tampering, alone);
        let against = keeper.verify(&tampered);
        prop_assert!(!against.is_intact(), "{:?} passed the checkpoints", tampering);
    }
}
