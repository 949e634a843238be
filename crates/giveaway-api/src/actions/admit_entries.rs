//! Entering persons, as part of a transaction: what the form and the host's file have in common.

use std::collections::{BTreeMap, HashMap, HashSet};

use draw::{
    codes::Country,
    fixed::{Hex, Salt},
    ids::DrawId,
    leaf::{Reason, commitment},
    rules::Eligibility,
};
use jiff::Timestamp;
use platform::Tx;

use crate::{
    domain::{
        eligibility::judge,
        entry::{Applicant, Source},
        window::{Shut, Window},
    },
    error::{Error, Result},
    ids::{EntryId, GiveawayId},
    store::{
        counter_delta::{self, Counted},
        entry::{self, Known, NewEntry},
        entry_count::{self, Counts},
        giveaway,
    },
};

/// What became of a batch.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// Entries that were written.
    pub(crate) new: Vec<NewEntry>,
    /// Of those who had entered before: whose address is verified only now.
    pub(crate) newly_verified: Vec<EntryId>,
    /// Those who had entered before.
    pub(crate) known: Vec<Known>,
}

/// An entry that is not written yet, with the randomness of its leaf. The id of the leaf and the
/// salt are the operating system's: whoever could foresee them could tell persons from leaves.
pub(crate) fn candidate(
    giveaway: GiveawayId,
    applicant: Applicant,
    source: Source,
    verified: bool,
) -> NewEntry {
    let (mut leaf_id, mut salt) = (Hex([0; 16]), Salt([0; 32]));
    rand::fill(&mut leaf_id.0);
    rand::fill(&mut salt.0);
    let address = applicant.address.canonical.as_str();
    let person = commitment(DrawId(giveaway.0), &salt, address);
    NewEntry { id: EntryId::new(), applicant, source, verified, leaf_id, salt, person }
}

/// The giveaway, locked against changes of its state until the transaction ends, with the times at
/// which it takes what. Many may hold this lock; a freeze waits for all of them.
pub(crate) async fn lock_window(tx: &Tx, id: GiveawayId) -> Result<(giveaway::Model, Window)> {
    let giveaway = giveaway::lock_shared(tx, id).await?.ok_or(Error::NotFound("giveaway"))?;
    let window = window(&giveaway)?;
    Ok((giveaway, window))
}

/// The times at which a giveaway takes what.
pub(crate) fn window(giveaway: &giveaway::Model) -> Result<Window> {
    let closes_at = platform::clock::from_millis(giveaway.closes_at);
    // A draft has no freeze yet, and takes nothing anyway.
    let freeze_at = giveaway.freeze_at.map_or(closes_at, platform::clock::from_millis);
    Ok(Window { state: giveaway.state()?, closes_at, freeze_at })
}

/// Enters those who have not entered yet, verifies those who had and are verified now, and counts
/// both. A person who comes twice in one batch is entered once, as they came first.
pub(crate) async fn admit(
    tx: &Tx,
    giveaway: &giveaway::Model,
    candidates: Vec<NewEntry>,
    now: Timestamp,
) -> Result<Admitted> {
    let rules = giveaway.rules()?.eligibility;
    let id = giveaway.giveaway_id();
    let candidates = once_each(candidates);
    let written: HashSet<EntryId> =
        entry::insert_new(tx, id, &candidates, now).await?.into_iter().collect();
    let (new, repeated): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| written.contains(&candidate.id));
    let known = if repeated.is_empty() {
        Vec::new()
    } else {
        let addresses = repeated.iter().map(|entry| entry.applicant.address.canonical.as_str());
        entry::lock_known(tx, id, addresses).await?
    };

    let verified_now: HashSet<&str> = repeated
        .iter()
        .filter(|entry| entry.verified)
        .map(|entry| entry.applicant.address.canonical.as_str())
        .collect();
    let newly_verified: Vec<&Known> = known
        .iter()
        .filter(|known| {
            known.verified_at.is_none() && verified_now.contains(known.address.as_str())
        })
        .collect();
    if !newly_verified.is_empty() {
        entry::verify(tx, newly_verified.iter().map(|known| known.id), now).await?;
    }

    let mut more = Counts { entries: count(new.len()), ..Counts::default() };
    for entry in new.iter().filter(|entry| entry.verified) {
        let Applicant { country, birth_year, .. } = entry.applicant;
        more = more.and(verified(&rules, country, birth_year));
    }
    for known in &newly_verified {
        more = more.and(verified_known(&rules, known));
    }
    entry_count::add(tx, id, more).await?;
    counter_delta::add(tx, id, deltas(&new, more), now.as_millisecond()).await?;

    let newly_verified = newly_verified.into_iter().map(|known| EntryId(known.id)).collect();
    Ok(Admitted { new, newly_verified, known })
}

/// What one verified address adds to the counts.
pub(crate) fn verified(
    rules: &Eligibility,
    country: Option<Country>,
    birth_year: Option<u16>,
) -> Counts {
    let eligible = judge(rules, country, birth_year, true) == Reason::None;
    Counts { entries: 0, verified: 1, eligible: eligible.into() }
}

/// What is counted when addresses are verified.
pub(crate) fn verified_delta(n: i64) -> (Counted, i64) {
    (Counted { name: "verified", label: String::new() }, n)
}

fn verified_known(rules: &Eligibility, known: &Known) -> Counts {
    let country = known.country.as_deref().and_then(|country| country.parse().ok());
    let birth_year = known.birth_year.and_then(|year| year.try_into().ok());
    verified(rules, country, birth_year)
}

/// Each person once: the first decides, any one verifies.
fn once_each(candidates: Vec<NewEntry>) -> Vec<NewEntry> {
    let mut place: HashMap<String, usize> = HashMap::with_capacity(candidates.len());
    let mut unique: Vec<NewEntry> = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let address = candidate.applicant.address.canonical.as_str();
        if let Some(&first) = place.get(address) {
            unique[first].verified |= candidate.verified;
        } else {
            place.insert(address.to_owned(), unique.len());
            unique.push(candidate);
        }
    }
    unique
}

fn deltas(new: &[NewEntry], more: Counts) -> Vec<(Counted, i64)> {
    let mut sums: BTreeMap<Counted, i64> = BTreeMap::new();
    for entry in new {
        let country = entry.applicant.country.map(String::from).unwrap_or_default();
        for (name, label) in [
            ("entries", String::new()),
            ("entries.country", country),
            ("entries.source", entry.source.as_str().to_owned()),
        ] {
            *sums.entry(Counted { name, label }).or_default() += 1;
        }
    }
    let verified = (more.verified > 0).then(|| verified_delta(more.verified));
    sums.into_iter().chain(verified).collect()
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

impl From<Shut> for Error {
    fn from(shut: Shut) -> Self {
        let code = match shut {
            Shut::Unpublished => return Self::NotFound("giveaway"),
            Shut::NotOpen => "giveaway_not_open",
            Shut::Closed => "giveaway_closed",
            Shut::Frozen => "entries_frozen",
            Shut::Cancelled => "giveaway_cancelled",
        };
        Self::state(code, shut.to_string())
    }
}
