//! Proofs over the tree of [`super::merkle`]: that a leaf is in it, and that a greater tree goes on from a smaller one.
//!
//! Made from all leaf hashes of a tree (32 bytes for each entry), checked against roots alone.

use super::merkle::{Frontier, node};
use crate::{
    error::{Error, Result},
    json::Digest,
};

/// The path from a leaf to the root (RFC 6962, section 2.1.1). A place behind the last leaf is invalid input.
pub fn inclusion_proof(leaves: &[Digest], place: u64) -> Result<Vec<Digest>> {
    let found = usize::try_from(place).ok().filter(|place| *place < leaves.len());
    let Some(mut place) = found else {
        return Err(Error::invalid(format!("a tree of {} leaves has no leaf {place}", leaves.len())));
    };
    let (mut path, mut rest) = (Vec::new(), leaves);
    while rest.len() > 1 {
        let (left, right) = halves(rest);
        if place < left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            place = place.saturating_sub(left.len());
            rest = right;
        }
    }
    path.reverse();
    Ok(path)
}

/// What leads from the root of the first so many leaves to the root of all (RFC 6962, section 2.1.2). The smaller tree
/// has at least one leaf and at most all.
pub fn consistency_proof(leaves: &[Digest], earlier: u64) -> Result<Vec<Digest>> {
    let found = usize::try_from(earlier).ok().filter(|earlier| (1..=leaves.len()).contains(earlier));
    let Some(mut earlier) = found else {
        let message = format!("a tree of {} leaves does not go on from one of {earlier}", leaves.len());
        return Err(Error::invalid(message));
    };
    let (mut path, mut rest, mut known) = (Vec::new(), leaves, true);
    while earlier < rest.len() {
        let (left, right) = halves(rest);
        if earlier <= left.len() {
            path.push(root(right));
            rest = left;
        } else {
            path.push(root(left));
            earlier = earlier.saturating_sub(left.len());
            rest = right;
            known = false;
        }
    }
    // The part that ends where the smaller tree does; its root is that tree's own unless something lies before it.
    if !known {
        path.push(root(rest));
    }
    path.reverse();
    Ok(path)
}

/// Whether a path proves that a leaf stands at a place in the tree of a root (RFC 9162, section 2.1.3.2).
pub fn verify_inclusion(leaf: Digest, place: u64, size: u64, path: &[Digest], root: Digest) -> bool {
    if place >= size {
        return false;
    }
    let (mut place, mut last, mut hash) = (place, size - 1, leaf);
    for other in path {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node(*other, hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node(hash, *other);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == root
}

/// Whether a path proves that the tree of the second size and root goes on from that of the first (RFC 9162, section
/// 2.1.4.2).
pub fn verify_consistency(sizes: (u64, u64), earlier: Digest, later: Digest, path: &[Digest]) -> bool {
    let (first, second) = sizes;
    if first == 0 || first > second {
        return false;
    }
    if first == second {
        return path.is_empty() && earlier == later;
    }
    let (mut at, mut last) = (first - 1, second - 1);
    while at & 1 == 1 {
        at >>= 1;
        last >>= 1;
    }
    // A smaller tree that is complete is a part of the greater one, and its root need not be told.
    let mut path = path.iter().copied();
    let begin = if first.is_power_of_two() { Some(earlier) } else { path.next() };
    let Some(begin) = begin else { return false };
    let (mut small, mut great) = (begin, begin);
    for other in path {
        if last == 0 {
            return false;
        }
        if at & 1 == 1 || at == last {
            small = node(other, small);
            great = node(other, great);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            great = node(great, other);
        }
        at >>= 1;
        last >>= 1;
    }
    last == 0 && small == earlier && great == later
}

/// The greatest complete part in front, and the rest.
fn halves(leaves: &[Digest]) -> (&[Digest], &[Digest]) {
    let left = leaves.len().div_ceil(2).next_power_of_two();
    leaves.split_at(left.min(leaves.len()))
}

fn root(leaves: &[Digest]) -> Digest {
    let mut tree = Frontier::default();
    for leaf in leaves {
        tree.push(*leaf);
    }
    tree.root()
}
