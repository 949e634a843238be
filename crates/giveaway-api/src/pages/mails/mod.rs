//! The mails' texts: plain, and as simple HTML with the same words.

use askama::Template;

use crate::error::{Error, Result};

/// A mail with its words.
pub(crate) struct Words {
    /// The subject line.
    pub(crate) subject: String,
    /// As plain text.
    pub(crate) text: String,
    /// As HTML.
    pub(crate) html: String,
}

/// What every mail is made of: paragraphs, perhaps one link between them, and something to keep.
#[derive(Template)]
#[template(path = "mails/mail.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "mails/mail.html")]
struct Html<'a> {
    letter: &'a Letter,
}

/// A mail before it is laid out.
#[derive(Default)]
pub(crate) struct Letter {
    /// The subject line.
    pub(crate) subject: String,
    /// `Hello Ada,`; just `Hello,` for those who gave no name.
    pub(crate) name: Option<String>,
    /// Before the link.
    pub(crate) paragraphs: Vec<String>,
    /// What to do, and where.
    pub(crate) link: Option<(String, String)>,
    /// After the link.
    pub(crate) closing: Vec<String>,
    /// Something to keep, word for word.
    pub(crate) keep: Option<String>,
}

impl Letter {
    /// Lays the mail out.
    ///
    /// # Errors
    /// When a template cannot be rendered, which no data can cause.
    pub(crate) fn words(&self) -> Result<Words> {
        let unexpected = |error: askama::Error| Error::Unexpected(error.into());
        Ok(Words {
            // A line break in a header would begin another header.
            subject: self.subject.replace(['\r', '\n'], " "),
            text: Text { letter: self }.render().map_err(unexpected)?,
            html: Html { letter: self }.render().map_err(unexpected)?,
        })
    }
}
