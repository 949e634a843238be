//! `/giveaways`: a host drafts, edits, looks, publishes and cancels.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Idempotent, Json, Problem};
use serde::{Deserialize, Serialize};

use super::{
    auth::HostAuth,
    page::{Id, Page, Paging},
};
use crate::{
    actions::{
        cancel_giveaway::cancel_giveaway,
        draft_giveaway::{draft_giveaway, edit_giveaway},
        list_outcomes::{UnitOutcome, list_outcomes},
        publish_giveaway::publish_giveaway,
        show_giveaway::{
            GiveawaySummary, GiveawayView, WinnerView, list_giveaways, list_winners, show_giveaway,
        },
    },
    domain::{
        draft::{Form, Patch},
        giveaway::GiveawayState,
    },
    error::Error,
    ids::{GiveawayId, HostId},
    service::Service,
};

/// A body without members.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// `POST /giveaways`
pub(crate) async fn draft(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Json(form): Json<Form>,
) -> Result<(StatusCode, Json<GiveawayView>), Problem> {
    let id = draft_giveaway(&service, host, form).await?;
    Ok((StatusCode::CREATED, Json(show_giveaway(&service, host, id).await?)))
}

/// `PATCH /giveaways/{id}`
pub(crate) async fn edit(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
    Json(patch): Json<Patch>,
) -> Result<Json<GiveawayView>, Problem> {
    edit_giveaway(&service, host, id, patch).await?;
    Ok(Json(show_giveaway(&service, host, id).await?))
}

/// `GET /giveaways`
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    paging: Paging<GiveawayId>,
) -> Result<Json<Page<GiveawaySummary>>, Problem> {
    let items = list_giveaways(&service, host, paging.after, paging.limit).await?;
    Ok(Json(Page::new(items, paging.limit, |item| item.id)))
}

/// `GET /giveaways/{id}`
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
) -> Result<Json<GiveawayView>, Problem> {
    Ok(Json(show_giveaway(&service, host, id).await?))
}

/// A giveaway, and what has become of each of its prizes so far.
#[derive(Serialize)]
pub(crate) struct WithOutcomes {
    #[serde(flatten)]
    giveaway: GiveawayView,
    outcomes: Vec<UnitOutcome>,
}

/// `POST /giveaways/{id}/publish`: 200 once every prize is funded. Otherwise 202, while it goes on or
/// after it turned back: which prizes are how far, and which were refused, is in the list.
pub(crate) async fn publish(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
    request: Idempotent<Nothing>,
) -> Result<(StatusCode, Json<WithOutcomes>), Problem> {
    publish_giveaway(&service, host, id, &request.key).await?;
    let view = with_outcomes(&service, host, id).await?;
    let status = match view.giveaway.state {
        GiveawayState::Draft | GiveawayState::Funding => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(view)))
}

/// `POST /giveaways/{id}/cancel`: 202, prizes come back one by one.
pub(crate) async fn cancel(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
    request: Idempotent<Nothing>,
) -> Result<(StatusCode, Json<WithOutcomes>), Problem> {
    cancel_giveaway(&service, host, id, &request.key).await?;
    Ok((StatusCode::ACCEPTED, Json(with_outcomes(&service, host, id).await?)))
}

async fn with_outcomes(
    service: &Service,
    host: HostId,
    id: GiveawayId,
) -> Result<WithOutcomes, Error> {
    // Outcomes first: what the giveaway says then is at least as late.
    let outcomes = list_outcomes(service, host, id).await?;
    Ok(WithOutcomes { giveaway: show_giveaway(service, host, id).await?, outcomes })
}

/// `GET /giveaways/{id}/outcomes`
pub(crate) async fn outcomes(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
) -> Result<Json<Page<UnitOutcome>>, Problem> {
    // All at once: a giveaway has at most 2,000 prizes.
    Ok(Json(Page::with_next(list_outcomes(&service, host, id).await?, None)))
}

/// `GET /giveaways/{id}/winners`
pub(crate) async fn winners(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
) -> Result<Json<Page<WinnerView>>, Problem> {
    // All at once: there are never more than prizes and alternates.
    Ok(Json(Page::with_next(list_winners(&service, host, id).await?, None)))
}
