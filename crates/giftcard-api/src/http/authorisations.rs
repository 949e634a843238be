//! /authorisations: a till sets an amount of a card aside, and captures or releases it later.

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::IntoResponse,
};
use ledger::Money;
use platform::{
    document::{IdempotencyHeader, PageQuery},
    http::{Idempotent, Json, Problem},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{Handled, auth::MerchantAuth, find_redemptions::Which, id, list::List, no_store};
use crate::{
    actions::{
        authorise::{self, Authorise},
        end_authorisation::{self, Capture},
    },
    domain::ids::AuthorisationId,
    error::Error,
    service::Shared,
    store::authorisation::{self, Authorisation},
    views::{AuthorisationView, Page},
};

/// What a till wants to be set aside.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewAuthorisation)]
pub(crate) struct NewBody {
    /// As typed: hyphens, blanks and case do not matter.
    #[schema(min_length = 27, max_length = 100, example = "0000-0000-0000-0000-0000-0000-000")]
    code: String,
    /// How much.
    #[schema(schema_with = platform::document::amount::<1, 100_000_000_000>)]
    amount: Money,
    /// The till's own name for it, for this merchant alone.
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$", example = "receipt-17")]
    external_id: String,
    /// For how long; a week if absent.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 720)]
    hold_hours: Option<u32>,
}

/// Sets an amount of a card aside.
///
/// Until it is captured or released, or its time is over: a week unless given, at most 30 days.
#[utoipa::path(
    post, path = "/authorisations", tag = "Tills", operation_id = "authorise",
    security(("merchant" = [])),
    params(IdempotencyHeader),
    request_body = NewBody,
    responses(
        (status = 201, description = "The authorisation", body = AuthorisationView),
        (status = 404, description = "`card_not_found`: no card of this merchant has this code"),
        (status = 409, description = "`card_exhausted`: nothing is left. `card_expired`: its time is over. `card_voided`: it was voided. `insufficient_balance`: it has less left; `available` says how much. `authorisation_known`: this external id is that of another authorisation; `authorisation_id` says of which. `external_id_used`: it is that of a redemption; `redemption_id` says of which. `merchant_closed`: the merchant has closed"),
        (status = 422, description = "`currency_mismatch`: the card is in another currency"),
    )
)]
pub(crate) async fn authorise(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<NewBody>,
) -> Handled<impl IntoResponse> {
    let NewBody { code, amount, external_id, hold_hours } = body;
    let request = Authorise { code, amount, external_id, hold_hours };
    Ok(no_store(authorise::authorise(&service, merchant, request, &key).await?))
}

/// The schema of an amount that may be left out.
pub(super) fn optional_amount() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
    platform::document::amount::<1, 100_000_000_000>()
}

/// What of it is redeemed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Capture)]
pub(crate) struct CaptureBody {
    /// All of it, if absent.
    #[serde(default)]
    #[schema(schema_with = optional_amount)]
    amount: Option<Money>,
    /// That of the authorisation, if absent.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 128, pattern = "^[!-~]+$", example = "receipt-17")]
    external_id: Option<String>,
}

/// Redeems what was set aside.
///
/// All of it unless an amount is given; the rest goes back to the card.
#[utoipa::path(
    post, path = "/authorisations/{id}/capture", tag = "Tills", operation_id = "captureAuthorisation",
    security(("merchant" = [])),
    params(("id" = AuthorisationId, Path, description = "The authorisation"), IdempotencyHeader),
    request_body = CaptureBody,
    responses(
        (status = 201, description = "The authorisation, with the redemption that it became", body = AuthorisationView),
        (status = 409, description = "`authorisation_ended`: it was captured, released or expired; `state` says which. `capture_too_large`: less was set aside; `authorised` says how much. `external_id_used`: it is that of another redemption. `card_expired`: its time is over. `card_voided`: it was voided. `merchant_closed`: the merchant has closed"),
        (status = 422, description = "`currency_mismatch`: the card is in another currency"),
    )
)]
pub(crate) async fn capture(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(authorisation): Path<String>,
    Idempotent { key, body }: Idempotent<CaptureBody>,
) -> Handled<impl IntoResponse> {
    let authorisation = id(&authorisation, "authorisation")?;
    let wanted = Capture { amount: body.amount, external_id: body.external_id };
    let captured =
        end_authorisation::capture(&service, merchant, authorisation, wanted, &key).await?;
    Ok(no_store(captured))
}

/// A body without members.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Nothing)]
pub(crate) struct ReleaseBody {}

/// Gives back what was set aside.
///
/// All of it goes back to the card.
#[utoipa::path(
    post, path = "/authorisations/{id}/release", tag = "Tills", operation_id = "releaseAuthorisation",
    security(("merchant" = [])),
    params(("id" = AuthorisationId, Path, description = "The authorisation"), IdempotencyHeader),
    request_body = ReleaseBody,
    responses(
        (status = 200, description = "The authorisation", body = AuthorisationView),
        (status = 409, description = "`authorisation_ended`: it was captured, released or expired; `state` says which"),
    )
)]
pub(crate) async fn release(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(authorisation): Path<String>,
    Idempotent { key, body: ReleaseBody {} }: Idempotent<ReleaseBody>,
) -> Handled<impl IntoResponse> {
    let authorisation = id(&authorisation, "authorisation")?;
    let released = end_authorisation::release(&service, merchant, authorisation, &key).await?;
    Ok(no_store(released))
}

/// Shows an authorisation.
#[utoipa::path(
    get, path = "/authorisations/{id}", tag = "Tills", operation_id = "showAuthorisation",
    security(("merchant" = [])),
    params(("id" = AuthorisationId, Path, description = "The authorisation")),
    responses(
        (status = 200, description = "The authorisation", body = AuthorisationView),
    )
)]
pub(crate) async fn show(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(authorisation): Path<String>,
) -> Handled<impl IntoResponse> {
    let authorisation = id(&authorisation, "authorisation")?;
    let found = authorisation::find(service.db.read(), merchant, authorisation)
        .await
        .map_err(Error::from)?
        .ok_or_else(|| Problem::not_found("there is no such authorisation"))?;
    Ok(no_store(Json(AuthorisationView::new(found)?)))
}

/// Lists authorisations, the newest first.
///
/// Or the one with an external id: that is how a till that crashed learns what became of its request.
#[utoipa::path(
    get, path = "/authorisations", tag = "Tills", operation_id = "listAuthorisations",
    security(("merchant" = [])),
    params(PageQuery, Which),
    responses(
        (status = 200, description = "A page of authorisations", body = Page<AuthorisationView>),
    )
)]
pub(crate) async fn list(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    list: List,
    which: Result<Query<Which>, QueryRejection>,
) -> Handled<impl IntoResponse> {
    let Query(which) =
        which.map_err(|_| Problem::invalid_field("/external_id", "cannot be read"))?;
    let conn = service.db.read();
    let rows = match which.external_id {
        Some(external_id) => authorisation::by_external_id(conn, merchant, &external_id)
            .await
            .map(|found| found.into_iter().collect()),
        None => authorisation::page(conn, merchant, list.after()?, list.limit + 1).await,
    }
    .map_err(Error::from)?;
    let cursor = |row: &Authorisation| row.id.to_string();
    Ok(no_store(Json(Page::of(rows, list.limit, cursor, AuthorisationView::new)?)))
}
