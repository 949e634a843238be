//! `GET /g/{giveaway}`: the public page of a giveaway.

mod course;
mod prizes;
mod standing;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, Query, State},
    http::StatusCode,
    response::Response,
};
use draw::rules::Eligibility;
use serde::Deserialize;

use self::{
    course::{Step, course},
    prizes::{Prizes, prizes},
};
use super::{
    countries::name_of,
    enter::EntryForm,
    frame::{Frame, Keep, live_page},
    problem::Failure,
    wording::{Time, grouped, length, paragraphs, price},
};
use crate::{
    actions::{
        present_giveaway::{Presented, present_giveaway},
        public_giveaway::PublicGiveaway,
    },
    domain::giveaway::GiveawayState,
    error::Error,
    http::PREFIX,
    ids::GiveawayId,
    service::Service,
};
pub(super) use standing::{Standing, standing};

/// Who sent this visitor.
#[derive(Deserialize)]
pub(super) struct Referral {
    #[serde(default, rename = "ref")]
    by: String,
}

/// Everything the page shows, in words.
#[derive(Template)]
#[template(path = "giveaway.html")]
pub(super) struct GiveawayPage {
    frame: Frame,
    id: String,
    path: String,
    /// The complete address, for those who pass it on.
    url: String,
    public_path: String,
    gateway: Option<String>,
    phase: String,
    now: Time,
    title: String,
    description: Vec<String>,
    /// The description in one line.
    summary: String,
    standing: Standing,
    /// What all prizes are worth together.
    worth: String,
    entries: String,
    /// Entries whose address was confirmed.
    confirmed: String,
    prizes: Prizes,
    course: Vec<Step>,
    /// Who may win.
    conditions: Vec<String>,
    /// The only reasons for which somebody may be disqualified.
    grounds: Vec<String>,
    alternates: u32,
    claim_time: String,
    is_funded: bool,
    is_cancelled: bool,
    opens_later: bool,
    form: Option<EntryForm>,
    proof: Proof,
}

/// What is fixed, and where it can be checked.
struct Proof {
    is_rehearsal: bool,
    rules_hash: String,
    rules_path: String,
    round: u64,
    /// The round that the rules named, when another decides because the commitment came late.
    missed_round: Option<u64>,
    draw_at: Time,
    freeze_at: Option<Time>,
    manifest_hash: Option<String>,
    manifest_path: String,
    transcript_path: Option<String>,
    verify_path: String,
    public_key: String,
}

/// The page of a giveaway that is published; there is none before.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path(giveaway): Path<String>,
    Query(referral): Query<Referral>,
) -> Result<Response, Failure> {
    let presented = present_giveaway(&service, named(&giveaway)?).await?;
    let answer = page_of(&service, &presented, EntryForm::referred_by(referral.by));
    Ok(live_page(&service, StatusCode::OK, Keep::Public, &answer))
}

/// The giveaway in the path. What is no id names nothing.
pub(super) fn named(path: &str) -> Result<GiveawayId, Failure> {
    path.parse().map_err(|_| Error::NotFound("giveaway").into())
}

/// Puts the page into words. The form is left out when nobody can enter.
pub(super) fn page_of(service: &Service, presented: &Presented, form: EntryForm) -> GiveawayPage {
    use GiveawayState as S;
    let giveaway = &presented.giveaway;
    let rules = &giveaway.rules;
    let is_cancelled = matches!(giveaway.state, S::Cancelling | S::Cancelled);
    let grounds = rules.disqualification.iter().map(|ground| ground.as_str().replace('_', " "));
    GiveawayPage {
        frame: Frame::new(presented.is_test),
        id: giveaway.id.to_string(),
        path: format!("/g/{}", giveaway.id),
        url: format!("{}/g/{}", service.config.public_url, giveaway.id),
        public_path: format!("{PREFIX}/giveaways/{}/public", giveaway.id),
        gateway: service.config.gateway(),
        phase: phase(giveaway.state),
        now: giveaway.server_time.into(),
        title: giveaway.title.clone(),
        description: paragraphs(&giveaway.description),
        summary: summary(giveaway),
        standing: standing(presented),
        worth: worth(giveaway),
        entries: count(giveaway.counts.entries),
        confirmed: count(giveaway.counts.verified),
        prizes: prizes(presented),
        course: course(presented),
        conditions: conditions(&rules.eligibility),
        grounds: grounds.collect(),
        alternates: rules.alternates,
        claim_time: length(rules.claim_seconds.into()),
        is_funded: !is_cancelled && giveaway.state != S::Completed,
        is_cancelled,
        opens_later: giveaway.state == S::Scheduled,
        form: presented.takes_entries.then_some(form),
        proof: proof(presented),
    }
}

/// What all prizes are worth together.
pub(super) fn worth(giveaway: &PublicGiveaway) -> String {
    let units = &giveaway.rules.units;
    let worth: u64 = units.iter().map(|unit| unit.value_minor).sum();
    price(worth, units.first().map_or("", |unit| unit.currency.as_str()))
}

/// The state by the name that events have for it.
pub(super) fn phase(state: GiveawayState) -> String {
    state.to_string()
}

/// What those read to whom the page is passed on.
fn summary(giveaway: &PublicGiveaway) -> String {
    let prizes = giveaway.rules.units.len();
    let s = if prizes == 1 { "" } else { "s" };
    format!(
        "{prizes} gift card{s}, {} in all, funded before it opened. The draw can be checked by anyone.",
        worth(giveaway)
    )
}

fn proof(presented: &Presented) -> Proof {
    let giveaway = &presented.giveaway;
    let path = |document| format!("{PREFIX}/giveaways/{}/{document}", giveaway.id);
    Proof {
        is_rehearsal: presented.is_rehearsal,
        rules_hash: giveaway.rules_hash.to_string(),
        rules_path: path("public"),
        round: giveaway.round,
        missed_round: Some(giveaway.rules.round).filter(|round| *round != giveaway.round),
        draw_at: giveaway.draw_at.timestamp().into(),
        freeze_at: giveaway.freeze_at.map(Time::from),
        manifest_hash: giveaway.manifest_hash.map(|hash| hash.to_string()),
        manifest_path: path("manifest"),
        transcript_path: giveaway.winners.is_some().then(|| path("transcript")),
        verify_path: format!("/verify?giveaway={}", giveaway.id),
        public_key: presented.public_key.to_string(),
    }
}

fn conditions(eligibility: &Eligibility) -> Vec<String> {
    let mut conditions = Vec::new();
    if let Some(year) = eligibility.birth_year_max {
        conditions.push(format!("Born in {year} or earlier."));
    }
    if let Some(allowed) = &eligibility.countries_allowed {
        conditions.push(format!("Only from {}.", named_countries(allowed)));
    }
    if !eligibility.countries_excluded.is_empty() {
        conditions.push(format!("Not from {}.", named_countries(&eligibility.countries_excluded)));
    }
    conditions
}

fn named_countries(codes: &[draw::codes::Country]) -> String {
    let names: Vec<&str> = codes.iter().map(|code| name_of(code.as_str())).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// A count from the database, which has no unsigned numbers.
pub(super) fn count(n: i64) -> String {
    grouped(u64::try_from(n).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_told_in_words() {
        let eligibility = Eligibility {
            birth_year_max: Some(2008),
            countries_allowed: Some(["AT", "CH", "DE"].map(|code| code.parse().unwrap()).to_vec()),
            countries_excluded: vec!["CN".parse().unwrap()],
        };
        let expected = [
            "Born in 2008 or earlier.",
            "Only from Austria, Switzerland or Germany.",
            "Not from China.",
        ];
        assert_eq!(conditions(&eligibility), expected);
        assert!(conditions(&Eligibility::default()).is_empty());
    }
}
