//! `/claims`: winners claim or decline, and ask for their link once more. The token in the body is
//! all that they need.

use std::sync::Arc;

use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use platform::http::{Json, Problem};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

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
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClaimLink)]
pub(crate) struct Body {
    token: String,
}

/// A prize that was claimed.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClaimView {
    state: WinnerState,
    giveaway: GiveawayRef,
    prize: PrizeView,
    /// Absent while the card is being issued.
    #[serde(skip_serializing_if = "Option::is_none")]
    card: Option<CardView>,
}

/// A prize that was left.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeclinedView {
    /// `declined`.
    state: WinnerState,
}

/// The same for everybody.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResentView {
    /// For people.
    status: &'static str,
}

/// The giveaway of a prize.
#[derive(Serialize, ToSchema)]
struct GiveawayRef {
    id: GiveawayId,
    title: String,
}

/// What was won.
#[derive(Serialize, ToSchema)]
struct PrizeView {
    product_name: String,
    merchant_name: String,
    value: ValueView,
}

/// What it is worth.
#[derive(Serialize, ToSchema)]
struct ValueView {
    minor: i64,
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    currency: String,
}

/// The way to the card's code.
#[derive(Serialize, ToSchema)]
struct CardView {
    /// Works once.
    reveal_token: String,
    /// Where to post it.
    #[schema(format = "uri")]
    reveal_url: String,
    expires_at: Timestamp,
}

/// Claims a prize.
///
/// The mailed link carries the token. 200 with the way to the card's code; 202 while the card is
/// being issued, then ask again.
#[utoipa::path(
    post, path = "/claims", tag = "Claims", operation_id = "claimPrize",
    extensions(("x-who" = json!("link"))),
    request_body = Body,
    responses(
        (status = 200, description = "The prize, and the way to its code", body = ClaimView),
        (status = 202, description = "The prize; its card is being issued", body = ClaimView),
        (status = 404, description = "`not_found`: the link is none of ours"),
        (status = 410, description = "`link_expired`: ask for a new one. `link_used`: the code was shown already. `claim_expired`: the time to claim has passed. `prize_passed_on`: somebody else has the prize now"),
    )
)]
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

/// Leaves a prize to the next.
///
/// The mailed link carries the token.
#[utoipa::path(
    post, path = "/claims/decline", tag = "Claims", operation_id = "declinePrize",
    extensions(("x-who" = json!("link"))),
    request_body = Body,
    responses(
        (status = 200, description = "It is somebody else's now", body = DeclinedView),
        (status = 404, description = "`not_found`: the link is none of ours"),
        (status = 409, description = "`prize_claimed`: it was claimed already"),
        (status = 410, description = "`link_expired`: ask for a new one. `claim_expired`: the time to claim has passed. `link_used`: the code was shown already. `prize_passed_on`: somebody else has the prize now"),
    )
)]
pub(crate) async fn decline(
    State(service): State<Arc<Service>>,
    Json(body): Json<Body>,
) -> Result<Json<DeclinedView>, Problem> {
    decline_prize(&service, &body.token).await?;
    Ok(Json(DeclinedView { state: WinnerState::Declined }))
}

/// Mails a winner's link once more.
///
/// The answer is the same, whoever asks, and whether there is a prize or not.
#[utoipa::path(
    post, path = "/claims/resend", tag = "Claims", operation_id = "resendClaimLink",
    extensions(("x-who" = json!("anyone"))),
    request_body = Asker,
    responses(
        (status = 202, description = "If there is a prize, a mail is on its way", body = ResentView),
    )
)]
pub(crate) async fn resend(
    State(service): State<Arc<Service>>,
    Json(asker): Json<Asker>,
) -> Result<(StatusCode, Json<ResentView>), Problem> {
    resend_link(&service, &asker).await?;
    let status = "if there is a prize for this address, a mail is on its way";
    Ok((StatusCode::ACCEPTED, Json(ResentView { status })))
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
