//! A fleet under faults: whole stories are told to it, several at a time, while its processes, what they stand
//! on and the connections between them go and come back.
//!
//! A story is `handsel demo --fleet`: from the top-up to the settlement, as people would do it, with an audit at
//! its end. One that meets a process that dies ends early and is gone on with; one whose people come too late,
//! because nobody served them in time, is given up and counted. Nothing of it may show in the books.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::Context as _;
use futures::future::try_join_all;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use testkit::{
    fleet::{Application, Fleet, PATIENCE, Running},
    server_database,
    watching::Watching,
};
use tokio::process::Command;

/// A shell script that restarts the server of [`testkit::POSTGRES_ENV`] as a crash does; `bin/campaign` has one.
pub const POSTGRES_RESTART_ENV: &str = "HANDSEL_TEST_POSTGRES_RESTART";

/// Entrants of one story.
const ROWS: &str = "150";

/// A story is begun, and gone on with, at most so often.
const RUNS: u32 = 8;

/// Before a story goes on: whoever died is mostly back by then.
const REST: Duration = Duration::from_secs(2);

/// How long somebody stands still: mostly longer than the leases of calls and sagas, fifteen seconds, so that
/// it is a ghost when it goes on.
const STILL_SECONDS: std::ops::RangeInclusive<u64> = 8..=32;

/// Longer than the waits and leases of whatever goes on by itself, and than the claims of stories that were
/// given up.
const AT_REST: Duration = Duration::from_secs(300);

/// What a story says when it was not answered, or too late.
const EXCUSES: [&str; 11] = [
    "error sending request",
    "error decoding response body",
    "in vain: ",
    "was answered with 5",
    "too_many_requests",
    "idempotency_key_in_use",
    // Its audit asks the database itself.
    "error communicating with database",
    "terminating connection",
    "cannot connect to PostgreSQL",
    // Entries closed, or a prize's time to be claimed ended, while nobody was served.
    "giveaway_closed",
    "expired",
];

/// Between two looks at whether everything has come to rest.
const LOOK: Duration = Duration::from_secs(2);

/// People who watch each story, one for each way to do it.
const WATCHERS: u32 = 3;

/// What a campaign is told.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The program.
    pub handsel: PathBuf,
    /// What faults and stories follow from. When what happens is up to the machine.
    pub seed: u64,
    /// For how long faults happen.
    pub time: Duration,
    /// Stories at a time.
    pub stories: u64,
}

/// What happens to a fleet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// An instance dies.
    Kill(usize, usize),
    /// An instance is stopped as for an upgrade.
    Stop(usize, usize),
    /// An instance stands still for a while, and goes on as if nothing had been.
    Freeze(usize, usize),
    /// The bank dies.
    KillBank,
    /// Redis dies.
    KillRedis,
    /// PostgreSQL dies.
    KillDatabase,
    /// Every connection to PostgreSQL ends.
    CutDatabase,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How often what happened.
    pub faults: BTreeMap<Fault, u64>,
    /// Stories that came to their end, with clean books.
    pub told: u64,
    /// Runs that ended early and were gone on with.
    pub resumed: u64,
    /// Stories that were given up, by what stopped them last.
    pub late: BTreeMap<String, u64>,
    /// What is wrong.
    pub wrong: Vec<String>,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = |application: usize| Application::ALL[application].name();
        match *self {
            Self::Kill(application, n) => write!(f, "kill {} {}", name(application), n + 1),
            Self::Stop(application, n) => write!(f, "stop {} {}", name(application), n + 1),
            Self::Freeze(application, n) => write!(f, "freeze {} {}", name(application), n + 1),
            Self::KillBank => f.write_str("kill bank"),
            Self::KillRedis => f.write_str("kill redis"),
            Self::KillDatabase => f.write_str("kill postgresql"),
            Self::CutDatabase => f.write_str("cut connections to postgresql"),
        }
    }
}

impl Outcome {
    /// For people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .faults
            .iter()
            .map(|(fault, n)| format!("{:<40}{n:>6}", fault.to_string()))
            .collect();
        lines.push(format!(
            "{} stories told, gone on with {} times, {} given up",
            self.told,
            self.resumed,
            self.late.values().sum::<u64>()
        ));
        lines.extend(self.late.iter().map(|(reason, n)| format!("  given up {n} times: {reason}")));
        lines.extend(self.wrong.iter().map(|wrong| format!("wrong: {wrong}")));
        lines
    }
}

/// Runs a campaign. What it came to stands in `outcome` at any time, also when it is interrupted.
///
/// # Errors
/// When the fleet cannot be had.
pub async fn run(plan: &Plan, outcome: &Mutex<Outcome>) -> anyhow::Result<()> {
    let database = server_database().await.context("it needs a PostgreSQL server")?;
    let mut fleet = Fleet::prepare(&plan.handsel, database).await;
    let mut running = fleet.start().await;
    let until = Instant::now() + plan.time;
    let place = Place { folder: fleet.folder().to_owned(), gateways: fleet.gateways() };
    let stories =
        (0..plan.stories).map(|n| tell_all(plan, &place, n, until, outcome)).collect::<Vec<_>>();
    let struck = async {
        let mut rng = StdRng::seed_from_u64(plan.seed);
        while Instant::now() < until {
            let fault = choose(&mut rng);
            let missing = strike(fault, &mut fleet, &mut running, &mut rng).await?;
            note(outcome, |outcome| {
                *outcome.faults.entry(fault).or_default() += 1;
                outcome.wrong.extend(missing);
            });
            tokio::time::sleep(Duration::from_millis(rng.random_range(200..4_000))).await;
        }
        anyhow::Ok(())
    };
    let (told, struck) = tokio::join!(try_join_all(stories), struck);
    told?;
    struck?;
    let at_rest = at_rest(&fleet).await;
    note(outcome, |outcome| outcome.wrong.extend(at_rest));
    for (application, pair) in Application::ALL.into_iter().zip(&mut running.applications) {
        for (n, process) in pair.iter_mut().enumerate() {
            if !process.stop().await {
                let words = fleet.last_words(application, n);
                let wrong = format!("{} did not end well: {words}", application.name());
                note(outcome, |outcome| outcome.wrong.push(wrong));
            }
        }
    }
    let wrong = wrong_in(&fleet);
    note(outcome, |outcome| {
        outcome.wrong.extend(wrong);
        if outcome.told == 0 {
            outcome.wrong.push("no story came to its end".to_owned());
        }
    });
    Ok(())
}

fn note(outcome: &Mutex<Outcome>, change: impl FnOnce(&mut Outcome)) {
    change(&mut outcome.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Waits until nothing is under way any more and the books say that nothing is wrong, or for so long that it
/// will not get right.
async fn at_rest(fleet: &Fleet) -> Option<String> {
    let deadline = Instant::now() + AT_REST;
    loop {
        let wrong = wrong_in(fleet);
        if wrong.is_none() || Instant::now() > deadline {
            return wrong;
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn wrong_in(fleet: &Fleet) -> Option<String> {
    let output = fleet.audit();
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.success() {
        true => None,
        false => Some(format!("{} {}", said(&output.stdout), said(&output.stderr))),
    }
}

/// How a story ended.
enum End {
    Told,
    Late(String),
    Wrong(String),
}

/// Where stories are told, and watched.
struct Place {
    folder: PathBuf,
    gateways: Vec<String>,
}

/// One story after the other, until the time is over. No two have the same seed.
async fn tell_all(
    plan: &Plan,
    place: &Place,
    n: u64,
    until: Instant,
    outcome: &Mutex<Outcome>,
) -> anyhow::Result<()> {
    let mut seed = plan.seed.wrapping_add(n);
    while Instant::now() < until {
        let (runs, end) = tell(&plan.handsel, place, seed).await?;
        note(outcome, |outcome| {
            outcome.resumed += u64::from(runs.saturating_sub(1));
            match end {
                End::Told => outcome.told += 1,
                End::Late(reason) => *outcome.late.entry(reason).or_default() += 1,
                End::Wrong(wrong) => outcome.wrong.push(format!("story {seed}: {wrong}")),
            }
        });
        seed = seed.wrapping_add(plan.stories);
    }
    Ok(())
}

/// Returns in how many runs it was told, and how it ended. Those who watch it have to see the same.
async fn tell(handsel: &Path, place: &Place, seed: u64) -> anyhow::Result<(u32, End)> {
    let Place { folder, .. } = place;
    let (data, number) = (format!("story-{seed}"), seed.to_string());
    let mut reason = String::new();
    let mut crowd = None;
    for runs in 1..=RUNS {
        let mut command = Command::new(handsel);
        command.args(["demo", "--fleet", "fleet.json", "--data", &data, "--seed", &number]);
        command.args(["--rows", ROWS, "--json"]).current_dir(folder).kill_on_drop(true);
        let mut told = Box::pin(command.stdin(Stdio::null()).output());
        let output = loop {
            tokio::select! {
                output = &mut told => break output?,
                () = tokio::time::sleep(REST / 4), if crowd.is_none() => {
                    crowd = watch(place, &folder.join(&data));
                }
            }
        };
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().last().unwrap_or_default();
        match output.status.code() {
            Some(0) => return Ok((runs, watched(crowd).await)),
            Some(2) if is_nobodys_fault(last) => reason = named(last),
            _ => {
                let told = String::from_utf8_lossy(&output.stdout);
                return Ok((runs, End::Wrong(format!("{last} {told}"))));
            }
        }
        tokio::time::sleep(REST).await;
    }
    Ok((RUNS, End::Late(reason)))
}

/// A crowd that watches a story's giveaway, once there is one.
fn watch(place: &Place, data: &Path) -> Option<Watching> {
    let known = std::fs::read(data.join("demo.json")).ok()?;
    let known: serde_json::Value = serde_json::from_slice(&known).ok()?;
    let room = format!("giveaway:{}", known["giveaway"].as_str()?);
    Some(Watching::start(&place.gateways, &room, WATCHERS))
}

/// How a story that was told ended for those who watched it.
async fn watched(crowd: Option<Watching>) -> End {
    let Some(crowd) = crowd else { return End::Wrong("nobody could watch".to_owned()) };
    let seen = crowd.seen().await;
    if seen.agrees && seen.has_ended {
        return End::Told;
    }
    End::Wrong(format!("those who watched it do not agree: {}", seen.report))
}

/// Whether a story ended because nobody answered, or not in time. Whatever else it says is a finding.
fn is_nobodys_fault(error: &str) -> bool {
    EXCUSES.iter().any(|excuse| error.contains(excuse))
}

/// What stopped a story, without the ids and numbers that no two stories have in common.
fn named(error: &str) -> String {
    let is_name = |word: &&str| !word.chars().any(|c| c.is_ascii_digit());
    error.split_whitespace().filter(is_name).collect::<Vec<_>>().join(" ")
}

fn choose(rng: &mut StdRng) -> Fault {
    let (application, n) = (rng.random_range(0..Application::ALL.len()), rng.random_range(0..2));
    // The instances together fail as often as what they all stand on.
    let faults = [
        Fault::Kill(application, n),
        Fault::Kill(application, n),
        Fault::Stop(application, n),
        Fault::Freeze(application, n),
        Fault::KillBank,
        Fault::KillRedis,
        Fault::KillDatabase,
        Fault::CutDatabase,
    ];
    let can_restart = std::env::var_os(POSTGRES_RESTART_ENV).is_some();
    let possible = faults.into_iter().filter(|fault| can_restart || *fault != Fault::KillDatabase);
    possible.collect::<Vec<_>>().choose(rng).copied().unwrap_or(Fault::CutDatabase)
}

/// Lets something fail, and waits until it is back. Returns what had ended by itself before.
async fn strike(
    fault: Fault,
    fleet: &mut Fleet,
    running: &mut Running,
    rng: &mut StdRng,
) -> anyhow::Result<Vec<String>> {
    tracing::info!(%fault, "strikes");
    let mut wrong = Vec::new();
    for (application, pair) in running.applications.iter_mut().enumerate() {
        for (n, process) in pair.iter_mut().enumerate() {
            if process.has_ended() {
                let of = Application::ALL[application];
                let words = fleet.last_words(of, n);
                wrong.push(format!("{} {} ended by itself: {words}", of.name(), n + 1));
                *process = fleet.start_one(of, n);
            }
        }
    }
    let short = Duration::from_millis(rng.random_range(0..3_000));
    match fault {
        Fault::Kill(application, n) => {
            let process = &mut running.applications[application][n];
            process.signal("KILL");
            tokio::time::sleep(short).await;
            *process = fleet.start_one(Application::ALL[application], n);
            is_back(fleet, application, n).await?;
        }
        Fault::Stop(application, n) => {
            let process = &mut running.applications[application][n];
            if !process.stop().await {
                let words = fleet.last_words(Application::ALL[application], n);
                wrong.push(format!("{fault}: it did not end well: {words}"));
            }
            *process = fleet.start_one(Application::ALL[application], n);
            is_back(fleet, application, n).await?;
        }
        Fault::Freeze(application, n) => {
            let process = &running.applications[application][n];
            process.signal("STOP");
            tokio::time::sleep(Duration::from_secs(rng.random_range(STILL_SECONDS))).await;
            process.signal("CONT");
            is_back(fleet, application, n).await?;
        }
        Fault::KillBank => {
            running.bank.signal("KILL");
            tokio::time::sleep(short).await;
            running.bank = fleet.start_bank();
        }
        Fault::KillRedis => {
            fleet.redis().kill();
            tokio::time::sleep(short).await;
            fleet.redis().start_again().await;
            all_are_back(fleet).await?;
        }
        Fault::KillDatabase => {
            let restart = std::env::var_os(POSTGRES_RESTART_ENV).unwrap_or_default();
            let restarted = Command::new("sh").arg(restart).stdout(Stdio::null()).status().await?;
            anyhow::ensure!(restarted.success(), "PostgreSQL does not start again");
            all_are_back(fleet).await?;
        }
        Fault::CutDatabase => {
            let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                       WHERE datname = current_database() AND pid <> pg_backend_pid()";
            fleet.database().execute(cut).await;
            all_are_back(fleet).await?;
        }
    }
    Ok(wrong)
}

async fn is_back(fleet: &Fleet, application: usize, n: usize) -> anyhow::Result<()> {
    let application = Application::ALL[application];
    let ports = fleet.ports(application, n);
    let deadline = Instant::now() + PATIENCE;
    while !fleet.is_ready(ports).await {
        anyhow::ensure!(
            Instant::now() < deadline,
            "{} {} is not ready again",
            application.name(),
            n + 1
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn all_are_back(fleet: &Fleet) -> anyhow::Result<()> {
    for application in 0..Application::ALL.len() {
        for n in 0..2 {
            is_back(fleet, application, n).await?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_told_without_what_is_of_one_story() {
        let error = "error: the phase claim failed: waited 90 s in vain: a winner's mail";
        assert_eq!(
            named(error),
            "error: the phase claim failed: waited s in vain: a winner's mail"
        );
        assert!(is_nobodys_fault(error));
        assert!(!is_nobodys_fault(
            "error: the phase settle failed: 7 was settled, but 8 was redeemed"
        ));
        assert_eq!(Fault::Kill(1, 0).to_string(), "kill giftcard-api 1");
    }
}
