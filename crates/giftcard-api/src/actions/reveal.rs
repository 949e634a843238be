//! Shows a card's code to whoever has a token for it, once per token.

use anyhow::Context as _;
use platform::token::{BadLink, open_link};
use qrcode::{QrCode, render::svg};

use super::mint_reveal::PURPOSE;
use crate::{
    domain::{code::Code, ids::CardId, refusal::Refusal},
    error::Result,
    service::Service,
    store::{
        card::{self, Card},
        merchant, product, reveal as used,
    },
    views::{RevealView, rfc3339},
};

/// Edge of the picture in pixels, for displays that do not scale it.
const QR_PIXELS: u32 = 240;

/// Reveals a card. The token is used up in the transaction that also notes the reveal; if the
/// answer is lost after that, a fresh token is needed, never the old one again.
///
/// # Errors
/// When the token is not valid, has expired or was used.
pub(crate) async fn reveal(service: &Service, token: &str) -> Result<RevealView> {
    let now = service.clock.now();
    let link = open_link(&service.link_key, PURPOSE, token, now).map_err(|bad| match bad {
        BadLink::Invalid => Refusal::LinkInvalid,
        BadLink::Expired => Refusal::LinkExpired,
    })?;
    let id = CardId(link.subject);
    let tx = service.db.begin("reveal").await?;
    let card = card::find(&tx, id).await?.ok_or(Refusal::LinkInvalid)?;
    if !used::consume(&tx, link.nonce, id, now.as_millisecond()).await? {
        return Err(Refusal::LinkUsed.into());
    }
    card::revealed(&tx, id, now.as_millisecond()).await?;
    // Opened before the commit: a code that cannot be shown does not use the token up.
    let code = service.secrets.open(id, &card.code_key_id, &card.code_sealed)?;
    let view = view(&tx, &card, &code).await?;
    tx.commit().await?;
    Ok(view)
}

async fn view(tx: &platform::Tx, card: &Card, code: &Code) -> Result<RevealView> {
    let merchant = merchant::find(tx, card.merchant_id).await?.context("a merchant was deleted")?;
    let product = product::find(tx, card.product_id).await?.context("a product was deleted")?;
    Ok(RevealView {
        card_id: card.id,
        state: card.state,
        code: code.grouped().to_string(),
        value: card.value()?,
        available: card.available()?,
        merchant_name: merchant.name,
        product_name: product.name,
        expires_at: card.expires_at.map(rfc3339),
        qr_svg: qr(code)?,
    })
}

/// The code as a picture that a till's scanner reads.
fn qr(code: &Code) -> anyhow::Result<String> {
    let picture = QrCode::new(code.reveal().as_bytes()).context("a card code fits a QR code")?;
    let drawn = picture
        .render::<svg::Color<'_>>()
        .min_dimensions(QR_PIXELS, QR_PIXELS)
        .dark_color(svg::Color("#000"))
        .light_color(svg::Color("#fff"))
        .build();
    // The XML declaration has no place inside a page.
    Ok(drawn.split_once("?>").map_or(drawn.as_str(), |(_, svg)| svg).to_owned())
}
