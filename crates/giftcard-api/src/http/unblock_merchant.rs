//! POST /admin/merchants/{id}/unblock: a merchant is paid again.

use axum::extract::{Path, State};
use http::StatusCode;

use super::{Handled, auth::Admin, id};
use crate::{actions::unblock_merchant::unblock_merchant, service::Shared};

pub(crate) async fn handle(
    _: Admin,
    State(service): State<Shared>,
    Path(merchant): Path<String>,
) -> Handled<StatusCode> {
    unblock_merchant(&service, id(&merchant, "merchant")?).await?;
    Ok(StatusCode::NO_CONTENT)
}
