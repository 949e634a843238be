//! The rules of a giveaway's draw: published and locked before it opens, and bound into the
//! manifest by their hash.

use serde::{Deserialize, Serialize};

use crate::beacon::Chain;
use crate::canonical::{MAX_EXACT_INTEGER, canonical_bytes, canonical_hash, required_option};
use crate::codes::{Country, Currency, Ground};
use crate::fixed::Digest;
use crate::ids::{DrawId, UnitId};
use crate::leaf::Reason;
use crate::moment::Moment;
use crate::schedule::{self, LIVE_LEAD_SECONDS};

/// The version of this document.
pub const RULES_VERSION: u32 = 1;

/// Everything that is fixed before the first entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rules {
    /// [`RULES_VERSION`].
    pub version: u32,
    /// The draw these rules are for.
    pub draw_id: DrawId,
    /// The giveaway's name.
    pub title: String,
    /// The prizes; the first winner drawn gets the first, and so on.
    pub units: Vec<PrizeUnit>,
    /// How many alternates are drawn after the winners.
    pub alternates: u32,
    /// How many tickets an entry has.
    pub weight: WeightRule,
    /// Who may win.
    pub eligibility: Eligibility,
    /// The grounds on which an entry or a winner may be disqualified; no others count.
    pub disqualification: Vec<Ground>,
    /// When entries are taken from.
    pub opens_at: Moment,
    /// When entries are taken until.
    pub closes_at: Moment,
    /// How long entries are reviewed after closing, before they are frozen.
    pub review_seconds: u32,
    /// How long before the draw the frozen entries are published.
    pub lead_seconds: u32,
    /// `closes_at + review_seconds + lead_seconds`.
    pub draw_at: Moment,
    /// The hash of the beacon's chain.
    pub chain: Digest,
    /// The first round of that chain at or after `draw_at`.
    pub round: u64,
    /// Whether prizes left over when the alternates are exhausted are drawn again from a new round.
    pub further_generation: bool,
    /// How long a winner has to claim.
    pub claim_seconds: u32,
}

/// One prize that one winner gets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrizeUnit {
    /// Its id.
    pub unit: UnitId,
    /// What it is, for people.
    pub description: String,
    /// Its value in minor units of the currency.
    pub value_minor: u64,
    /// The currency.
    pub currency: Currency,
    /// The merchant where it can be spent.
    pub merchant: String,
}

/// How many tickets an eligible entry has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum WeightRule {
    /// One each.
    Equal {},
}

/// Who may win. Entries that do not qualify keep their leaf, with weight 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Eligibility {
    /// Born in this year or earlier; `null` asks for no birth year.
    #[serde(deserialize_with = "required_option")]
    pub birth_year_max: Option<u16>,
    /// Only these countries; `null` allows all.
    #[serde(deserialize_with = "required_option")]
    pub countries_allowed: Option<Vec<Country>>,
    /// Not these countries.
    pub countries_excluded: Vec<Country>,
}

/// What is known about an entrant when entries are frozen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entrant {
    /// Whether the address was verified.
    pub verified: bool,
    /// The year of birth, where given.
    pub birth_year: Option<u16>,
    /// The country, where given.
    pub country: Option<Country>,
    /// Whether the entry was disqualified during the review, on a ground the rules list.
    pub disqualified: bool,
}

/// What is wrong with a set of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct RulesError {
    /// The member.
    pub field: &'static str,
    /// Why it cannot be.
    pub reason: String,
}

impl Rules {
    /// The published document, in canonical form.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        canonical_bytes(self)
    }

    /// The hash by which the manifest and every receipt name these rules.
    #[must_use]
    pub fn hash(&self) -> Digest {
        canonical_hash(self)
    }

    /// When the entries are frozen, unless that is beyond the year 9999.
    #[must_use]
    pub fn freeze_at(&self) -> Option<Moment> {
        schedule::freeze_at(self.closes_at, self.review_seconds)
    }

    /// The ids of the prize units, in order.
    #[must_use]
    pub fn unit_ids(&self) -> Vec<UnitId> {
        self.units.iter().map(|unit| unit.unit).collect()
    }

    /// Whether the rules are coherent and name the right round of `chain`.
    ///
    /// # Errors
    /// The first member that cannot be, with the reason.
    pub fn check(&self, chain: &Chain) -> Result<(), RulesError> {
        if self.version != RULES_VERSION {
            return refuse("version", format!("{} is not {RULES_VERSION}", self.version));
        }
        self.check_units()?;
        self.eligibility.check()?;
        if has_duplicates(&self.disqualification) {
            return refuse("disqualification", "a ground is listed twice");
        }
        self.check_dates()?;
        self.check_round(chain)
    }

    fn check_units(&self) -> Result<(), RulesError> {
        if self.units.is_empty() {
            return refuse("units", "there is no prize");
        }
        if has_duplicates(&self.unit_ids()) {
            return refuse("units", "an id is used twice");
        }
        match self.units.iter().find(|unit| unit.value_minor > MAX_EXACT_INTEGER) {
            Some(unit) => refuse("units", format!("the value of {} is too large", unit.unit)),
            None => Ok(()),
        }
    }

    fn check_dates(&self) -> Result<(), RulesError> {
        if self.opens_at >= self.closes_at {
            return refuse("closes_at", "is not after opens_at");
        }
        let draw_at = schedule::draw_at(self.closes_at, self.review_seconds, self.lead_seconds);
        if draw_at != Some(self.draw_at) {
            return refuse("draw_at", "is not closes_at + review_seconds + lead_seconds");
        }
        Ok(())
    }

    fn check_round(&self, chain: &Chain) -> Result<(), RulesError> {
        if self.chain != chain.hash() {
            return refuse("chain", "is not the hash of the beacon's chain");
        }
        if !chain.is_sandbox() && self.lead_seconds < LIVE_LEAD_SECONDS {
            return refuse("lead_seconds", format!("is less than {LIVE_LEAD_SECONDS}"));
        }
        let expected = chain.round_at_or_after(self.draw_at);
        if self.round != expected {
            return refuse("round", format!("the first round at or after draw_at is {expected}"));
        }
        Ok(())
    }
}

impl Eligibility {
    /// The reason for which this entrant's leaf has no weight, or [`Reason::None`]. Where several
    /// apply, the one that the entrant could have changed comes first.
    #[must_use]
    pub fn judge(&self, entrant: &Entrant) -> Reason {
        let too_young = self
            .birth_year_max
            .is_some_and(|latest| entrant.birth_year.is_none_or(|year| year > latest));
        let barred = match (&self.countries_allowed, entrant.country) {
            (Some(allowed), Some(country)) => !allowed.contains(&country),
            (Some(_), None) => true,
            // Without a country nobody can say that it is not an excluded one.
            (None, None) => !self.countries_excluded.is_empty(),
            (None, Some(_)) => false,
        } || entrant.country.is_some_and(|c| self.countries_excluded.contains(&c));

        if !entrant.verified {
            Reason::Unverified
        } else if entrant.disqualified {
            Reason::Disqualified
        } else if too_young {
            Reason::BirthYear
        } else if barred {
            Reason::Country
        } else {
            Reason::None
        }
    }

    fn check(&self) -> Result<(), RulesError> {
        if let Some(allowed) = &self.countries_allowed {
            if allowed.is_empty() {
                return refuse("eligibility", "countries_allowed is empty, so nobody can win");
            }
            if has_duplicates(allowed) {
                return refuse("eligibility", "countries_allowed lists a country twice");
            }
        }
        if has_duplicates(&self.countries_excluded) {
            return refuse("eligibility", "countries_excluded lists a country twice");
        }
        Ok(())
    }
}

impl WeightRule {
    /// Whether an eligible entry may have this weight.
    #[must_use]
    pub fn allows(&self, weight: u32) -> bool {
        match self {
            Self::Equal {} => weight == 1,
        }
    }
}

fn refuse(field: &'static str, reason: impl Into<String>) -> Result<(), RulesError> {
    Err(RulesError { field, reason: reason.into() })
}

fn has_duplicates<T: Ord>(list: &[T]) -> bool {
    let mut sorted: Vec<&T> = list.iter().collect();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entrant(verified: bool, birth_year: Option<u16>, country: &str) -> Entrant {
        Entrant { verified, birth_year, country: country.parse().ok(), disqualified: false }
    }

    #[test]
    fn eligibility_is_judged_by_verification_then_age_then_country() {
        let rules = Eligibility {
            birth_year_max: Some(2008),
            countries_allowed: None,
            countries_excluded: vec!["CN".parse().unwrap()],
        };
        let check = |verified, year, country, expected| {
            assert_eq!(rules.judge(&entrant(verified, year, country)), expected);
        };
        check(true, Some(2008), "DE", Reason::None);
        check(true, Some(2009), "DE", Reason::BirthYear);
        check(true, None, "DE", Reason::BirthYear);
        check(true, Some(1980), "CN", Reason::Country);
        check(true, Some(1980), "", Reason::Country);
        check(false, Some(1980), "DE", Reason::Unverified);
        check(false, Some(2015), "CN", Reason::Unverified);
        check(true, Some(2015), "CN", Reason::BirthYear);
        let disqualified = Entrant { disqualified: true, ..entrant(true, Some(1980), "DE") };
        assert_eq!(rules.judge(&disqualified), Reason::Disqualified);
    }

    #[test]
    fn allowed_countries_exclude_all_others() {
        let rules = Eligibility {
            birth_year_max: None,
            countries_allowed: Some(vec!["DE".parse().unwrap(), "FR".parse().unwrap()]),
            countries_excluded: vec!["FR".parse().unwrap()],
        };
        let check = |country, expected| {
            assert_eq!(rules.judge(&entrant(true, None, country)), expected, "{country}");
        };
        check("DE", Reason::None);
        check("FR", Reason::Country);
        check("IT", Reason::Country);
        check("", Reason::Country);
        let open = Eligibility::default();
        assert_eq!(open.judge(&entrant(true, None, "")), Reason::None);
    }

    #[test]
    fn unknown_and_missing_members_are_refused() {
        fn check(json: &str, accepted: bool) {
            assert_eq!(serde_json::from_str::<Eligibility>(json).is_ok(), accepted, "{json}");
        }
        let none = r#""birth_year_max":null,"countries_allowed":null,"countries_excluded":[]"#;
        check(&format!("{{{none}}}"), true);
        check(&format!("{{{none},\"hair\":\"red\"}}"), false);
        check(r#"{"birth_year_max":null,"countries_excluded":[]}"#, false);
        assert!(serde_json::from_str::<WeightRule>(r#"{"kind":"equal"}"#).is_ok());
        assert!(serde_json::from_str::<WeightRule>(r#"{"kind":"equal","most":9}"#).is_err());
        assert!(serde_json::from_str::<WeightRule>(r#"{"kind":"rich"}"#).is_err());
    }
}
