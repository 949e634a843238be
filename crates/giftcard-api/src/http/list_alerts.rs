//! GET /admin/alerts: what a person has to look at, the oldest first.

use axum::{extract::State, response::IntoResponse};
use platform::{document::PageQuery, http::Json};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Handled, auth::Admin, list::List};
use crate::{
    error::Error,
    service::Shared,
    store::alert::{self, Alert},
    views::{Page, rfc3339},
};

/// Something that needs a person.
#[derive(Serialize, ToSchema)]
struct AlertView {
    /// Its id.
    id: Uuid,
    /// What kind of thing it is.
    kind: String,
    /// What it is about.
    subject: String,
    /// What is the matter.
    detail: String,
    /// Since when.
    #[schema(format = DateTime)]
    raised_at: String,
}

/// Lists what needs a person, the oldest first.
#[utoipa::path(
    get, path = "/admin/alerts", tag = "Operation", operation_id = "listAlerts",
    security(("operator" = [])),
    params(PageQuery),
    responses(
        (status = 200, description = "A page of alerts", body = Page<AlertView>),
    )
)]
pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    list: List,
) -> Handled<impl IntoResponse> {
    let rows =
        alert::open(service.db.read(), list.after()?, list.limit + 1).await.map_err(Error::from)?;
    let view = |row: Alert| {
        Ok(AlertView {
            id: row.id,
            kind: row.kind,
            subject: row.subject,
            detail: row.detail,
            raised_at: rfc3339(row.raised_at),
        })
    };
    Ok(Json(Page::of(rows, list.limit, |row| row.id.to_string(), view)?))
}
