//! Mails are written at the moment of sending, with freshly minted links: no address and no token
//! ever waits in a queue.

use std::collections::HashMap;

use contracts::{
    giveaway::{MailSubject, RenderedMail},
    mail,
};
use jiff::{SignedDuration, Timestamp};
use platform::{clock::from_millis, token::mint_link};

use super::{
    claim_prize::{CARD, CLAIM},
    confirm_entry::{self, CONFIRM},
};
use crate::{
    domain::winner::WinnerState,
    error::{Error, Result},
    ids::{EntryId, GiveawayId, WinnerId},
    pages::mails::Letter,
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
        let Some(letter) = write(service, template, &person).await? else { continue };
        let words = letter.words()?;
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
    giveaways: HashMap<GiveawayId, giveaway::Model>,
}

/// Somebody to write to.
struct Person<'a> {
    entry: &'a entry::Model,
    winner: Option<&'a winner::Model>,
    giveaway: &'a giveaway::Model,
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
        let mut giveaways = HashMap::new();
        for entry in entries.values() {
            let id = GiveawayId(entry.giveaway_id);
            if !giveaways.contains_key(&id)
                && let Some(giveaway) = giveaway::find(conn, id).await?
            {
                giveaways.insert(id, giveaway);
            }
        }
        Ok(Self { entries, winners, giveaways })
    }

    fn find(&self, subject: &MailSubject) -> Option<Person<'_>> {
        let id = &subject.subject_id;
        let winner = id.parse().ok().and_then(|id: WinnerId| self.winners.get(&id));
        let entry = match winner {
            Some(winner) => EntryId(winner.entry_id),
            None => id.parse().ok()?,
        };
        let entry = self.entries.get(&entry)?;
        let giveaway = self.giveaways.get(&GiveawayId(entry.giveaway_id))?;
        Some(Person { entry, winner, giveaway })
    }
}

fn parse<'a, I: std::str::FromStr<Err = platform::id::BadId>>(
    ids: impl Iterator<Item = &'a str>,
) -> Result<Vec<I>> {
    ids.map(|id| id.parse().map_err(|error| Error::field("/subjects", format!("{error}")))).collect()
}

async fn write(service: &Service, template: &str, person: &Person<'_>) -> Result<Option<Letter>> {
    let letter = match template {
        mail::CONFIRM_ENTRY => confirm(service, person),
        mail::RECEIPT => Some(receipt(service, person).await?),
        mail::COMMITMENT => commitment(service, person).await?,
        mail::WINNER => won(service, person)?,
        _ => card_link(service, person)?,
    };
    let name = person.entry.name.clone();
    Ok(letter.map(|letter| Letter { name, ..letter }))
}

fn confirm(service: &Service, person: &Person<'_>) -> Option<Letter> {
    if person.entry.verified_at.is_some() {
        return None;
    }
    let title = &person.giveaway.title;
    // What is not confirmed when entries are frozen stays unconfirmed.
    let until = person.giveaway.freeze_at.unwrap_or(person.giveaway.closes_at);
    let link = link(service, "confirm", CONFIRM, person.entry.id, from_millis(until));
    Some(Letter {
        subject: format!("Confirm your entry: {title}"),
        paragraphs: vec![format!("you entered “{title}”. Your entry counts once you confirm it.")],
        link: Some(("Confirm your entry".to_owned(), link)),
        closing: vec!["If it was not you, do nothing: the entry will not count.".to_owned()],
        ..Letter::default()
    })
}

async fn receipt(service: &Service, person: &Person<'_>) -> Result<Letter> {
    let title = &person.giveaway.title;
    let receipt = confirm_entry::receipt(service, person.entry).await?;
    let receipt = serde_json::to_string_pretty(&receipt).map_err(anyhow::Error::from)?;
    Ok(Letter {
        subject: format!("Your receipt: {title}"),
        paragraphs: vec![
            format!("your entry to “{title}” counts."),
            "Below is your receipt. With it you can show that your entry was accepted, and find it \
             when the draw is published."
                .to_owned(),
        ],
        link: Some(("The giveaway".to_owned(), page(service, person))),
        keep: Some(receipt),
        ..Letter::default()
    })
}

async fn commitment(service: &Service, person: &Person<'_>) -> Result<Option<Letter>> {
    let id = person.giveaway.giveaway_id();
    let Some(draw) = draws::find(service.db.read(), id).await? else { return Ok(None) };
    let title = &person.giveaway.title;
    Ok(Some(Letter {
        subject: format!("Entries are frozen: {title}"),
        paragraphs: vec![
            format!("the entries to “{title}” are frozen. Round {} of the beacon decides.", draw.round),
            "Below is the fingerprint of all entries. Keep this mail: after the draw, it shows that \
             nothing was changed."
                .to_owned(),
        ],
        link: Some(("The giveaway".to_owned(), page(service, person))),
        keep: Some(draw.manifest_hash),
        ..Letter::default()
    }))
}

fn won(service: &Service, person: &Person<'_>) -> Result<Option<Letter>> {
    let Some(winner) = person.winner else { return Ok(None) };
    if winner.state()? != WinnerState::Selected {
        return Ok(None);
    }
    let title = &person.giveaway.title;
    let until = from_millis(winner.claim_until);
    let deadline = until.strftime("%-d %B %Y, %H:%M UTC").to_string();
    let link = link(service, "claim", CLAIM, winner.id, until);
    Ok(Some(Letter {
        subject: format!("You have won: {title}"),
        paragraphs: vec![format!("you have won a prize in “{title}”. Claim it before {deadline}.")],
        link: Some(("Claim your prize".to_owned(), link)),
        closing: vec![
            "The link is yours alone; whoever has it can claim the prize. If you do not claim it in \
             time, it goes to somebody else."
                .to_owned(),
        ],
        ..Letter::default()
    }))
}

fn card_link(service: &Service, person: &Person<'_>) -> Result<Option<Letter>> {
    let Some(winner) = person.winner else { return Ok(None) };
    if winner.state()? != WinnerState::Claimed {
        return Ok(None);
    }
    let title = &person.giveaway.title;
    let until = service.clock.now() + CARD_LINK_LIFE;
    let link = link(service, "claim", CARD, winner.id, until);
    Ok(Some(Letter {
        subject: format!("Your card: {title}"),
        paragraphs: vec![format!("here is a fresh link to the card that you won in “{title}”.")],
        link: Some(("See your card".to_owned(), link)),
        closing: vec![
            "The link works for a day, and for a quarter of an hour from its first use on. If you did \
             not ask for it, do nothing."
                .to_owned(),
        ],
        ..Letter::default()
    }))
}

fn page(service: &Service, person: &Person<'_>) -> String {
    format!("{}/g/{}", service.config.public_url, person.giveaway.giveaway_id())
}

fn link(service: &Service, path: &str, purpose: &str, subject: uuid::Uuid, until: Timestamp) -> String {
    let token = mint_link(&service.link_key, purpose, subject, until);
    format!("{}/{path}?t={token}", service.config.public_url)
}
