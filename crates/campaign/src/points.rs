//! Fail points: every boundary between a process and its database, the provider or another service
//! has a name, is counted, and can be struck. Which there are is found by running; none is listed
//! by hand, so none can be forgotten.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
    str::FromStr,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;
use platform::boundary::{Broken, Moment, Watch};
use tokio_util::sync::CancellationToken;

use crate::{ground::Ground, world::Engine};

/// How a point fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Manner {
    /// The process ends there, as it does under `kill -9`.
    Die,
    /// The connection breaks there. After a commit or a provider's effect, the outcome is unknown.
    Break,
    /// The disk is full from there on, for a while: SQLite's files cannot grow.
    Fill,
    /// PostgreSQL commits and its answer is lost, by a proxy that closes the connection.
    Lose,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Die, Self::Break, Self::Fill, Self::Lose];

    /// Its name, as in `die@redeem.commit#1`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Die => "die",
            Self::Break => "break",
            Self::Fill => "fill",
            Self::Lose => "lose",
        }
    }

    /// Whether a point can fail like that: the disk is full before a transaction, an answer is lost
    /// after its commit was asked for.
    pub fn fits(self, engine: Engine, point: &str) -> bool {
        match self {
            Self::Die | Self::Break => true,
            Self::Fill => engine == Engine::Sqlite && point.ends_with(".begin"),
            Self::Lose => engine == Engine::Postgres && point.ends_with(".commit"),
        }
    }
}

/// The `nth` time that something comes to a point, it fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Strike {
    /// The point's name, or `*` for whatever comes.
    pub point: String,
    /// Counted from one, since its stage began.
    pub nth: u32,
    /// How it fails.
    pub manner: Manner,
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}#{}", self.manner.as_str(), self.point, self.nth)
    }
}

impl FromStr for Strike {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let wrong = || anyhow::anyhow!("`{text}` is no strike, as `die@redeem.commit#1` is one");
        let (manner, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (point, nth) = rest.rsplit_once('#').ok_or_else(wrong)?;
        let manner = Manner::ALL.into_iter().find(|known| known.as_str() == manner);
        let manner = manner.ok_or_else(wrong)?;
        Ok(Self { point: point.to_owned(), nth: nth.parse()?, manner })
    }
}

/// What happened at a point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// How often something came by.
    pub passed: u64,
    /// How often a process ended there.
    pub died: u64,
    /// How often the connection broke there.
    pub broke: u64,
    /// How often the disk was full from there on.
    pub filled: u64,
    /// How often the answer to a commit was lost.
    pub lost: u64,
}

impl Hits {
    /// How often the point failed.
    pub const fn struck(self) -> u64 {
        self.died + self.broke + self.filled + self.lost
    }

    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.died += other.died;
        self.broke += other.broke;
        self.filled += other.filled;
        self.lost += other.lost;
    }
}

/// All points, and the plan of what is to fail.
#[derive(Debug, Default)]
pub struct Points(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    hits: BTreeMap<String, Hits>,
    /// What is left of each stage. The first one is on.
    plan: VecDeque<Vec<Strike>>,
}

impl Points {
    /// Stages of strikes, one after the other. Those of one stage come in any order, and the next
    /// stage counts from the last of them on.
    pub fn plan(&self, stages: impl IntoIterator<Item = Vec<Strike>>) {
        self.with(|state| {
            state.plan = stages.into_iter().filter(|stage| !stage.is_empty()).collect();
        });
    }

    /// What happened at each point since the last time that this was asked.
    pub fn take(&self) -> BTreeMap<String, Hits> {
        self.with(|state| std::mem::take(&mut state.hits))
    }

    fn reach(&self, name: &str) -> Option<Manner> {
        self.with(|state| {
            let hits = state.hits.entry(name.to_owned()).or_default();
            hits.passed += 1;
            let stage = state.plan.front_mut()?;
            let mut due = None;
            for (place, strike) in stage.iter_mut().enumerate() {
                if strike.point == name || strike.point == "*" {
                    strike.nth = strike.nth.saturating_sub(1);
                    due = due.or((strike.nth == 0).then_some(place));
                }
            }
            let manner = stage.remove(due?).manner;
            if stage.is_empty() {
                state.plan.pop_front();
            }
            match manner {
                Manner::Die => hits.died += 1,
                Manner::Break => hits.broke += 1,
                Manner::Fill => hits.filled += 1,
                Manner::Lose => hits.lost += 1,
            }
            Some(manner)
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The points as one process comes to them.
#[derive(Clone, Debug)]
pub struct Watcher {
    points: Arc<Points>,
    ground: Arc<Ground>,
    /// Cancelled when the process has ended.
    death: CancellationToken,
}

impl Watcher {
    /// The points for a new process.
    pub fn new(points: Arc<Points>, ground: Ground) -> Self {
        Self { points, ground: Arc::new(ground), death: CancellationToken::new() }
    }

    /// Whether the process has ended at a point, and a way to wait for it.
    pub const fn death(&self) -> &CancellationToken {
        &self.death
    }

    /// What the process stands on.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Comes to a point. Does not return when the process ends there or has ended.
    ///
    /// # Errors
    /// When the connection breaks there.
    pub async fn reach(&self, name: &str) -> Result<(), Broken> {
        if !self.death.is_cancelled() {
            self.ground.passed();
            let Some(manner) = self.points.reach(name) else { return Ok(()) };
            match manner {
                Manner::Break => return Err(Broken),
                Manner::Die => self.death.cancel(),
                Manner::Fill => self.ground.fill().await,
                Manner::Lose => self.ground.lose_next(),
            }
            if manner != Manner::Die {
                return Ok(());
            }
        }
        std::future::pending().await
    }
}

#[async_trait]
impl Watch for Watcher {
    async fn reached(&self, transaction: &str, moment: Moment) -> Result<(), Broken> {
        self.reach(&format!("{transaction}.{}", moment.as_str())).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_come_in_order_and_are_counted() {
        let points = Points::default();
        points.plan(["break@a#2", "die@b#1"].map(|strike| vec![strike.parse().unwrap()]));
        let came: Vec<_> = ["b", "a", "b", "a", "a", "b"].map(|name| points.reach(name)).into();
        let (broke, died) = (Some(Manner::Break), Some(Manner::Die));
        assert_eq!(came, [None, None, None, broke, None, died]);
        assert_eq!(points.reach("b"), None, "nothing is left of the plan");
        let hits = points.take();
        assert_eq!(hits["a"], Hits { passed: 3, broke: 1, ..Hits::default() });
        assert_eq!(hits["b"].struck(), 1);
        assert!(points.take().is_empty());
    }

    #[test]
    fn the_strikes_of_a_stage_come_in_any_order() {
        let points = Points::default();
        points.plan([["break@a#2", "die@b#1"].map(|strike| strike.parse().unwrap()).to_vec()]);
        let came: Vec<_> = ["a", "b", "b", "c", "a", "a"].map(|name| points.reach(name)).into();
        let (broke, died) = (Some(Manner::Break), Some(Manner::Die));
        assert_eq!(came, [None, died, None, None, broke, None]);
    }

    #[test]
    fn a_strike_is_written_as_it_is_read() {
        let strike: Strike = "die@redeem.commit#3".parse().unwrap();
        assert_eq!(strike.to_string(), "die@redeem.commit#3");
        for bad in ["redeem.commit", "die@x", "kill@x#1", "die@x#y"] {
            assert!(bad.parse::<Strike>().is_err(), "{bad}");
        }
    }
}
