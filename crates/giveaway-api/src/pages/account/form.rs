//! A page that is one form, and a page that says one thing.

use askama::Template;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use platform::http::FieldError;

use super::super::{
    frame::{Frame, Keep, page},
    wording::sentence,
};

/// A page with one form.
#[derive(Template)]
#[template(path = "account/form.html")]
pub(super) struct FormPage {
    frame: Frame,
    pub(super) title: &'static str,
    pub(super) lead: Vec<String>,
    pub(super) action: &'static str,
    pub(super) hidden: Vec<(&'static str, String)>,
    pub(super) fields: Vec<Field>,
    pub(super) button: &'static str,
    pub(super) links: Vec<(String, &'static str)>,
    has_errors: bool,
}

/// A page without a form.
#[derive(Template)]
#[template(path = "account/notice.html")]
pub(super) struct NoticePage {
    frame: Frame,
    title: &'static str,
    lead: Vec<String>,
    links: Vec<(String, &'static str)>,
}

/// A field.
pub(super) struct Field {
    name: &'static str,
    label: &'static str,
    kind: &'static str,
    autocomplete: &'static str,
    value: String,
    hint: Option<&'static str>,
    error: Option<String>,
    is_code: bool,
    is_focused: bool,
}

impl Field {
    fn new(
        name: &'static str,
        label: &'static str,
        kind: &'static str,
        autocomplete: &'static str,
    ) -> Self {
        Self {
            name,
            label,
            kind,
            autocomplete,
            value: String::new(),
            hint: None,
            error: None,
            is_code: false,
            is_focused: false,
        }
    }

    /// An address.
    pub(super) fn email(value: &str) -> Self {
        let field = Self::new("email", "Email address", "email", "username");
        Self { value: value.to_owned(), ..field }
    }

    /// Somebody else's address.
    pub(super) fn somebodys_email(value: &str) -> Self {
        let field = Self::new("email", "Their email address", "email", "off");
        Self { value: value.to_owned(), ..field }
    }

    /// What the person or the business is called.
    pub(super) fn name(value: &str) -> Self {
        let hint = Some("Entrants see it beside your giveaways.");
        let field = Self::new("name", "Your name, or your business’s", "text", "organization");
        Self { value: value.to_owned(), hint, ..field }
    }

    /// A line of text that somebody makes up.
    pub(super) fn text(name: &'static str, label: &'static str, value: &str) -> Self {
        Self { value: value.to_owned(), ..Self::new(name, label, "text", "off") }
    }

    /// A password that is known. What was typed is never sent back.
    pub(super) fn password() -> Self {
        Self::new("password", "Password", "password", "current-password")
    }

    /// A password that is chosen.
    pub(super) fn new_password(name: &'static str) -> Self {
        let hint = Some(
            "At least 12 characters. A few words in a row are good, and so is your password manager.",
        );
        Self { hint, ..Self::new(name, "New password", "password", "new-password") }
    }

    /// A code of an authenticator application.
    pub(super) fn code() -> Self {
        let hint = Some("Six digits from your authenticator app, or one of your recovery codes.");
        let field = Self::new("code", "Code", "text", "one-time-code");
        Self { hint, is_code: true, ..field }
    }

    /// The ids of what describes the field.
    fn described_by(&self) -> Option<String> {
        let hint = self.hint.map(|_| format!("{}-hint", self.name));
        let error = self.error.as_ref().map(|_| format!("{}-error", self.name));
        let ids: Vec<String> = hint.into_iter().chain(error).collect();
        (!ids.is_empty()).then(|| ids.join(" "))
    }
}

impl FormPage {
    /// A form that goes to `action`.
    pub(super) fn new(
        title: &'static str,
        action: &'static str,
        fields: Vec<Field>,
        button: &'static str,
    ) -> Self {
        Self {
            frame: Frame::default(),
            title,
            lead: Vec::new(),
            action,
            hidden: Vec::new(),
            fields,
            button,
            links: Vec::new(),
            has_errors: false,
        }
    }

    /// A sentence above the form.
    pub(super) fn lead(mut self, text: impl Into<String>) -> Self {
        self.lead.push(text.into());
        self
    }

    /// A field that nobody sees.
    pub(super) fn hidden(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.hidden.push((name, value.into()));
        self
    }

    /// A link below the form.
    pub(super) fn link(mut self, href: impl Into<String>, text: &'static str) -> Self {
        self.links.push((href.into(), text));
        self
    }

    /// What is wrong, beside the fields; the first one that is wrong takes the focus. What is wrong with no
    /// field of this form is said at the first.
    pub(super) fn wrong(mut self, errors: &[FieldError]) -> Self {
        for error in errors {
            let name = error.pointer.trim_start_matches('/');
            let at = self.fields.iter().position(|field| field.name == name).unwrap_or(0);
            if let Some(field) = self.fields.get_mut(at) {
                field.error.get_or_insert_with(|| sentence(&error.detail));
                self.has_errors = true;
            }
        }
        if let Some(first) = self.fields.iter_mut().find(|field| field.error.is_some()) {
            first.is_focused = true;
        }
        self
    }

    /// The page as an answer.
    pub(super) fn answer(&self) -> Response {
        let status =
            if self.has_errors { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        account_page(status, self)
    }
}

/// A page that says one thing.
pub(super) fn notice(
    title: &'static str,
    lead: &[&str],
    links: Vec<(String, &'static str)>,
) -> Response {
    let lead = lead.iter().map(|text| (*text).to_owned()).collect();
    let notice = NoticePage { frame: Frame::default(), title, lead, links };
    account_page(StatusCode::OK, &notice)
}

/// A page of an account. Its forms say on which page they were, to us alone: by that a form to sign in is
/// told from one on another site, and who was asked to confirm who they are comes back.
pub(super) fn account_page(status: StatusCode, template: &impl Template) -> Response {
    let mut response = page(status, Keep::Nothing, template);
    let policy = HeaderValue::from_static("same-origin");
    response.headers_mut().insert(header::REFERRER_POLICY, policy);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_beside_the_field_and_the_first_takes_the_focus() {
        let fields = vec![Field::email("a@b"), Field::new_password("password")];
        let page = FormPage::new("Make an account", "/register", fields, "Go").wrong(&[
            FieldError::new("/password", "must be longer"),
            FieldError::new("/elsewhere", "is missing"),
        ]);
        let html = page.render().unwrap();
        assert!(html.contains("aria-describedby=\"password-hint password-error\""), "{html}");
        assert!(html.contains("<p class=\"wrong\" id=\"password-error\">Must be longer"), "{html}");
        assert!(html.contains("id=\"email-error\""), "{html}");
        assert_eq!(html.matches("autofocus").count(), 1);
        assert!(html.find("autofocus") < html.find("id=\"password\""), "{html}");
    }

    #[test]
    fn what_somebody_wrote_stays_text() {
        let fields = vec![Field::email("\"><script>")];
        let html = FormPage::new("Sign in", "/sign-in", fields, "Go").render().unwrap();
        assert!(html.contains("&#60;script&#62;") && !html.contains("<script>"), "{html}");
    }
}
