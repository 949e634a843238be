//! /authorisations: a till sets an amount of a card aside, and captures or releases it later.

use axum::{
    extract::{Path, Query, State, rejection::QueryRejection},
    response::IntoResponse,
};
use ledger::Money;
use platform::http::{Idempotent, Json, Problem};
use serde::Deserialize;

use super::{Handled, auth::MerchantAuth, find_redemptions::Which, id, list::List, no_store};
use crate::{
    actions::{
        authorise::{self, Authorise},
        end_authorisation::{self, Capture},
    },
    error::Error,
    service::Shared,
    store::authorisation::{self, Authorisation},
    views::{AuthorisationView, Page},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBody {
    code: String,
    amount: Money,
    external_id: String,
    #[serde(default)]
    hold_hours: Option<u32>,
}

/// POST /authorisations
pub(crate) async fn authorise(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Idempotent { key, body }: Idempotent<NewBody>,
) -> Handled<impl IntoResponse> {
    let NewBody { code, amount, external_id, hold_hours } = body;
    let request = Authorise { code, amount, external_id, hold_hours };
    Ok(no_store(authorise::authorise(&service, merchant, request, &key).await?))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CaptureBody {
    /// All of it, if absent.
    #[serde(default)]
    amount: Option<Money>,
    /// That of the authorisation, if absent.
    #[serde(default)]
    external_id: Option<String>,
}

/// POST /authorisations/{id}/capture
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

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReleaseBody {}

/// POST /authorisations/{id}/release
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

/// GET /authorisations/{id}
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

/// GET /authorisations: the newest first, or the one with an external id.
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
