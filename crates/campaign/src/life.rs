//! A world with a process in it that is started again whenever it ends, and requests that are made
//! again until they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::Context as _;
use http::{Method, StatusCode};
use jiff::SignedDuration;
use platform::Db;
use sea_orm::{ConnectionTrait as _, Statement};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::{
    alive::{Alive, Answer, Ask, Content},
    campaign::Plan,
    points::Points,
    under_way,
    world::World,
};

/// Between two looks at something that goes on by itself.
const PAUSE: Duration = Duration::from_millis(2);

/// Looks after which the clock moves: first what needs no time is done.
const LOOKS_PER_STEP: u32 = 8;

/// How far the clock moves while everything comes to rest: the pauses between tries grow to a minute.
const STEP: SignedDuration = SignedDuration::from_secs(7);

/// Steps in which what can happen by itself happens: a quarter of an hour of the world's clock.
const SOON: u32 = 128;

/// A process that dies while it starts is started again, but not for ever.
const STARTS: u32 = 50;

/// A world that goes on.
#[derive(Debug)]
pub struct Life {
    pub(crate) world: World,
    /// The fail points of all its processes.
    pub points: Arc<Points>,
    alive: Vec<Mutex<Option<Arc<Alive>>>>,
    patience: Duration,
    /// How many processes were started since this was last asked.
    starts: AtomicU64,
}

impl Life {
    /// A new world with as many instances of the whole as planned.
    ///
    /// # Errors
    /// When its databases or its bank cannot be had.
    pub async fn begin(plan: &Plan) -> anyhow::Result<Self> {
        Ok(Self {
            world: World::new(plan.engine, plan.variant).await?,
            patience: plan.patience,
            points: Arc::default(),
            alive: (0..plan.instances.max(1)).map(|_| Mutex::default()).collect(),
            starts: AtomicU64::new(0),
        })
    }

    /// The answer to a request, which is made again until there is one: after the process ended, and
    /// after an answer that says nothing about what happened. To the `n`-th instance, or another.
    pub(crate) async fn ask_at(&self, n: usize, ask: &Ask) -> anyhow::Result<Answer> {
        let began = Instant::now();
        for tries in 0_u32.. {
            let alive = self.alive(n).await?;
            if let Some(answer) = alive.send(ask).await
                && !says_nothing(&answer)
            {
                return Ok(answer);
            }
            anyhow::ensure!(began.elapsed() < self.patience, "{} is never answered", ask.path);
            tokio::time::sleep(PAUSE).await;
            if tries % LOOKS_PER_STEP == LOOKS_PER_STEP - 1 {
                self.world.clock.advance(STEP)?;
            }
        }
        anyhow::bail!("unreachable")
    }

    /// [`Life::ask_at`] of the first instance.
    pub(crate) async fn ask(&self, ask: &Ask) -> anyhow::Result<Answer> {
        self.ask_at(0, ask).await
    }

    /// A request with an answer that must be a success.
    pub(crate) async fn done(&self, ask: &Ask) -> anyhow::Result<Value> {
        let answer = self.ask(ask).await?;
        anyhow::ensure!(answer.status.is_success(), "{}: {answer:?}", ask.path);
        Ok(answer.body)
    }

    /// Lets others do something, for a moment in which the world's clock stands still.
    pub(crate) async fn moment(&self) {
        tokio::time::sleep(PAUSE).await;
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) -> anyhow::Result<()> {
        self.world.clock.advance(SignedDuration::from_secs(seconds))
    }

    /// Waits until nothing is under way, with time passing, whatever ends or breaks meanwhile.
    ///
    /// # Errors
    /// When it does not come to rest: says what is under way.
    pub async fn rest(&self) -> anyhow::Result<()> {
        let (began, mut quiet) = (Instant::now(), 0);
        for look in 1_u32.. {
            for n in 0..self.alive.len() {
                self.alive(n).await?;
            }
            let under_way = self.under_way().await?;
            quiet = if under_way.is_empty() { quiet + 1 } else { 0 };
            // Twice: what ends something may begin something else.
            if quiet >= 2 {
                return Ok(());
            }
            anyhow::ensure!(
                began.elapsed() < self.patience,
                "does not come to rest: {}",
                under_way.join(", ")
            );
            tokio::time::sleep(PAUSE).await;
            if look % LOOKS_PER_STEP == 0 {
                self.world.clock.advance(STEP)?;
            }
        }
        Ok(())
    }

    /// Waits until a query over one of the databases says so, with the processes kept alive.
    pub(crate) async fn until(&self, what: &str, db: &Db, sql: &str) -> anyhow::Result<()> {
        let began = Instant::now();
        for look in 1_u32.. {
            for n in 0..self.alive.len() {
                self.alive(n).await?;
            }
            if count(db, sql).await? == 0 {
                return Ok(());
            }
            anyhow::ensure!(began.elapsed() < self.patience, "it never happens that {what}");
            tokio::time::sleep(PAUSE).await;
            if look % LOOKS_PER_STEP == 0 {
                self.world.clock.advance(SignedDuration::from_secs(1))?;
            }
        }
        Ok(())
    }

    /// Waits until a member of what is shown has a value.
    pub(crate) async fn until_shown(
        &self,
        ask: &Ask,
        member: &str,
        value: &str,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        while self.done(ask).await?[member] != value {
            anyhow::ensure!(
                began.elapsed() < self.patience,
                "the {member} of {} never becomes {value}",
                ask.path
            );
            tokio::time::sleep(PAUSE).await;
            self.world.clock.advance(SignedDuration::from_secs(1))?;
        }
        Ok(())
    }

    /// Whether a query over one of the databases comes to count nothing within a few minutes of the
    /// world's clock.
    pub(crate) async fn soon(&self, db: &Db, sql: &str) -> anyhow::Result<bool> {
        for _ in 0..SOON {
            for n in 0..self.alive.len() {
                self.alive(n).await?;
            }
            if count(db, sql).await? == 0 {
                return Ok(true);
            }
            tokio::time::sleep(PAUSE * LOOKS_PER_STEP).await;
            self.world.clock.advance(STEP)?;
        }
        Ok(false)
    }

    /// How many processes were started since this was last asked.
    pub fn starts(&self) -> u64 {
        self.starts.swap(0, Ordering::Relaxed)
    }

    /// Ends every process as it is.
    pub async fn kill(&self) {
        for alive in &self.alive {
            if let Some(alive) = alive.lock().await.take() {
                self.bury(&alive);
            }
        }
    }

    /// The instance, started if it has ended.
    async fn alive(&self, n: usize) -> anyhow::Result<Arc<Alive>> {
        let n = n % self.alive.len();
        let mut slot = self.alive[n].lock().await;
        if let Some(alive) = slot.as_ref().filter(|alive| !alive.watcher.death().is_cancelled()) {
            return Ok(alive.clone());
        }
        if let Some(dead) = slot.take() {
            self.bury(&dead);
        }
        for _ in 0..STARTS {
            self.starts.fetch_add(1, Ordering::Relaxed);
            if let Some(alive) = Alive::start(&self.world, &self.points, n).await? {
                let alive = Arc::new(alive);
                *slot = Some(alive.clone());
                return Ok(alive);
            }
        }
        anyhow::bail!("the process does not start")
    }

    /// Ends a process for good. The bank's messages must not keep what has ended, nor the file that it
    /// holds.
    fn bury(&self, alive: &Alive) {
        self.world.bank.front.set(None);
        alive.kill();
    }

    /// What is not over, by what each service knows.
    async fn under_way(&self) -> anyhow::Result<Vec<String>> {
        // After a jump of the clock everything that has become due is under way too.
        let now_ms = self.world.clock.now_ms();
        let mut found =
            what_is_there(&self.world.giveaway, &under_way::at_giveaway(now_ms)).await?;
        found.extend(what_is_there(&self.world.giftcard, &under_way::at_giftcard(now_ms)).await?);
        Ok(found)
    }
}

/// Whether an answer says nothing about what happened, or asks to come again.
fn says_nothing(answer: &Answer) -> bool {
    answer.status.is_server_error()
        || answer.status == StatusCode::TOO_MANY_REQUESTS
        || (answer.status == StatusCode::CONFLICT
            && matches!(answer.body["code"].as_str(), Some("idempotency_key_in_use")))
}

/// The one number that a query counts, as `n`.
pub(crate) async fn count(db: &Db, sql: &str) -> anyhow::Result<i64> {
    let statement = Statement::from_string(db.engine(), sql);
    let row = db.read().query_one_raw(statement).await?.context("a count has a row")?;
    Ok(row.try_get("", "n")?)
}

/// What a query counts, by name, without what there is none of.
async fn what_is_there(db: &Db, sql: &str) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for row in db.read().query_all_raw(Statement::from_string(db.engine(), sql)).await? {
        let (what, n): (String, i64) = (row.try_get("", "what")?, row.try_get("", "n")?);
        if n > 0 {
            found.push(format!("{n} {what}"));
        }
    }
    Ok(found)
}

/// A GET.
pub(crate) fn get(path: impl Into<String>, token: &str) -> Ask {
    ask(Method::GET, path, token, "", Value::Null)
}

/// A POST under a key; none when it is empty.
pub(crate) fn post(path: impl Into<String>, token: &str, key: &str, body: Value) -> Ask {
    ask(Method::POST, path, token, key, body)
}

/// A PUT.
pub(crate) fn put(path: impl Into<String>, token: &str, body: Value) -> Ask {
    ask(Method::PUT, path, token, "", body)
}

fn ask(method: Method, path: impl Into<String>, token: &str, key: &str, body: Value) -> Ask {
    Ask {
        method,
        path: path.into(),
        token: token.to_owned(),
        key: key.to_owned(),
        body: Content::Json(body),
    }
}
