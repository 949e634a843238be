//! `handsel admin`: the people who look after the installation.

use std::process::ExitCode;

use anyhow::Context as _;
use giveaway_api::{
    actions::account::first_admin::{Place, admin_link},
    process::LINKS,
};
use platform::{Clock, Db, keys::KeyDir};
use serde_json::json;

use crate::{
    calls,
    cli::{AdminCommand, Sources},
    config::Config,
    node::databases::file,
    out,
    serve::{self, CLOCK_FILE},
};

/// Runs a command about administrators.
pub(crate) async fn run(command: AdminCommand) -> anyhow::Result<ExitCode> {
    match command {
        AdminCommand::Create { sources, email, keys, json } => {
            let keys = keys.as_deref();
            create(&sources, email.as_deref(), keys, json).await
        }
    }
}

/// Prints a link. The database is written beside a running server, as any other instance would.
async fn create(
    sources: &Sources,
    email: Option<&str>,
    keys: Option<&std::path::Path>,
    as_json: bool,
) -> anyhow::Result<ExitCode> {
    let config = Config::load(sources.config.as_deref(), &serve::source_flags(sources))?;
    let clock = Clock::shifted(&config.data_dir.join(CLOCK_FILE))?;
    let database = &config.giveaway.database;
    let file = file(&config.data_dir, "giveaway");
    anyhow::ensure!(
        !database.url.is_empty() || file.exists(),
        "there is no database at {}; start `handsel serve` once",
        file.display()
    );
    let keys = keys.map_or_else(|| config.data_dir.join("keys"), ToOwned::to_owned);
    let link_key = KeyDir::shared(&keys)?.key(LINKS)?;
    let public_url = public_url(&config);
    let db = Db::open(database, "giveaway", &config.data_dir).await?;
    let place = Place { db: &db, link_key: &link_key, public_url: &public_url };
    let link = admin_link(&place, email, clock.now()).await;
    db.close().await;
    let link = link.map_err(told).context("no link was made")?;
    if as_json {
        out::json(&json!({ "link": link }));
    } else {
        out::line("This link makes an administrator, once, within a week:");
        out::line(format_args!("  {link}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// A wrong field in words: there is one.
fn told(error: giveaway_api::Error) -> anyhow::Error {
    match error {
        giveaway_api::Error::Invalid(errors) => {
            let reasons: Vec<String> = errors.into_iter().map(|error| error.detail).collect();
            anyhow::anyhow!("--email: {}", reasons.join(", "))
        }
        giveaway_api::Error::Unexpected(error) => error,
        error => anyhow::anyhow!("{error}"),
    }
}

/// Where people reach the server: as configured, or where it listens now.
fn public_url(config: &Config) -> String {
    match config.server.public_url.as_str() {
        "" => calls::read_address(&config.data_dir)
            .unwrap_or_else(|| format!("http://{}", config.server.listen)),
        url => url.to_owned(),
    }
}
