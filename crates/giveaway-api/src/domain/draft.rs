//! What a host writes down about a giveaway.
//!
//! | module | what it holds |
//! |---|---|
//! | [`form`] | what a host sends |
//! | `check` | what can be wrong with it, each mistake named with its field, all of them at once |
//! | here | a draft without mistakes, and its prizes as their products allow them |

mod check;
pub mod form;

use draw::{codes::Ground, rules::Eligibility};
use jiff::Timestamp;
use ledger::{Currency, Money};
use platform::http::FieldError;

use self::check::Mistakes;
pub use self::form::{Form, Patch};
use crate::ids::ProductId;

/// A draft without mistakes, as far as can be told without asking giftcard-api.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The giveaway's name.
    pub title: String,
    /// What it is about.
    pub description: String,
    /// Of all its prizes.
    pub currency: Currency,
    /// What can be won.
    pub prizes: Vec<PrizeLine>,
    /// How many alternates are drawn.
    pub alternates: u32,
    /// Who may win.
    pub eligibility: Eligibility,
    /// When it opens, in whole seconds.
    pub opens_at: Option<Timestamp>,
    /// When it closes, in whole seconds.
    pub closes_at: Timestamp,
    /// How long entries are reviewed.
    pub review_seconds: u32,
    /// How long before the draw the frozen entries are published.
    pub lead_seconds: u32,
    /// How long a winner has to claim.
    pub claim_seconds: u32,
    /// On which grounds somebody may be disqualified.
    pub grounds: Vec<Ground>,
}

/// A line of prizes without mistakes of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrizeLine {
    /// The card product.
    pub product_id: ProductId,
    /// The value of each card.
    pub value: Money,
    /// How many cards.
    pub units: i32,
}

/// A card product, as far as prizes care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Its id.
    pub id: ProductId,
    /// Its name.
    pub name: String,
    /// The merchant's name.
    pub merchant_name: String,
    /// Of its cards.
    pub currency: String,
    /// The least value of a card.
    pub min_minor: i64,
    /// The greatest value of a card.
    pub max_minor: i64,
    /// Whether new cards can be made.
    pub is_active: bool,
}

/// A line of prizes with what is shown of the product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prize {
    /// The card product.
    pub product_id: ProductId,
    /// Its name.
    pub product_name: String,
    /// The merchant's name.
    pub merchant_name: String,
    /// The value of each card.
    pub value: Money,
    /// How many cards.
    pub units: i32,
}

/// The prizes with what is shown of their products, or everything that does not fit.
///
/// # Errors
/// One error per mistake: a product that is unknown or closed, of another currency, or that has no
/// cards of this value.
pub fn price(lines: &[PrizeLine], products: &[Product]) -> Result<Vec<Prize>, Vec<FieldError>> {
    let mut mistakes = Mistakes::default();
    let mut prizes = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        let pointer = format!("/prizes/{index}");
        let Some(product) = products.iter().find(|product| product.id == line.product_id) else {
            mistakes.add(
                format!("{pointer}/product_id"),
                format!("there is no product {}", line.product_id),
            );
            continue;
        };
        if !product.is_active {
            mistakes.add(format!("{pointer}/product_id"), "the product is closed");
        }
        if product.currency != line.value.currency.as_str() {
            let wrong = format!("the product's cards are in {}", product.currency);
            mistakes.add(format!("{pointer}/value/currency"), wrong);
        } else if !(product.min_minor..=product.max_minor).contains(&line.value.minor) {
            let range = format!("must be from {} to {}", product.min_minor, product.max_minor);
            mistakes.add(format!("{pointer}/value/minor"), range);
        }
        prizes.push(Prize {
            product_id: line.product_id,
            product_name: product.name.clone(),
            merchant_name: product.merchant_name.clone(),
            value: line.value,
            units: line.units,
        });
    }
    if mistakes.0.is_empty() { Ok(prizes) } else { Err(mistakes.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prizes_must_fit_their_products() {
        let id: ProductId = "prd_0198c0c0c0c070008000000000000000".parse().unwrap();
        let line = |minor| PrizeLine {
            product_id: id,
            value: Money::new(minor, "EUR".parse().unwrap()),
            units: 1,
        };
        let product = Product {
            id,
            name: "Coffee".to_owned(),
            merchant_name: "Beans".to_owned(),
            currency: "EUR".to_owned(),
            min_minor: 500,
            max_minor: 5_000,
            is_active: true,
        };
        let check = |line: &PrizeLine, products: &[Product], expected: &[&str]| {
            let errors = price(std::slice::from_ref(line), products).err().unwrap_or_default();
            let pointers: Vec<_> = errors.iter().map(|error| error.pointer.as_str()).collect();
            assert_eq!(pointers, expected);
        };
        check(&line(500), std::slice::from_ref(&product), &[]);
        check(&line(5_001), std::slice::from_ref(&product), &["/prizes/0/value/minor"]);
        check(&line(500), &[], &["/prizes/0/product_id"]);
        let closed = Product { is_active: false, ..product.clone() };
        check(&line(500), &[closed], &["/prizes/0/product_id"]);
        let dollars = Product { currency: "USD".to_owned(), ..product };
        check(&line(500), &[dollars], &["/prizes/0/value/currency"]);
    }
}
