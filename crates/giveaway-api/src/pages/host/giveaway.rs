//! `/host/giveaways/{id}`: a draft to look over, prizes on their way, or a giveaway as it runs.

mod live;
mod winners;

pub(in crate::pages) use winners::download as download_winners;

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::{
    super::{
        frame::{self, Frame},
        session::{HostSession, SignedIn, Turned},
        wording::{Time, length, paragraphs},
    },
    Top,
    amounts::shown,
    host_page,
    publish::{Cost, cost},
};
use crate::{
    actions::{
        list_outcomes::{UnitOutcome, list_outcomes},
        show_giveaway::{GiveawayView, PrizeView, list_prizes, show_giveaway},
    },
    domain::{giveaway::GiveawayState, outcome::Outcome},
    http::page::Id,
    ids::{GiveawayId, HostId},
    pages::{countries::name_of, wording::sentence},
    service::Service,
};

#[derive(Template)]
#[template(path = "host/draft.html")]
struct DraftPage {
    frame: Frame,
    top: Top,
    path: String,
    title: String,
    description: Vec<String>,
    prizes: Vec<PrizeRow>,
    opens_at: Option<Time>,
    closes_at: Time,
    review: String,
    claim: String,
    conditions: Vec<String>,
    cost: Cost,
    /// Why the last attempt to publish it turned back.
    turned_back: Option<String>,
    outcomes: Vec<OutcomeRow>,
}

#[derive(Template)]
#[template(path = "host/funding.html")]
struct FundingPage {
    frame: Frame,
    top: Top,
    path: String,
    title: String,
    outcomes: Vec<OutcomeRow>,
    needs_operator: bool,
}

/// A line of prizes in words.
pub(super) struct PrizeRow {
    pub(super) what: String,
    pub(super) merchant: String,
    pub(super) value: String,
    pub(super) count: u32,
}

/// So many prizes of which the same has become.
pub(super) struct OutcomeRow {
    what: String,
    count: usize,
    tone: &'static str,
    outcome: &'static str,
    refusal: Option<String>,
}

/// `GET /host/giveaways/{id}`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    // Outcomes first: what the giveaway says then is at least as late.
    let outcomes = list_outcomes(&service, host, id).await?;
    let giveaway = show_giveaway(&service, host, id).await?;
    let prizes = list_prizes(&service, host, id).await?;
    let outcomes = outcome_rows(&outcomes, &prizes);
    match giveaway.state {
        GiveawayState::Draft => draft(&service, host, known, giveaway, &prizes, outcomes).await,
        GiveawayState::Funding => {
            let page = FundingPage {
                frame: frame::of(&service),
                top: known.into(),
                path: format!("/host/giveaways/{id}"),
                title: giveaway.draft.title,
                outcomes,
                needs_operator: giveaway.saga.is_some_and(|saga| saga.needs_operator),
            };
            Ok(host_page(&service, StatusCode::OK, &page))
        }
        _ => live::page(&service, host, known, giveaway, &prizes, outcomes).await,
    }
}

async fn draft(
    service: &Service,
    host: HostId,
    known: SignedIn,
    giveaway: GiveawayView,
    prizes: &[PrizeView],
    outcomes: Vec<OutcomeRow>,
) -> Result<Response, Turned> {
    let cost = cost(service, host, &giveaway, prizes).await?;
    let draft = giveaway.draft;
    let page = DraftPage {
        frame: frame::of(service),
        top: known.into(),
        path: format!("/host/giveaways/{}", giveaway.id),
        description: paragraphs(&draft.description),
        prizes: prizes.iter().map(PrizeRow::from).collect(),
        opens_at: draft.opens_at.map(Time::from),
        closes_at: draft.closes_at.into(),
        review: length((draft.review_seconds + draft.lead_seconds).into()),
        claim: length(draft.claim_seconds.into()),
        conditions: conditions(&draft),
        title: draft.title,
        cost,
        turned_back: giveaway.saga.and_then(|saga| saga.reason).map(|reason| sentence(&reason)),
        outcomes,
    };
    Ok(host_page(service, StatusCode::OK, &page))
}

fn conditions(draft: &crate::domain::draft::Form) -> Vec<String> {
    let eligibility = &draft.eligibility;
    let named =
        |codes: &[String]| codes.iter().map(|code| name_of(code)).collect::<Vec<_>>().join(", ");
    let mut conditions = Vec::new();
    if let Some(year) = eligibility.born_until_year {
        conditions.push(format!("Born in {year} or earlier."));
    }
    if let Some(allowed) = &eligibility.allowed_countries {
        conditions.push(format!("Only from: {}.", named(allowed)));
    }
    if !eligibility.excluded_countries.is_empty() {
        conditions.push(format!("Not from: {}.", named(&eligibility.excluded_countries)));
    }
    if conditions.is_empty() {
        conditions.push("Everybody with a confirmed address.".to_owned());
    }
    conditions
}

/// What has become of the prizes: those of which the same is to be said, in one row.
fn outcome_rows(outcomes: &[UnitOutcome], prizes: &[PrizeView]) -> Vec<OutcomeRow> {
    let mut rows: Vec<OutcomeRow> = Vec::new();
    for unit in outcomes {
        let prize = prizes.iter().find(|prize| prize.product_id == unit.product_id);
        let name = prize.map_or("Gift card", |prize| prize.product_name.as_str());
        let (tone, outcome) = words(unit.outcome);
        let row = OutcomeRow {
            what: format!("{name}, {}", shown(unit.value)),
            count: 1,
            tone,
            outcome,
            refusal: unit.refusal.as_deref().map(sentence),
        };
        let is_same = |known: &&mut OutcomeRow| {
            (&known.what, known.outcome, &known.refusal) == (&row.what, row.outcome, &row.refusal)
        };
        match rows.iter_mut().find(is_same) {
            Some(known) => known.count += 1,
            None => rows.push(row),
        }
    }
    rows
}

fn words(outcome: Outcome) -> (&'static str, &'static str) {
    match outcome {
        Outcome::Reserving => ("wait", "Being set aside"),
        Outcome::Reserved => ("wait", "Set aside, not paid yet"),
        Outcome::Confirming => ("wait", "Paid, being confirmed"),
        Outcome::Funded => ("open", "Funded"),
        Outcome::Issued => ("done", "With its winner"),
        Outcome::Cancelling => ("over", "Being given up; not paid"),
        Outcome::Cancelled => ("over", "Given up; not paid"),
        Outcome::Returning => ("wait", "Coming back to your wallet"),
        Outcome::Returned => ("over", "Back in your wallet"),
    }
}

impl From<&PrizeView> for PrizeRow {
    fn from(prize: &PrizeView) -> Self {
        Self {
            what: prize.product_name.clone(),
            merchant: prize.merchant_name.clone(),
            value: shown(prize.value),
            count: prize.count,
        }
    }
}
