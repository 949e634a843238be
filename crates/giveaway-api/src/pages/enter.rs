//! The form on the giveaway's page.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use serde::Deserialize;

use super::{
    countries::{COUNTRIES, CountryName},
    frame::{Fields, Frame, Keep, live_page, of, private_page},
    giveaway::{named, page_of},
    limit::Admitted,
    problem::Failure,
    wording::sentence,
};
use crate::{
    actions::{enter::enter, present_giveaway::present_giveaway},
    domain::entry::Form,
    error::Error,
    service::Service,
};

/// What somebody wrote. Every field may be missing: then it is empty, and refused as such.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Given {
    email: String,
    name: String,
    country: String,
    birth_year: String,
    referred_by: String,
}

/// The form as it is shown: what was written, and what is wrong with it.
#[derive(Default)]
pub(super) struct EntryForm {
    pub(super) given: Given,
    pub(super) errors: Vec<Wrong>,
}

/// What is wrong with one field.
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) reason: String,
}

#[derive(Template)]
#[template(path = "check_mail.html")]
pub(super) struct CheckMailPage {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) path: String,
    pub(super) address: String,
    /// What is wrong with the code that was typed.
    pub(super) wrong: Option<String>,
}

/// `POST /g/{giveaway}/enter`. The answer is the same for an address that is known and one that is
/// not; it does repeat the address, so that a slip of the pen is seen.
pub(super) async fn submit(
    _: Admitted,
    State(service): State<Arc<Service>>,
    Path(giveaway): Path<String>,
    Fields(given): Fields<Given>,
) -> Result<Response, Failure> {
    let id = named(&giveaway)?;
    let form = Form {
        email: &given.email,
        name: &given.name,
        country: &given.country,
        birth_year: &given.birth_year,
        referred_by: &given.referred_by,
    };
    match enter(&service, id, &form).await {
        Ok(_) => {
            let title = present_giveaway(&service, id).await?.giveaway.title;
            let address = given.email.trim().to_owned();
            let path = format!("/g/{id}");
            let frame = of(&service);
            Ok(private_page(&CheckMailPage { frame, title, path, address, wrong: None }))
        }
        Err(Error::Invalid(errors)) => {
            let wrong = errors.into_iter().map(|error| Wrong {
                field: error.pointer.trim_start_matches('/').to_owned(),
                reason: sentence(&error.detail),
            });
            let form = EntryForm { errors: wrong.collect(), given };
            let shown = present_giveaway(&service, id).await?;
            let answer = page_of(&service, &shown, form);
            Ok(live_page(&service, StatusCode::UNPROCESSABLE_ENTITY, Keep::Nothing, &answer))
        }
        Err(error) => Err(error.into()),
    }
}

impl EntryForm {
    /// An empty form for somebody who was sent by another entrant.
    pub(super) fn referred_by(referrer: String) -> Self {
        Self { given: Given { referred_by: referrer, ..Given::default() }, errors: Vec::new() }
    }

    /// The email address as written.
    pub(super) fn email(&self) -> &str {
        &self.given.email
    }

    /// The name as written.
    pub(super) fn name(&self) -> &str {
        &self.given.name
    }

    /// The birth year as written.
    pub(super) fn birth_year(&self) -> &str {
        &self.given.birth_year
    }

    /// Who sent them.
    pub(super) fn referrer(&self) -> &str {
        &self.given.referred_by
    }

    /// All countries.
    pub(super) fn countries(&self) -> &'static [CountryName] {
        COUNTRIES
    }

    /// Whether this country was chosen.
    pub(super) fn is_chosen(&self, code: &str) -> bool {
        self.given.country.trim().eq_ignore_ascii_case(code)
    }

    /// What is wrong with this field, if anything.
    pub(super) fn error(&self, field: &str) -> Option<&str> {
        let wrong = self.errors.iter().find(|wrong| wrong.field == field);
        wrong.map(|wrong| wrong.reason.as_str())
    }

    /// The first field that is wrong takes the focus.
    pub(super) fn is_first_wrong(&self, field: &str) -> bool {
        self.errors.first().is_some_and(|wrong| wrong.field == field)
    }
}
