//! A giveaway as it runs.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use jiff::SignedDuration;
use qrcode::{QrCode, render::svg};

use super::{
    super::{
        super::{
            frame::{self, Frame},
            giveaway::{count, phase},
            session::{SignedIn, Turned},
            wording::Time,
        },
        Top, host_page,
        standing::{Standing, Times, standing},
    },
    OutcomeRow, PrizeRow,
    winners::{WinnerRow, winner_rows},
};
use crate::{
    actions::show_giveaway::{GiveawayView, PrizeView},
    domain::giveaway::GiveawayState,
    error::Error,
    http::PREFIX,
    ids::HostId,
    service::Service,
};

/// Pixels of the picture of the link, at least.
const QR_PIXELS: u32 = 176;

/// What opens as soon as it is funded opens within this time.
const SOON: SignedDuration = SignedDuration::from_mins(1);

#[derive(Template)]
#[template(path = "host/giveaway.html")]
struct LivePage {
    frame: Frame,
    top: Top,
    id: String,
    path: String,
    public_path: String,
    gateway: Option<String>,
    phase: String,
    now: Time,
    title: String,
    standing: Standing,
    counts_down: bool,
    /// It opens by itself in a moment: where no scripts run, the page is loaded again.
    opens_soon: bool,
    entries: String,
    verified: String,
    eligible: String,
    prizes: Vec<PrizeRow>,
    outcomes: Vec<OutcomeRow>,
    winners: Vec<WinnerRow>,
    url: String,
    picture: String,
    snippet: String,
    draw: Option<Draw>,
    takes_imports: bool,
    can_cancel: bool,
}

/// What proves the draw.
struct Draw {
    manifest: String,
    transcript: Option<String>,
    verify: String,
}

pub(super) async fn page(
    service: &Service,
    host: HostId,
    known: SignedIn,
    giveaway: GiveawayView,
    prizes: &[PrizeView],
    outcomes: Vec<OutcomeRow>,
) -> Result<Response, Turned> {
    use GiveawayState as S;
    let (id, state) = (giveaway.id, giveaway.state);
    let times = Times {
        opens_at: giveaway.draft.opens_at,
        closes_at: giveaway.draft.closes_at,
        freeze_at: giveaway.freeze_at,
        draw_at: giveaway.draw_at,
    };
    let standing = standing(state, times);
    let now = service.clock.now();
    let soon = now + SOON;
    let is_frozen = matches!(state, S::Committed | S::Drawn | S::Completed);
    let is_drawn = matches!(state, S::Drawn | S::Completed);
    let document = |name| format!("{PREFIX}/giveaways/{id}/{name}");
    let origin = &service.config.public_url;
    let page = LivePage {
        frame: frame::of(service),
        top: known.into(),
        id: id.to_string(),
        path: format!("/host/giveaways/{id}"),
        public_path: document("public"),
        gateway: service.config.gateway(),
        phase: phase(state),
        now: now.into(),
        counts_down: standing.time.is_some(),
        opens_soon: state == S::Scheduled && times.opens_at.is_some_and(|at| at <= soon),
        standing,
        entries: count(giveaway.counts.entries),
        verified: count(giveaway.counts.verified),
        eligible: count(giveaway.counts.eligible),
        prizes: prizes.iter().map(PrizeRow::from).collect(),
        outcomes,
        winners: if is_drawn { winner_rows(service, host, id, prizes).await? } else { Vec::new() },
        picture: picture(&giveaway.public_url).map_err(Error::from)?,
        snippet: snippet(origin, &id.to_string(), &giveaway.draft.title),
        url: giveaway.public_url,
        title: giveaway.draft.title,
        draw: is_frozen.then(|| Draw {
            manifest: document("manifest"),
            transcript: is_drawn.then(|| document("transcript")),
            verify: format!("/verify?giveaway={id}"),
        }),
        takes_imports: matches!(state, S::Scheduled | S::Open),
        can_cancel: matches!(state, S::Scheduled | S::Open | S::Closed),
    };
    Ok(host_page(service, StatusCode::OK, &page))
}

/// The link as a picture, for posters and screens.
fn picture(url: &str) -> anyhow::Result<String> {
    let code = QrCode::new(url.as_bytes())?;
    let svg = code.render::<svg::Color<'_>>().min_dimensions(QR_PIXELS, QR_PIXELS).build();
    // Without the declaration, which has no place inside of a page.
    Ok(svg.split_once("?>").map_or(svg.clone(), |(_, picture)| picture.to_owned()))
}

/// What a host puts into a page of its own.
fn snippet(origin: &str, id: &str, title: &str) -> String {
    let title = title.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    format!(
        r#"<script src="{origin}/embed.js" data-giveaway="{id}" data-title="{title}" async></script>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_stays_inside_of_the_snippet() {
        let html = snippet("https://handsel.example", "gvw_1", "\"><script>alert(1)</script>");
        assert_eq!(html.matches("<script").count(), 1, "{html}");
        assert_eq!(html.matches("\">").count(), 0, "{html}");
    }
}
