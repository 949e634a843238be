//! `handsel audit`: what each service checks alone, and what only all books together show.
//!
//! | module | what it holds |
//! |---|---|
//! | `books` | both ledgers, each checked for itself, and what they say to be compared |
//! | `pairs` | the two legs of every escrow, one in each service's ledger |
//! | `log` | what the provider says it did |
//! | `bank` | whether our books and that log tell the same |
//!
//! It runs beside a server. Money on its way between two services is no violation while it is
//! young; see [`Age`]. Nothing is loaded as a whole: what it keeps in memory is what is wrong, and about
//! sixty bytes for each payment and transfer, because a provider lists them in an order of its own.

mod bank;
mod books;
mod log;
mod pairs;

use std::{
    collections::BTreeSet,
    fmt,
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use platform::{Clock, Shutdown};
use serde::{Serialize, Serializer};

use self::bank::Comparison;
pub(crate) use self::books::Books;
use crate::{
    cli::AuditArgs,
    config::Config,
    out,
    serve::{self, CLOCK_FILE},
};

/// How long money may be on its way before somebody should look: calls between the services are
/// retried with pauses of at most half a minute, and a settlement is swept once a minute.
const ON_ITS_WAY: SignedDuration = SignedDuration::from_mins(15);

/// Violations kept of one comparison between books; as in each check of one service.
const LISTED: usize = 100;

/// Violations named in the report; a broken ledger has more than anyone reads.
const MAX_NAMED: usize = 200;

/// Whether there may be money on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Age {
    /// Something is under way at any time; only what is old is suspicious.
    Running { now: Timestamp },
    /// All is quiet, so everything has to be in its place.
    Quiet,
}

/// Something that must never be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Violation {
    /// The number of the invariant in the design's list.
    pub(crate) invariant: u8,
    /// Whose books: `giveaway`, `giftcard`, or `together`.
    pub(crate) books: &'static str,
    /// What is wrong.
    pub(crate) what: String,
    /// The rows that say so.
    pub(crate) rows: Vec<String>,
}

/// What an audit found. As JSON it is `"clean"` or the list of violations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Audited {
    violations: BTreeSet<Violation>,
}

/// The invariants, each of which one or more checks stand for.
const INVARIANTS: [(u8, &str); 11] = [
    (1, "entries sum to zero"),
    (2, "balances are the sums of their entries"),
    (3, "nothing is below zero, and what is held is on hold"),
    (4, "card value is conserved"),
    (5, "every escrow took an allowed path, and ended once"),
    (6, "sagas took what their prizes cost, or nothing"),
    (7, "the provider's transfers are our settlements and withdrawals"),
    (8, "each redemption and reversal is settled once"),
    (9, "each payment is credited once"),
    (10, "both legs of every escrow agree"),
    (11, "nothing is stuck unseen"),
];

/// Audits and prints.
pub(crate) async fn run(args: AuditArgs) -> anyhow::Result<ExitCode> {
    let flags = serve::source_flags(&args.sources);
    let config = Config::load(args.sources.config.as_deref(), &flags)?;
    // A demo's books are dated by its own clock.
    let clock = Clock::shifted(&config.data_dir.join(CLOCK_FILE))?;
    if let Some(seconds) = args.watch {
        return watch(&config, &clock, Duration::from_secs(seconds.into()), args.json).await;
    }
    let now = clock.now();
    let age = if args.at_rest { Age::Quiet } else { Age::Running { now } };
    let audited = audit(&config, now, age).await?;
    if args.json {
        out::json(&serde_json::json!({"audit": audited}));
    } else {
        for line in audited.lines() {
            out::line(line);
        }
    }
    Ok(if audited.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Audits again and again until it is told to stop: a line for each run, with what it found. A run that
/// cannot be made is told and does not end the watch, because what it watches may be restarting.
async fn watch(
    config: &Config,
    clock: &Clock,
    every: Duration,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let shutdown = Shutdown::new();
    shutdown.on_signals()?;
    let mut is_clean = true;
    loop {
        let (now, began) = (clock.now(), Instant::now());
        let audited = tokio::select! {
            audited = audit(config, now, Age::Running { now }) => audited,
            () = shutdown.requested() => break,
        };
        match audited {
            Ok(audited) => {
                is_clean &= audited.is_clean();
                audited.tell(now, began.elapsed(), json);
            }
            Err(error) if json => {
                out::json_line(&serde_json::json!({"at": now, "error": format!("{error:#}")}));
            }
            Err(error) => out::line(format!("{now}  audit failed: {error:#}")),
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = shutdown.requested() => break,
        }
    }
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks every invariant, at a moment of the installation's clock.
///
/// # Errors
/// When the books or the bank cannot be read; violations are no error.
pub(crate) async fn audit(config: &Config, now: Timestamp, age: Age) -> anyhow::Result<Audited> {
    let books = Books::open(config).await?;
    let audited = compare(config, &books, now, age).await;
    books.close().await;
    audited
}

/// Checks every invariant in books that are open.
///
/// # Errors
/// When the books or the bank cannot be read; violations are no error.
pub(crate) async fn compare(
    config: &Config,
    books: &Books,
    now: Timestamp,
    age: Age,
) -> anyhow::Result<Audited> {
    let mut violations: BTreeSet<Violation> = books.violations(now).await?.into_iter().collect();
    violations.extend(books.unpaired(age).await?);
    let mut transfers = Comparison::new(&bank::TRANSFERS, age);
    let mut payments = Comparison::new(&bank::PAYMENTS, age);
    books.each_transfer(|booked| transfers.book(&booked)).await?;
    books.each_payment(|booked| payments.book(&booked)).await?;
    // The provider is read last: what our books have, it did before.
    let heard = log::read(config, |effect| {
        transfers.hear(&effect);
        payments.hear(&effect);
    });
    heard.await.context(
        "the provider cannot be asked what it did, so invariants 7 and 9 are not known to hold",
    )?;
    if transfers.doubts() {
        books.each_transfer(|booked| transfers.name(&booked)).await?;
    }
    if payments.doubts() {
        books.each_payment(|booked| payments.name(&booked)).await?;
    }
    violations.extend(transfers.into_violations());
    violations.extend(payments.into_violations());
    Ok(Audited { violations })
}

impl Age {
    /// Whether something that has been as it is since then is old enough to be wrong.
    pub(crate) fn is_old(self, since: Timestamp) -> bool {
        match self {
            Self::Running { now } => now.duration_since(since) > ON_ITS_WAY,
            Self::Quiet => true,
        }
    }
}

impl Audited {
    /// Whether nothing is wrong.
    pub(crate) fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// One run of a watch: a line, and one for each violation.
    fn tell(&self, at: Timestamp, took: Duration, json: bool) {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if json {
            out::json_line(&serde_json::json!({"at": at, "took_ms": took_ms, "audit": self}));
            return;
        }
        out::line(format!("{at}  audit: {self} ({took_ms} ms)"));
        for Violation { invariant, books, what, rows } in self.violations.iter().take(MAX_NAMED) {
            out::line(format!("{invariant:>2}  {books}: {what}: {}", rows.join(", ")));
        }
    }

    /// The violations of some invariants, each as one line.
    pub(crate) fn of(&self, invariants: &[u8]) -> impl Iterator<Item = String> {
        self.violations
            .iter()
            .filter(|violation| invariants.contains(&violation.invariant))
            .map(|found| format!("{}: {} ({})", found.books, found.what, found.rows.join(", ")))
    }

    /// How many invariants were checked.
    pub(crate) fn checked() -> usize {
        INVARIANTS.len()
    }

    /// The table for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (invariant, name) in INVARIANTS {
            let broken =
                self.violations.iter().filter(|violation| violation.invariant == invariant);
            let verdict = match broken.count() {
                0 => "ok".to_owned(),
                1 => "1 violation".to_owned(),
                n => format!("{n} violations"),
            };
            lines.push(format!("{invariant:>2}  {name:<52}  {verdict}"));
        }
        if !self.is_clean() {
            lines.push(String::new());
        }
        for Violation { invariant, books, what, rows } in self.violations.iter().take(MAX_NAMED) {
            lines.push(format!("{invariant:>2}  {books}: {what}"));
            lines.extend(rows.iter().map(|row| format!("      {row}")));
        }
        if let Some(more) = self.violations.len().checked_sub(MAX_NAMED).filter(|more| *more > 0) {
            lines.push(format!("and {more} more"));
        }
        lines.push(String::new());
        lines.push(format!("audit: {self}"));
        lines
    }
}

impl fmt::Display for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.violations.len() {
            0 => f.write_str("clean"),
            1 => f.write_str("1 violation"),
            n => write!(f, "{n} violations"),
        }
    }
}

impl Serialize for Audited {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.is_clean() {
            serializer.serialize_str("clean")
        } else {
            serializer.collect_seq(&self.violations)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_audit_is_clean_or_names_what_is_not() {
        let clean = Audited { violations: BTreeSet::new() };
        assert_eq!(serde_json::to_value(&clean).unwrap(), "clean");
        assert!(clean.lines().iter().any(|line| line == "audit: clean"));
        let violation = Violation {
            invariant: 10,
            books: "together",
            what: "one leg is missing".into(),
            rows: vec!["escrow 1".into()],
        };
        let broken = Audited { violations: [violation].into() };
        assert_eq!(serde_json::to_value(&broken).unwrap()[0]["invariant"], 10);
        let lines = broken.lines().join("\n");
        assert!(lines.contains("together: one leg is missing") && lines.contains("escrow 1"));
    }

    #[test]
    fn only_old_things_are_wrong_beside_a_running_server() {
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let running = Age::Running { now };
        assert!(!running.is_old(now - ON_ITS_WAY));
        assert!(running.is_old(now - ON_ITS_WAY - SignedDuration::from_secs(1)));
        assert!(Age::Quiet.is_old(now));
    }
}
