//! `/giveaways`: a host drafts, edits, looks, publishes and cancels.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::{
    document::{IdempotencyHeader, PageQuery},
    http::{Idempotent, Json, Problem},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Nothing {}

/// Drafts a giveaway.
///
/// A draft costs nothing and nobody sees it. Everything that is wrong with it is said at once.
#[utoipa::path(
    post, path = "/giveaways", tag = "Giveaways", operation_id = "draftGiveaway",
    security(("host" = [])),
    request_body = Form,
    responses(
        (status = 201, description = "The draft", body = GiveawayView),
    )
)]
pub(crate) async fn draft(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Json(form): Json<Form>,
) -> Result<(StatusCode, Json<GiveawayView>), Problem> {
    let id = draft_giveaway(&service, host, form).await?;
    Ok((StatusCode::CREATED, Json(show_giveaway(&service, host, id).await?)))
}

/// Changes a draft.
///
/// What is absent stays as it is.
#[utoipa::path(
    patch, path = "/giveaways/{id}", tag = "Giveaways", operation_id = "editGiveaway",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    request_body = Patch,
    responses(
        (status = 200, description = "The draft", body = GiveawayView),
        (status = 409, description = "`wrong_state`: it is no draft any more"),
    )
)]
pub(crate) async fn edit(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
    Json(patch): Json<Patch>,
) -> Result<Json<GiveawayView>, Problem> {
    edit_giveaway(&service, host, id, patch).await?;
    Ok(Json(show_giveaway(&service, host, id).await?))
}

/// Lists a host's giveaways, the latest first.
#[utoipa::path(
    get, path = "/giveaways", tag = "Giveaways", operation_id = "listGiveaways",
    security(("host" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of giveaways", body = Page<GiveawaySummary>),
    )
)]
pub(crate) async fn list(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    paging: Paging<GiveawayId>,
) -> Result<Json<Page<GiveawaySummary>>, Problem> {
    let items = list_giveaways(&service, host, paging.after, paging.limit).await?;
    Ok(Json(Page::new(items, paging.limit, |item| item.id)))
}

/// Shows a giveaway.
///
/// With its state, its counts, its prizes one by one, and the latest attempt to publish it.
#[utoipa::path(
    get, path = "/giveaways/{id}", tag = "Giveaways", operation_id = "showGiveaway",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "The giveaway", body = GiveawayView),
    )
)]
pub(crate) async fn show(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
) -> Result<Json<GiveawayView>, Problem> {
    Ok(Json(show_giveaway(&service, host, id).await?))
}

/// A giveaway, and what has become of each of its prizes so far.
#[derive(Serialize, ToSchema)]
pub(crate) struct WithOutcomes {
    #[serde(flatten)]
    giveaway: GiveawayView,
    outcomes: Vec<UnitOutcome>,
}

/// Publishes a giveaway.
///
/// Reserves every prize, takes the money from the wallet and goes live: 200 once all of them are
/// funded. Otherwise 202, while it goes on or after it turned back: which prizes are how far, and
/// which were refused, is in `outcomes`.
#[utoipa::path(
    post, path = "/giveaways/{id}/publish", tag = "Giveaways", operation_id = "publishGiveaway",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway"), IdempotencyHeader),
    request_body = Nothing,
    responses(
        (status = 200, description = "Every prize is funded", body = WithOutcomes),
        (status = 202, description = "It goes on, or has turned back", body = WithOutcomes),
        (status = 409, description = "`wrong_state`: it is no draft any more"),
    )
)]
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

/// Cancels a giveaway.
///
/// Possible until its entries are committed to. Prizes come back one by one.
#[utoipa::path(
    post, path = "/giveaways/{id}/cancel", tag = "Giveaways", operation_id = "cancelGiveaway",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway"), IdempotencyHeader),
    request_body = Nothing,
    responses(
        (status = 202, description = "Prizes are on their way back", body = WithOutcomes),
        (status = 409, description = "`wrong_state`: it is not open, or too late"),
    )
)]
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

/// Lists what has become of each prize.
///
/// Of the latest attempt to publish; all of them at once, for a giveaway has at most 2,000.
#[utoipa::path(
    get, path = "/giveaways/{id}/outcomes", tag = "Giveaways", operation_id = "listOutcomes",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "All prizes", body = Page<UnitOutcome>),
    )
)]
pub(crate) async fn outcomes(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
) -> Result<Json<Page<UnitOutcome>>, Problem> {
    // All at once: a giveaway has at most 2,000 prizes.
    Ok(Json(Page::with_next(list_outcomes(&service, host, id).await?, None)))
}

/// Lists winners, and what became of their prizes.
///
/// All of them at once: there are never more than prizes and alternates.
#[utoipa::path(
    get, path = "/giveaways/{id}/winners", tag = "Giveaways", operation_id = "listWinners",
    security(("host" = [])),
    params(("id" = GiveawayId, Path, description = "The giveaway")),
    responses(
        (status = 200, description = "All winners", body = Page<WinnerView>),
    )
)]
pub(crate) async fn winners(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
) -> Result<Json<Page<WinnerView>>, Problem> {
    // All at once: there are never more than prizes and alternates.
    Ok(Json(Page::with_next(list_winners(&service, host, id).await?, None)))
}
