//! From an entry to its leaf: who takes part in the draw, and for what reason somebody does not.

use draw::{
    codes::Country,
    fixed::{Digest, LeafId},
    leaf::{Leaf, Reason},
    rules::{Eligibility, Entrant},
};

/// The weight of an entry that takes part: one each.
const WEIGHT: u32 = 1;

/// What of an entry decides about its leaf.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// The random id of the leaf.
    pub leaf_id: LeafId,
    /// The commitment to the person.
    pub person: Digest,
    /// The country, where given.
    pub country: Option<Country>,
    /// The year of birth, where given.
    pub birth_year: Option<u16>,
    /// Whether the address was verified.
    pub verified: bool,
}

/// Why an entry has no weight, or [`Reason::None`].
pub fn judge(
    rules: &Eligibility,
    country: Option<Country>,
    birth_year: Option<u16>,
    verified: bool,
) -> Reason {
    rules.judge(&Entrant { verified, birth_year, country, disqualified: false })
}

/// The leaf of an entry: weight 1, or weight 0 with the reason.
pub fn leaf(rules: &Eligibility, facts: &Facts) -> Leaf {
    let reason = judge(rules, facts.country, facts.birth_year, facts.verified);
    Leaf::new(facts.leaf_id, facts.person, WEIGHT, reason)
}

#[cfg(test)]
mod tests {
    use draw::fixed::Hex;

    use super::*;

    #[test]
    fn an_entry_that_does_not_qualify_keeps_its_leaf_without_weight() {
        let rules = Eligibility {
            birth_year_max: Some(2008),
            countries_allowed: None,
            countries_excluded: vec!["CN".parse().unwrap()],
        };
        let check = |country: &str, birth_year, verified, weight, reason| {
            let facts = Facts {
                leaf_id: Hex([1; 16]),
                person: Hex([2; 32]),
                country: country.parse().ok(),
                birth_year,
                verified,
            };
            let leaf = leaf(&rules, &facts);
            assert_eq!((leaf.id(), leaf.person()), (facts.leaf_id, facts.person));
            assert_eq!((leaf.weight(), leaf.reason()), (weight, Some(reason)), "{facts:?}");
            leaf.check().unwrap();
        };
        check("DE", Some(2008), true, 1, Reason::None);
        check("DE", Some(2008), false, 0, Reason::Unverified);
        check("DE", Some(2009), true, 0, Reason::BirthYear);
        check("CN", Some(1990), true, 0, Reason::Country);
    }
}
