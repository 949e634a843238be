//! Mails about accounts. None greets by a name or has anything else in it that whoever asked for the mail
//! chose: they may be somebody else.

use jiff::Timestamp;

use super::{Letter, Part, Rendered, at, rendered, text};

/// What a mail says. Links are complete addresses.
pub(crate) enum AccountMail<'a> {
    /// Asks to prove the address of a new account.
    VerifyAddress {
        /// To the page that proves it.
        link: &'a str,
        /// When the link ends.
        expires_at: Timestamp,
    },
    /// Lets the person choose a new password.
    ResetPassword {
        /// To the page that sets it.
        link: &'a str,
        /// When the link ends.
        expires_at: Timestamp,
    },
    /// Somebody registered with an address that has an account.
    AlreadyRegistered {
        /// To the page for a forgotten password.
        link: &'a str,
    },
    /// The password is another one now.
    PasswordChanged {
        /// To the page for a forgotten password.
        link: &'a str,
    },
    /// Somebody is invited.
    Invitation {
        /// To do what.
        to_what: &'a str,
        /// To the page that accepts.
        link: &'a str,
        /// When the link ends.
        expires_at: Timestamp,
    },
}

const OWNER: &str = "You get this mail because this address has an account here.";
const MAYBE: &str = "You get this mail because somebody gave this address. If that was not you, do \
    nothing: nothing happens then.";

/// Writes a mail.
///
/// # Errors
/// When a template does not render, which is a bug.
pub(crate) fn render(
    public_url: &str,
    is_test: bool,
    mail: &AccountMail<'_>,
) -> Result<Rendered, askama::Error> {
    let (subject, why, parts) = compose(mail);
    rendered(Letter {
        subject: subject.to_owned(),
        is_test,
        greeting: "Hello,".to_owned(),
        parts,
        why,
        title: "Handsel".to_owned(),
        url: public_url.to_owned(),
    })
}

fn compose(mail: &AccountMail<'_>) -> (&'static str, &'static str, Vec<Part>) {
    let link = |label: &'static str, url: &str| Part::Link { label, url: url.to_owned() };
    let until = |end: &Timestamp| text(format!("The link works once, until {}.", at(*end)));
    match mail {
        AccountMail::VerifyAddress { link: url, expires_at } => (
            "Confirm your address",
            MAYBE,
            vec![
                text(
                    "Please confirm this address with the password that you have just chosen. Your account can be used then.",
                ),
                link("Confirm my address", url),
                until(expires_at),
                text(
                    "If you have not chosen a password here, somebody else used your address: do not follow the link.",
                ),
            ],
        ),
        AccountMail::ResetPassword { link: url, expires_at } => (
            "Choose a new password",
            MAYBE,
            vec![
                text(
                    "With this link you choose a new password. Everybody who is signed in with your account is signed out by that.",
                ),
                link("Choose a new password", url),
                until(expires_at),
                text("We never ask for your password, and nobody but you should have this link."),
            ],
        ),
        AccountMail::AlreadyRegistered { link: url } => (
            "You already have an account",
            OWNER,
            vec![
                text(
                    "Somebody has just tried to make an account with this address, which has one. If that was you: sign in with it, or choose a new password.",
                ),
                link("I have forgotten my password", url),
                text("If it was not you, there is nothing to do: your account is as it was."),
            ],
        ),
        AccountMail::PasswordChanged { link: url } => (
            "Your password was changed",
            OWNER,
            vec![
                text(
                    "The password of your account was changed a moment ago, and every other browser was signed out.",
                ),
                text(
                    "If that was not you, choose another one now, and write to whoever runs this installation.",
                ),
                link("Choose a new password", url),
            ],
        ),
        AccountMail::Invitation { to_what, link: url, expires_at } => (
            "You are invited",
            MAYBE,
            vec![
                text(format!(
                    "You are invited {to_what}. Accept with a password that you choose, or with the one of the account that you have."
                )),
                link("Accept the invitation", url),
                until(expires_at),
            ],
        ),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    #[test]
    fn the_text_of_the_mail_that_sets_a_new_password() {
        let link = "https://win.example/reset-password?t=abc";
        let expires_at = Timestamp::from_second(1_795_348_800).unwrap();
        let mail = AccountMail::ResetPassword { link, expires_at };
        let mail = render("https://win.example", false, &mail).unwrap();
        assert_eq!(mail.subject, "Choose a new password");
        assert_snapshot!(mail.text, @"
        Hello,

        With this link you choose a new password. Everybody who is signed in with your account is signed out by that.

        Choose a new password:
        https://win.example/reset-password?t=abc

        The link works once, until 22 November 2026, 12:00 UTC.

        We never ask for your password, and nobody but you should have this link.

        --
        Handsel
        https://win.example
        You get this mail because somebody gave this address. If that was not you, do nothing: nothing happens then.
        ");
        assert!(mail.html.contains("href=\"https://win.example/reset-password?t=abc\""));
    }
}
