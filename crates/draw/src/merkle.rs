//! The Merkle tree of RFC 6962 (section 2.1): its root, audit paths, and their verification.
//!
//! A leaf is hashed as `H(0x00 ‖ leaf)` and an inner node as `H(0x01 ‖ left ‖ right)`; a list is
//! split at the largest power of two below its length. The root of nothing is the hash of nothing.

use sha2::block_api::compress256;

use crate::fixed::{Digest, Hex, sha256};

/// Computes the root of leaves that arrive one after the other, with memory for one digest per
/// level: the open subtrees are those of the binary digits of the count.
#[derive(Debug, Default, Clone)]
pub struct Accumulator {
    open: Vec<Digest>,
    count: u64,
}

impl Accumulator {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: &[u8]) {
        let mut hash = leaf_hash(leaf);
        let mut complete = self.count;
        while complete & 1 == 1 {
            let left = self.open.pop().expect("each binary digit of the count is an open subtree");
            hash = node_hash(&left, &hash);
            complete >>= 1;
        }
        self.open.push(hash);
        self.count += 1;
    }

    /// The root over everything pushed.
    #[must_use]
    pub fn root(&self) -> Digest {
        let mut open = self.open.iter().rev();
        match open.next() {
            None => sha256(&[]),
            Some(last) => open.fold(*last, |right, left| node_hash(left, &right)),
        }
    }
}

/// The root of a list of leaves.
pub fn root<L: AsRef<[u8]>>(leaves: impl IntoIterator<Item = L>) -> Digest {
    let mut accumulator = Accumulator::default();
    for leaf in leaves {
        accumulator.push(leaf.as_ref());
    }
    accumulator.root()
}

/// The hashes that lead from the leaf at `index` to the root, lowest first; `None` if there is no
/// such leaf. Hashes the whole list once.
#[must_use]
pub fn audit_path<L: AsRef<[u8]>>(leaves: &[L], index: usize) -> Option<Vec<Digest>> {
    if index >= leaves.len() {
        return None;
    }
    let mut path = Vec::new();
    let (mut rest, mut index) = (leaves, index);
    while rest.len() > 1 {
        let (left, right) = rest.split_at(split(rest.len()));
        let sibling = if index < left.len() {
            rest = left;
            right
        } else {
            index -= left.len();
            rest = right;
            left
        };
        path.push(root(sibling));
    }
    path.reverse();
    Some(path)
}

/// Whether `leaf` is at `index` of the `count` leaves under `root`, according to its audit path.
/// The algorithm is that of RFC 9162, section 2.1.3.2.
#[must_use]
pub fn path_proves(leaf: &[u8], index: u64, count: u64, path: &[Digest], root: &Digest) -> bool {
    if index >= count {
        return false;
    }
    let (mut position, mut last) = (index, count - 1);
    let mut hash = leaf_hash(leaf);
    for sibling in path {
        if last == 0 {
            return false;
        }
        if position & 1 == 1 || position == last {
            hash = node_hash(sibling, &hash);
            // A rightmost node without a sibling rises until it has one on its left.
            while position & 1 == 0 && position != 0 {
                position >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

/// The hash of a leaf.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Digest {
    sha256_in_two_blocks(&[&[0x00], leaf]).unwrap_or_else(|| sha256(&[&[0x00], leaf]))
}

fn node_hash(left: &Digest, right: &Digest) -> Digest {
    sha256_in_two_blocks(&[&[0x01], &left.0, &right.0]).expect("a node has 65 bytes")
}

const BLOCK_BYTES: usize = 64;

/// The end of the last block: a one bit, zeros, and the length of the message in 8 bytes.
const LEAST_PADDING_BYTES: usize = 9;

/// The first 32 bits of the fractional parts of the square roots of the first eight primes
/// (FIPS 180-4, section 5.3.3).
const INITIAL_STATE: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// SHA-256 of a message that fits into two blocks with its padding, `None` for a longer one.
///
/// Trees of millions of leaves consist of nothing but such messages. Padding them in place saves a
/// sixth of the time against the general interface, which buffers for messages of any length.
fn sha256_in_two_blocks(parts: &[&[u8]]) -> Option<Digest> {
    let mut message = [0; 2 * BLOCK_BYTES];
    let mut length = 0;
    for part in parts {
        message.get_mut(length..length + part.len())?.copy_from_slice(part);
        length += part.len();
    }
    let end = (length + LEAST_PADDING_BYTES).next_multiple_of(BLOCK_BYTES);
    if end > message.len() {
        return None;
    }
    message[length] = 0x80;
    message[end - 8..end].copy_from_slice(&(8 * length as u64).to_be_bytes());

    let (blocks, _) = message[..end].as_chunks::<BLOCK_BYTES>();
    let mut state = INITIAL_STATE;
    compress256(&mut state, blocks);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Some(Hex(digest))
}

/// The largest power of two below `count`, for a count of at least two.
fn split(count: usize) -> usize {
    1 << (count - 1).ilog2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The definition of the RFC, word for word.
    fn naive_root(leaves: &[Vec<u8>]) -> Digest {
        match leaves {
            [] => sha256(&[]),
            [leaf] => sha256(&[&[0], leaf]),
            _ => {
                let mut k = 1;
                while 2 * k < leaves.len() {
                    k *= 2;
                }
                let (left, right) = leaves.split_at(k);
                sha256(&[&[1], &naive_root(left).0, &naive_root(right).0])
            }
        }
    }

    #[test]
    fn short_messages_have_the_hash_that_the_general_interface_gives() {
        for length in 0..=130 {
            let message: Vec<u8> = (0..length).collect();
            let expected = (length < 120).then(|| sha256(&[&message]));
            assert_eq!(sha256_in_two_blocks(&[&message]), expected, "{length} bytes");
            let (left, right) = message.split_at(message.len() / 3);
            assert_eq!(sha256_in_two_blocks(&[left, right]), expected, "{length} bytes in parts");
        }
    }

    fn numbered(count: usize) -> Vec<Vec<u8>> {
        (0..count).map(|number| format!("leaf {number}").into_bytes()).collect()
    }

    #[test]
    fn nothing_has_the_root_of_the_rfc() {
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(root(numbered(0)).to_string(), empty);
    }

    #[test]
    fn roots_and_paths_agree_with_the_definition_for_every_small_count() {
        for count in 0..=70 {
            let leaves = numbered(count);
            let expected = naive_root(&leaves);
            assert_eq!(root(&leaves), expected, "{count} leaves");
            for index in 0..count {
                let path = audit_path(&leaves, index).unwrap();
                let proves =
                    path_proves(&leaves[index], index as u64, count as u64, &path, &expected);
                assert!(proves, "leaf {index} of {count}");
            }
            assert_eq!(audit_path(&leaves, count), None);
        }
    }

    proptest! {
        #[test]
        fn root_agrees_with_the_definition(
            leaves in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..300)
        ) {
            prop_assert_eq!(root(&leaves), naive_root(&leaves));
        }

        #[test]
        fn a_changed_claim_is_not_proven(
            count in 1_usize..200,
            pick in any::<prop::sample::Index>(),
            other in any::<prop::sample::Index>(),
            bit in 0_usize..256,
        ) {
            let leaves = numbered(count);
            let index = pick.index(count);
            let root = root(&leaves);
            let path = audit_path(&leaves, index).unwrap();
            let claim = |leaf: &[u8], index: usize, path: &[Digest]| {
                path_proves(leaf, index as u64, count as u64, path, &root)
            };
            prop_assert!(claim(&leaves[index], index, &path));
            prop_assert!(!claim(b"another leaf", index, &path));
            prop_assert!(!claim(&leaves[index], count, &path));
            let elsewhere = other.index(count);
            if elsewhere != index {
                prop_assert!(!claim(&leaves[index], elsewhere, &path));
            }
            let mut longer = path.clone();
            longer.push(root);
            prop_assert!(!claim(&leaves[index], index, &longer));
            if !path.is_empty() {
                let mut changed = path.clone();
                let place = other.index(path.len());
                changed[place].0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!claim(&leaves[index], index, &changed));
                prop_assert!(!claim(&leaves[index], index, &path[1..]));
                prop_assert!(!claim(&leaves[index], index, &path[..path.len() - 1]));
            }
        }
    }
}
