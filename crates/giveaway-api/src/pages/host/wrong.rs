//! What is wrong with a form, beside its fields.

use platform::http::{FieldError, Problem};

use super::super::{session::Turned, wording::sentence};
use crate::error::Error;

/// What is wrong, in the order of the form.
#[derive(Default)]
pub(super) struct Wrongs(pub(super) Vec<Wrong>);

/// One thing that is wrong; with no field when it is none of them.
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) reason: String,
}

impl Wrongs {
    /// What an action refused, as far as the form can say it; otherwise there is another page for it. `named`
    /// gives the form's name for a field of the action.
    pub(super) fn of(error: Error, named: impl Fn(&str) -> String) -> Result<Self, Turned> {
        let mut wrongs = Self::default();
        match error {
            Error::Invalid(errors) => {
                for FieldError { pointer, detail } in errors {
                    wrongs.add(named(&pointer), &detail);
                }
            }
            Error::State { .. }
            | Error::Gone { .. }
            | Error::InsufficientFunds { .. }
            | Error::KeyReused
            | Error::KeyBusy
            | Error::Replayed { .. }
            | Error::Unavailable(_) => wrongs.add("", Problem::from(error).message()),
            error => return Err(error.into()),
        }
        Ok(wrongs)
    }

    pub(super) fn add(&mut self, field: impl Into<String>, reason: &str) {
        let field = field.into();
        if field.is_empty() || self.at(&field).is_none() {
            self.0.push(Wrong { field, reason: sentence(reason) });
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with this field.
    pub(super) fn at(&self, field: &str) -> Option<&str> {
        self.0.iter().find(|wrong| wrong.field == field).map(|wrong| wrong.reason.as_str())
    }

    /// The first field that is wrong takes the focus.
    pub(super) fn is_first(&self, field: &str) -> bool {
        self.0.first().is_some_and(|wrong| wrong.field == field)
    }

    /// The status of the page that shows this.
    pub(super) fn status(&self) -> axum::http::StatusCode {
        use axum::http::StatusCode as S;
        if self.is_empty() { S::OK } else { S::UNPROCESSABLE_ENTITY }
    }
}
