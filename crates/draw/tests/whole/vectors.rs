//! Every vector of `draw-vectors.json`, which an independent implementation made with a real round
//! of drand quicknet.

use draw::beacon::{Chain, randomness};
use draw::drawing::run;
use draw::fixed::{BeaconSignature, Digest, LeafId, Salt, sha256};
use draw::leaf::{Leaf, Reason, commitment};
use draw::manifest::Manifest;
use draw::merkle;
use draw::moment::Moment;
use draw::schedule::round_for;
use draw::seed::seed;
use draw::stream::Stream;
use serde::Deserialize;

#[derive(Deserialize)]
struct Vectors {
    beacon: Beacon,
    rounds: Vec<Round>,
    uniform: Vec<Uniform>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Beacon {
    chain: Digest,
    round: u64,
    signature: BeaconSignature,
    randomness: Digest,
}

#[derive(Deserialize)]
struct Round {
    genesis: u64,
    period: u32,
    draw_at: u64,
    round: u64,
}

#[derive(Deserialize)]
struct Uniform {
    seed: Digest,
    bound: String,
    values: Vec<String>,
    words: u64,
    rejected: u64,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    entries: Vec<Entry>,
    leaves: Vec<Leaf>,
    manifest: Manifest,
    manifest_jcs: String,
    manifest_hash: Digest,
    seed: Digest,
    picks: Vec<LeafId>,
    words: u64,
    rejected: u64,
    /// Missing where there is only one leaf.
    #[serde(default)]
    audit_path_of_last_leaf: Vec<Digest>,
}

#[derive(Deserialize)]
struct Entry {
    leaf_id: LeafId,
    salt: Salt,
    address: String,
    weight: u32,
    reason: u8,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../draw-vectors.json")).unwrap()
}

impl Entry {
    fn leaf(&self, manifest: &Manifest) -> Leaf {
        let person = commitment(manifest.draw_id, &self.salt, &self.address);
        let reason = Reason::from_code(self.reason).unwrap();
        Leaf::new(self.leaf_id, person, self.weight, reason)
    }
}

/// The entries of the last case, by the rule that its name states.
fn ten_thousand_entries() -> Vec<Entry> {
    let hash = |what: &str, number: u32| sha256(&[what.as_bytes(), &number.to_be_bytes()]);
    let entry = |number| {
        let weight = hash("weight", number).0[0] % 10;
        Entry {
            leaf_id: LeafId::from(<[u8; 16]>::try_from(&hash("leaf", number).0[..16]).unwrap()),
            salt: Salt(hash("salt", number).0),
            address: format!("person{number}@example.org"),
            weight: weight.into(),
            reason: u8::from(weight == 0),
        }
    };
    (0..10_000).map(entry).collect()
}

fn leaves_of(case: &Case) -> Vec<Leaf> {
    let written = case.entries.iter().map(|entry| entry.leaf(&case.manifest)).collect::<Vec<_>>();
    assert_eq!(written, case.leaves, "{}", case.name);
    if case.manifest.leaves == case.leaves.len() as u64 {
        return written;
    }
    let mut generated: Vec<Leaf> =
        ten_thousand_entries().iter().map(|entry| entry.leaf(&case.manifest)).collect();
    generated.sort_unstable();
    assert_eq!(generated[..case.leaves.len()], case.leaves, "{}", case.name);
    generated
}

#[test]
fn the_round_of_quicknet_is_genuine() {
    let Beacon { chain, round, signature, randomness: expected } = vectors().beacon;
    assert_eq!(Chain::Quicknet.hash(), chain);
    Chain::Quicknet.verify(round, &signature).unwrap();
    assert_eq!(randomness(&signature), expected);

    Chain::Quicknet.verify(round + 1, &signature).unwrap_err();
    for bit in 0..48 * 8 {
        let mut changed = signature;
        changed.0[bit / 8] ^= 1 << (bit % 8);
        Chain::Quicknet.verify(round, &changed).unwrap_err();
    }
}

#[test]
fn rounds() {
    let rounds = vectors().rounds;
    assert_eq!(rounds.len(), 5);
    for vector in rounds {
        let moment = |seconds| Moment::from_unix_seconds(seconds).unwrap();
        let round = round_for(moment(vector.draw_at), moment(vector.genesis), vector.period);
        assert_eq!(round, vector.round, "draw at {}", vector.draw_at);
    }
}

#[test]
fn uniform_numbers() {
    let vectors = vectors().uniform;
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let bound = vector.bound.parse().unwrap();
        let mut stream = Stream::new(&vector.seed);
        for expected in &vector.values {
            assert_eq!(stream.uniform(bound).to_string(), *expected, "bound {bound}");
        }
        assert_eq!((stream.words(), stream.rejected()), (vector.words, vector.rejected));
    }
}

#[test]
fn whole_draws() {
    let Vectors { beacon, cases, .. } = vectors();
    assert_eq!(cases.len(), 7);
    for case in cases {
        let (name, manifest, leaves) = (&case.name, &case.manifest, leaves_of(&case));

        assert_eq!(String::from_utf8(manifest.canonical()).unwrap(), case.manifest_jcs, "{name}");
        assert_eq!(manifest.hash(), case.manifest_hash, "{name}");
        assert_eq!(manifest.leaves, leaves.len() as u64, "{name}");
        let weight: u64 = leaves.iter().map(|leaf| u64::from(leaf.weight())).sum();
        assert_eq!(manifest.weight, weight, "{name}");
        assert!(leaves.iter().all(|leaf| leaf.check().is_ok()), "{name}");

        assert_eq!(merkle::root(leaves.iter().map(Leaf::as_bytes)), manifest.root, "{name}");
        let last = leaves.len() - 1;
        let bytes: Vec<&[u8; 53]> = leaves.iter().map(Leaf::as_bytes).collect();
        let path = merkle::audit_path(&bytes, last).unwrap();
        assert_eq!(path, case.audit_path_of_last_leaf, "{name}");
        let (index, count) = (last as u64, manifest.leaves);
        assert!(merkle::path_proves(bytes[last], index, count, &path, &manifest.root), "{name}");

        assert_eq!(seed(&beacon.randomness, &manifest.hash()), case.seed, "{name}");
        let outcome = run(manifest, &leaves, &Chain::Quicknet, &beacon.signature).unwrap();
        assert_eq!(outcome.picks, case.picks, "{name}");
        assert_eq!((outcome.words, outcome.rejected), (case.words, case.rejected), "{name}");
    }
}

#[test]
fn nothing_is_drawn_from_other_leaves_or_another_round() {
    let Vectors { beacon, cases, .. } = vectors();
    let case = &cases[1];
    let mut leaves = leaves_of(case);
    let mut other_round = case.manifest.clone();
    other_round.round += 1;
    run(&other_round, &leaves, &Chain::Quicknet, &beacon.signature).unwrap_err();
    leaves.pop();
    run(&case.manifest, &leaves, &Chain::Quicknet, &beacon.signature).unwrap_err();
}
