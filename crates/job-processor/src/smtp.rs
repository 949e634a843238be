//! The mail server as we see it.

use std::{fmt, time::Duration};

use contracts::giveaway::RenderedMail;
use jiff::Timestamp;
use lettre::{
    AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};

use crate::{
    config::{SmtpConfig, SmtpTls},
    domain::mail::{Tried, judge_reply, message_id},
};

/// Connections to the server at once. Servers commonly allow ten from one address; others of the
/// same installation may send too.
pub(crate) const CONNECTIONS: usize = 4;

/// A connection that was not used for this long is closed: servers drop idle ones after minutes,
/// and a dropped one would cost the next mail a failed try.
const IDLE: Duration = Duration::from_secs(30);

/// A configured mail server.
pub(crate) struct Smtp {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    /// The transport itself limits only how long connecting takes.
    limit: Duration,
}

impl Smtp {
    /// Prepares connections; makes none.
    pub(crate) fn new(config: &SmtpConfig) -> anyhow::Result<Self> {
        let tls = match config.tls {
            SmtpTls::Starttls => Tls::Required(TlsParameters::new(config.host.clone())?),
            SmtpTls::Tls => Tls::Wrapper(TlsParameters::new(config.host.clone())?),
            SmtpTls::None => Tls::None,
        };
        let connections = u32::try_from(CONNECTIONS).unwrap_or(u32::MAX);
        let limit = Duration::from_secs(config.timeout_seconds);
        let mut builder =
            AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.host.clone())
                .port(config.effective_port())
                .tls(tls)
                .timeout(Some(limit))
                .pool_config(PoolConfig::new().max_size(connections).idle_timeout(IDLE));
        if !config.user.is_empty() {
            builder = builder.credentials(Credentials::new(
                config.user.clone(),
                config.password.reveal().to_owned(),
            ));
        }
        Ok(Self { transport: builder.build(), from: config.sender()?, limit })
    }

    /// Hands one mail to the server, once.
    pub(crate) async fn send(&self, mail: &RenderedMail, now: Timestamp) -> Tried {
        let message = match self.compose(mail, now) {
            Ok(message) => message,
            Err(reason) => return Tried::Rejected(reason.to_owned()),
        };
        let plain_address = message.envelope().to().iter().all(|to| {
            let text: &str = to.as_ref();
            text.is_ascii()
        });
        match tokio::time::timeout(self.limit, self.transport.send(message)).await {
            Ok(Ok(_)) => Tried::Accepted,
            Ok(Err(error)) => judge(&error, plain_address),
            Err(_) => Tried::Later("mail server did not answer in time".to_owned()),
        }
    }

    fn compose(&self, mail: &RenderedMail, now: Timestamp) -> Result<Message, &'static str> {
        let to: lettre::Address = mail.to.parse().map_err(|_| "address not usable by mail")?;
        let message = Message::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(mail.subject.clone())
            .date(now.into())
            .message_id(Some(message_id(&mail.mail_id, self.from.email.domain())))
            // RFC 3834: keeps vacation notices and lists from answering.
            .raw_header(HeaderValue::new(
                HeaderName::new_from_ascii_str("Auto-Submitted"),
                "auto-generated".to_owned(),
            ));
        let composed = if mail.html.is_empty() {
            message.singlepart(SinglePart::plain(mail.text.clone()))
        } else {
            message
                .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        };
        composed.map_err(|_| "mail not composable")
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp").finish_non_exhaustive()
    }
}

fn judge(error: &lettre::transport::smtp::Error, plain_address: bool) -> Tried {
    if let Some(code) = error.status() {
        return judge_reply(code.into());
    }
    if error.is_client() && !plain_address {
        // The library refuses before it sends: this server takes no address beyond ASCII.
        return Tried::Rejected("address beyond ASCII, which the mail server does not take".into());
    }
    let kind = if error.is_timeout() {
        "mail server did not answer in time"
    } else if error.is_tls() {
        "mail server's certificate or TLS was not accepted"
    } else if error.is_client() {
        "mail server does not offer what is configured (TLS or login)"
    } else {
        "mail server not reached, or connection lost"
    };
    Tried::Later(kind.to_owned())
}
