//! The campaign: every point of every flow, every pair of points, then whatever a seed leads to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream::FuturesUnordered};
use rand::{
    RngExt as _, SeedableRng as _,
    rngs::StdRng,
    seq::{IndexedRandom as _, SliceRandom as _},
};

use crate::{
    cast::Cast,
    flows::Flow,
    known_bad::Variant,
    life::Life,
    oracle,
    points::{Hits, Manner, Strike},
    world::Engine,
};

/// Cases in one world: a world that grows old makes every look at it slower.
const CASES_PER_WORLD: u64 = 40;

/// Undisturbed cases of each flow: enough that chance has led everywhere.
const UNDISTURBED: u32 = 4;

/// This part of the cases after those with one strike are pairs; the others are by chance.
const PAIRS: f64 = 0.2;

/// Longer than it takes until what the bank did last is seen by the sweeps.
const BANKS_LAST_WORD_SECONDS: i64 = 180;

/// Strikes planned for one case by chance. Some of their points the case does not come to.
const STRIKES: usize = 12;

/// What a campaign is told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// On which database.
    pub engine: Engine,
    /// What every choice follows from.
    pub seed: u64,
    /// How long it goes on after every point was struck.
    pub until: Until,
    /// Which flows.
    pub flows: Vec<Flow>,
    /// At most so many points of each flow are struck on their own, chosen by the seed; all if none.
    pub singles: Option<usize>,
    /// Which part of the points is struck on its own, and of how many: all unless others do the rest.
    pub share: (u64, u64),
    /// Instances of the whole at a time.
    pub instances: usize,
    /// What is wrong on purpose.
    pub variant: Option<Variant>,
    /// How long something may take that goes on by itself.
    pub patience: Duration,
}

impl Plan {
    /// Whether a strike of a single point is in our share. By its name, because the points that a world
    /// comes to are not quite the same each time.
    fn is_ours(&self, case: &Case) -> bool {
        let mut hash = DefaultHasher::new();
        let strikes = case.stages.iter().flatten();
        strikes.for_each(|strike| (&strike.point, strike.manner).hash(&mut hash));
        hash.finish() % self.share.1 == self.share.0
    }

    /// Every flow on one instance of applications that are right.
    pub fn new(engine: Engine, seed: u64, until: Until) -> Self {
        Self {
            engine,
            seed,
            until,
            flows: Flow::ALL.to_vec(),
            singles: None,
            share: (0, 1),
            instances: 1,
            variant: None,
            patience: crate::PATIENCE,
        }
    }
}

/// When a campaign ends by itself.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// When so much time has passed.
    Passed(Duration),
    /// After so many more cases.
    Cases(u64),
}

/// One case: a flow, and what fails in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// What people do.
    pub flow: Flow,
    /// What every choice in it follows from.
    pub seed: u64,
    /// What fails: one stage after the other, and what is in one stage in any order.
    pub stages: Vec<Vec<Strike>>,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Hits of every point.
    pub hits: BTreeMap<String, Hits>,
    /// How many of each flow came to their end.
    pub completed: BTreeMap<Flow, u64>,
    /// Points that each flow comes to.
    pub points: BTreeMap<Flow, Vec<String>>,
    /// Pairs of points that were tried, and that there are.
    pub pairs: (u64, u64),
    /// Cases.
    pub cases: u64,
    /// Processes that were started.
    pub starts: u64,
    /// What went wrong: the campaign ends with the first.
    pub failure: Option<Failure>,
}

/// A case that went wrong.
#[derive(Debug)]
pub struct Failure {
    /// The seed of its world.
    pub seed: u64,
    /// The case.
    pub case: Case,
    /// What was wrong.
    pub wrong: Vec<String>,
}

impl Outcome {
    /// Adds what came out elsewhere.
    fn add(&mut self, other: Self) {
        for (point, hits) in other.hits {
            self.hits.entry(point).or_default().add(hits);
        }
        for (flow, done) in other.completed {
            *self.completed.entry(flow).or_default() += done;
        }
        for (flow, points) in other.points {
            let known = self.points.entry(flow).or_default();
            let new: Vec<_> = points.into_iter().filter(|point| !known.contains(point)).collect();
            known.extend(new);
        }
        self.pairs = (self.pairs.0 + other.pairs.0, self.pairs.1.max(other.pairs.1));
        self.cases += other.cases;
        self.starts += other.starts;
        self.failure = self.failure.take().or(other.failure);
    }
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.flow.as_str(), self.seed)?;
        self.stages.iter().try_for_each(|stage| {
            let stage: Vec<String> = stage.iter().map(Strike::to_string).collect();
            write!(f, ":{}", stage.join("|"))
        })
    }
}

impl std::str::FromStr for Case {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut parts = text.split(':');
        let mut next = || parts.next().ok_or_else(|| anyhow::anyhow!("`{text}` is no case"));
        let name = next()?;
        let flow = Flow::ALL.into_iter().find(|flow| flow.as_str() == name);
        let flow = flow.ok_or_else(|| anyhow::anyhow!("`{name}` is no flow"))?;
        let seed = next()?.parse()?;
        let stage = |part: &str| part.split('|').map(str::parse).collect();
        Ok(Self { flow, seed, stages: parts.map(stage).collect::<anyhow::Result<_>>()? })
    }
}

/// Runs a campaign in so many worlds side by side, each with a seed of its own and its share of the
/// single points: most of a case is waiting. It ends with the first violation, or when its time is over.
///
/// # Errors
/// When the world around it cannot be had.
pub async fn run_worlds(
    plan: &Plan,
    worlds: u64,
    progress: impl Fn(&Outcome) + Copy,
) -> anyhow::Result<Outcome> {
    let mut running: FuturesUnordered<_> = (0..worlds.max(1))
        .map(async |n| {
            let seed = plan.seed.wrapping_add(n);
            run(&Plan { seed, share: (n, worlds.max(1)), ..plan.clone() }, progress).await
        })
        .collect();
    let mut whole = Outcome::default();
    while let Some(outcome) = running.next().await {
        whole.add(outcome?);
        if whole.failure.is_some() {
            break;
        }
    }
    Ok(whole)
}

/// Runs a campaign in one world after the other. It ends with the first violation, or when its time
/// is over.
///
/// # Errors
/// When the world around it cannot be had.
pub async fn run(plan: &Plan, mut progress: impl FnMut(&Outcome)) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut stage = Stage::new(plan, &mut rng).await?;
    let (mut singles, mut pairs) = (VecDeque::new(), Vec::new());
    for flow in &plan.flows {
        // Undisturbed first: it must go well, and shows which points there are.
        let mut points = BTreeSet::new();
        for _ in 0..UNDISTURBED {
            let case = Case { flow: *flow, seed: rng.random(), stages: vec![] };
            if !stage.play(&case, &mut outcome).await? {
                return Ok(outcome);
            }
            points.extend(stage.passed.iter().filter(|name| is_ours(name)).cloned());
        }
        let points: Vec<String> = points.into_iter().collect();
        let mut alone = each(plan.engine, *flow, &points, &mut rng);
        alone.retain(|case| plan.is_ours(case));
        if let Some(at_most) = plan.singles {
            alone.shuffle(&mut rng);
            alone.truncate(at_most);
        }
        singles.extend(alone);
        pairs.extend(each_pair(plan.engine, *flow, &points, &mut rng));
    }
    pairs.shuffle(&mut rng);
    outcome.pairs.1 = pairs.len() as u64;
    let (mut began, mut more) = (Instant::now(), 0);
    loop {
        if !singles.is_empty() {
            began = Instant::now();
        }
        let is_over = match plan.until {
            Until::Passed(time) => began.elapsed() >= time,
            Until::Cases(cases) => more >= cases,
        };
        let case = match singles.pop_front() {
            Some(case) => case,
            None if is_over => break,
            None => {
                more += 1;
                // Neither waits for the end of the other.
                let pair = if rng.random_bool(PAIRS) { pairs.pop() } else { None };
                outcome.pairs.0 += u64::from(pair.is_some());
                pair.unwrap_or_else(|| at_random(plan, &outcome, &mut rng))
            }
        };
        if outcome.cases.is_multiple_of(CASES_PER_WORLD) {
            outcome.starts += stage.starts();
            stage = Stage::new(plan, &mut rng).await?;
        }
        if !stage.play(&case, &mut outcome).await? {
            break;
        }
        progress(&outcome);
    }
    outcome.starts += stage.starts();
    Ok(outcome)
}

/// Plays one case in a world of its own.
///
/// # Errors
/// When the world around it cannot be had.
pub async fn repeat(plan: &Plan, case: &Case) -> anyhow::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut stage = Stage::new(plan, &mut rng).await?;
    stage.play(case, &mut outcome).await?;
    Ok(outcome)
}

/// A world with its cast.
struct Stage {
    seed: u64,
    life: Life,
    cast: Cast,
    /// The points that the last case came to.
    passed: Vec<String>,
}

impl Stage {
    async fn new(plan: &Plan, rng: &mut StdRng) -> anyhow::Result<Self> {
        let life = Life::begin(plan).await?;
        let cast = Cast::gather(&life, rng).await?;
        life.points.take();
        Ok(Self { seed: plan.seed, life, cast, passed: vec![] })
    }

    fn starts(&self) -> u64 {
        self.life.starts.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Plays a case and asks the oracles. False when something was wrong.
    async fn play(&mut self, case: &Case, outcome: &mut Outcome) -> anyhow::Result<bool> {
        tracing::info!(%case, "plays");
        let mut rng = StdRng::seed_from_u64(case.seed);
        self.life.points.plan(case.stages.clone());
        let played = case.flow.run(&self.life, &self.cast, &mut rng).await;
        // What did not come in time does not disturb the next case.
        self.life.points.plan([]);
        let mut rested = self.life.rest().await;
        self.life.world.bank.heal().await?;
        let hits = self.life.points.take();
        self.passed = hits.keys().cloned().collect();
        let known = outcome.points.entry(case.flow).or_default();
        // What only a fault leads to is found on the way, and is struck from then on.
        let new = self.passed.iter().filter(|name| is_ours(name) && !known.contains(name));
        known.extend(new.cloned().collect::<Vec<_>>());
        for (point, hits) in hits {
            outcome.hits.entry(point).or_default().add(hits);
        }
        outcome.cases += 1;
        let mut wrong = oracle::violations(&self.life).await?;
        if !wrong.is_empty() && played.is_ok() && rested.is_ok() {
            // The bank may have gone on by itself since then. What is really wrong stays wrong.
            self.life.pass(BANKS_LAST_WORD_SECONDS)?;
            rested = self.life.rest().await;
            wrong = oracle::violations(&self.life).await?;
        }
        match (&played, rested) {
            (Ok(done), Ok(())) => *outcome.completed.entry(case.flow).or_default() += done,
            (Err(error), _) => wrong.push(format!("{error:#}")),
            (_, Err(error)) => wrong.push(format!("{error:#}")),
        }
        if wrong.is_empty() {
            return Ok(true);
        }
        outcome.failure = Some(Failure { seed: self.seed, case: case.clone(), wrong });
        Ok(false)
    }
}

/// Boundaries of what is not about money: mails, counters, and looking.
fn is_ours(point: &str) -> bool {
    let others = ["SendMails", "RenderMails", "RecordCounts", "report_counts", "send_mails"];
    !others.iter().any(|other| point.contains(other))
}

/// Each point, in each manner that fits it.
fn each(engine: Engine, flow: Flow, points: &[String], rng: &mut StdRng) -> Vec<Case> {
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

/// Some manner that fits a point: mostly a death, which is hardest to survive.
fn one_manner(engine: Engine, point: &str, rng: &mut StdRng) -> Manner {
    let others = [Manner::Break, Manner::Fill, Manner::Lose];
    let other = others.choose(rng).copied().filter(|manner| manner.fits(engine, point));
    if rng.random_bool(0.6) { Manner::Die } else { other.unwrap_or(Manner::Break) }
}

/// Each pair of points, the second after what the first led to.
fn each_pair(engine: Engine, flow: Flow, points: &[String], rng: &mut StdRng) -> Vec<Case> {
    let mut alone = |point: &String| {
        vec![Strike { point: point.clone(), nth: 1, manner: one_manner(engine, point, rng) }]
    };
    let mut pairs = Vec::new();
    for first in points {
        pairs.extend(points.iter().map(|second| vec![alone(first), alone(second)]));
    }
    pairs.into_iter().map(|stages| Case { flow, seed: rng.random(), stages }).collect()
}

/// Several strikes, mostly at points that were struck least; some wherever it happens.
fn at_random(plan: &Plan, outcome: &Outcome, rng: &mut StdRng) -> Case {
    let hits = |point: &String| outcome.hits.get(point).copied().unwrap_or_default();
    let neglect = |point: &String| (1.0 + hits(point).struck() as f64).powi(-2);
    // A case is worth its time where it comes to neglected points often.
    let cases = outcome.cases.max(1) as f64;
    let often = |point: &String| (hits(point).passed as f64 / cases).min(1.0);
    let worth = |flow: &Flow| -> f64 {
        let points = outcome.points.get(flow).into_iter().flatten();
        points.map(|point| neglect(point) * often(point)).sum()
    };
    let behind = |flow: &&Flow| outcome.completed.get(*flow).copied().unwrap_or(0);
    let flow = match rng.random_range(0..10) {
        0 => plan.flows.iter().min_by_key(behind),
        1..9 => plan.flows.choose_weighted(rng, worth).ok(),
        _ => plan.flows.choose(rng),
    };
    let flow = flow.copied().unwrap_or(Flow::Publish);
    let points = outcome.points.get(&flow).map(Vec::as_slice).unwrap_or_default();
    let stage: Vec<Strike> = (0..rng.random_range(0..=STRIKES))
        .map(|_| {
            let (point, most) = match rng.random_range(0..10) {
                0 => (None, 300),
                1 => (points.choose(rng), 4),
                _ => (points.choose_weighted(rng, neglect).ok(), 2),
            };
            let point = point.cloned().unwrap_or_else(|| "*".to_owned());
            let manner = one_manner(plan.engine, &point, rng);
            Strike { point, nth: rng.random_range(1..=most), manner }
        })
        .collect();
    let stages = if stage.is_empty() { vec![] } else { vec![stage] };
    Case { flow, seed: rng.random(), stages }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_read_as_it_is_written() {
        for text in ["fund:1", "settle:42:die@a#1:break@b#2", "void:7:die@a#1|lose@b.commit#2"] {
            assert_eq!(text.parse::<Case>().unwrap().to_string(), text);
        }
        for wrong in ["fund", "nothing:1", "fund:x", "fund:1:", "fund:1:die@a#1|"] {
            assert!(wrong.parse::<Case>().is_err(), "{wrong}");
        }
    }
}
