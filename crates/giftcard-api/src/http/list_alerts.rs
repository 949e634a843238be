//! GET /admin/alerts: what a person has to look at, the oldest first.

use axum::{extract::State, response::IntoResponse};
use platform::http::Json;
use serde::Serialize;
use uuid::Uuid;

use super::{Handled, auth::Admin, list::List};
use crate::{
    error::Error,
    service::Shared,
    store::alert::{self, Alert},
    views::{Page, rfc3339},
};

#[derive(Serialize)]
struct AlertView {
    id: Uuid,
    kind: String,
    subject: String,
    detail: String,
    raised_at: String,
}

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
