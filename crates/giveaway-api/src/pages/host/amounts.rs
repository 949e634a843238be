//! Amounts on the pages of hosts.

use std::collections::BTreeSet;

use ledger::{Currency, Money};

use super::super::wording::price;

/// Currencies that a top-up is offered in before a wallet has one.
const USUAL: [&str; 12] =
    ["EUR", "USD", "GBP", "CHF", "SEK", "DKK", "NOK", "PLN", "CZK", "AUD", "CAD", "JPY"];

/// A choice of a currency.
pub(super) struct Choice {
    pub(super) code: String,
    pub(super) is_chosen: bool,
}

/// An amount as prices are written, with a minus before what is below zero.
pub(super) fn shown(money: Money) -> String {
    let sign = if money.is_negative() { "−" } else { "" };
    format!("{sign}{}", price(money.minor.unsigned_abs(), money.currency.as_str()))
}

/// The usual currencies and these, of which one is chosen.
pub(super) fn choices(known: impl IntoIterator<Item = Currency>, chosen: &str) -> Vec<Choice> {
    let mut codes: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    let known = known.into_iter().map(|currency| currency.to_string());
    for code in known.chain(USUAL.map(ToOwned::to_owned)) {
        if seen.insert(code.clone()) {
            codes.push(code);
        }
    }
    codes.into_iter().map(|code| Choice { is_chosen: code == chosen, code }).collect()
}
