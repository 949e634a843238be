//! Mails, as text and as HTML: pure functions of what they say. Every mail is a letter of the same
//! few parts, so that all of them read alike in both forms.

pub(crate) mod account;

use askama::Template;
use draw::{fixed::Digest, receipt::Receipt};
use jiff::Timestamp;

use super::{
    confirm::readable,
    wording::{Time, price},
};

/// The giveaway that a mail is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// Its name.
    pub(crate) title: &'a str,
    /// Its public page.
    pub(crate) url: &'a str,
    /// A rehearsal, without real money.
    pub(crate) is_test: bool,
}

/// What a mail says. Links are complete addresses. Names are those that entrants gave themselves.
pub(crate) enum Mail<'a> {
    /// Asks to confirm the address. Has nothing in it that whoever wrote the address chose: they may
    /// be somebody else.
    ConfirmEntry {
        /// To the page that confirms.
        link: &'a str,
        /// For the page that was left open on another device.
        code: &'a str,
        /// When the link ends.
        expires_at: Timestamp,
    },
    /// Hands out the receipt.
    Receipt {
        /// For the greeting.
        name: Option<&'a str>,
        /// The receipt.
        receipt: &'a Receipt,
    },
    /// Tells the commitment before the draw.
    Commitment {
        /// For the greeting.
        name: Option<&'a str>,
        /// The hash of the manifest.
        manifest_hash: Digest,
        /// The round that decides.
        round: u64,
        /// When it is public.
        draw_at: Timestamp,
    },
    /// Tells a winner.
    Winner {
        /// For the greeting.
        name: Option<&'a str>,
        /// The prize.
        prize: Prize<'a>,
        /// When it passes on.
        claim_until: Timestamp,
        /// To the page that claims.
        link: &'a str,
    },
    /// Leads to a card that was claimed.
    CardLink {
        /// For the greeting.
        name: Option<&'a str>,
        /// The prize.
        prize: Prize<'a>,
        /// To the page that leads to the card.
        link: &'a str,
        /// When the link ends.
        expires_at: Timestamp,
    },
}

/// A prize.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prize<'a> {
    /// What it is.
    pub(crate) name: &'a str,
    /// Where it can be spent.
    pub(crate) merchant: &'a str,
    /// In minor units of the currency.
    pub(crate) value_minor: i64,
    /// Three letters.
    pub(crate) currency: &'a str,
}

/// A mail that can be sent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Rendered {
    /// One line.
    pub(crate) subject: String,
    /// For programs that show text.
    pub(crate) text: String,
    /// For all others.
    pub(crate) html: String,
}

/// A mail holds links, which have no place in a log.
impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rendered(…)")
    }
}

/// Writes a mail.
///
/// # Errors
/// When a template does not render, which is a bug.
pub(crate) fn render(about: About<'_>, mail: &Mail<'_>) -> Result<Rendered, askama::Error> {
    rendered(compose(about, mail))
}

fn rendered(letter: Letter) -> Result<Rendered, askama::Error> {
    let text = TextLetter { letter: &letter }.render()?;
    let html = HtmlLetter { letter: &letter }.render()?;
    Ok(Rendered { subject: letter.subject, text, html })
}

/// A letter, part by part.
struct Letter {
    subject: String,
    is_test: bool,
    greeting: String,
    parts: Vec<Part>,
    /// Why the reader gets it.
    why: &'static str,
    title: String,
    url: String,
}

enum Part {
    Text(String),
    /// What there is to do.
    Link {
        label: &'static str,
        url: String,
    },
    /// Something to be compared or kept, character by character.
    Exact {
        label: &'static str,
        value: String,
    },
}

#[derive(Template)]
#[template(path = "mail/letter.txt")]
struct TextLetter<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "mail/letter.html")]
struct HtmlLetter<'a> {
    letter: &'a Letter,
}

const ENTERED: &str = "You get this mail because you entered this giveaway with this address.";
const MAYBE_ENTERED: &str = "You get this mail because somebody entered this giveaway with this \
    address. If that was not you, do nothing: an entry that is not confirmed does not count.";

fn compose(about: About<'_>, mail: &Mail<'_>) -> Letter {
    let title = one_line(about.title);
    let letter = |subject: String, name: Option<&str>, why, parts| Letter {
        subject,
        is_test: about.is_test,
        greeting: name
            .map_or_else(|| "Hello,".to_owned(), |name| format!("Hello {},", one_line(name))),
        parts,
        why,
        title: title.clone(),
        url: about.url.to_owned(),
    };
    match mail {
        Mail::ConfirmEntry { link, code, expires_at } => letter(
            format!("Confirm your entry: {title}"),
            None,
            MAYBE_ENTERED,
            vec![
                text(format!(
                    "Please confirm your entry in “{title}”. It counts once it is confirmed."
                )),
                Part::Link { label: "Confirm my entry", url: (*link).to_owned() },
                Part::Exact {
                    label: "Or type this code on the page where you entered, within half an hour",
                    value: (*code).to_owned(),
                },
                text(format!("The link works until {}.", at(*expires_at))),
            ],
        ),
        Mail::Receipt { name, receipt } => letter(
            format!("Your receipt: {title}"),
            *name,
            ENTERED,
            vec![
                text(format!("Your entry in “{title}” is confirmed. Please keep this receipt.")),
                text(
                    "It is our signed promise that your entry takes part: should it be missing in the draw, the receipt shows that it was left out. Winners are published by their leaf_id, so it is also how you find yourself among them. The salt links the entry to your address: show it only to somebody who may know that you entered.",
                ),
                Part::Exact { label: "Receipt", value: readable(receipt) },
            ],
        ),
        Mail::Commitment { name, manifest_hash, round, draw_at } => letter(
            format!("Before the draw: {title}"),
            *name,
            ENTERED,
            vec![
                text(format!(
                    "The entries in “{title}” are frozen now. This is the fingerprint of the commitment to all of them:"
                )),
                Part::Exact {
                    label: "Commitment (SHA-256 of the manifest)",
                    value: manifest_hash.to_string(),
                },
                text(format!(
                    "Please keep this mail. The winners follow from the commitment and from round {round} of a random beacon, which is public at {} and not before. Who knew the commitment earlier can show later that no entry was added, changed or removed.",
                    at(*draw_at)
                )),
                text(
                    "After the draw the transcript is on the giveaway’s page, and anybody can draw again on their own computer:",
                ),
                Part::Exact {
                    label: "Command",
                    value: format!("handsel verify transcript.json --seen {manifest_hash}"),
                },
            ],
        ),
        Mail::Winner { name, prize, claim_until, link } => letter(
            format!("You have won: {title}"),
            *name,
            ENTERED,
            vec![
                text(format!("You have won {} in “{title}”.", in_words(prize))),
                text(format!(
                    "Claim it by {}. After that it passes on to somebody else.",
                    at(*claim_until)
                )),
                Part::Link { label: "Claim my prize", url: (*link).to_owned() },
                text(
                    "The link is yours alone: do not pass it on. We never ask for a password or for money.",
                ),
            ],
        ),
        Mail::CardLink { name, prize, link, expires_at } => letter(
            format!("Your card: {title}"),
            *name,
            ENTERED,
            vec![
                text(format!("This link leads to your prize, {}.", in_words(prize))),
                Part::Link { label: "Show my card", url: (*link).to_owned() },
                text(format!(
                    "It works until {}, and only for a short time after you first use it. If you have not asked for it, somebody else may have: the link went to nobody but you.",
                    at(*expires_at)
                )),
            ],
        ),
    }
}

fn text(text: impl Into<String>) -> Part {
    Part::Text(text.into())
}

fn at(time: Timestamp) -> String {
    Time::from(time).text
}

fn in_words(prize: &Prize<'_>) -> String {
    let value = price(u64::try_from(prize.value_minor).unwrap_or(0), prize.currency);
    format!("{value} as a gift card for {} ({})", one_line(prize.merchant), one_line(prize.name))
}

/// A name or a title on one line: a line break in one could forge a line of a mail.
fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    spaced.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use draw::{
        fixed::{Hex, Salt},
        ids::DrawId,
        signing::InstanceKey,
    };
    use insta::assert_snapshot;
    use uuid::Uuid;

    use super::*;

    const ABOUT: About<'static> =
        About { title: "Summer", url: "https://win.example/g/gvw_1", is_test: false };
    const PRIZE: Prize<'static> =
        Prize { name: "Books", merchant: "Bookshop", value_minor: 2_500, currency: "EUR" };

    fn time() -> Timestamp {
        Timestamp::from_second(1_795_348_800).unwrap()
    }

    #[test]
    fn the_text_of_the_mail_to_a_winner() {
        let mail = Mail::Winner {
            name: Some("Anna"),
            prize: PRIZE,
            claim_until: time(),
            link: "https://win.example/claim?t=abc",
        };
        let mail = render(About { is_test: true, ..ABOUT }, &mail).unwrap();
        assert_eq!(mail.subject, "You have won: Summer");
        assert_snapshot!(mail.text, @"
        TEST MODE: this is a rehearsal. No real money is moved, and no prize can be spent.

        Hello Anna,

        You have won €25 as a gift card for Bookshop (Books) in “Summer”.

        Claim it by 22 November 2026, 12:00 UTC. After that it passes on to somebody else.

        Claim my prize:
        https://win.example/claim?t=abc

        The link is yours alone: do not pass it on. We never ask for a password or for money.

        --
        Summer
        https://win.example/g/gvw_1
        You get this mail because you entered this giveaway with this address.
        ");
    }

    #[test]
    fn a_confirmation_has_nothing_that_a_stranger_chose() {
        let mail = Mail::ConfirmEntry {
            link: "https://win.example/confirm?t=abc",
            code: "012345",
            expires_at: time(),
        };
        let mail = render(ABOUT, &mail).unwrap();
        assert_snapshot!(mail.text, @"
        Hello,

        Please confirm your entry in “Summer”. It counts once it is confirmed.

        Confirm my entry:
        https://win.example/confirm?t=abc

        Or type this code on the page where you entered, within half an hour:
        012345

        The link works until 22 November 2026, 12:00 UTC.

        --
        Summer
        https://win.example/g/gvw_1
        You get this mail because somebody entered this giveaway with this address. If that was not you, do nothing: an entry that is not confirmed does not count.
        ");
        assert!(mail.html.contains("href=\"https://win.example/confirm?t=abc\""));
    }

    #[test]
    fn a_receipt_comes_out_of_the_mail_as_it_was_issued() {
        let key = InstanceKey::from_seed(&[1; 32]);
        let draw_id = DrawId(Uuid::from_u128(7));
        let (leaf, rules) = (Hex([1; 16]), Hex([3; 32]));
        let receipt = Receipt::issue(&key, draw_id, leaf, Salt([2; 32]), "a@example.org", rules);
        let mail = render(ABOUT, &Mail::Receipt { name: None, receipt: &receipt }).unwrap();
        let (start, end) = (mail.text.find('{').unwrap(), mail.text.rfind('}').unwrap());
        let read = Receipt::from_json(&mail.text.as_bytes()[start..=end]).unwrap();
        assert_eq!(read, receipt);
    }

    #[test]
    fn what_others_wrote_stays_text() {
        let about = About { title: "<b>Win</b>\r\nBcc: x@example.org", ..ABOUT };
        let mail = Mail::Winner {
            name: Some("<script>alert(1)</script>\nYou owe us money"),
            prize: Prize { merchant: "A & B <i>", name: "\"Books\"", ..PRIZE },
            claim_until: time(),
            link: "https://win.example/claim?t=abc",
        };
        let mail = render(about, &mail).unwrap();
        assert_eq!(mail.subject, "You have won: <b>Win</b>  Bcc: x@example.org");
        assert!(mail.text.contains("Hello <script>alert(1)</script> You owe us money,\n"));
        for markup in ["<script", "<b>", "<i>"] {
            assert!(!mail.html.contains(markup), "{markup}");
        }
        assert!(mail.html.contains("A &#38; B &#60;i&#62;"), "{}", mail.html);
    }

    #[test]
    fn every_mail_names_the_giveaway_and_says_why_it_came() {
        let receipt = Receipt::issue(
            &InstanceKey::from_seed(&[1; 32]),
            DrawId(Uuid::from_u128(7)),
            Hex([1; 16]),
            Salt([2; 32]),
            "a@example.org",
            Hex([3; 32]),
        );
        let link = "https://win.example/x?t=abc";
        let mails = [
            Mail::ConfirmEntry { link, code: "012345", expires_at: time() },
            Mail::Receipt { name: None, receipt: &receipt },
            Mail::Commitment { name: None, manifest_hash: Hex([4; 32]), round: 7, draw_at: time() },
            Mail::Winner { name: None, prize: PRIZE, claim_until: time(), link },
            Mail::CardLink { name: None, prize: PRIZE, link, expires_at: time() },
        ];
        for mail in &mails {
            let mail = render(ABOUT, mail).unwrap();
            assert!(mail.subject.ends_with(": Summer"));
            for form in [&mail.text, &mail.html] {
                assert!(form.contains("https://win.example/g/gvw_1"), "{form}");
                assert!(form.contains("You get this mail because"), "{form}");
                assert!(!form.contains("rehearsal"), "{form}");
            }
        }
    }
}
