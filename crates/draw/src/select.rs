//! Weighted selection without repetition.

use crate::stream::Stream;

/// Draws up to `count` entries, each with the chance of its weight among what remains; returns
/// their indexes in the order drawn. For each pick a number r below the remaining weight is taken,
/// and the first entry whose cumulative remaining weight exceeds r is picked and loses its weight.
/// Stops early when no weight remains.
///
/// Takes eight bytes of memory per entry and O(log n) time per pick.
pub fn select(
    weights: impl ExactSizeIterator<Item = u32>,
    count: usize,
    stream: &mut Stream,
) -> Vec<usize> {
    let mut urn = Urn::new(weights);
    let mut picks = Vec::new();
    while picks.len() < count && urn.remaining > 0 {
        picks.push(urn.take(stream.uniform(urn.remaining)));
    }
    picks
}

/// A Fenwick tree of the remaining weights: node i (from 1) holds the sum of the `i & -i` weights
/// that end with the i-th.
struct Urn {
    nodes: Vec<u64>,
    remaining: u64,
}

impl Urn {
    fn new(weights: impl ExactSizeIterator<Item = u32>) -> Self {
        let mut nodes = Vec::with_capacity(weights.len() + 1);
        nodes.push(0);
        nodes.extend(weights.map(u64::from));
        let remaining = nodes.iter().sum();
        for node in 1..nodes.len() {
            let parent = node + lowest_bit(node);
            if parent < nodes.len() {
                nodes[parent] += nodes[node];
            }
        }
        Self { nodes, remaining }
    }

    /// Removes the entry in whose share of the remaining weight `ticket` falls; returns its index.
    fn take(&mut self, ticket: u64) -> usize {
        let index = self.find(ticket);
        let weight = self.weight(index);
        let mut node = index + 1;
        while node < self.nodes.len() {
            self.nodes[node] -= weight;
            node += lowest_bit(node);
        }
        self.remaining -= weight;
        index
    }

    /// The index of the first entry whose cumulative weight exceeds `ticket`.
    fn find(&self, ticket: u64) -> usize {
        let (mut before, mut rest) = (0, ticket);
        let mut step = (self.nodes.len() - 1).checked_ilog2().map_or(0, |log| 1 << log);
        while step > 0 {
            let node = before + step;
            if node < self.nodes.len() && self.nodes[node] <= rest {
                rest -= self.nodes[node];
                before = node;
            }
            step >>= 1;
        }
        before
    }

    /// The remaining weight of one entry: its node less the nodes below it.
    fn weight(&self, index: usize) -> u64 {
        let node = index + 1;
        let end = node - lowest_bit(node);
        let mut weight = self.nodes[node];
        let mut below = index;
        while below > end {
            weight -= self.nodes[below];
            below -= lowest_bit(below);
        }
        weight
    }
}

fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixed::Hex;

    /// The definition, word for word.
    fn naive(weights: &[u32], count: usize, stream: &mut Stream) -> Vec<usize> {
        let mut remaining: Vec<u64> = weights.iter().map(|&weight| weight.into()).collect();
        let mut picks = Vec::new();
        while picks.len() < count {
            let total: u64 = remaining.iter().sum();
            if total == 0 {
                break;
            }
            let r = stream.uniform(total);
            let mut cumulative = 0;
            let pick = remaining
                .iter()
                .position(|weight| {
                    cumulative += weight;
                    cumulative > r
                })
                .unwrap();
            remaining[pick] = 0;
            picks.push(pick);
        }
        picks
    }

    fn check(weights: &[u32], count: usize, seed: [u8; 32]) {
        let (mut fast, mut slow) = (Stream::new(&Hex(seed)), Stream::new(&Hex(seed)));
        let picks = select(weights.iter().copied(), count, &mut fast);
        assert_eq!(picks, naive(weights, count, &mut slow), "{weights:?}");
        assert_eq!((fast.words(), fast.rejected()), (slow.words(), slow.rejected()));
    }

    #[test]
    fn nothing_is_picked_from_nothing() {
        check(&[], 3, [0; 32]);
        check(&[0], 3, [0; 32]);
        check(&[0, 0, 0], 3, [0; 32]);
        check(&[1, 2], 0, [0; 32]);
    }

    #[test]
    fn everybody_with_weight_is_picked_once_when_there_is_room() {
        let weights = [0, 1, 0, u32::MAX, 5, 0];
        let mut picks =
            select(weights.iter().copied(), usize::MAX, &mut Stream::new(&Hex([3; 32])));
        picks.sort_unstable();
        assert_eq!(picks, [1, 3, 4]);
    }

    #[test]
    fn the_first_pick_follows_the_weights() {
        let weights = [1_u32, 2, 3, 0, 4];
        let rounds = 20_000_u16;
        let mut counts = [0_u32; 5];
        for round in 0..rounds {
            let mut seed = [0; 32];
            seed[..2].copy_from_slice(&round.to_be_bytes());
            counts[select(weights.iter().copied(), 1, &mut Stream::new(&Hex(seed)))[0]] += 1;
        }
        assert_eq!(counts[3], 0);
        let statistic: f64 = [0, 1, 2, 4]
            .map(|entry: usize| {
                let expected = f64::from(rounds) * f64::from(weights[entry]) / 10.0;
                (f64::from(counts[entry]) - expected).powi(2) / expected
            })
            .iter()
            .sum();
        // The 99.9 % quantile for three degrees of freedom; the seeds are fixed.
        assert!(statistic < 16.27, "{counts:?}: {statistic}");
    }

    #[test]
    fn equal_weights_give_every_order_the_same_chance() {
        let rounds = 12_000_u16;
        let mut counts = std::collections::BTreeMap::<Vec<usize>, u32>::new();
        for round in 0..rounds {
            let mut seed = [1; 32];
            seed[..2].copy_from_slice(&round.to_be_bytes());
            let picks = select([7; 4].into_iter(), 4, &mut Stream::new(&Hex(seed)));
            *counts.entry(picks).or_default() += 1;
        }
        assert_eq!(counts.len(), 24);
        let expected = f64::from(rounds) / 24.0;
        let statistic: f64 =
            counts.values().map(|&count| (f64::from(count) - expected).powi(2) / expected).sum();
        // The 99.9 % quantile for 23 degrees of freedom.
        assert!(statistic < 49.73, "{statistic}");
    }

    proptest! {
        #[test]
        fn picks_agree_with_the_definition(
            weights in prop::collection::vec(prop_oneof![Just(0), 0_u32..10, any::<u32>()], 0..200),
            count in 0_usize..250,
            seed in any::<[u8; 32]>(),
        ) {
            check(&weights, count, seed);
        }
    }
}
