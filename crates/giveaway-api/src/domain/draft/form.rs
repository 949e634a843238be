//! What a host sends.

use draw::{codes::Country, rules::Eligibility};
use jiff::Timestamp;
use ledger::Money;
use serde::{Deserialize, Serialize};

use super::{Draft, PrizeLine};

/// What a host sends to draft a giveaway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The giveaway's name.
    pub title: String,
    /// What it is about, as plain text.
    #[serde(default)]
    pub description: String,
    /// Of all its prizes.
    pub currency: String,
    /// What can be won; the first prizes go to the first winners.
    pub prizes: Vec<PrizeForm>,
    /// How many alternates are drawn.
    #[serde(default)]
    pub alternates: u32,
    /// Who may win.
    #[serde(default)]
    pub eligibility: EligibilityForm,
    /// When it opens; absent: as soon as it is funded.
    pub opens_at: Option<Timestamp>,
    /// When it closes.
    pub closes_at: Timestamp,
    /// How long entries are reviewed after closing.
    #[serde(default)]
    pub review_seconds: u32,
    /// How long before the draw the frozen entries are published.
    pub lead_seconds: u32,
    /// How long a winner has to claim.
    pub claim_seconds: u32,
    /// On which grounds somebody may be disqualified.
    #[serde(default)]
    pub disqualification_reasons: Vec<String>,
}

/// What a host changes about a draft: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are those of Form")]
pub struct Patch {
    pub title: Option<String>,
    pub description: Option<String>,
    pub currency: Option<String>,
    pub prizes: Option<Vec<PrizeForm>>,
    pub alternates: Option<u32>,
    pub eligibility: Option<EligibilityForm>,
    /// `null` asks for opening as soon as it is funded.
    #[serde(deserialize_with = "present")]
    pub opens_at: Option<Option<Timestamp>>,
    pub closes_at: Option<Timestamp>,
    pub review_seconds: Option<u32>,
    pub lead_seconds: Option<u32>,
    pub claim_seconds: Option<u32>,
    pub disqualification_reasons: Option<Vec<String>>,
}

/// Tells `null` from absent.
fn present<'de, D: serde::Deserializer<'de>>(
    json: D,
) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(json).map(Some)
}

impl Patch {
    /// The whole form: the draft with the changes.
    pub fn apply(self, draft: &Draft) -> Form {
        let whole = Form::from(draft);
        Form {
            title: self.title.unwrap_or(whole.title),
            description: self.description.unwrap_or(whole.description),
            currency: self.currency.unwrap_or(whole.currency),
            prizes: self.prizes.unwrap_or(whole.prizes),
            alternates: self.alternates.unwrap_or(whole.alternates),
            eligibility: self.eligibility.unwrap_or(whole.eligibility),
            opens_at: self.opens_at.unwrap_or(whole.opens_at),
            closes_at: self.closes_at.unwrap_or(whole.closes_at),
            review_seconds: self.review_seconds.unwrap_or(whole.review_seconds),
            lead_seconds: self.lead_seconds.unwrap_or(whole.lead_seconds),
            claim_seconds: self.claim_seconds.unwrap_or(whole.claim_seconds),
            disqualification_reasons: self
                .disqualification_reasons
                .unwrap_or(whole.disqualification_reasons),
        }
    }
}

impl From<&Draft> for Form {
    fn from(draft: &Draft) -> Self {
        let money = |value: Money| MoneyForm {
            minor: value.minor,
            currency: value.currency.as_str().to_owned(),
        };
        let prize = |line: &PrizeLine| PrizeForm {
            product_id: line.product_id.to_string(),
            value: money(line.value),
            count: line.units.unsigned_abs(),
        };
        let codes = |countries: &[Country]| countries.iter().map(ToString::to_string).collect();
        let Eligibility { birth_year_max, countries_allowed, countries_excluded } =
            &draft.eligibility;
        Self {
            title: draft.title.clone(),
            description: draft.description.clone(),
            currency: draft.currency.as_str().to_owned(),
            prizes: draft.prizes.iter().map(prize).collect(),
            alternates: draft.alternates,
            eligibility: EligibilityForm {
                born_until_year: *birth_year_max,
                allowed_countries: countries_allowed.as_deref().map(codes),
                excluded_countries: codes(countries_excluded),
            },
            opens_at: draft.opens_at,
            closes_at: draft.closes_at,
            review_seconds: draft.review_seconds,
            lead_seconds: draft.lead_seconds,
            claim_seconds: draft.claim_seconds,
            disqualification_reasons: draft
                .grounds
                .iter()
                .map(|ground| ground.as_str().to_owned())
                .collect(),
        }
    }
}

/// A line of prizes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrizeForm {
    /// The card product.
    pub product_id: String,
    /// The value of each card.
    pub value: MoneyForm,
    /// How many cards.
    pub count: u32,
}

/// An amount as it was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MoneyForm {
    /// Minor units.
    pub minor: i64,
    /// ISO 4217.
    pub currency: String,
}

/// Who may win, as it was sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EligibilityForm {
    /// Born in this year or earlier.
    pub born_until_year: Option<u16>,
    /// Only these countries.
    pub allowed_countries: Option<Vec<String>>,
    /// Not these countries.
    pub excluded_countries: Vec<String>,
}
