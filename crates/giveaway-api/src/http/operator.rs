//! `/admin/…`: what the operator does by hand. Each of them says why.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use platform::http::{Idempotent, Json, Problem};

use super::{
    answer::stored,
    auth::Admin,
    page::{Id, Page},
};
use crate::{
    actions::{
        operator::{
            Assignment, Note, SuspenseView, abort_saga, assign_payment, list_suspense, retry_saga,
        },
        show_giveaway::SagaView,
    },
    ids::SagaId,
    service::Service,
};

/// What is shown of a list without pages.
const SHOWN: u64 = 100;

/// `POST /admin/sagas/{id}/retry`
pub(crate) async fn retry(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(id): Id<SagaId>,
    request: Idempotent<Note>,
) -> Result<Json<SagaView>, Problem> {
    Ok(Json(retry_saga(&service, id, &request.body, &request.key).await?))
}

/// `POST /admin/sagas/{id}/abort`
pub(crate) async fn abort(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(id): Id<SagaId>,
    request: Idempotent<Note>,
) -> Result<Json<SagaView>, Problem> {
    Ok(Json(abort_saga(&service, id, &request.body, &request.key).await?))
}

/// `GET /admin/suspense`: the oldest first.
pub(crate) async fn suspense(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<SuspenseView>>, Problem> {
    Ok(Json(Page::with_next(list_suspense(&service, SHOWN).await?, None)))
}

/// `POST /admin/suspense/{payment_id}/assign`
pub(crate) async fn assign(
    State(service): State<Arc<Service>>,
    _: Admin,
    Path(payment_id): Path<String>,
    request: Idempotent<Assignment>,
) -> Result<Response, Problem> {
    stored(assign_payment(&service, &payment_id, &request.body, &request.key).await?)
}
