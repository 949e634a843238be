//! The mail server, and whether mails stay readable here instead.

use anyhow::Context as _;
use lettre::message::Mailbox;
use platform::config::Secret;
use serde::{Deserialize, Serialize};

/// What the job processor is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// The mail server. Without one, mails go to the mailbox or wait.
    pub smtp: SmtpConfig,
    /// Keep mails readable at `/dev/mail`. Anyone who reaches the port can then read every mail,
    /// with its links, so this is for the demo and for development only.
    pub mailbox: bool,
}

/// How to reach the mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SmtpConfig {
    /// Host name of the server; empty for none.
    pub host: String,
    /// Port; 0 for the usual one (587 with `starttls`, 465 with `tls`, 25 with `none`).
    pub port: u16,
    /// How the connection is protected.
    pub tls: SmtpTls,
    /// User name; empty for a server that asks for none.
    pub user: String,
    /// Password.
    pub password: Secret,
    /// Sender of all mails, for example `Handsel <gifts@example.org>`.
    pub from: String,
    /// How long handing over one mail may take, in seconds.
    pub timeout_seconds: u64,
}

/// How the connection to the mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SmtpTls {
    /// Begin in the clear and demand the upgrade before anything is said.
    #[default]
    Starttls,
    /// TLS from the first byte.
    Tls,
    /// None: for a relay on the same machine.
    None,
}

/// A healthy server takes a mail in well under a second; a call has ten for its whole batch.
const TIMEOUT_SECONDS: u64 = 5;

impl Default for SmtpConfig {
    fn default() -> Self {
        Self {
            host: String::new(),
            port: 0,
            tls: SmtpTls::default(),
            user: String::new(),
            password: Secret::default(),
            from: String::new(),
            timeout_seconds: TIMEOUT_SECONDS,
        }
    }
}

impl SmtpConfig {
    /// Whether a server is configured.
    pub fn is_configured(&self) -> bool {
        !self.host.is_empty()
    }

    /// Checks what can be checked without the server.
    ///
    /// # Errors
    /// Names the key and the reason.
    pub fn check(&self) -> anyhow::Result<()> {
        if !self.is_configured() {
            return Ok(());
        }
        self.sender()?;
        anyhow::ensure!(
            self.user.is_empty() == self.password.is_empty(),
            "smtp.user and smtp.password belong together: set both or neither"
        );
        anyhow::ensure!(
            (1..=60).contains(&self.timeout_seconds),
            "smtp.timeout_seconds must be from 1 to 60"
        );
        Ok(())
    }

    /// The port to connect to.
    pub(crate) fn effective_port(&self) -> u16 {
        match (self.port, self.tls) {
            (0, SmtpTls::Starttls) => 587,
            (0, SmtpTls::Tls) => 465,
            (0, SmtpTls::None) => 25,
            (port, _) => port,
        }
    }

    /// The sender.
    pub(crate) fn sender(&self) -> anyhow::Result<Mailbox> {
        self.from.parse().with_context(|| {
            format!("smtp.from: `{}` is not of the form Name <user@host>", self.from)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        fn check(change: impl FnOnce(&mut SmtpConfig), expected: Option<&str>) {
            let mut config = SmtpConfig {
                host: "mail.example".into(),
                from: "Gifts <gifts@shop.example>".into(),
                ..SmtpConfig::default()
            };
            change(&mut config);
            match (config.check(), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(key)) => assert!(error.to_string().contains(key), "{error}"),
                (outcome, _) => panic!("{outcome:?}, expected {expected:?}"),
            }
        }
        check(|_| {}, None);
        check(|config| config.from.clear(), Some("smtp.from"));
        check(|config| config.user = "mailer".into(), Some("smtp.password"));
        check(|config| config.timeout_seconds = 0, Some("smtp.timeout_seconds"));
        check(|config| *config = SmtpConfig::default(), None);
    }

    #[test]
    fn the_port_follows_the_protection() {
        let port = |tls, port| SmtpConfig { tls, port, ..SmtpConfig::default() }.effective_port();
        assert_eq!(port(SmtpTls::Starttls, 0), 587);
        assert_eq!(port(SmtpTls::Tls, 0), 465);
        assert_eq!(port(SmtpTls::None, 0), 25);
        assert_eq!(port(SmtpTls::None, 2525), 2525);
    }
}
