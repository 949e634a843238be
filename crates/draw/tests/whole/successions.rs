//! Replacing winners: the next alternate takes the unit, and nothing else is accepted.

use crate::support::{Rehearsal, leaving, moment, winners};
use draw::fixed::Hex;
use draw::ids::UnitId;
use draw::signing::InstanceKey;
use draw::succession::{Departure, Leaving, Succession, SuccessionError as Error};

#[test]
fn alternates_take_units_in_the_order_drawn_and_nobody_shifts() {
    let rehearsal = Rehearsal::default();
    let transcript = rehearsal.replaced();
    let picks = &transcript.picks;
    let mut replayed = winners(&transcript);
    for record in &transcript.successions {
        replayed.apply(record, &rehearsal.key().public_key()).unwrap();
    }
    let holders: Vec<_> = replayed.places().iter().map(|place| place.winner).collect();
    // Unit 0 passed to the first alternate and then to the third, unit 1 to the second.
    assert_eq!(holders, [Some(picks[5]), Some(picks[4]), Some(picks[2])]);
    let replacements: Vec<_> = replayed.places().iter().map(|place| place.replacements).collect();
    assert_eq!(replacements, [2, 1, 0]);
    assert_eq!(replayed.waiting(), &picks[6..]);
}

#[test]
fn without_alternates_the_unit_has_no_winner_and_cannot_pass_on() {
    let rehearsal = Rehearsal { alternates: 0, ..Rehearsal::default() };
    let transcript = rehearsal.drawn();
    let unit = transcript.manifest.units[1];
    let mut winners = winners(&transcript);
    let declined = leaving(unit, Departure::Declined, moment(5000));
    let record = winners.succeed(declined.clone(), &rehearsal.key()).unwrap();
    assert_eq!(record.to, None);
    assert_eq!(winners.places()[1].winner, None);
    assert_eq!(winners.succeed(declined, &rehearsal.key()), Err(Error::Vacant(unit)));
}

#[test]
fn units_beyond_the_picks_have_no_winner() {
    let rehearsal = Rehearsal { persons: 2, ..Rehearsal::default() };
    let transcript = rehearsal.drawn();
    let winners = winners(&transcript);
    let held = winners.places().iter().filter(|place| place.winner.is_some()).count();
    assert_eq!((held, winners.waiting()), (2, &[][..]));
}

#[test]
fn a_replacement_needs_a_reason_that_the_rules_know() {
    let rehearsal = Rehearsal::default();
    let transcript = rehearsal.drawn();
    let unit = transcript.manifest.units[0];
    let since = winners(&transcript).places()[0].since;
    let later = |seconds| since.checked_add(seconds).unwrap();
    let check = |leaving: Leaving, expected: Result<(), Error>| {
        let mut winners = winners(&transcript);
        let before = winners.clone();
        let result = winners.succeed(leaving.clone(), &rehearsal.key()).map(drop);
        assert_eq!(result, expected, "{leaving:?}");
        assert_eq!(winners == before, expected.is_err(), "a refusal changes nothing");
    };
    check(leaving(unit, Departure::Declined, since), Ok(()));
    check(leaving(unit, Departure::Lapsed, later(3600)), Ok(()));
    let early = leaving(unit, Departure::Lapsed, later(3599));
    check(early, Err(Error::StillClaimable(3600)));
    let before = draw::moment::Moment::from_unix_seconds(since.unix_seconds() - 1).unwrap();
    check(leaving(unit, Departure::Declined, before), Err(Error::BeforeSelection(since)));
    let unknown = UnitId(uuid::Uuid::from_u128(1));
    let elsewhere = leaving(unknown, Departure::Declined, since);
    check(elsewhere, Err(Error::UnknownUnit(unknown)));

    let disqualified = leaving(unit, Departure::Disqualified, since);
    let on = |ground: &str| Leaving { ground: ground.parse().ok(), ..disqualified.clone() };
    check(disqualified.clone(), Err(Error::Ground));
    check(on("bad_luck"), Err(Error::Ground));
    check(on("automated"), Ok(()));
    let declined_on_a_ground = Leaving { reason: Departure::Declined, ..on("automated") };
    check(declined_on_a_ground, Err(Error::Ground));
}

#[test]
fn only_the_one_right_record_is_replayed() {
    let rehearsal = Rehearsal::default();
    let transcript = rehearsal.replaced();
    let key = rehearsal.key().public_key();
    let right = transcript.successions[0].clone();
    let picks = &transcript.picks;
    let refuse = |record: Succession, expected: Error| {
        assert_eq!(winners(&transcript).apply(&record, &key), Err(expected));
    };
    let unsigned = || Error::Signature(draw::signing::SignatureError::Signature);
    refuse(transcript.successions[1].clone(), Error::Number { expected: 0, found: 1 });
    refuse(Succession { to: Some(picks[4]), ..right.clone() }, Error::NotNext(Some(picks[3])));
    refuse(Succession { to: None, ..right.clone() }, Error::NotNext(Some(picks[3])));
    refuse(Succession { from: picks[1], ..right.clone() }, Error::NotTheWinner(picks[0]));
    refuse(Succession { evidence: Hex([1; 32]), ..right.clone() }, unsigned());
    refuse(Succession { at: moment(5001), ..right.clone() }, unsigned());
    let lapsed = Succession { reason: Departure::Lapsed, at: moment(9000), ..right.clone() };
    refuse(lapsed, unsigned());

    let mut winners = winners(&transcript);
    let other = InstanceKey::from_seed(&[9; 32]).public_key();
    assert_eq!(winners.apply(&right, &other), Err(unsigned()));
    winners.apply(&right, &key).unwrap();
    let again = winners.apply(&right, &key);
    assert_eq!(again, Err(Error::Number { expected: 1, found: 0 }));
}
