//! POST /merchants/me/close and GET /merchants/me/closing, and the same for the operator.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use http::StatusCode;
use platform::http::{Idempotent, Json};
use serde::Deserialize;

use super::{
    Handled,
    auth::{Admin, MerchantAuth},
    id,
    list::List,
    operator,
};
use crate::{
    actions::close_merchant::{close_merchant, show_closing},
    domain::ids::{CardId, MerchantId},
    service::Service,
    service::Shared,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {}

pub(crate) async fn close(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, .. }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let closing = close_merchant(&service, merchant, None, &key).await?;
    Ok((StatusCode::ACCEPTED, Json(closing)))
}

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

pub(crate) async fn closing(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    show(&service, merchant, list).await
}

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
