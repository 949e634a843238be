//! `/claims`: winners claim or decline, and ask for their link once more. The token in the body is
//! all that they need.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use platform::http::{Json, Problem};
use serde::{Deserialize, Serialize};

use crate::{
    actions::{
        claim_prize::{Claimed, Prize, claim_prize},
        depart::decline_prize,
        resend_link::{Asker, resend_link},
    },
    domain::winner::WinnerState,
    ids::GiveawayId,
    service::Service,
};

/// What the link carries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Body {
    token: String,
}

/// A prize that was claimed.
#[derive(Serialize)]
pub(crate) struct ClaimView {
    state: WinnerState,
    giveaway: GiveawayRef,
    prize: PrizeView,
    /// Absent while the card is being issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardView>,
}

#[derive(Serialize)]
struct GiveawayRef {
    id: GiveawayId,
    title: String,
}

#[derive(Serialize)]
struct PrizeView {
    product_name: String,
    merchant_name: String,
    value: ValueView,
}

#[derive(Serialize)]
struct ValueView {
    minor: i64,
    currency: String,
}

#[derive(Serialize)]
struct CardView {
    /// Works once.
    reveal_token: String,
    /// Where to post it.
    reveal_url: String,
    expires_at: Timestamp,
}

/// `POST /claims`: 200 with the way to the code, 202 while the card is being issued.
pub(crate) async fn claim(
    State(service): State<Arc<Service>>,
    Json(body): Json<Body>,
) -> Result<(StatusCode, Json<ClaimView>), Problem> {
    let Claimed { prize, reveal } = claim_prize(&service, &body.token).await?;
    let card = reveal.map(|reveal| CardView {
        reveal_url: format!("{}/card", service.config.public_url),
        reveal_token: reveal.token,
        expires_at: reveal.expires_at,
    });
    let status = if card.is_some() { StatusCode::OK } else { StatusCode::ACCEPTED };
    Ok((status, Json(view(prize, card))))
}

/// `POST /claims/decline`
pub(crate) async fn decline(
    State(service): State<Arc<Service>>,
    Json(body): Json<Body>,
) -> Result<Json<serde_json::Value>, Problem> {
    decline_prize(&service, &body.token).await?;
    Ok(Json(serde_json::json!({ "state": WinnerState::Declined })))
}

/// `POST /claims/resend`: the same answer, whoever asks.
pub(crate) async fn resend(
    State(service): State<Arc<Service>>,
    Json(asker): Json<Asker>,
) -> Result<(StatusCode, Json<serde_json::Value>), Problem> {
    resend_link(&service, &asker).await?;
    let told = "if there is a prize for this address, a mail is on its way";
    Ok((StatusCode::ACCEPTED, Json(serde_json::json!({ "status": told }))))
}

fn view(prize: Prize, card: Option<CardView>) -> ClaimView {
    ClaimView {
        state: WinnerState::Claimed,
        giveaway: GiveawayRef { id: prize.giveaway, title: prize.title },
        prize: PrizeView {
            product_name: prize.product_name,
            merchant_name: prize.merchant_name,
            value: ValueView { minor: prize.value_minor, currency: prize.currency },
        },
        card,
    }
}
