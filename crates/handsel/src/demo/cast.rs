//! Who takes part, and with what sums.

/// The currency of the story.
pub(crate) const CURRENCY: &str = "EUR";

/// Who gives.
pub(crate) const HOST: Person =
    Person { name: "Lindenhof Library", email: "host@lindenhof.example" };

/// A party with an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
}

/// A merchant, the one product of theirs that is a prize, and how many of it are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Merchant {
    pub(crate) name: &'static str,
    pub(crate) email: &'static str,
    pub(crate) payout: &'static str,
    pub(crate) product: &'static str,
    pub(crate) min_minor: i64,
    pub(crate) max_minor: i64,
    pub(crate) prize_minor: i64,
    pub(crate) prizes: u32,
}

/// Whose cards are given.
pub(crate) const MERCHANTS: [Merchant; 2] = [
    Merchant {
        name: "North Quay Roasters",
        email: "till@northquay.example",
        payout: "acct_northquay",
        product: "Coffee card",
        min_minor: 500,
        max_minor: 20_000,
        prize_minor: 2_500,
        prizes: 12,
    },
    Merchant {
        name: "Marginalia Books",
        email: "till@marginalia.example",
        payout: "acct_marginalia",
        product: "Book card",
        min_minor: 1_000,
        max_minor: 50_000,
        prize_minor: 4_000,
        prizes: 8,
    },
];

/// What the host pays in: more than the prizes, so that something is left to see.
pub(crate) const TOP_UP_MINOR: i64 = 70_000;

/// Who may step in when a winner does not.
pub(crate) const ALTERNATES: u32 = 10;

/// The giveaway.
pub(crate) const TITLE: &str = "Coffee and a good book";
/// What it says.
pub(crate) const DESCRIPTION: &str =
    "Twenty gift cards for the reading season: a dozen for coffee, eight for books.";

/// Entrants are born in this year or earlier.
pub(crate) const BORN_UNTIL: u16 = 2008;
/// Where the giveaway is not open.
pub(crate) const EXCLUDED: [&str; 1] = ["CN"];

/// The value of all prizes.
pub(crate) fn prizes_minor() -> i64 {
    MERCHANTS.iter().map(|merchant| merchant.prize_minor * i64::from(merchant.prizes)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_up_pays_for_the_prizes_and_the_prizes_are_products() {
        // What the provider keeps is not the host's to pay.
        assert!(prizes_minor() < TOP_UP_MINOR);
        for merchant in MERCHANTS {
            assert!((merchant.min_minor..=merchant.max_minor).contains(&merchant.prize_minor));
        }
    }
}
