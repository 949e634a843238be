//! What is played next, and what fails in it.

use std::collections::BTreeSet;

use rand::{
    RngExt as _,
    rngs::StdRng,
    seq::{IndexedMutRandom as _, IndexedRandom as _, SliceRandom as _},
};

use crate::{
    campaign::{Case, Outcome},
    flows::Flow,
    points::{Manner, Strike},
    world::Engine,
};

/// Strikes planned for one case by chance. Some of their points the case does not come to.
const STRIKES: usize = 12;

/// Boundaries of what is not about money: mails, counters, and looking.
pub(crate) fn is_ours(point: &str) -> bool {
    let others = ["SendMails", "RenderMails", "RecordCounts", "report_counts", "send_mails"];
    !others.iter().any(|other| point.contains(other))
}

/// Each point, in each manner that fits it.
pub(crate) fn each(engine: Engine, flow: Flow, points: &[String], rng: &mut StdRng) -> Vec<Case> {
    let of = |point: &String, manner, rng: &mut StdRng| Case {
        flow,
        seed: rng.random(),
        stages: vec![vec![Strike { point: point.clone(), nth: rng.random_range(1..=2), manner }]],
    };
    let mut cases = Vec::new();
    for point in points {
        let fitting = Manner::ALL.into_iter().filter(|manner| manner.fits(engine, point));
        cases.extend(fitting.map(|manner| of(point, manner, rng)));
    }
    cases
}

/// Each pair of points, the second after what the first led to.
pub(crate) fn each_pair(
    engine: Engine,
    flow: Flow,
    points: &[String],
    rng: &mut StdRng,
) -> Vec<Case> {
    let mut pairs = Vec::new();
    for first in points {
        for second in points {
            let stages = [first, second].map(|point| vec![strike(engine, point, 1, rng)]).to_vec();
            pairs.push(Case { flow, seed: rng.random(), stages });
        }
    }
    pairs
}

/// Several strikes, mostly at points that were struck least; some wherever it happens. None of the
/// seeds that were played in this world: one seed leads to the same idempotency keys.
pub(crate) fn at_random(
    engine: Engine,
    flows: &[Flow],
    outcome: &Outcome,
    played: &BTreeSet<u64>,
    rng: &mut StdRng,
) -> Case {
    let again = rng.random_bool(0.7);
    let neglected = again.then(|| after_another(engine, flows, outcome, played, rng)).flatten();
    neglected.unwrap_or_else(|| by_flow(engine, flows, outcome, rng))
}

/// A case that came to a neglected point, again, with a strike there: some points are come to only by
/// what failed before.
fn after_another(
    engine: Engine,
    flows: &[Flow],
    outcome: &Outcome,
    played: &BTreeSet<u64>,
    rng: &mut StdRng,
) -> Option<Case> {
    let known: Vec<&String> =
        flows.iter().filter_map(|flow| outcome.points.get(flow)).flatten().collect();
    let point = *known.choose_weighted(rng, |point| neglect(outcome, point).powi(2)).ok()?;
    let fits = |way: &&Case| flows.contains(&way.flow) && !played.contains(&way.seed);
    let ways: Vec<&Case> = outcome.ways.get(point)?.iter().filter(fits).collect();
    let mut case = (*ways.choose(rng)?).clone();
    let mut more = some(engine, case.flow, outcome, rng);
    more.push(strike(engine, point, 1, rng));
    match case.stages.last_mut() {
        Some(last) => last.extend(more),
        None => case.stages.push(more),
    }
    // What is not needed for the way goes again.
    while case.stages.iter().map(Vec::len).sum::<usize>() > 2 * STRIKES {
        let stage = case.stages.choose_mut(rng)?;
        stage.shuffle(rng);
        stage.pop();
        case.stages.retain(|stage| !stage.is_empty());
    }
    Some(case)
}

/// A flow that is worth its time, from the start.
fn by_flow(engine: Engine, flows: &[Flow], outcome: &Outcome, rng: &mut StdRng) -> Case {
    let worth = |flow: &Flow| -> f64 {
        let points = outcome.points.get(flow).into_iter().flatten();
        points.map(|point| neglect(outcome, point) * often(outcome, point)).sum()
    };
    let behind = |flow: &&Flow| outcome.completed.get(*flow).copied().unwrap_or(0);
    let flow = match rng.random_range(0..10) {
        0..2 => flows.iter().min_by_key(behind),
        2..9 => flows.choose_weighted(rng, worth).ok(),
        _ => flows.choose(rng),
    };
    let flow = flow.copied().unwrap_or(Flow::Publish);
    let strikes = some(engine, flow, outcome, rng);
    let stages = if strikes.is_empty() { vec![] } else { vec![strikes] };
    Case { flow, seed: rng.random(), stages }
}

/// Some strikes at points of a flow.
fn some(engine: Engine, flow: Flow, outcome: &Outcome, rng: &mut StdRng) -> Vec<Strike> {
    let points = outcome.points.get(&flow).map(Vec::as_slice).unwrap_or_default();
    let worth = |point: &String| neglect(outcome, point) * often(outcome, point);
    (0..rng.random_range(0..=STRIKES))
        .map(|_| {
            let (point, most) = match rng.random_range(0..10) {
                0 => (None, 300),
                1 => (points.choose(rng), 4),
                _ => (points.choose_weighted(rng, worth).ok(), 2),
            };
            let point = point.map_or("*", String::as_str);
            let nth = rng.random_range(1..=most);
            strike(engine, point, nth, rng)
        })
        .collect()
}

/// How little a point was struck: the rarest points decide how long a campaign has to be. Where a case is
/// made for one point this counts twice, because that case comes there; of many strikes in a case most
/// would be at points that it does not come to.
fn neglect(outcome: &Outcome, point: &str) -> f64 {
    let struck = outcome.hits.get(point).map_or(0, |hits| hits.struck());
    (1.0 + struck as f64).powi(-3)
}

/// How much of the cases comes to a point.
fn often(outcome: &Outcome, point: &str) -> f64 {
    let passed = outcome.hits.get(point).map_or(0, |hits| hits.passed);
    (passed as f64 / outcome.cases.max(1) as f64).min(1.0)
}

/// A point in some manner that fits it: mostly a death, which is hardest to survive.
fn strike(engine: Engine, point: &str, nth: u32, rng: &mut StdRng) -> Strike {
    let others = [Manner::Break, Manner::Fill, Manner::Lose];
    let other = others.choose(rng).copied().filter(|manner| manner.fits(engine, point));
    let manner = if rng.random_bool(0.6) { Manner::Die } else { other.unwrap_or(Manner::Break) };
    Strike { point: point.to_owned(), nth, manner }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    fn again(outcome: &Outcome, rng: &mut StdRng) -> Option<Case> {
        after_another(Engine::Sqlite, &[Flow::Fund], outcome, &BTreeSet::new(), rng)
    }

    #[test]
    fn a_seed_that_was_played_is_not_played_again() {
        let rng = &mut StdRng::seed_from_u64(7);
        let mut outcome = Outcome::default();
        outcome.points.insert(Flow::Fund, vec!["rare".to_owned()]);
        outcome.ways.entry("rare".to_owned()).or_default().push_front("fund:9".parse().unwrap());
        let other = |played: u64, rng: &mut StdRng| {
            let played = BTreeSet::from([played]);
            after_another(Engine::Sqlite, &[Flow::Fund], &outcome, &played, rng)
        };
        assert!(other(9, rng).is_none());
        assert!(other(8, rng).is_some());
    }

    #[test]
    fn a_neglected_point_is_struck_on_a_way_that_led_to_it() {
        let rng = &mut StdRng::seed_from_u64(7);
        let way: Case = "fund:9:break@before#1".parse().unwrap();
        let mut outcome = Outcome::default();
        outcome.points.insert(Flow::Fund, vec!["before".to_owned(), "rare".to_owned()]);
        outcome.hits.entry("before".to_owned()).or_default().broke = 1000;
        outcome.ways.entry("rare".to_owned()).or_default().push_front(way.clone());
        for _ in 0..100 {
            let case = again(&outcome, rng).unwrap();
            assert_eq!((case.flow, case.seed), (way.flow, way.seed));
            let strikes: Vec<_> = case.stages.iter().flatten().collect();
            assert!(strikes.contains(&&way.stages[0][0]), "the way is kept: {case}");
            assert!(strikes.iter().any(|s| s.point == "rare" && s.nth == 1), "{case}");
        }
    }

    #[test]
    fn a_case_does_not_grow_for_ever() {
        let rng = &mut StdRng::seed_from_u64(7);
        let mut outcome = Outcome::default();
        outcome.points.insert(Flow::Fund, vec!["rare".to_owned()]);
        outcome.ways.entry("rare".to_owned()).or_default().push_front("fund:9".parse().unwrap());
        for _ in 0..100 {
            let case = again(&outcome, rng).unwrap();
            let strikes = case.stages.iter().flatten().count();
            assert!((1..=2 * STRIKES).contains(&strikes), "{case}");
            outcome.ways.entry("rare".to_owned()).or_default().push_front(case);
        }
    }
}
