//! `/g/{id}`: the public page of a giveaway, at any time of its life.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Form, Path, State},
    response::Response,
};
use http::StatusCode;
use serde::Deserialize;

use super::{amount, date, page, problem::problem};
use crate::{
    actions::{
        enter,
        public_giveaway::{PublicGiveaway, PublicPrize, PublicWinner, public_giveaway},
    },
    domain::{entry, giveaway::GiveawayState},
    error::Error,
    http::PREFIX,
    ids::GiveawayId,
    service::Service,
};

#[derive(Template)]
#[template(path = "giveaway.html")]
struct GiveawayPage {
    id: String,
    title: String,
    paragraphs: Vec<String>,
    phase: &'static str,
    next: Option<(&'static str, String)>,
    is_open: bool,
    is_cancelled: bool,
    is_drawn: bool,
    is_test: bool,
    entries: i64,
    prizes: Vec<PrizeLine>,
    eligibility: Vec<String>,
    dates: Vec<(&'static str, String)>,
    rules_hash: String,
    round: u64,
    chain: String,
    manifest_hash: Option<String>,
    winners: Vec<WinnerLine>,
    alternates: u32,
    api: String,
    server_time: String,
}

struct PrizeLine {
    count: u32,
    product: String,
    merchant: String,
    value: String,
}

struct WinnerLine {
    number: usize,
    prize: String,
    leaf: Option<String>,
    state: &'static str,
}

#[derive(Template)]
#[template(path = "entered.html")]
struct Entered {
    giveaway_url: String,
}

/// Who enters by the form on the page.
#[derive(Deserialize)]
pub(super) struct EntryForm {
    email: String,
    #[serde(default)]
    name: String,
    country: String,
    birth_year: String,
    #[serde(default)]
    referred_by: String,
}

/// `GET /g/{id}`
pub(super) async fn show(State(service): State<Arc<Service>>, Path(id): Path<String>) -> Response {
    let giveaway = match id.parse::<GiveawayId>() {
        Ok(id) => public_giveaway(&service, id).await,
        Err(_) => Err(Error::NotFound("giveaway")),
    };
    match giveaway {
        Ok(giveaway) => page(StatusCode::OK, &GiveawayPage::from(&giveaway)),
        Err(error) => problem(error),
    }
}

/// `POST /g/{id}/enter`
pub(super) async fn enter(
    State(service): State<Arc<Service>>,
    Path(id): Path<String>,
    Form(form): Form<EntryForm>,
) -> Response {
    let Ok(id) = id.parse::<GiveawayId>() else {
        return problem(Error::NotFound("giveaway"));
    };
    let country = form.country.trim().to_uppercase();
    let entry = entry::Form {
        email: &form.email,
        name: &form.name,
        country: &country,
        birth_year: form.birth_year.trim(),
        referred_by: &form.referred_by,
    };
    match enter::enter(&service, id, &entry).await {
        Ok(_) => page(StatusCode::ACCEPTED, &Entered { giveaway_url: format!("/g/{id}") }),
        Err(error) => problem(error),
    }
}

impl From<&PublicGiveaway> for GiveawayPage {
    fn from(giveaway: &PublicGiveaway) -> Self {
        use GiveawayState as S;
        let rules = &giveaway.rules;
        let (opens_at, closes_at, draw_at) = (
            giveaway.opens_at.timestamp(),
            giveaway.closes_at.timestamp(),
            giveaway.draw_at.timestamp(),
        );
        let next = match giveaway.state {
            S::Scheduled => Some(("Opens", opens_at)),
            S::Open => Some(("Closes", closes_at)),
            S::Closed | S::Committed => Some(("Draw", draw_at)),
            _ => None,
        };
        let mut dates = vec![("Opens", date(opens_at)), ("Closes", date(closes_at))];
        if let Some(freeze_at) = giveaway.freeze_at {
            dates.push(("Entries are frozen", date(freeze_at)));
        }
        dates.push(("Draw", date(draw_at)));
        Self {
            id: giveaway.id.to_string(),
            title: giveaway.title.clone(),
            paragraphs: paragraphs(&giveaway.description),
            phase: phase(giveaway.state),
            next: next.map(|(what, time)| (what, countdown(giveaway.server_time, time))),
            is_open: giveaway.state == S::Open,
            is_cancelled: matches!(giveaway.state, S::Cancelling | S::Cancelled),
            is_drawn: giveaway.winners.is_some(),
            is_test: rules.chain != draw::beacon::QUICKNET_HASH,
            entries: giveaway.counts.entries,
            prizes: giveaway.prizes.iter().map(prize_line).collect(),
            eligibility: eligibility(&rules.eligibility),
            dates,
            rules_hash: giveaway.rules_hash.to_string(),
            round: giveaway.round,
            chain: rules.chain.to_string(),
            manifest_hash: giveaway.manifest_hash.map(|hash| hash.to_string()),
            winners: winner_lines(giveaway),
            alternates: rules.alternates,
            api: format!("{PREFIX}/giveaways/{}", giveaway.id),
            server_time: date(giveaway.server_time),
        }
    }
}

fn paragraphs(text: &str) -> Vec<String> {
    text.split("\n\n").map(str::trim).filter(|text| !text.is_empty()).map(ToOwned::to_owned).collect()
}

fn phase(state: GiveawayState) -> &'static str {
    use GiveawayState as S;
    match state {
        S::Draft | S::Funding => "Being prepared",
        S::Scheduled => "Opens soon",
        S::Open => "Open",
        S::Closed => "Closed, entries are being reviewed",
        S::Committed => "Entries are frozen, waiting for the draw",
        S::Drawn => "Drawn",
        S::Completed => "Completed",
        S::Cancelling | S::Cancelled => "Cancelled",
    }
}

/// How long it is until then, in words; the page is read at leisure, so seconds count only at the
/// end.
fn countdown(now: jiff::Timestamp, then: jiff::Timestamp) -> String {
    let seconds = then.duration_since(now).as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let many = |n: i64, unit: &str| format!("{n} {unit}{}", if n == 1 { "" } else { "s" });
    match () {
        () if seconds <= 0 => "any moment now".to_owned(),
        () if days > 0 => format!("in {} and {}", many(days, "day"), many(hours, "hour")),
        () if hours > 0 => format!("in {} and {}", many(hours, "hour"), many(minutes, "minute")),
        () if minutes > 0 => format!("in {}", many(minutes, "minute")),
        () => format!("in {}", many(seconds, "second")),
    }
}

fn prize_line(prize: &PublicPrize) -> PrizeLine {
    let minor = i64::try_from(prize.value.minor).unwrap_or(i64::MAX);
    PrizeLine {
        count: prize.count,
        product: prize.description.clone(),
        merchant: prize.merchant.clone(),
        value: amount(minor, prize.value.currency.as_str()),
    }
}

fn eligibility(rules: &draw::rules::Eligibility) -> Vec<String> {
    let list = |countries: &[draw::codes::Country]| {
        countries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let mut lines = Vec::new();
    if let Some(year) = rules.birth_year_max {
        lines.push(format!("You were born in {year} or earlier."));
    }
    if let Some(allowed) = &rules.countries_allowed {
        lines.push(format!("You live in one of these countries: {}.", list(allowed)));
    }
    if !rules.countries_excluded.is_empty() {
        lines.push(format!("Not open to people in {}.", list(&rules.countries_excluded)));
    }
    lines
}

fn winner_lines(giveaway: &PublicGiveaway) -> Vec<WinnerLine> {
    let units = &giveaway.rules.units;
    let line = |(index, winner): (usize, &PublicWinner)| {
        let minor = i64::try_from(units[index].value_minor).unwrap_or(i64::MAX);
        WinnerLine {
            number: index + 1,
            prize: format!(
                "{}, {}",
                units[index].description,
                amount(minor, units[index].currency.as_str())
            ),
            leaf: winner.leaf.map(|leaf| leaf.to_string()),
            state: winner.state.map_or("not given", crate::domain::winner::WinnerState::as_str),
        }
    };
    giveaway.winners.iter().flatten().enumerate().take(units.len()).map(line).collect()
}

#[cfg(test)]
mod tests {
    use jiff::{SignedDuration, Timestamp};

    use super::*;

    #[test]
    fn countdowns_are_words() {
        let check = |seconds, expected: &str| {
            let now = Timestamp::UNIX_EPOCH;
            assert_eq!(countdown(now, now + SignedDuration::from_secs(seconds)), expected);
        };
        check(-5, "any moment now");
        check(0, "any moment now");
        check(1, "in 1 second");
        check(61, "in 1 minute");
        check(2 * 3_600 + 60, "in 2 hours and 1 minute");
        check(86_400 + 3_600, "in 1 day and 1 hour");
    }
}
