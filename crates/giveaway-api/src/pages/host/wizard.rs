//! `/host/giveaways/new` and `/host/giveaways/{id}/edit`: one form with everything that a giveaway needs, in the
//! order in which a host thinks of it. What can have a sensible value has it already. Whatever is saved is a
//! draft: nothing is public and nothing is paid before it is published.

mod given;
mod read;

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Redirect, Response},
};

use self::{
    given::{Given, Press, RowGiven},
    read::{Read, read},
};
use super::{
    super::{
        countries::{COUNTRIES, CountryName},
        frame::{self, Frame},
        session::{HostSession, SessionForm, SignedIn, Turned},
        wording::{length, price},
    },
    Top, host_page,
    wrong::Wrongs,
};
use crate::{
    actions::{
        draft_giveaway::{draft_giveaway, edit_giveaway},
        products::{ProductView, list_products},
        show_giveaway::show_giveaway,
    },
    domain::{draft::Patch, giveaway::GiveawayState},
    error::Error,
    http::page::Id,
    ids::{GiveawayId, HostId},
    service::Service,
};

/// A form with several fields of one name is read as pairs.
type Pairs = Vec<(String, String)>;

/// Products that somebody can look through in a list.
const PRODUCTS_MAX: usize = 500;

/// Products asked for at once.
const PRODUCTS_PAGE: u32 = 100;

/// Times between closing and the draw that are offered.
const REVIEWS: [u32; 5] = [0, 3_600, 86_400, 3 * 86_400, 7 * 86_400];

/// Times to claim that are offered.
const CLAIMS: [u32; 4] = [3 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400];

#[derive(Template)]
#[template(path = "host/wizard.html")]
struct WizardPage {
    frame: Frame,
    top: Top,
    /// Where the form goes.
    action: String,
    back: String,
    is_new: bool,
    given: Given,
    products: Vec<ProductRow>,
    reviews: Vec<Lasts>,
    claims: Vec<Lasts>,
    countries: &'static [CountryName],
    wrongs: Wrongs,
    /// The row that was just added takes the focus.
    added: Option<usize>,
}

struct ProductRow {
    id: String,
    text: String,
}

struct Lasts {
    seconds: u32,
    text: String,
    is_chosen: bool,
}

impl WizardPage {
    fn is_focused(&self, row: &usize) -> bool {
        self.added == Some(*row) || self.wrongs.is_first(&format!("product-{row}"))
    }

    fn at(&self, field: &str, row: &usize) -> Option<&str> {
        self.wrongs.at(&format!("{field}-{row}"))
    }
}

/// `GET /host/giveaways/new`
pub(in crate::pages) async fn ask_new(
    State(service): State<Arc<Service>>,
    _: HostSession,
    known: SignedIn,
) -> Result<Response, Turned> {
    let products = all_products(&service).await?;
    let given = Given::fresh(service.clock.now());
    Ok(form(&service, known, None, given, products, Wrongs::default()))
}

/// `POST /host/giveaways/new`
pub(in crate::pages) async fn create(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    SessionForm(pairs): SessionForm<Pairs>,
) -> Result<Response, Turned> {
    submit(&service, host, known, None, pairs).await
}

/// `GET /host/giveaways/{id}/edit`
pub(in crate::pages) async fn ask_edit(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    let giveaway = show_giveaway(&service, host, id).await?;
    if giveaway.state != GiveawayState::Draft {
        return Ok(Redirect::to(&format!("/host/giveaways/{id}")).into_response());
    }
    let products = all_products(&service).await?;
    let given = Given::from(&giveaway.draft);
    Ok(form(&service, known, Some(id), given, products, Wrongs::default()))
}

/// `POST /host/giveaways/{id}/edit`
pub(in crate::pages) async fn save(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
    SessionForm(pairs): SessionForm<Pairs>,
) -> Result<Response, Turned> {
    // Whose it is, before anything is said about it.
    show_giveaway(&service, host, id).await?;
    submit(&service, host, known, Some(id), pairs).await
}

async fn submit(
    service: &Service,
    host: HostId,
    known: SignedIn,
    id: Option<GiveawayId>,
    pairs: Pairs,
) -> Result<Response, Turned> {
    let products = all_products(service).await?;
    let (mut given, press) = Given::read(pairs);
    match press {
        Press::Save => {}
        Press::Add => {
            given.rows.push(RowGiven::one());
            return Ok(form(service, known, id, given, products, Wrongs::default()));
        }
        Press::Remove(row) => {
            if row < given.rows.len() {
                given.rows.remove(row);
            }
            given.keep_a_row();
            return Ok(form(service, known, id, given, products, Wrongs::default()));
        }
    }
    given.drop_blank_rows();
    let is_live = !service.beacon.chain().is_sandbox();
    let wrongs = match read(&given, &products, is_live, service.clock.now()) {
        Ok(read) => match write(service, host, id, read).await {
            Ok(id) => return Ok(Redirect::to(&format!("/host/giveaways/{id}")).into_response()),
            Err(error) => Wrongs::of(error, read::field_of)?,
        },
        Err(wrongs) => wrongs,
    };
    Ok(form(service, known, id, given, products, wrongs))
}

/// Saves what was read. What the page does not ask about stays as it is.
async fn write(
    service: &Service,
    host: HostId,
    id: Option<GiveawayId>,
    read: Read,
) -> Result<GiveawayId, Error> {
    let Read(form) = read;
    let Some(id) = id else { return draft_giveaway(service, host, form).await };
    let patch = Patch {
        title: Some(form.title),
        description: Some(form.description),
        currency: Some(form.currency),
        prizes: Some(form.prizes),
        eligibility: Some(form.eligibility),
        opens_at: Some(form.opens_at),
        closes_at: Some(form.closes_at),
        review_seconds: Some(form.review_seconds),
        claim_seconds: Some(form.claim_seconds),
        alternates: Some(form.alternates),
        lead_seconds: None,
        disqualification_reasons: None,
    };
    edit_giveaway(service, host, id, patch).await?;
    Ok(id)
}

fn form(
    service: &Service,
    known: SignedIn,
    id: Option<GiveawayId>,
    given: Given,
    products: Vec<ProductView>,
    wrongs: Wrongs,
) -> Response {
    let path = id.map_or("/host/giveaways".to_owned(), |id| format!("/host/giveaways/{id}"));
    let page = WizardPage {
        frame: frame::of(service),
        top: known.into(),
        action: if id.is_some() { format!("{path}/edit") } else { format!("{path}/new") },
        back: if id.is_some() { path } else { super::DASHBOARD.to_owned() },
        is_new: id.is_none(),
        reviews: lasts(&REVIEWS, &given.review, "Right after closing"),
        claims: lasts(&CLAIMS, &given.claim, ""),
        products: products.into_iter().map(ProductRow::from).collect(),
        countries: COUNTRIES,
        added: given.added,
        given,
        wrongs,
    };
    host_page(service, page.wrongs.status(), &page)
}

/// The lengths that are offered, and the one that is chosen also where it is none of them.
fn lasts(offered: &[u32], chosen: &str, nothing: &str) -> Vec<Lasts> {
    let chosen = chosen.parse().ok();
    let mut all: Vec<u32> = offered.to_vec();
    all.extend(chosen.filter(|seconds| !offered.contains(seconds)));
    all.sort_unstable();
    let row = |seconds: u32| Lasts {
        seconds,
        text: if seconds == 0 { nothing.to_owned() } else { length(seconds.into()) },
        is_chosen: chosen == Some(seconds),
    };
    all.into_iter().map(row).collect()
}

/// Every product that can be a prize, as far as a list can be looked through.
async fn all_products(service: &Service) -> Result<Vec<ProductView>, Error> {
    let mut all = Vec::new();
    let mut after = None;
    loop {
        let (products, next) = list_products(service, PRODUCTS_PAGE, after).await?;
        all.extend(products);
        after = match next {
            Some(next) if all.len() < PRODUCTS_MAX => {
                Some(next.parse().map_err(anyhow::Error::from)?)
            }
            _ => return Ok(all),
        };
    }
}

impl From<ProductView> for ProductRow {
    fn from(product: ProductView) -> Self {
        let bound = |minor: i64| price(minor.unsigned_abs(), &product.currency);
        let text = format!(
            "{}, {} ({} to {})",
            product.name,
            product.merchant_name,
            bound(product.min.minor),
            bound(product.max.minor)
        );
        Self { id: product.id, text }
    }
}
