//! The JSON object of `--json`. Every number is asked of the system at the end.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::{Demo, client::minor, phases};
use crate::audit::Audited;

/// What the story came to.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) giveaway: String,
    pub(crate) state: String,
    pub(crate) seed: u64,
    /// Rows of the entrants' file.
    pub(crate) rows: u64,
    /// Rows that were skipped.
    pub(crate) malformed: u64,
    pub(crate) persons: u64,
    pub(crate) duplicates: u64,
    pub(crate) persons_verified: u64,
    pub(crate) eligible: u64,
    /// Prizes that were won and claimed.
    pub(crate) winners: u64,
    /// Alternates that were drawn.
    pub(crate) alternates: u64,
    /// Alternates who stepped in.
    pub(crate) successions: u64,
    pub(crate) cards_issued: u64,
    pub(crate) redeemed_minor: i64,
    pub(crate) settled_minor: i64,
    pub(crate) settlements_paid: u64,
    pub(crate) manifest: Option<String>,
    pub(crate) transcript: PathBuf,
    pub(crate) audit: Audited,
    pub(crate) phases_ms: BTreeMap<String, u64>,
}

impl Report {
    /// What the process says at its end.
    pub(crate) fn exit_code(&self) -> ExitCode {
        if self.audit.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Asks for everything.
///
/// # Errors
/// When the server does not answer as it should.
pub(crate) async fn make(demo: &mut Demo) -> anyhow::Result<Report> {
    let imported = demo.state.known().imported.clone().context("nothing was imported")?;
    let number = |member: &str| {
        imported[member].as_u64().with_context(|| format!("the import did not tell `{member}`"))
    };
    let transcript_path = demo.transcript_path()?;
    let transcript: Value = serde_json::from_slice(&std::fs::read(&transcript_path)?)?;
    let count = |value: &Value| value.as_array().map_or(0, |list| list.len() as u64);
    let units = count(&transcript["manifest"]["units"]);
    demo.host().await?;
    let giveaway = demo.giveaway().await?;
    let winners = demo.claimed().await?;
    let settlements = phases::settlements(demo).await?;
    let settled = settlements
        .iter()
        .map(|settlement| minor(settlement, "total"))
        .sum::<anyhow::Result<i64>>()?;
    Ok(Report {
        giveaway: demo.state.giveaway()?.to_owned(),
        state: giveaway["state"].as_str().unwrap_or_default().to_owned(),
        seed: demo.state.known().seed,
        rows: number("rows")?,
        malformed: number("malformed_count")?,
        persons: number("persons")?,
        duplicates: number("duplicates")?,
        persons_verified: number("persons_verified")?,
        eligible: number("eligible")?,
        winners: winners.len() as u64,
        alternates: count(&transcript["picks"]).saturating_sub(units),
        successions: count(&transcript["successions"]),
        cards_issued: winners.iter().filter(|winner| winner["card_id"].is_string()).count() as u64,
        redeemed_minor: phases::net_redeemed(demo).await?,
        settled_minor: settled,
        settlements_paid: settlements.len() as u64,
        manifest: demo.state.known().seen.clone(),
        transcript: transcript_path,
        audit: demo.audited().await?,
        phases_ms: demo.state.known().phases_ms.clone(),
    })
}

impl Demo {
    async fn claimed(&mut self) -> anyhow::Result<Vec<Value>> {
        let host = self.host().await?;
        let path = format!("/api/giveaway/v1/giveaways/{}/winners", self.state.giveaway()?);
        let winners = self.client.all(&path, &host).await?;
        Ok(winners.into_iter().filter(|winner| winner["state"] == "claimed").collect())
    }
}
