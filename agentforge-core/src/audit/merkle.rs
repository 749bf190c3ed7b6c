//! The Merkle tree of RFC 6962 over the hashes of a trail's entries, in the form that grows: of a tree of n leaves only
//! the roots of its complete parts are kept, at most log2 n + 1 hashes.
//!
//! Leaves and nodes are hashed behind different bytes, so that no leaf passes for a node.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    error::{Error, ErrorKind, Result},
    json::Digest,
};

pub use super::proof::{consistency_proof, inclusion_proof, verify_consistency, verify_inclusion};

/// The hash of a leaf that holds these bytes; the leaves of a trail hold the hashes of its entries.
pub fn leaf(data: &[u8]) -> Digest {
    hash(&[&[0], data])
}

pub(super) fn node(left: Digest, right: Digest) -> Digest {
    hash(&[&[1], left.as_bytes(), right.as_bytes()])
}

/// The root of a tree without leaves.
pub fn empty_root() -> Digest {
    hash(&[])
}

fn hash(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    Digest::from_bytes(hasher.finalize().into())
}

/// A tree that leaves are added to: how many it has, and the roots of its complete parts, greatest first.
///
/// ```
/// use agentforge_core::audit::merkle::{Frontier, leaf};
/// let mut tree = Frontier::default();
/// tree.push(leaf(b"first"));
/// let one = tree.root();
/// tree.push(leaf(b"second"));
/// assert_eq!((tree.size(), tree.parts().len()), (2, 1));
/// assert_ne!(tree.root(), one);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frontier {
    size: u64,
    parts: Vec<Digest>,
}

impl Frontier {
    /// The tree that was kept as its size and its parts; `corrupt` when they do not belong together.
    pub fn from_parts(size: u64, parts: Vec<Digest>) -> Result<Self> {
        // A tree of n leaves has one complete part for every 1 among the binary digits of n.
        if parts.len() != size.count_ones() as usize {
            let message = format!("{} hashes cannot be the parts of a tree of {size} leaves", parts.len());
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(Self { size, parts })
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) {
        let (mut right, mut merged) = (leaf, self.size);
        while merged & 1 == 1 {
            let Some(left) = self.parts.pop() else { break };
            right = node(left, right);
            merged >>= 1;
        }
        self.parts.push(right);
        self.size = self.size.saturating_add(1);
    }

    /// How many leaves it has.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The roots of its complete parts, greatest first.
    pub fn parts(&self) -> &[Digest] {
        &self.parts
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Digest {
        let mut parts = self.parts.iter().rev().copied();
        match parts.next() {
            Some(last) => parts.fold(last, |right, left| node(left, right)),
            None => empty_root(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The leaves and roots that the reference implementation of certificate transparency is tested with.
    const LEAVES: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
    ];
    const ROOTS: [&str; 9] = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];

    fn leaves() -> Vec<Digest> {
        LEAVES.iter().map(|data| leaf(data)).collect()
    }

    #[test]
    fn roots_are_those_of_the_reference() {
        let mut tree = Frontier::default();
        assert_eq!(tree.root().to_string(), ROOTS[0]);
        for (leaf, root) in leaves().into_iter().zip(&ROOTS[1..]) {
            tree.push(leaf);
            assert_eq!(tree.root().to_string(), *root, "a tree of {}", tree.size());
        }
    }

    #[test]
    fn a_tree_goes_on_from_its_parts() {
        let mut whole = Frontier::default();
        for number in 0..100_u64 {
            let mut resumed = Frontier::from_parts(whole.size(), whole.parts().to_vec()).unwrap();
            whole.push(leaf(&number.to_be_bytes()));
            resumed.push(leaf(&number.to_be_bytes()));
            assert_eq!(resumed, whole);
        }
        let error = Frontier::from_parts(3, whole.parts()[..1].to_vec()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn paths_are_those_of_the_reference() {
        let path = |hashes: &[&str]| hashes.iter().map(|hash| hash.parse().unwrap()).collect::<Vec<Digest>>();
        let leaves = leaves();
        let expected = [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ];
        assert_eq!(inclusion_proof(&leaves, 0).unwrap(), path(&expected));
        let expected = [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ];
        assert_eq!(consistency_proof(&leaves, 6).unwrap(), path(&expected));
    }

    #[test]
    fn proofs_hold_for_every_leaf_and_every_size_and_for_nothing_else() {
        let leaves: Vec<Digest> = (0..40_u64).map(|number| leaf(&number.to_be_bytes())).collect();
        let root = |size: usize| {
            let mut tree = Frontier::default();
            for leaf in &leaves[..size] {
                tree.push(*leaf);
            }
            tree.root()
        };
        for size in 1..=leaves.len() {
            let (tree, whole) = (&leaves[..size], root(size));
            for place in 0..size {
                let path = inclusion_proof(tree, place as u64).unwrap();
                let holds = |leaf, place: usize, size: usize, path: &[Digest]| {
                    verify_inclusion(leaf, place as u64, size as u64, path, whole)
                };
                assert!(holds(tree[place], place, size, &path));
                assert!(!holds(empty_root(), place, size, &path));
                assert!(!holds(tree[place], place + 1, size, &path), "{place} of {size}");
                assert!(size == 1 || !holds(tree[place], place, size, &path[1..]));
            }
            for earlier in 1..=size {
                let path = consistency_proof(tree, earlier as u64).unwrap();
                let sizes = (earlier as u64, size as u64);
                assert!(verify_consistency(sizes, root(earlier), whole, &path), "{earlier} in {size}");
                assert!(!verify_consistency(sizes, empty_root(), whole, &path));
                assert!(!verify_consistency(sizes, root(earlier), empty_root(), &path));
            }
        }
        assert!(inclusion_proof(&leaves, 40).is_err() && consistency_proof(&leaves, 41).is_err());
        assert!(consistency_proof(&leaves, 0).is_err());
    }
}
