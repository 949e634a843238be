//! The verifier accepts what is right, and names the step at which anything else fails.

use std::num::NonZeroU32;
use std::ops::Range;

use crate::support::{self, Rehearsal, moment, sandbox, sandbox_chain};
use draw::beacon::{Chain, SandboxChain};
use draw::fixed::{Digest, Hex};
use draw::leaf::{LEAF_BYTES, Leaf};
use draw::receipt::Receipt;
use draw::transcript::{BeaconRecord, ReadError, Transcript};
use draw::verify::{Finding, Options, Report, StepName, Verdict, verify, verify_reader};
use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

fn report(transcript: &Transcript) -> Report {
    verify(transcript, &Options::default())
}

/// The step that rejects a transcript given as JSON.
fn rejected_at(json: &[u8]) -> Option<StepName> {
    let report = verify_reader(json, &Options::default()).unwrap();
    report.failed().map(|(step, _)| step)
}

/// The step that rejects a transcript in which one member was replaced.
fn rejected_with(pointer: &str, value: Value) -> Option<StepName> {
    let mut json = serde_json::to_value(Rehearsal::default().replaced()).unwrap();
    *json.pointer_mut(pointer).unwrap() = value;
    rejected_at(&serde_json::to_vec(&json).unwrap())
}

/// Signs a changed manifest anew, as somebody with the key could.
fn signed_anew(mut transcript: Transcript, rehearsal: &Rehearsal) -> Transcript {
    transcript.signature = transcript.manifest.sign(&rehearsal.key());
    transcript
}

#[test]
fn a_rehearsal_is_valid_and_marked_as_one() {
    let rehearsal = Rehearsal::default();
    for transcript in [rehearsal.drawn(), rehearsal.replaced()] {
        let report = report(&transcript);
        assert_eq!(report.failed(), None);
        assert_eq!(report.verdict(), Verdict::Sandbox);
        assert!(report.has_warning(StepName::Chain));
        assert!(report.has_warning(StepName::CommitmentTime));
        assert!(matches!(report.finding(StepName::Key), Some(Finding::Trusted(_))));
        assert!(matches!(report.finding(StepName::Draw), Some(Finding::Proven(_))));
        assert_eq!(report.manifest, Some(transcript.manifest.hash()));
        assert_eq!(report.winners.len(), 3);
    }
}

#[test]
fn the_winners_reported_are_those_after_all_replacements() {
    let transcript = Rehearsal::default().replaced();
    let winners: Vec<_> =
        report(&transcript).winners.iter().map(|place| place.winner.unwrap()).collect();
    let picks = &transcript.picks;
    assert_eq!(winners, [picks[5], picks[4], picks[2]]);
}

#[test]
fn draws_of_every_small_size_are_valid() {
    for persons in 0..12 {
        let report = report(&Rehearsal { persons, ..Rehearsal::default() }.drawn());
        assert_eq!(report.failed(), None, "{persons} persons");
        let held = report.winners.iter().filter(|place| place.winner.is_some()).count();
        let eligible = (0..persons).filter(|person| ![5, 10].contains(person)).count();
        assert_eq!(held, eligible.min(3), "{persons} persons");
    }
}

#[test]
fn what_one_knows_from_elsewhere_proves_more() {
    let rehearsal = Rehearsal::default();
    let transcript = rehearsal.replaced();
    let options = Options {
        expected_key: Some(rehearsal.key().public_key()),
        seen: Some(transcript.manifest.hash()),
        receipt: Some(rehearsal.receipt(7)),
    };
    let report = verify(&transcript, &options);
    assert_eq!(report.failed(), None);
    for step in [StepName::Key, StepName::CommitmentTime, StepName::Receipt] {
        assert!(matches!(report.finding(step), Some(Finding::Proven(_))), "{step}");
    }
}

#[test]
fn a_consistent_forgery_fails_against_everything_known_from_elsewhere() {
    let genuine = Rehearsal::default();
    let forger = Rehearsal { key_seed: 2, persons: 39, ..Rehearsal::default() };
    let forged = forger.replaced();
    assert_eq!(report(&forged).failed(), None, "nothing else gives it away");

    let check = |options: Options, expected: StepName| {
        let failed = verify(&forged, &options).failed().map(|(step, _)| step);
        assert_eq!(failed, Some(expected));
    };
    let expected_key = Some(genuine.key().public_key());
    check(Options { expected_key, ..Options::default() }, StepName::Key);
    let seen = Some(genuine.drawn().manifest.hash());
    check(Options { seen, ..Options::default() }, StepName::CommitmentTime);
    let receipt = Some(genuine.receipt(7));
    check(Options { receipt, ..Options::default() }, StepName::Receipt);
}

#[test]
fn a_receipt_must_match_its_leaf() {
    let rehearsal = Rehearsal::default();
    let transcript = rehearsal.drawn();
    let found = |receipt: Receipt| {
        let options = Options { receipt: Some(receipt), ..Options::default() };
        verify(&transcript, &options).finding(StepName::Receipt).unwrap().clone()
    };
    assert!(found(rehearsal.receipt(7)).text().contains("with weight 1"));
    assert!(found(rehearsal.receipt(5)).text().contains("unverified"));
    // Person 40 has a receipt but no leaf.
    let left_out = found(rehearsal.receipt(40));
    assert!(matches!(&left_out, Finding::Failed(why) if why.contains("left out")), "{left_out:?}");

    let reissue = |leaf: u32, person: u32, rules: Digest| {
        let (id, salt) = (support::leaf_id(leaf), support::salt(person));
        let address = support::address(person);
        Receipt::issue(&rehearsal.key(), support::DRAW, id, salt, &address, rules)
    };
    let rules = transcript.manifest.rules;
    assert!(matches!(found(reissue(7, 8, rules)), Finding::Failed(why) if why.contains("another")));
    assert!(
        matches!(found(reissue(7, 7, Digest::ZERO)), Finding::Failed(why) if why.contains("rules"))
    );
}

#[test]
fn each_kind_of_lie_fails_at_its_step() {
    let check = |pointer: &str, value: Value, expected: StepName| {
        assert_eq!(rejected_with(pointer, value), Some(expected), "{pointer}");
    };
    check("/format", json!("handsel/transcript/v2"), StepName::Format);
    check("/log", json!([{"kind": 1}]), StepName::Format);
    check("/public_key", json!("00".repeat(32)), StepName::Signature);
    check("/signature", json!("00".repeat(64)), StepName::Signature);
    check("/manifest/round", json!(5), StepName::Signature);
    check("/beacon/chain", json!("00".repeat(32)), StepName::Chain);
    check("/beacon/sandbox", Value::Null, StepName::Chain);
    check("/beacon/sandbox/period_seconds", json!(1), StepName::Chain);
    check("/beacon/round", json!(5), StepName::Beacon);
    check("/beacon/signature", json!("00".repeat(48)), StepName::Beacon);
    check("/rules/title", json!("another title"), StepName::Rules);
    check("/rules/units/0/value_minor", json!(1), StepName::Rules);
    check("/rules/claim_seconds", json!(1), StepName::Rules);
    check("/rules/version", json!(2), StepName::Rules);
    check("/rules/draw_at", json!(moment(0).to_string()), StepName::Rules);
    check("/leaves", json!([]), StepName::Leaves);
    check("/leaves/0", json!("ff".repeat(LEAF_BYTES)), StepName::Leaves);
    check("/picks/0", json!("00".repeat(16)), StepName::Draw);
    check("/picks", json!([]), StepName::Draw);
    check("/words", json!(0), StepName::Draw);
    check("/rejected", json!(1), StepName::Draw);
    check("/successions/0/to", Value::Null, StepName::Successions);
    check("/successions/0/evidence", json!("00".repeat(32)), StepName::Successions);
    check("/successions/2/number", json!(3), StepName::Successions);
}

#[test]
fn lies_that_are_signed_fail_too() {
    let rehearsal = Rehearsal::default();
    let check = |change: &dyn Fn(&mut Transcript), expected: StepName| {
        let mut transcript = rehearsal.drawn();
        change(&mut transcript);
        let failed = report(&signed_anew(transcript, &rehearsal)).failed().map(|(step, _)| step);
        assert_eq!(failed, Some(expected));
    };
    check(&|t| t.manifest.version = 2, StepName::Rules);
    check(&|t| t.manifest.generation = 1, StepName::Rules);
    check(&|t| t.manifest.previous = Hex([1; 32]), StepName::Rules);
    check(&|t| t.manifest.rules = Hex([1; 32]), StepName::Rules);
    check(&|t| t.manifest.units.reverse(), StepName::Rules);
    check(&|t| t.manifest.alternates += 1, StepName::Rules);
    check(&|t| t.manifest.chain = Chain::Quicknet.hash(), StepName::Chain);
    check(&|t| t.manifest.round += 1, StepName::Schedule);
    check(&|t| t.manifest.late = true, StepName::Schedule);
    check(&|t| t.manifest.sealed_at = moment(1059), StepName::Schedule);
    check(&|t| t.manifest.sealed_at = moment(1079), StepName::Draw);
    check(&|t| t.manifest.sealed_at = moment(1082), StepName::Schedule);
    check(&|t| t.manifest.leaves += 1, StepName::Leaves);
    check(&|t| t.manifest.weight += 1, StepName::Leaves);
    check(&|t| t.manifest.root = Hex([1; 32]), StepName::Root);
    check(&|t| t.leaves.swap(0, 1), StepName::Leaves);
    check(&|t| t.leaves[1] = t.leaves[0], StepName::Leaves);
    // A ticket more than the rules give, with everything else made to fit.
    let heavier = |t: &mut Transcript| {
        let old = *t.leaves.iter().find(|leaf| leaf.weight() == 1).unwrap();
        let mut bytes = *old.as_bytes();
        bytes[51] = 2;
        let place = t.leaves.iter().position(|leaf| *leaf == old).unwrap();
        t.leaves[place] = Leaf::from_bytes(bytes);
        t.manifest.weight += 1;
        t.manifest.root = draw::merkle::root(t.leaves.iter().map(Leaf::as_bytes));
    };
    check(&heavier, StepName::Leaves);
}

#[test]
fn a_live_draw_needs_its_lead() {
    let rehearsal = Rehearsal::default();
    let mut transcript = rehearsal.drawn();
    transcript.rules.chain = Chain::Quicknet.hash();
    transcript.rules.round = Chain::Quicknet.round_at_or_after(transcript.rules.draw_at);
    transcript.manifest.chain = transcript.rules.chain;
    transcript.manifest.round = transcript.rules.round;
    transcript.manifest.rules = transcript.rules.hash();
    transcript.beacon = BeaconRecord::new(&Chain::Quicknet, transcript.rules.round, Hex([0; 48]));
    let report = report(&signed_anew(transcript, &rehearsal));
    let (step, reason) = report.failed().unwrap();
    assert_eq!(step, StepName::Rules);
    assert!(reason.contains("lead_seconds"), "{reason}");
}

#[test]
fn a_late_commitment_is_valid_with_a_warning() {
    // Sealed a day after the freeze: the planned round is long known and may not be used.
    let transcript = Rehearsal { delay: 86_400, ..Rehearsal::default() }.drawn();
    assert!(transcript.manifest.late);
    assert!(transcript.manifest.round > transcript.rules.round);
    let at = sandbox().chain().time_of(transcript.manifest.round).unwrap();
    assert!(at >= transcript.manifest.sealed_at.checked_add(20).unwrap());
    let report = report(&transcript);
    assert_eq!(report.failed(), None);
    assert!(report.has_warning(StepName::Schedule));
}

#[test]
fn another_sandbox_cannot_take_the_place_of_the_one_named() {
    let rehearsal = Rehearsal::default();
    let mut transcript = rehearsal.drawn();
    let period_seconds = NonZeroU32::new(5).unwrap();
    let other = Chain::Sandbox(SandboxChain { period_seconds, ..sandbox_chain() });
    let BeaconRecord { round, signature, .. } = transcript.beacon;
    transcript.beacon = BeaconRecord::new(&other, round, signature);
    assert_eq!(report(&transcript).failed().unwrap().0, StepName::Chain);
}

#[test]
fn unknown_and_missing_members_are_refused_everywhere() {
    let whole = serde_json::to_value(Rehearsal::default().replaced()).unwrap();
    let objects = [
        "",
        "/rules",
        "/rules/units/0",
        "/rules/weight",
        "/rules/eligibility",
        "/manifest",
        "/beacon",
        "/beacon/sandbox",
        "/successions/0",
    ];
    for object in objects {
        let mut extended = whole.clone();
        let members = extended.pointer_mut(object).unwrap().as_object_mut().unwrap();
        let names: Vec<String> = members.keys().cloned().collect();
        members.insert("note".to_owned(), json!("trust me"));
        let failed = rejected_at(&serde_json::to_vec(&extended).unwrap());
        assert_eq!(failed, Some(StepName::Format), "an extra member in {object:?}");
        for name in names {
            let mut cut = whole.clone();
            cut.pointer_mut(object).unwrap().as_object_mut().unwrap().remove(&name);
            let failed = rejected_at(&serde_json::to_vec(&cut).unwrap());
            assert_eq!(failed, Some(StepName::Format), "no {name} in {object:?}");
        }
    }
}

#[test]
fn files_that_are_no_transcript_are_told_apart() {
    let malformed = |bytes: &[u8]| matches!(Transcript::read(bytes), Err(ReadError::Malformed(_)));
    assert!(malformed(b""));
    assert!(malformed(b"hello"));
    assert!(malformed(b"handsel/transcript/v2\0"));
    assert!(malformed(b"handsel/transcript/v1\0\xff\xff\xff\xff\xff\xff\xff\xff{}"));
    assert!(malformed(b"{\"format\":"));
    assert!(malformed(format!("{{\"log\":{}", "[".repeat(100_000)).as_bytes()));
    let whole = Rehearsal::default().drawn().to_json();
    assert!(malformed(&whole[..whole.len() - 1]));
    assert!(malformed(&[&whole[..], b"{}"].concat()));
    for shape in ["{}", "[]", "7", "null", "\"handsel\""] {
        let result = Transcript::read(shape.as_bytes());
        assert!(matches!(result, Err(ReadError::Shape(_))), "{shape}");
        assert_eq!(rejected_at(shape.as_bytes()), Some(StepName::Format), "{shape}");
    }
}

#[test]
fn a_file_cannot_write_to_the_terminal_through_messages() {
    let hostile = format!("{{\"\u{1b}[2J VALID \u{9b}{}\":1}}", "!".repeat(10_000));
    let escaped = serde_json::to_vec(&json!({ "\u{1b}[2J VALID": 1 })).unwrap();
    for file in [hostile.as_bytes(), &escaped] {
        let message = match verify_reader(file, &Options::default()) {
            Ok(report) => report.failed().unwrap().1.to_owned(),
            Err(error) => error.to_string(),
        };
        assert!(!message.contains(char::is_control), "{message:?}");
        assert!(message.chars().count() < 500, "{message:?}");
    }
}

#[test]
fn both_forms_of_a_transcript_say_the_same() {
    for persons in [0, 1, 40] {
        let transcript = Rehearsal { persons, ..Rehearsal::default() }.drawn();
        let mut json = Vec::new();
        transcript.write_json(&mut json).unwrap();
        assert_eq!(json, transcript.to_json());
        let mut compact = Vec::new();
        transcript.write_compact(&mut compact).unwrap();
        assert_eq!(Transcript::read(&json[..]).unwrap(), transcript);
        assert_eq!(Transcript::read(&compact[..]).unwrap(), transcript);
        for length in 0..compact.len() {
            assert!(Transcript::read(&compact[..length]).is_err(), "cut to {length} bytes");
        }
        compact.push(0);
        assert!(Transcript::read(&compact[..]).is_err());
    }
}

#[test]
fn a_count_of_leaves_that_is_a_lie_costs_nothing() {
    let transcript = Rehearsal { persons: 0, ..Rehearsal::default() }.drawn();
    let mut compact = Vec::new();
    transcript.write_compact(&mut compact).unwrap();
    let count = compact.len() - 8;
    compact[count..].copy_from_slice(&u64::MAX.to_be_bytes());
    assert!(matches!(Transcript::read(&compact[..]), Err(ReadError::Malformed(_))));
}

#[test]
fn numbers_at_their_limits_are_judged_and_not_computed_with() {
    for pointer in ["/rules/alternates", "/rules/review_seconds", "/rules/lead_seconds"] {
        assert_eq!(rejected_with(pointer, json!(u32::MAX)), Some(StepName::Rules), "{pointer}");
    }
    assert_eq!(rejected_with("/rules/round", json!(u64::MAX)), Some(StepName::Rules));
    assert_eq!(rejected_with("/beacon/round", json!(u64::MAX)), Some(StepName::Beacon));
    assert_eq!(rejected_with("/words", json!(u64::MAX)), Some(StepName::Draw));
    assert_eq!(rejected_with("/words", json!(-1)), Some(StepName::Format));

    let rehearsal = Rehearsal { alternates: u32::MAX, ..Rehearsal::default() };
    assert_eq!(report(&rehearsal.drawn()).failed(), None, "as many alternates as there are");
    let mut transcript = rehearsal.drawn();
    transcript.manifest.round = u64::MAX;
    assert!(report(&signed_anew(transcript, &rehearsal)).failed().is_some());
}

/// Where the members of a transcript stand in its JSON.
fn parts(transcript: &Transcript, json: &[u8]) -> Vec<Range<usize>> {
    fn part(json: &[u8], name: &str, value: &impl Serialize) -> Range<usize> {
        let member = format!("\"{name}\":{}", serde_json::to_string(value).unwrap());
        let start = std::str::from_utf8(json).unwrap().find(&member).unwrap();
        start..start + member.len()
    }
    vec![
        part(json, "leaves", &transcript.leaves),
        part(json, "manifest", &transcript.manifest),
        part(json, "signature", &transcript.signature),
        part(json, "picks", &transcript.picks),
        part(json, "successions", &transcript.successions),
        part(json, "rules", &transcript.rules),
        part(json, "public_key", &transcript.public_key),
        part(json, "beacon", &transcript.beacon),
    ]
}

/// Changing one byte must give a rejection that names its step, or something that is no JSON.
fn check_changed_byte(json: &[u8], place: usize, byte: u8) -> Result<(), TestCaseError> {
    prop_assume!(json[place] != byte);
    let mut changed = json.to_vec();
    changed[place] = byte;
    match verify_reader(&changed[..], &Options::default()) {
        Ok(report) => {
            let context = String::from_utf8_lossy(&changed[place.saturating_sub(30)..=place]);
            prop_assert!(report.failed().is_some(), "accepted …{}", context);
            prop_assert_eq!(report.verdict(), Verdict::Rejected);
            prop_assert!(report.winners.is_empty());
        }
        Err(error) => {
            prop_assert!(matches!(error, ReadError::Malformed(_)), "{}", error);
            prop_assert!(serde_json::from_slice::<Value>(&changed).is_err());
        }
    }
    Ok(())
}

/// A byte that often keeps the JSON whole.
fn replacement() -> impl Strategy<Value = u8> {
    prop_oneof![
        prop::sample::select(b"0123456789abcdef".as_slice()),
        prop::sample::select(b"ABCDEF gZ-\"\\:,".as_slice()),
        any::<u8>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_changed_byte_of_a_leaf_the_manifest_the_signature_or_a_winner_is_rejected(
        part in any::<prop::sample::Index>(),
        place in any::<prop::sample::Index>(),
        byte in replacement(),
    ) {
        let transcript = Rehearsal::default().replaced();
        let json = transcript.to_json();
        let range = part.get(&parts(&transcript, &json)).clone();
        check_changed_byte(&json, range.start + place.index(range.len()), byte)?;
    }

    #[test]
    fn any_changed_byte_of_the_whole_document_is_rejected(
        place in any::<prop::sample::Index>(),
        byte in replacement(),
    ) {
        let json = Rehearsal::default().replaced().to_json();
        check_changed_byte(&json, place.index(json.len()), byte)?;
    }

    #[test]
    fn any_changed_byte_of_the_compact_form_is_rejected(
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut compact = Vec::new();
        Rehearsal::default().replaced().write_compact(&mut compact).unwrap();
        let place = place.index(compact.len());
        prop_assume!(compact[place] != byte);
        compact[place] = byte;
        if let Ok(report) = verify_reader(&compact[..], &Options::default()) {
            prop_assert!(report.failed().is_some());
        }
    }

    #[test]
    fn any_changed_leaf_fails_at_the_leaves_or_their_root(
        person in any::<prop::sample::Index>(),
        bit in 0..LEAF_BYTES * 8,
    ) {
        let mut transcript = Rehearsal::default().drawn();
        let index = person.index(transcript.leaves.len());
        let mut bytes = *transcript.leaves[index].as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        transcript.leaves[index] = Leaf::from_bytes(bytes);
        let report = report(&transcript);
        let (step, _) = report.failed().unwrap();
        prop_assert!(step == StepName::Leaves || step == StepName::Root, "{}", step);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = verify_reader(&bytes[..], &Options::default());
        let compact = [b"handsel/transcript/v1\0".as_slice(), &bytes].concat();
        prop_assert!(verify_reader(&compact[..], &Options::default()).is_err());
    }
}
