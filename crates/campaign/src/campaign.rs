//! The campaign: every point of every flow, every pair of points, then whatever a seed leads to.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::SliceRandom as _};

use crate::{
    cast::Cast,
    choice::{at_random, each, each_pair, is_ours},
    flows::Flow,
    known_bad::Variant,
    life::Life,
    oracle,
    points::{Hits, Strike},
    world::Engine,
};

/// Cases in one world: a world that grows old makes every look at it slower.
const CASES_PER_WORLD: usize = 40;

/// Undisturbed cases of each flow: enough that chance has led everywhere.
const UNDISTURBED: u32 = 4;

/// This part of the cases after those with one strike are pairs; the others are by chance.
const PAIRS: f64 = 0.2;

/// So many cases are known of each point that came to it.
const WAYS: usize = 8;

/// Longer than it takes until what the bank did last is seen by the sweeps.
const BANKS_LAST_WORD_SECONDS: i64 = 180;

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
    /// The last cases that came to each point.
    pub ways: BTreeMap<String, VecDeque<Case>>,
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

/// What came out until now, of all worlds together: it can be read at any time, so that a campaign that
/// is interrupted has a report too, and every world strikes what all of them neglected.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Outcome>);

impl Tally {
    /// Looks at it, or changes it.
    pub fn with<T>(&self, work: impl FnOnce(&mut Outcome) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// What came out.
    pub fn take(&self) -> Outcome {
        self.with(std::mem::take)
    }

    fn has_failed(&self) -> bool {
        self.with(|outcome| outcome.failure.is_some())
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
    tally: &Tally,
    progress: impl Fn(&Outcome) + Copy,
) -> anyhow::Result<()> {
    let mut running: FuturesUnordered<_> = (0..worlds.max(1))
        .map(async |n| {
            let seed = plan.seed.wrapping_add(n);
            let plan = Plan { seed, share: (n, worlds.max(1)), ..plan.clone() };
            let world = AssertUnwindSafe(run(&plan, tally, progress)).catch_unwind();
            world.await.unwrap_or_else(|_| anyhow::bail!("the world of seed {seed} panicked"))
        })
        .collect();
    while let Some(ended) = running.next().await {
        ended?;
        if tally.has_failed() {
            break;
        }
    }
    Ok(())
}

/// Runs a campaign in one world after the other. It ends with the first violation, or when its time
/// is over.
///
/// # Errors
/// When the world around it cannot be had.
pub async fn run(plan: &Plan, tally: &Tally, progress: impl Fn(&Outcome)) -> anyhow::Result<()> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut stage = Stage::new(plan, tally, &mut rng).await?;
    let (mut singles, mut pairs) = (VecDeque::new(), Vec::new());
    for flow in &plan.flows {
        // Undisturbed first: it must go well, and shows which points there are.
        let mut points = BTreeSet::new();
        for _ in 0..UNDISTURBED {
            let case = Case { flow: *flow, seed: rng.random(), stages: vec![] };
            if !stage.play(&case, tally).await? {
                return Ok(());
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
    tally.with(|outcome| outcome.pairs.1 = outcome.pairs.1.max(pairs.len() as u64));
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
                tally.with(|outcome| {
                    outcome.pairs.0 += u64::from(pair.is_some());
                    pair.unwrap_or_else(|| {
                        at_random(plan.engine, &plan.flows, outcome, &stage.seeds, &mut rng)
                    })
                })
            }
        };
        if stage.seeds.len() >= CASES_PER_WORLD {
            let old = std::mem::replace(&mut stage, Stage::new(plan, tally, &mut rng).await?);
            // To remove its databases takes the server a while, in which other worlds go on.
            tokio::task::spawn_blocking(move || drop(old)).await?;
        }
        if !stage.play(&case, tally).await? {
            break;
        }
        tally.with(|outcome| progress(outcome));
    }
    Ok(())
}

/// Plays one case in a world of its own.
///
/// # Errors
/// When the world around it cannot be had.
pub async fn repeat(plan: &Plan, case: &Case, tally: &Tally) -> anyhow::Result<()> {
    let mut rng = StdRng::seed_from_u64(plan.seed);
    let mut stage = Stage::new(plan, tally, &mut rng).await?;
    stage.play(case, tally).await?;
    Ok(())
}

/// A world with its cast.
struct Stage {
    seed: u64,
    life: Life,
    cast: Cast,
    /// The seeds of the cases that it saw.
    seeds: BTreeSet<u64>,
    /// The points that the last case came to.
    passed: Vec<String>,
}

impl Stage {
    async fn new(plan: &Plan, tally: &Tally, rng: &mut StdRng) -> anyhow::Result<Self> {
        let life = Life::begin(plan).await?;
        let cast = Cast::gather(&life, rng).await?;
        life.points.take();
        tally.with(|outcome| outcome.starts += life.starts());
        Ok(Self { seed: plan.seed, life, cast, seeds: BTreeSet::new(), passed: vec![] })
    }

    /// Plays a case and asks the oracles. False when something was wrong.
    async fn play(&mut self, case: &Case, tally: &Tally) -> anyhow::Result<bool> {
        tracing::info!(%case, "plays");
        self.seeds.insert(case.seed);
        let mut rng = StdRng::seed_from_u64(case.seed);
        self.life.points.plan(case.stages.clone());
        let played = case.flow.run(&self.life, &self.cast, &mut rng).await;
        // What did not come in time does not disturb the next case.
        self.life.points.plan([]);
        let mut rested = self.life.rest().await;
        self.life.world.bank.heal().await?;
        let hits = self.life.points.take();
        self.passed = hits.keys().cloned().collect();
        tally.with(|outcome| {
            let known = outcome.points.entry(case.flow).or_default();
            // What only a fault leads to is found on the way, and is struck from then on.
            let new = self.passed.iter().filter(|name| is_ours(name) && !known.contains(name));
            known.extend(new.cloned().collect::<Vec<_>>());
            for (point, hits) in hits {
                let ways = outcome.ways.entry(point.clone()).or_default();
                ways.truncate(WAYS - 1);
                ways.push_front(case.clone());
                outcome.hits.entry(point).or_default().add(hits);
            }
            outcome.cases += 1;
            outcome.starts += self.life.starts();
        });
        let mut wrong = oracle::violations(&self.life).await?;
        if !wrong.is_empty() && played.is_ok() && rested.is_ok() {
            // The bank may have gone on by itself since then. What is really wrong stays wrong.
            self.life.pass(BANKS_LAST_WORD_SECONDS)?;
            rested = self.life.rest().await;
            wrong = oracle::violations(&self.life).await?;
        }
        let done = match (&played, &rested) {
            (Ok(done), Ok(())) => *done,
            (Err(error), _) | (_, Err(error)) => {
                wrong.push(format!("{error:#}"));
                0
            }
        };
        let is_right = wrong.is_empty();
        let failed = Failure { seed: self.seed, case: case.clone(), wrong };
        tally.with(|outcome| {
            *outcome.completed.entry(case.flow).or_default() += done;
            if !is_right {
                outcome.failure.get_or_insert(failed);
            }
        });
        Ok(is_right)
    }
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
