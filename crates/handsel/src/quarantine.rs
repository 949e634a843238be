//! `handsel quarantine`: what a restored database may not do until it matches the world.

use std::process::ExitCode;

use platform::{Clock, Db, quarantine};
use serde_json::json;

use crate::{
    audit::{self, Age},
    cli::{QuarantineCommand, Sources},
    config::Config,
    node::databases::{MONEY, file},
    out,
    serve::{self, CLOCK_FILE},
};

/// What has to match before money moves outwards again: the provider's transfers and payments, and
/// both legs of every escrow.
const MATCHES: [u8; 3] = [7, 9, 10];

/// Shows, begins or ends the quarantine of both services with money.
pub(crate) async fn run(command: QuarantineCommand) -> anyhow::Result<ExitCode> {
    match command {
        QuarantineCommand::Show { sources, json } => show(&sources, json).await,
        QuarantineCommand::Begin { sources, reason } => begin(&sources, &reason).await,
        QuarantineCommand::Lift { sources, accept } => lift(&sources, accept).await,
    }
}

async fn show(sources: &Sources, as_json: bool) -> anyhow::Result<ExitCode> {
    let (config, _) = load(sources)?;
    let mut found = Vec::new();
    for (service, db) in open(&config).await? {
        let quarantine = quarantine::find(db.read()).await;
        db.close().await;
        found.push((service, quarantine?));
    }
    if as_json {
        let of = |quarantine: &quarantine::Quarantine| {
            let since = platform::clock::from_millis(quarantine.since_ms);
            json!({ "since": since, "reason": quarantine.reason })
        };
        let object: serde_json::Map<_, _> = found
            .iter()
            .map(|(service, found)| ((*service).to_owned(), found.as_ref().map(of).into()))
            .collect();
        out::json(&serde_json::Value::Object(object));
    } else {
        for (service, quarantine) in &found {
            out::line(match quarantine {
                Some(quarantine) => format!(
                    "{service}: in quarantine since {}, {}",
                    platform::clock::from_millis(quarantine.since_ms),
                    quarantine.reason
                ),
                None => format!("{service}: not in quarantine"),
            });
        }
    }
    let is_free = found.iter().all(|(_, quarantine)| quarantine.is_none());
    Ok(if is_free { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn begin(sources: &Sources, reason: &str) -> anyhow::Result<ExitCode> {
    let (config, clock) = load(sources)?;
    for (service, db) in open(&config).await? {
        let begun = quarantine::begin(db.write(), reason, clock.now_ms()).await;
        db.close().await;
        begun?;
        out::line(format_args!("{service}: in quarantine"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Ends it when the books match the world, or when a person accepts that they do not.
async fn lift(sources: &Sources, accept: bool) -> anyhow::Result<ExitCode> {
    let (config, clock) = load(sources)?;
    let audited = audit::audit(&config, clock.now(), Age::Quiet).await?;
    let mismatches: Vec<String> = audited.of(&MATCHES).collect();
    if !mismatches.is_empty() {
        for mismatch in &mismatches {
            out::line(mismatch);
        }
        if !accept {
            out::line("the books do not match the provider and each other: not lifted");
            return Ok(ExitCode::FAILURE);
        }
    }
    for (service, db) in open(&config).await? {
        let lifted = quarantine::lift(db.write(), clock.now_ms()).await;
        db.close().await;
        out::line(match lifted? {
            true => format!("{service}: lifted"),
            false => format!("{service}: was not in quarantine"),
        });
    }
    Ok(ExitCode::SUCCESS)
}

fn load(sources: &Sources) -> anyhow::Result<(Config, Clock)> {
    let config = Config::load(sources.config.as_deref(), &serve::source_flags(sources))?;
    // A demo's rows are dated by its own clock.
    let clock = Clock::shifted(&config.data_dir.join(CLOCK_FILE))?;
    Ok((config, clock))
}

/// The databases with money, which must exist.
async fn open(config: &Config) -> anyhow::Result<Vec<(&'static str, Db)>> {
    let mut databases = Vec::new();
    for service in MONEY {
        let database = match service {
            "giveaway" => &config.giveaway.database,
            _ => &config.giftcard.database,
        };
        let file = file(&config.data_dir, service);
        anyhow::ensure!(
            !database.url.is_empty() || file.exists(),
            "there is no database at {}",
            file.display()
        );
        databases.push((service, Db::open(database, service, &config.data_dir).await?));
    }
    Ok(databases)
}
