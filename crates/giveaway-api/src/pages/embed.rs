//! `GET /embed/{giveaway}`: a giveaway inside of another site's page. It shows what is public and leads to the
//! giveaway's own page; nothing can be entered here, since what is around a frame can lie about it.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use platform::http::allow_framing;

use super::{
    frame::{Frame, Keep, live_page},
    giveaway::{Standing, count, named, phase, standing, worth},
    problem::Failure,
    wording::Time,
};
use crate::{actions::present_giveaway::present_giveaway, http::PREFIX, service::Service};

#[derive(Template)]
#[template(path = "embed.html")]
struct EmbedPage {
    frame: Frame,
    id: String,
    url: String,
    public_path: String,
    gateway: Option<String>,
    phase: String,
    title: String,
    standing: Standing,
    counts_down: bool,
    now: Time,
    worth: String,
    entries: String,
    takes_entries: bool,
}

/// The widget of a giveaway that is published.
pub(super) async fn show(
    State(service): State<Arc<Service>>,
    Path(giveaway): Path<String>,
) -> Result<Response, Failure> {
    let presented = present_giveaway(&service, named(&giveaway)?).await?;
    let giveaway = &presented.giveaway;
    let standing = standing(&presented);
    let answer = EmbedPage {
        frame: Frame::new(presented.is_test),
        id: giveaway.id.to_string(),
        url: format!("{}/g/{}", service.config.public_url, giveaway.id),
        public_path: format!("{PREFIX}/giveaways/{}/public", giveaway.id),
        gateway: service.config.gateway(),
        phase: phase(giveaway.state),
        title: giveaway.title.clone(),
        counts_down: standing.until.is_some(),
        standing,
        now: giveaway.server_time.into(),
        worth: worth(giveaway),
        entries: count(giveaway.counts.entries),
        takes_entries: presented.takes_entries,
    };
    let mut response = live_page(&service, StatusCode::OK, Keep::Public, &answer);
    allow_framing(&mut response);
    Ok(response)
}
