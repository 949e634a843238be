//! `GET /`: what this is, for somebody who has never heard of it.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};

use super::frame::{Frame, Keep, page};
use crate::service::Service;

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage<'a> {
    frame: Frame,
    url: &'a str,
}

/// `GET /`
pub(super) async fn show(State(service): State<Arc<Service>>) -> Response {
    let answer = WelcomePage { frame: super::frame::of(&service), url: &service.config.public_url };
    page(StatusCode::OK, Keep::Public, &answer)
}
