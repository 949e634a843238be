//! Several tills at once at the same few cards, while what is due expires: what they were told and
//! what is written afterwards must be what some order of their steps, one after the other, leads to.

use std::collections::HashSet;

use proptest::prelude::*;

use super::{
    Meets, Step, at_a_till, begin, end,
    model::{Books, DONE, Model},
    run, step,
};
use crate::tests::world::World;

/// Fewer than steps, so that they stand in each other's way.
const NAMES: u8 = 3;
const LANES: usize = 4;
const STEPS: usize = 4;
const CASES: u32 = 16;

/// What one of the crowd did, and what it was told.
#[derive(Clone, Debug)]
enum Did {
    Asked(Step, String),
    /// The scan may come to it at any moment of the others.
    ExpiredAuthorisation(u8),
    ExpiredCard(usize),
}

impl Did {
    /// Whether the model, here, says the same.
    fn is_told(&self, model: &mut Model) -> bool {
        match self {
            Self::Asked(step, told) => return model.apply(step) == told,
            Self::ExpiredAuthorisation(name) => model.expire_authorisation(*name),
            Self::ExpiredCard(card) => model.expire_card(*card),
        }
        true
    }
}

/// The model after some order of the steps in which everybody was told what they were told, and
/// which ends as the real rows do. Places that were come to before are not searched again: steps that
/// do not meet lead there by many ways.
fn explained(
    model: &Model,
    lanes: &[Vec<Did>],
    rows: &Books,
    done: &mut Vec<usize>,
    seen: &mut HashSet<(Vec<usize>, Books)>,
) -> Option<Model> {
    if !seen.insert((done.clone(), model.books.clone())) {
        return None;
    }
    if lanes.iter().zip(done.iter()).all(|(lane, done)| lane.len() == *done) {
        return (model.books == *rows).then(|| model.clone());
    }
    for lane in 0..lanes.len() {
        let Some(did) = lanes[lane].get(done[lane]) else { continue };
        let mut after = model.clone();
        if did.is_told(&mut after) {
            done[lane] += 1;
            let end = explained(&after, lanes, rows, done, seen);
            done[lane] -= 1;
            if end.is_some() {
                return end;
            }
        }
    }
    None
}

async fn all_at_once(
    world: &World,
    (before, days, lanes): (Vec<Step>, i64, Vec<Vec<Step>>),
) -> Result<(), TestCaseError> {
    let (mut life, mut model) = begin(world).await;
    // All of a card is set aside in two parts: whoever ends the last one leaves it used up.
    let parts = [0, 1].map(|name| Step::Authorise { card: 0, name, minor: 300, hours: 100 });
    for step in parts.iter().chain(&before).chain([&Step::Pass { minutes: days * 24 * 60 }]) {
        prop_assert_eq!(&life.take(step).await, model.apply(step), "before: {:?}", step);
    }
    let lane = async |steps: &Vec<Step>| {
        let mut told = vec![];
        for step in steps {
            told.push(Did::Asked(step.clone(), life.ask(step).await));
        }
        told
    };
    let expiring = async {
        for scan in [Step::ExpireAuthorisations, Step::ExpireCards] {
            assert_eq!(life.ask(&scan).await, DONE);
        }
    };
    let (mut did, ()) = tokio::join!(futures::future::join_all(lanes.iter().map(lane)), expiring);
    // What was not there when the scan began is not its to expire.
    let names = model.books.authorisations.keys();
    did.extend(names.map(|name| vec![Did::ExpiredAuthorisation(*name)]));
    did.extend((0..model.books.cards.len()).map(|card| vec![Did::ExpiredCard(card)]));
    let rows = life.books().await;
    let mut done = vec![0; did.len()];
    let after = explained(&model, &did, &rows, &mut done, &mut HashSet::new());
    prop_assert!(
        after.is_some(),
        "no order explains {:#?}\nfrom {:#?}\nto {:#?}",
        did,
        model,
        rows
    );
    let mut model = after.unwrap_or_default();
    // Two instances send what is due at the same moment, and the bank's list is read meanwhile.
    let sends = world.bank.sends().len();
    tokio::join!(world.send_due(), world.send_due(), world.sweep());
    model.apply(&Step::SendDue { meets: Meets::Pay, are_lookups_lost: false });
    model.apply(&Step::Sweep);
    prop_assert!(world.bank.sends().len() <= sends + 1, "it was sent more than once");
    prop_assert_eq!(&life.books().await, &model.books, "after all was sent");
    end(&mut life, &mut model).await
}

#[test]
fn a_crowd_is_told_what_some_order_explains() {
    let before = prop::collection::vec(step(), 0..8);
    let days = prop::sample::select(vec![0, 8, super::model::VALIDITY_DAYS]);
    let ends = prop_oneof![
        2 => (0..2_u8).prop_map(|name| Step::Capture { name, minor: None, redemption: None }),
        1 => (0..2_u8).prop_map(|name| Step::Release { name }),
        1 => (0..2_u8).prop_map(|name| Step::Reverse { name, minor: None }),
    ];
    let lane = prop::collection::vec(prop_oneof![at_a_till(NAMES), ends], 1..=STEPS);
    run(CASES, &(before, days, prop::collection::vec(lane, 2..=LANES)), all_at_once);
}
