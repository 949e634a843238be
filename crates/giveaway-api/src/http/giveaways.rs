//! `/giveaways`: a host drafts, edits, looks, publishes and cancels.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use platform::http::{Idempotent, Json, Problem};
use serde::Deserialize;

use super::{
    auth::HostAuth,
    page::{Id, Page, Paging},
};
use crate::{
    actions::{
        cancel_giveaway::cancel_giveaway,
        draft_giveaway::{draft_giveaway, edit_giveaway},
        publish_giveaway::publish_giveaway,
        show_giveaway::{
            GiveawaySummary, GiveawayView, WinnerView, list_giveaways, list_winners, show_giveaway,
        },
    },
    domain::{
        draft::{Form, Patch},
        giveaway::GiveawayState,
    },
    ids::GiveawayId,
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

/// `POST /giveaways/{id}/publish`: 200 once the saga has ended, 202 while it goes on.
pub(crate) async fn publish(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
    request: Idempotent<Nothing>,
) -> Result<(StatusCode, Json<GiveawayView>), Problem> {
    publish_giveaway(&service, host, id, &request.key).await?;
    let view = show_giveaway(&service, host, id).await?;
    let status = match view.state {
        GiveawayState::Funding => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(view)))
}

/// `POST /giveaways/{id}/cancel`
pub(crate) async fn cancel(
    State(service): State<Arc<Service>>,
    HostAuth(host): HostAuth,
    Id(id): Id<GiveawayId>,
    request: Idempotent<Nothing>,
) -> Result<(StatusCode, Json<GiveawayView>), Problem> {
    cancel_giveaway(&service, host, id, &request.key).await?;
    Ok((StatusCode::ACCEPTED, Json(show_giveaway(&service, host, id).await?)))
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
