//! POST /merchants/me/close and GET /merchants/me/closing, and the same for the operator.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use http::StatusCode;
use platform::{
    document::{IdempotencyHeader, PageQuery},
    http::{Idempotent, Json},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    Handled,
    auth::{Admin, MerchantAuth},
    id,
    list::List,
    operator,
};
use crate::{
    actions::close_merchant::{ClosingView, close_merchant, show_closing},
    domain::ids::{CardId, MerchantId},
    service::{Service, Shared},
};

/// A body without members.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Nothing)]
pub(crate) struct Body {}

/// Closes a merchant for ever.
///
/// What its cards have left goes back to whoever funded them. What becomes of each card: `pending`,
/// `authorised` (it waits for a till), `voided`, or `credited` (the host has the money).
#[utoipa::path(
    post, path = "/merchants/me/close", tag = "Merchants", operation_id = "closeMerchant",
    security(("merchant" = [])),
    params(IdempotencyHeader),
    request_body = Body,
    responses(
        (status = 202, description = "Its first cards", body = ClosingView),
        (status = 409, description = "`merchant_closed`: it has closed already, under another key"),
    )
)]
pub(crate) async fn close(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, .. }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let closing = close_merchant(&service, merchant, None, &key).await?;
    Ok((StatusCode::ACCEPTED, Json(closing)))
}

/// Closes a merchant for ever, in its place.
///
/// What becomes of each card: `pending`, `authorised` (it waits for a till), `voided`, or
/// `credited` (the host has the money).
#[utoipa::path(
    post, path = "/admin/merchants/{id}/close", tag = "Operation", operation_id = "closeMerchantFor",
    security(("operator" = [])),
    params(("id" = MerchantId, Path, description = "The merchant"), IdempotencyHeader),
    request_body = operator::Body,
    responses(
        (status = 202, description = "Its first cards", body = ClosingView),
        (status = 409, description = "`merchant_closed`: it has closed already, under another key"),
    )
)]
pub(crate) async fn close_for(
    _: Admin,
    State(service): State<Shared>,
    Path(merchant): Path<String>,
    Idempotent { key, body }: Idempotent<operator::Body>,
) -> Handled<impl IntoResponse> {
    let merchant = id(&merchant, "merchant")?;
    let closing = close_merchant(&service, merchant, Some(&body.note), &key).await?;
    Ok((StatusCode::ACCEPTED, Json(closing)))
}

/// Lists what becomes of each card of a merchant that has closed.
///
/// What becomes of each card: `pending`, `authorised` (it waits for a till), `voided`, or
/// `credited` (the host has the money).
#[utoipa::path(
    get, path = "/merchants/me/closing", tag = "Merchants", operation_id = "showClosing",
    security(("merchant" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of cards", body = ClosingView),
        (status = 404, description = "`not_found`: it has not closed"),
    )
)]
pub(crate) async fn closing(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    show(&service, merchant, list).await
}

/// Lists what becomes of each card of a merchant that has closed.
///
/// What becomes of each card: `pending`, `authorised` (it waits for a till), `voided`, or
/// `credited` (the host has the money).
#[utoipa::path(
    get, path = "/admin/merchants/{id}/closing", tag = "Operation", operation_id = "showClosingFor",
    security(("operator" = [])),
    params(("id" = MerchantId, Path, description = "The merchant"), PageQuery),
    responses(
        (status = 200, description = "A page of cards", body = ClosingView),
    )
)]
pub(crate) async fn closing_for(
    _: Admin,
    State(service): State<Shared>,
    Path(merchant): Path<String>,
    list: List,
) -> Handled<impl IntoResponse> {
    show(&service, id(&merchant, "merchant")?, list).await
}

async fn show(
    service: &Service,
    merchant: MerchantId,
    list: List,
) -> Handled<impl IntoResponse + use<>> {
    let after: Option<CardId> = list.after()?;
    Ok(Json(show_closing(service, merchant, after, list.limit).await?))
}
