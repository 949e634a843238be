//! The documents of all three APIs: `handsel openapi`, and pages to read them at `/api`.
//!
//! | module | what it holds |
//! |---|---|
//! | `view` | a document, as a page shows it |
//! | `shapes` | schemas in words, and an example of each |
//! | `text` | prose with code in it |

mod shapes;
mod text;
mod view;

use std::{collections::BTreeMap, process::ExitCode, sync::LazyLock};

use askama::Template;
use axum::{
    Router,
    extract::Path,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use clap::ValueEnum;
use http::header;
use platform::{document::Document, http::Problem};

use self::view::Api;
use crate::{calls, out};

const STYLE: &str = include_str!("reference.css");

/// An API of the installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Which {
    /// Giveaways: hosts, wallets, entries, draws, claims
    Giveaway,
    /// Gift cards: merchants, tills, settlements
    Giftcard,
    /// The calls between the services
    Calls,
}

impl Which {
    const ALL: [Self; 3] = [Self::Giveaway, Self::Giftcard, Self::Calls];

    const fn name(self) -> &'static str {
        match self {
            Self::Giveaway => "giveaway",
            Self::Giftcard => "giftcard",
            Self::Calls => "calls",
        }
    }

    fn document(self) -> &'static Document {
        match self {
            Self::Giveaway => giveaway_api::http::document(),
            Self::Giftcard => giftcard_api::document(),
            Self::Calls => calls::document(),
        }
    }
}

/// `handsel openapi`: prints a document.
pub(crate) fn run(which: Which) -> ExitCode {
    out::text(which.document().json());
    ExitCode::SUCCESS
}

/// The pages.
pub(crate) fn router() -> Router {
    Router::new()
        .route("/api", get(async || page(&INDEX)))
        .route("/api/{name}", get(reference))
        .route("/assets/reference.css", get(style))
}

/// Rendered when somebody asks for it first: it changes with the program only.
type Page = Result<String, String>;

static INDEX: LazyLock<Page> = LazyLock::new(|| render(&IndexPage { apis: all() }));

static PAGES: LazyLock<BTreeMap<&str, Page>> = LazyLock::new(|| {
    all().into_iter().map(|api| (api.name, render(&ReferencePage { api }))).collect()
});

#[derive(Template)]
#[template(path = "index.html")]
struct IndexPage {
    apis: Vec<Api>,
}

#[derive(Template)]
#[template(path = "reference.html")]
struct ReferencePage {
    api: Api,
}

fn all() -> Vec<Api> {
    Which::ALL.iter().map(|which| Api::of(which.name(), which.document().value())).collect()
}

fn render(page: &impl Template) -> Page {
    page.render().map_err(|error| error.to_string())
}

fn page(page: &Page) -> Response {
    match page {
        Ok(html) => Html(html.clone()).into_response(),
        Err(error) => Problem::unexpected(anyhow::anyhow!("a page: {error}")).into_response(),
    }
}

async fn reference(Path(name): Path<String>) -> Response {
    match PAGES.get(name.as_str()) {
        Some(found) => page(found),
        None => Problem::not_found("there is no such API").into_response(),
    }
}

async fn style() -> impl IntoResponse {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "no-cache")];
    (headers, STYLE)
}
