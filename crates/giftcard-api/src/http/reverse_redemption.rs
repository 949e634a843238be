//! POST /redemptions/{id}/reversals: takes a redemption back, in whole or in part.

use axum::{
    extract::{Path, State},
    response::IntoResponse,
};
use ledger::Money;
use platform::http::Idempotent;
use serde::Deserialize;

use super::{Handled, auth::MerchantAuth, id, no_store};
use crate::{actions::reverse::reverse, service::Shared};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    /// All that is left of it, if absent.
    #[serde(default)]
    amount: Option<Money>,
}

pub(crate) async fn handle(
    MerchantAuth(merchant): MerchantAuth,
    State(service): State<Shared>,
    Path(redemption): Path<String>,
    Idempotent { key, body }: Idempotent<Body>,
) -> Handled<impl IntoResponse> {
    let redemption = id(&redemption, "redemption")?;
    Ok(no_store(reverse(&service, merchant, redemption, body.amount, &key).await?))
}
