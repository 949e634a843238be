//! Which mails are being sent right now in this process.
//!
//! A mail server cannot be asked whether it has a mail already, so the same mail must not be sent by
//! two callers at a time: by a call and by its own repeat, or by a call and the sending of kept mails.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use contracts::giveaway::MailSubject;

/// The mails under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(Mutex<HashSet<String>>);

/// The right to send some mails. Ends when dropped, also when the sender is aborted.
#[derive(Debug)]
pub(crate) struct Permit<'a> {
    under_way: &'a UnderWay,
    mail_ids: Vec<String>,
}

impl UnderWay {
    /// The right to send all of these mails, or `None` while another has that to one of them.
    pub(crate) fn permit(&self, subjects: &[MailSubject]) -> Option<Permit<'_>> {
        let mut held = self.lock();
        if subjects.iter().any(|subject| held.contains(&subject.mail_id)) {
            return None;
        }
        let mail_ids: Vec<String> =
            subjects.iter().map(|subject| subject.mail_id.clone()).collect();
        held.extend(mail_ids.iter().cloned());
        Some(Permit { under_way: self, mail_ids })
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        let mut held = self.under_way.lock();
        for mail_id in &self.mail_ids {
            held.remove(mail_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(ids: &[&str]) -> Vec<MailSubject> {
        let subject = |id: &&str| MailSubject { mail_id: (*id).into(), subject_id: String::new() };
        ids.iter().map(subject).collect()
    }

    #[test]
    fn a_mail_is_sent_by_one_at_a_time() {
        let under_way = UnderWay::default();
        let first = under_way.permit(&subjects(&["a", "b"])).unwrap();
        assert!(under_way.permit(&subjects(&["b", "c"])).is_none());
        assert!(under_way.permit(&subjects(&["c"])).is_some());
        drop(first);
        assert!(under_way.permit(&subjects(&["b", "c"])).is_some());
    }
}
