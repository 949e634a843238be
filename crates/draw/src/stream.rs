//! The stream of random words that follows from a seed, and uniform numbers from it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::fixed::Digest;

const WORDS_PER_BLOCK: usize = 4;

/// Words in the order in which they are consumed: block i is `HMAC-SHA256(key = seed, "stream" ‖
/// u64(i))` and holds four big-endian words. It counts what it gives out, because a transcript
/// states how many words the draw took.
pub struct Stream {
    keyed: Hmac<Sha256>,
    block: [u8; 32],
    next_block: u64,
    used: usize,
    words: u64,
    rejected: u64,
}

impl Stream {
    /// The stream of a seed, at its start.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn new(seed: &Digest) -> Self {
        Self {
            keyed: Hmac::new_from_slice(&seed.0).expect("hmac takes any key"),
            block: [0; 32],
            next_block: 0,
            used: WORDS_PER_BLOCK,
            words: 0,
            rejected: 0,
        }
    }

    /// A number below `bound`, each equally likely: words at or above the largest multiple of the
    /// bound are rejected, because taking their remainder would favour small numbers.
    ///
    /// # Panics
    /// If `bound` is 0: there is no such number.
    pub fn uniform(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "no number is below 0");
        // 2⁶⁴ needs 65 bits.
        let range = u128::from(u64::MAX) + 1;
        let limit = range - range % u128::from(bound);
        loop {
            let word = self.word();
            if u128::from(word) < limit {
                return word % bound;
            }
            self.rejected += 1;
        }
    }

    /// How many words were consumed, including the rejected ones.
    #[must_use]
    pub fn words(&self) -> u64 {
        self.words
    }

    /// How many words were rejected.
    #[must_use]
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    fn word(&mut self) -> u64 {
        if self.used == WORDS_PER_BLOCK {
            let mut mac = self.keyed.clone();
            mac.update(b"stream");
            mac.update(&self.next_block.to_be_bytes());
            self.block = mac.finalize().into_bytes().into();
            self.next_block += 1;
            self.used = 0;
        }
        let start = self.used * size_of::<u64>();
        let bytes = self.block[start..start + size_of::<u64>()].try_into();
        self.used += 1;
        self.words += 1;
        u64::from_be_bytes(bytes.expect("a word is eight bytes"))
    }
}

/// The seed decides who wins, so the state is not shown.
impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Stream");
        shown.field("words", &self.words).field("rejected", &self.rejected);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixed::Hex;

    /// Pearson's statistic against equal expectation.
    fn chi_square(counts: &[u32], drawn: u32) -> f64 {
        let expected = f64::from(drawn) / counts.len() as f64;
        counts.iter().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum()
    }

    #[test]
    fn numbers_are_equally_likely() {
        // 99.9 % quantiles of the chi-square distribution for bound − 1 degrees of freedom. The
        // seeds are fixed, so this either always passes or always fails.
        for (bound, quantile) in [(2_u32, 10.83), (3, 13.82), (10, 27.88), (101, 149.45)] {
            for seed in 0..4 {
                let mut stream = Stream::new(&Hex([seed; 32]));
                let mut counts = vec![0; bound as usize];
                let drawn = 40_000;
                for _ in 0..drawn {
                    counts[usize::try_from(stream.uniform(bound.into())).unwrap()] += 1;
                }
                let statistic = chi_square(&counts, drawn);
                assert!(statistic < quantile, "bound {bound}, seed {seed}: {statistic}");
            }
        }
    }

    #[test]
    fn the_statistic_would_notice_a_remainder_without_rejection() {
        // Three words out of eight possible ones, taken by remainder: 0 and 1 come too often.
        let mut stream = Stream::new(&Hex([1; 32]));
        let mut counts = [0; 3];
        for _ in 0..40_000 {
            counts[usize::try_from(stream.uniform(8) % 3).unwrap()] += 1;
        }
        assert!(chi_square(&counts, 40_000) > 13.82);
    }

    #[test]
    fn half_of_the_words_are_rejected_just_above_half_of_the_range() {
        let mut stream = Stream::new(&Hex([9; 32]));
        for _ in 0..10_000 {
            stream.uniform((1 << 63) + 1);
        }
        assert_eq!(stream.words(), 10_000 + stream.rejected());
        assert!((9_500..10_500).contains(&stream.rejected()), "{}", stream.rejected());
    }

    proptest! {
        #[test]
        fn numbers_are_below_their_bound(seed in any::<[u8; 32]>(), bounds in prop::collection::vec(1_u64.., 1..50)) {
            let mut stream = Stream::new(&Hex(seed));
            for bound in bounds {
                prop_assert!(stream.uniform(bound) < bound);
            }
        }
    }
}
