//! What becomes of a mail.

use sha2::{Digest as _, Sha256};

/// Most mails of one call: what one `RenderMails` answer carries without nearing the message limit.
pub(crate) const MAX_SUBJECTS: usize = 200;
/// Longest mail id: an index entry, made by our own services.
pub(crate) const MAX_MAIL_ID: usize = 200;

/// Where a mail stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Kept by its id until a mail server is configured.
    Undelivered,
    /// Handed over: accepted by the mail server, or readable in the mailbox.
    Sent,
    /// It cannot be delivered, and trying again would not help.
    Failed,
}

impl State {
    /// All states; the database's check is made from them.
    pub(crate) const ALL: [Self; 3] = [Self::Undelivered, Self::Sent, Self::Failed];

    /// The name in the database.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Undelivered => "undelivered",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// What one try with the mail server came to. Reasons hold reply codes and kinds of failure, never
/// the server's words: those commonly repeat the address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tried {
    /// The server has it.
    Accepted,
    /// This mail will never be accepted.
    Rejected(String),
    /// Nothing is decided; try again later.
    Later(String),
}

/// Judges a reply code of the mail server. A definite refusal of our login or of our manners is not
/// a statement about the mail: it is put right by the operator, and the mail then goes out.
pub(crate) fn judge_reply(code: u16) -> Tried {
    /// Replies about the session (RFC 4954: authentication required, too weak, failed, encryption
    /// needed; RFC 5321: bad sequence, service closing).
    const ABOUT_THE_SESSION: [u16; 7] = [500, 502, 503, 530, 534, 535, 538];

    if (200..400).contains(&code) {
        Tried::Accepted
    } else if (500..600).contains(&code) && !ABOUT_THE_SESSION.contains(&code) {
        Tried::Rejected(format!("smtp {code}"))
    } else {
        Tried::Later(format!("smtp {code}"))
    }
}

/// The `Message-ID` of a mail: the same for every try, so that a mail server or a reader can drop a
/// repeat. Hashed, because a mail id may hold characters that the header does not allow.
pub(crate) fn message_id(mail_id: &str, domain: &str) -> String {
    let digest = Sha256::digest(mail_id.as_bytes());
    format!("<{}@{domain}>", hex::encode(&digest[..16]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_judged_by_what_they_are_about() {
        fn check(code: u16, expected: &Tried) {
            assert_eq!(&judge_reply(code), expected, "{code}");
        }
        check(250, &Tried::Accepted);
        for later in [421, 450, 451, 452, 500, 503, 530, 535, 999] {
            check(later, &Tried::Later(format!("smtp {later}")));
        }
        for rejected in [501, 550, 551, 552, 553, 554] {
            check(rejected, &Tried::Rejected(format!("smtp {rejected}")));
        }
    }

    #[test]
    fn a_message_id_is_stable_and_plain() {
        let id = message_id("winner:win_1 ü", "shop.example");
        assert_eq!(id, message_id("winner:win_1 ü", "shop.example"));
        assert_ne!(id, message_id("winner:win_2 ü", "shop.example"));
        assert!(id.starts_with('<') && id.ends_with("@shop.example>") && id.is_ascii());
    }
}
