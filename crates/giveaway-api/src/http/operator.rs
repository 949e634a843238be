//! `/admin/…`: what the operator does by hand. Each of them says why.

use std::sync::Arc;

use axum::{
    extract::{Path, State},
    response::Response,
};
use platform::{
    document::IdempotencyHeader,
    http::{Idempotent, Json, Problem},
};

use super::{
    answer::stored,
    auth::Admin,
    page::{Id, Page},
};
use crate::{
    actions::{
        operator::{
            AssignedView, Assignment, Note, SuspenseView, abort_saga, assign_payment,
            list_suspense, retry_saga,
        },
        show_giveaway::SagaView,
    },
    ids::SagaId,
    service::Service,
};

/// What is shown of a list without pages.
const SHOWN: u64 = 100;

/// Tries an attempt to publish at once.
///
/// One that needs an operator.
#[utoipa::path(
    post, path = "/admin/sagas/{id}/retry", tag = "Operation", operation_id = "retrySaga",
    security(("operator" = [])),
    params(("id" = SagaId, Path, description = "The attempt"), IdempotencyHeader),
    request_body = Note,
    responses(
        (status = 200, description = "The attempt", body = SagaView),
        (status = 409, description = "`saga_ended`: it has ended. `saga_committed`: the money was taken, and it goes on by itself. `no_operator_needed`: it goes on by itself"),
    )
)]
pub(crate) async fn retry(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(id): Id<SagaId>,
    request: Idempotent<Note>,
) -> Result<Json<SagaView>, Problem> {
    Ok(Json(retry_saga(&service, id, &request.body, &request.key).await?))
}

/// Turns an attempt to publish back.
///
/// One that has not decided yet: no money was taken.
#[utoipa::path(
    post, path = "/admin/sagas/{id}/abort", tag = "Operation", operation_id = "abortSaga",
    security(("operator" = [])),
    params(("id" = SagaId, Path, description = "The attempt"), IdempotencyHeader),
    request_body = Note,
    responses(
        (status = 200, description = "The attempt", body = SagaView),
        (status = 409, description = "`saga_committed`: the money was taken, it goes through. `saga_aborted`: it has turned back already"),
    )
)]
pub(crate) async fn abort(
    State(service): State<Arc<Service>>,
    _: Admin,
    Id(id): Id<SagaId>,
    request: Idempotent<Note>,
) -> Result<Json<SagaView>, Problem> {
    Ok(Json(abort_saga(&service, id, &request.body, &request.key).await?))
}

/// Lists money that came or left without an explanation, the oldest first.
///
/// The oldest hundred.
#[utoipa::path(
    get, path = "/admin/suspense", tag = "Operation", operation_id = "listSuspense",
    security(("operator" = [])),
    responses(
        (status = 200, description = "The money", body = Page<SuspenseView>),
    )
)]
pub(crate) async fn suspense(
    State(service): State<Arc<Service>>,
    _: Admin,
) -> Result<Json<Page<SuspenseView>>, Problem> {
    Ok(Json(Page::with_next(list_suspense(&service, SHOWN).await?, None)))
}

/// Says whose a payment is.
///
/// What is left of it goes to that host, and pays its debt first.
#[utoipa::path(
    post, path = "/admin/suspense/{payment_id}/assign", tag = "Operation", operation_id = "assignPayment",
    security(("operator" = [])),
    params(("payment_id" = String, Path, description = "The provider's id of the payment"), IdempotencyHeader),
    request_body = Assignment,
    responses(
        (status = 200, description = "What became of it", body = AssignedView),
        (status = 409, description = "`payment_not_in_suspense`: nothing of it is left to assign"),
    )
)]
pub(crate) async fn assign(
    State(service): State<Arc<Service>>,
    _: Admin,
    Path(payment_id): Path<String>,
    request: Idempotent<Assignment>,
) -> Result<Response, Problem> {
    stored(assign_payment(&service, &payment_id, &request.body, &request.key).await?)
}
