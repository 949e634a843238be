//! Mails are written at the moment of sending, with freshly minted links: no address and no token
//! ever waits in a queue.

use std::collections::HashMap;

use contracts::{
    giveaway::{MailSubject, RenderedMail},
    mail,
};
use draw::fixed::Digest;
use jiff::{SignedDuration, Timestamp};
use ledger::Mode;
use platform::{clock::from_millis, token::mint_link};
use uuid::Uuid;

use super::{
    account::write_mails,
    claim_prize::{self, CARD, CLAIM},
    confirm_entry::{self, CONFIRM},
};
use crate::{
    domain::{entry_code::code_at, winner::WinnerState},
    error::{Error, Result},
    ids::{EntryId, GiveawayId, WinnerId},
    pages::mail::{self as letter, About, Mail, Prize, Rendered},
    service::Service,
    store::{draw as draws, entry, giveaway, winner},
};

/// Mails rendered by one call.
const SUBJECTS_MAX: usize = 200;

/// How long a fresh link to a card works if it is not used.
const CARD_LINK_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// Renders one mail per subject. Those for whom there is nothing to write any more are left out:
/// erased persons, entries that were confirmed, prizes that passed on.
///
/// # Errors
/// An unknown template, too many subjects, a subject that is no id.
pub async fn render_mails(
    service: &Service,
    template: &str,
    subjects: Vec<MailSubject>,
) -> Result<Vec<RenderedMail>> {
    if subjects.len() > SUBJECTS_MAX {
        return Err(Error::field("/subjects", format!("are more than {SUBJECTS_MAX}")));
    }
    if write_mails::is_ours(template) {
        return write_mails::write_mails(service, template, subjects).await;
    }
    let for_winners = match template {
        mail::CONFIRM_ENTRY | mail::RECEIPT | mail::COMMITMENT => false,
        mail::WINNER | mail::CARD_LINK => true,
        _ => return Err(Error::field("/template", format!("there is no template `{template}`"))),
    };
    let people = People::load(service, &subjects, for_winners).await?;
    let mut mails = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let Some(person) = people.find(&subject) else { continue };
        let Some(to) = person.entry.mailbox.clone() else { continue };
        let Some(words) = write(service, template, &person).await? else { continue };
        mails.push(RenderedMail {
            mail_id: subject.mail_id,
            to,
            subject: words.subject,
            text: words.text,
            html: words.html,
        });
    }
    Ok(mails)
}

/// Whom the mails of one call are about.
struct People {
    entries: HashMap<EntryId, entry::Model>,
    winners: HashMap<WinnerId, winner::Model>,
    occasions: HashMap<GiveawayId, Occasion>,
}

/// What all mails about one giveaway say alike: read and hashed once per call, not once per mail,
/// since a call may be about hundreds of entrants.
struct Occasion {
    giveaway: giveaway::Model,
    rules: Digest,
    draw: Option<draws::Model>,
}

/// Somebody to write to.
struct Person<'a> {
    entry: &'a entry::Model,
    winner: Option<&'a winner::Model>,
    giveaway: &'a giveaway::Model,
    occasion: &'a Occasion,
}

impl Person<'_> {
    fn name(&self) -> Option<&str> {
        self.entry.name.as_deref()
    }
}

impl People {
    async fn load(service: &Service, subjects: &[MailSubject], for_winners: bool) -> Result<Self> {
        let conn = service.db.read();
        let ids = subjects.iter().map(|subject| subject.subject_id.as_str());
        let mut winners = HashMap::new();
        let entry_ids: Vec<EntryId> = if for_winners {
            let ids: Vec<WinnerId> = parse(ids)?;
            for row in winner::find_many(conn, ids).await? {
                winners.insert(row.winner_id(), row);
            }
            winners.values().map(|winner| EntryId(winner.entry_id)).collect()
        } else {
            parse(ids)?
        };
        let entries = entry::find_many(conn, entry_ids).await?;
        let entries: HashMap<EntryId, entry::Model> =
            entries.into_iter().map(|entry| (entry.entry_id(), entry)).collect();
        let mut occasions = HashMap::new();
        for entry in entries.values() {
            let id = GiveawayId(entry.giveaway_id);
            if !occasions.contains_key(&id)
                && let Some(giveaway) = giveaway::find(conn, id).await?
            {
                let rules = giveaway.rules()?.hash();
                let draw = draws::find(conn, id).await?;
                occasions.insert(id, Occasion { giveaway, rules, draw });
            }
        }
        Ok(Self { entries, winners, occasions })
    }

    fn find(&self, subject: &MailSubject) -> Option<Person<'_>> {
        let id = &subject.subject_id;
        let winner = id.parse().ok().and_then(|id: WinnerId| self.winners.get(&id));
        let entry = match winner {
            Some(winner) => EntryId(winner.entry_id),
            None => id.parse().ok()?,
        };
        let entry = self.entries.get(&entry)?;
        let occasion = self.occasions.get(&GiveawayId(entry.giveaway_id))?;
        Some(Person { entry, winner, giveaway: &occasion.giveaway, occasion })
    }
}

fn parse<'a, I: std::str::FromStr<Err = platform::id::BadId>>(
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<I>> {
    ids.map(|id| id.parse().map_err(|error| Error::field("/subjects", format!("{error}"))))
        .collect()
}

/// Writes the mail of a template, if there is still a reason to.
async fn write(service: &Service, template: &str, person: &Person<'_>) -> Result<Option<Rendered>> {
    match (template, person.winner) {
        (mail::CONFIRM_ENTRY, _) => confirm(service, person),
        (mail::RECEIPT, _) => receipt(service, person),
        (mail::COMMITMENT, _) => commitment(service, person),
        (mail::WINNER, Some(winner)) => won(service, person, winner).await,
        (mail::CARD_LINK, Some(winner)) => card_link(service, person, winner).await,
        _ => Ok(None),
    }
}

fn confirm(service: &Service, person: &Person<'_>) -> Result<Option<Rendered>> {
    if person.entry.verified_at.is_some() {
        return Ok(None);
    }
    // What is not confirmed when entries are frozen stays unconfirmed.
    let until = person.giveaway.freeze_at.unwrap_or(person.giveaway.closes_at);
    let expires_at = from_millis(until);
    let link = link(service, "confirm", CONFIRM, person.entry.id, expires_at);
    let code = code_at(&service.link_key, person.entry.entry_id(), service.clock.now());
    render(service, person, &Mail::ConfirmEntry { link: &link, code: &code, expires_at })
}

fn receipt(service: &Service, person: &Person<'_>) -> Result<Option<Rendered>> {
    let receipt = confirm_entry::issue_receipt(service, person.entry, person.occasion.rules)?;
    render(service, person, &Mail::Receipt { name: person.name(), receipt: &receipt })
}

fn commitment(service: &Service, person: &Person<'_>) -> Result<Option<Rendered>> {
    let Some(draw) = &person.occasion.draw else { return Ok(None) };
    let round = draw.round()?;
    let drawn_at = service.beacon.chain().time_of(round);
    let Some(draw_at) = drawn_at.map(draw::moment::Moment::timestamp) else { return Ok(None) };
    let manifest_hash = draw.manifest_hash()?;
    let name = person.name();
    render(service, person, &Mail::Commitment { name, manifest_hash, round, draw_at })
}

async fn won(
    service: &Service,
    person: &Person<'_>,
    winner: &winner::Model,
) -> Result<Option<Rendered>> {
    if winner.state()? != WinnerState::Selected {
        return Ok(None);
    }
    let prize = claim_prize::prize(service, winner).await?;
    let link = link(service, "claim", CLAIM, winner.id, prize.claim_until);
    let (name, claim_until) = (person.name(), prize.claim_until);
    render(service, person, &Mail::Winner { name, prize: said(&prize), claim_until, link: &link })
}

async fn card_link(
    service: &Service,
    person: &Person<'_>,
    winner: &winner::Model,
) -> Result<Option<Rendered>> {
    if winner.state()? != WinnerState::Claimed {
        return Ok(None);
    }
    let prize = claim_prize::prize(service, winner).await?;
    let expires_at = service.clock.now() + CARD_LINK_LIFE;
    let link = link(service, "claim", CARD, winner.id, expires_at);
    let name = person.name();
    render(service, person, &Mail::CardLink { name, prize: said(&prize), link: &link, expires_at })
}

fn render(service: &Service, person: &Person<'_>, mail: &Mail<'_>) -> Result<Option<Rendered>> {
    let url = format!("{}/g/{}", service.config.public_url, person.giveaway.giveaway_id());
    let is_test = service.mode() == Mode::Test;
    let about = About { title: &person.giveaway.title, url: &url, is_test };
    Ok(Some(letter::render(about, mail).map_err(anyhow::Error::from)?))
}

fn said(prize: &claim_prize::Prize) -> Prize<'_> {
    Prize {
        name: &prize.product_name,
        merchant: &prize.merchant_name,
        value_minor: prize.value_minor,
        currency: &prize.currency,
    }
}

fn link(service: &Service, path: &str, purpose: &str, subject: Uuid, until: Timestamp) -> String {
    let token = mint_link(&service.link_key, purpose, subject, until);
    format!("{}/{path}?t={token}", service.config.public_url)
}
