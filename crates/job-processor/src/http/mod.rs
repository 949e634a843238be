//! The mailbox, in demo mode only.
//!
//! | route | what it gives |
//! |---|---|
//! | `GET /dev/mail?to=&after=` | the newest mails, to be read in a browser |
//! | `GET /dev/mail.json?to=&template=&limit=&after=` | the same for programs |
//! | `GET /dev/mail/{id}` | one mail |
//! | `GET /dev/mail/{id}/html` | its HTML part, without scripts and without anything from elsewhere |

mod list_mails;
mod show_mail;

use std::sync::Arc;

use axum::{Router, routing::get};

use crate::app::State;

pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/dev/mail", get(list_mails::page))
        .route("/dev/mail.json", get(list_mails::json))
        .route("/dev/mail/{id}", get(show_mail::page))
        .route("/dev/mail/{id}/html", get(show_mail::html))
        .with_state(state)
}

/// Renders a page that a template cannot fail on in practice.
fn render(
    template: &impl askama::Template,
) -> Result<axum::response::Html<String>, platform::http::Problem> {
    template.render().map(axum::response::Html).map_err(platform::http::Problem::unexpected)
}

/// A time as people read it, in UTC.
fn for_people(at_ms: i64) -> String {
    platform::clock::from_millis(at_ms).strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}
