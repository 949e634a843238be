//! What a host sends.

use draw::{codes::Country, rules::Eligibility};
use jiff::Timestamp;
use ledger::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Draft, PrizeLine};

/// What a host sends to draft a giveaway.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Form {
    /// The giveaway's name.
    #[schema(min_length = 1, max_length = 120, example = "Autumn giveaway")]
    pub title: String,
    /// What it is about, as plain text.
    #[serde(default)]
    #[schema(max_length = 4000)]
    pub description: String,
    /// Of all its prizes.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
    /// What can be won; the first prizes go to the first winners.
    #[schema(min_items = 1, max_items = 100)]
    pub prizes: Vec<PrizeForm>,
    /// How many alternates are drawn.
    #[serde(default)]
    #[schema(maximum = 10_000, example = 10)]
    pub alternates: u32,
    /// Who may win.
    #[serde(default, deserialize_with = "platform::http::object")]
    pub eligibility: EligibilityForm,
    /// When it opens; absent: as soon as it is funded.
    pub opens_at: Option<Timestamp>,
    /// When it closes.
    pub closes_at: Timestamp,
    /// How long entries are reviewed after closing.
    #[serde(default)]
    #[schema(maximum = 2_678_400, example = 0)]
    pub review_seconds: u32,
    /// How long before the draw the frozen entries are published.
    #[schema(maximum = 2_678_400, example = 3600)]
    pub lead_seconds: u32,
    /// How long a winner has to claim.
    #[schema(minimum = 1, maximum = 15_811_200, example = 604_800)]
    pub claim_seconds: u32,
    /// On which grounds somebody may be disqualified.
    #[serde(default)]
    #[schema(max_items = 20, example = json!(["employee"]))]
    pub disqualification_reasons: Vec<String>,
}

/// What a host changes about a draft: what is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the members are those of Form")]
pub struct Patch {
    #[schema(min_length = 1, max_length = 120, example = "Autumn giveaway")]
    pub title: Option<String>,
    #[schema(max_length = 4000)]
    pub description: Option<String>,
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Option<String>,
    #[schema(min_items = 1, max_items = 100)]
    pub prizes: Option<Vec<PrizeForm>>,
    #[schema(maximum = 10_000, example = 10)]
    pub alternates: Option<u32>,
    #[serde(deserialize_with = "platform::http::object_or_null")]
    pub eligibility: Option<EligibilityForm>,
    /// `null` asks for opening as soon as it is funded.
    #[serde(deserialize_with = "present")]
    pub opens_at: Option<Option<Timestamp>>,
    pub closes_at: Option<Timestamp>,
    #[schema(maximum = 2_678_400, example = 0)]
    pub review_seconds: Option<u32>,
    #[schema(maximum = 2_678_400, example = 3600)]
    pub lead_seconds: Option<u32>,
    #[schema(minimum = 1, maximum = 15_811_200, example = 604_800)]
    pub claim_seconds: Option<u32>,
    #[schema(max_items = 20, example = json!(["employee"]))]
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
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PrizeForm {
    /// The card product.
    #[schema(pattern = "^prd_[0-9a-f]{32}$")]
    pub product_id: String,
    /// The value of each card.
    pub value: MoneyForm,
    /// How many cards.
    #[schema(minimum = 1, maximum = 2_000, example = 3)]
    pub count: u32,
}

/// An amount as it was sent.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoneyForm {
    /// Minor units.
    #[schema(minimum = 1, example = 2_500)]
    pub minor: i64,
    /// ISO 4217.
    #[schema(pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: String,
}

/// Who may win, as it was sent.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct EligibilityForm {
    /// Born in this year or earlier.
    #[schema(minimum = 1900, maximum = 2100)]
    pub born_until_year: Option<u16>,
    /// Only these countries.
    #[schema(min_items = 1, max_items = 676, example = json!(["DE", "AT"]))]
    pub allowed_countries: Option<Vec<String>>,
    /// Not these countries.
    #[schema(max_items = 676)]
    pub excluded_countries: Vec<String>,
}
