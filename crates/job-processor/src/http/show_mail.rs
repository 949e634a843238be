//! `GET /dev/mail/{id}` and `GET /dev/mail/{id}/html`

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::{Html, IntoResponse, Response},
};
use http::{HeaderValue, header};
use platform::{http::Problem, pages::Frame};
use uuid::Uuid;

use crate::{
    app,
    store::mailbox::{self, Mail},
};

/// The HTML part is shown as a mail reader would: its own styles, nothing from elsewhere, no script.
const HTML_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox allow-popups allow-top-navigation-by-user-activation";

#[derive(Template)]
#[template(path = "mail.html")]
struct Page {
    frame: Frame,
    id: Uuid,
    recipient: String,
    subject: String,
    at: String,
    has_html: bool,
    lines: Vec<Vec<Piece>>,
}

/// A part of a line of text.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Link(String),
}

pub(super) async fn page(
    State(app): State<Arc<app::State>>,
    Path(id): Path<String>,
) -> Result<Html<String>, Problem> {
    let mail = find(&app, &id).await?;
    super::render(&Page {
        frame: Frame::new(true),
        id: mail.id,
        at: super::for_people(mail.at),
        recipient: mail.recipient,
        subject: mail.subject,
        has_html: !mail.html.is_empty(),
        lines: mail.text.lines().map(with_links).collect(),
    })
}

pub(super) async fn html(
    State(app): State<Arc<app::State>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let mail = find(&app, &id).await?;
    let mut response = Html(mail.html).into_response();
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(HTML_POLICY));
    Ok(response)
}

async fn find(app: &app::State, id: &str) -> Result<Mail, Problem> {
    let missing = || Problem::not_found("there is no such mail");
    let id = Uuid::try_parse(id).map_err(|_| missing())?;
    let found = mailbox::find(app.db.read(), id).await.map_err(Problem::unexpected)?;
    found.ok_or_else(missing)
}

/// Splits a line so that its addresses can be followed.
fn with_links(line: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find("http://").into_iter().chain(rest.find("https://")).min() {
        let (before, link) = rest.split_at(start);
        let end = link
            .find(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'))
            .unwrap_or(link.len());
        // A full stop or bracket after an address belongs to the sentence.
        let link_text = link[..end].trim_end_matches(['.', ',', ')', ';']);
        if !before.is_empty() {
            pieces.push(Piece::Text(before.to_owned()));
        }
        pieces.push(Piece::Link(link_text.to_owned()));
        rest = &link[link_text.len()..];
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_a_line_become_links() {
        fn check(line: &str, expected: &[Piece]) {
            assert_eq!(with_links(line), expected, "{line}");
        }
        let text = |text: &str| Piece::Text(text.into());
        let link = |text: &str| Piece::Link(text.into());
        check("", &[]);
        check("Hello.", &[text("Hello.")]);
        check(
            "Claim at http://x.example/c?t=1, or see https://y.example.",
            &[
                text("Claim at "),
                link("http://x.example/c?t=1"),
                text(", or see "),
                link("https://y.example"),
                text("."),
            ],
        );
    }
}
