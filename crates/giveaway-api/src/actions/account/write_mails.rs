//! Mails about accounts, written when they are sent.

use std::str::FromStr;

use contracts::{
    giveaway::{MailSubject, RenderedMail},
    mail,
};
use ledger::Mode;
use platform::id::BadId;

use super::links::{self, Purpose};
use crate::{
    domain::role::Role,
    error::{Error, Result},
    ids::{AccountId, InvitationId},
    pages::mail::{
        Rendered,
        account::{self as letter, AccountMail},
    },
    service::Service,
    store::{account, invitation},
};

/// Whether a template is one of ours.
pub(crate) fn is_ours(template: &str) -> bool {
    mail::OF_ACCOUNTS.contains(&template)
}

/// Renders one mail per subject, but for those for whom there is nothing to write any more.
pub(crate) async fn write_mails(
    service: &Service,
    template: &str,
    subjects: Vec<MailSubject>,
) -> Result<Vec<RenderedMail>> {
    let mut mails = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let written = if template == mail::INVITATION {
            invitation(service, parse(&subject.subject_id)?).await?
        } else {
            to_account(service, template, parse(&subject.subject_id)?).await?
        };
        if let Some((to, words)) = written {
            mails.push(RenderedMail {
                mail_id: subject.mail_id,
                to,
                subject: words.subject,
                text: words.text,
                html: words.html,
            });
        }
    }
    Ok(mails)
}

fn parse<I: FromStr<Err = BadId>>(id: &str) -> Result<I> {
    id.parse().map_err(|error: BadId| Error::field("/subjects", error.to_string()))
}

async fn to_account(
    service: &Service,
    template: &str,
    id: AccountId,
) -> Result<Option<(String, Rendered)>> {
    let found = account::find(service.db.read(), id).await?;
    let Some(row) = found.filter(|row| row.disabled_at.is_none()) else { return Ok(None) };
    let now = service.clock.now();
    let link = |purpose, path| {
        links::address(&service.config.public_url, path, &links::mint(service, purpose, &row))
    };
    let words = match template {
        mail::VERIFY_ADDRESS if row.verified_at.is_none() => {
            let link = link(Purpose::Verify, "verify-address");
            let expires_at = now + Purpose::Verify.lasts();
            render(service, &AccountMail::VerifyAddress { link: &link, expires_at })?
        }
        mail::RESET_PASSWORD => {
            let link = link(Purpose::Reset, "reset-password");
            let expires_at = now + Purpose::Reset.lasts();
            render(service, &AccountMail::ResetPassword { link: &link, expires_at })?
        }
        mail::ALREADY_REGISTERED => {
            let link = format!("{}/forgot-password", service.config.public_url);
            render(service, &AccountMail::AlreadyRegistered { link: &link })?
        }
        mail::PASSWORD_CHANGED => {
            let link = format!("{}/forgot-password", service.config.public_url);
            render(service, &AccountMail::PasswordChanged { link: &link })?
        }
        _ => return Ok(None),
    };
    Ok(Some((row.mailbox, words)))
}

async fn invitation(service: &Service, id: InvitationId) -> Result<Option<(String, Rendered)>> {
    let Some(row) = invitation::find(service.db.read(), id).await? else { return Ok(None) };
    let (None, Some(to)) = (row.accepted_at, row.mailbox) else { return Ok(None) };
    let now = service.clock.now();
    let token = links::mint_invitation(&service.link_key, id, now);
    let link = links::address(&service.config.public_url, "invitation", &token);
    let to_what = match row.role.parse()? {
        Role::Admin => "to look after Handsel",
        Role::Merchant => "to a merchant’s till",
        Role::Host => "to run giveaways",
    };
    let expires_at = now + links::INVITATION_LASTS;
    let mail = AccountMail::Invitation { to_what, link: &link, expires_at };
    Ok(Some((to, render(service, &mail)?)))
}

fn render(service: &Service, mail: &AccountMail<'_>) -> Result<Rendered> {
    let is_test = service.mode() == Mode::Test;
    let rendered = letter::render(&service.config.public_url, is_test, mail);
    Ok(rendered.map_err(anyhow::Error::from)?)
}
