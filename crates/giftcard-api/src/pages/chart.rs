//! What was redeemed day by day, drawn here: a chart for the eye, and the numbers in a table.

use anyhow::Context as _;
use ledger::Money;

use super::day;
use crate::store::{money, redemption::Daily};

use super::redemptions::DAY_MS;

/// Days that are drawn.
pub(super) const DAYS: i64 = 30;

const STEP: i64 = 20;
const BAR: i64 = 14;
const HEIGHT: i64 = 120;

/// A chart of one currency.
pub(super) struct Chart {
    pub(super) currency: String,
    pub(super) total: String,
    pub(super) largest: String,
    pub(super) first: String,
    pub(super) last: String,
    pub(super) bars: Vec<Bar>,
    pub(super) days: Vec<Day>,
}

/// A bar, in the units of the drawing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) x: i64,
    pub(super) y: i64,
    pub(super) width: i64,
    pub(super) height: i64,
}

/// A day on which something was redeemed.
pub(super) struct Day {
    pub(super) day: String,
    pub(super) count: i64,
    pub(super) amount: String,
}

/// The first of the days that are drawn.
pub(super) fn first_day(now_ms: i64) -> i64 {
    now_ms.div_euclid(DAY_MS) - DAYS + 1
}

/// A chart for each currency.
pub(super) fn charts(daily: &[Daily], now_ms: i64) -> anyhow::Result<Vec<Chart>> {
    let mut currencies: Vec<&str> = daily.iter().map(|row| row.currency.as_str()).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let of = |currency: &str| {
        let rows: Vec<&Daily> = daily.iter().filter(|row| row.currency == currency).collect();
        chart(currency, &rows, now_ms)
    };
    currencies.into_iter().map(of).collect()
}

fn chart(currency: &str, rows: &[&Daily], now_ms: i64) -> anyhow::Result<Chart> {
    let first = first_day(now_ms);
    let most = rows.iter().map(|row| row.minor).max().unwrap_or(0);
    let total = rows.iter().try_fold(0_i64, |sum, row| sum.checked_add(row.minor));
    let shown = |minor: i64| money(minor, currency).map(|amount: Money| amount.to_string());
    let days = rows.iter().map(|row| {
        Ok(Day { day: day(row.day * DAY_MS), count: row.count, amount: shown(row.minor)? })
    });
    Ok(Chart {
        currency: currency.to_owned(),
        total: shown(total.context("a month's redemptions are beyond counting")?)?,
        largest: shown(most)?,
        first: day(first * DAY_MS),
        last: day(now_ms),
        bars: rows.iter().filter_map(|row| bar(row, first, most)).collect(),
        days: days.rev().collect::<anyhow::Result<_>>()?,
    })
}

fn bar(row: &Daily, first: i64, most: i64) -> Option<Bar> {
    let at = row.day - first;
    if !(0..DAYS).contains(&at) || most <= 0 {
        return None;
    }
    let share = i128::from(row.minor) * i128::from(HEIGHT) / i128::from(most);
    // The smallest is seen as well.
    let height = i64::try_from(share).ok()?.max(1);
    Some(Bar { x: at * STEP + (STEP - BAR) / 2, y: HEIGHT - height, width: BAR, height })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(day: i64, currency: &str, minor: i64) -> Daily {
        Daily { day, currency: currency.to_owned(), minor, count: 1 }
    }

    #[test]
    fn the_largest_day_is_as_high_as_the_drawing_and_each_currency_has_its_own() {
        let now = 20_000 * DAY_MS + 5;
        let rows = [row(19_971, "EUR", 50), row(20_000, "EUR", 100), row(20_000, "JPY", 7)];
        let charts = charts(&rows, now).unwrap();
        let [eur, jpy] = &charts[..] else { panic!("{}", charts.len()) };
        let bars = [
            Bar { x: 3, y: 60, width: 14, height: 60 },
            Bar { x: 583, y: 0, width: 14, height: 120 },
        ];
        assert_eq!(eur.bars, bars);
        assert_eq!((eur.total.as_str(), jpy.total.as_str()), ("1.50 EUR", "7 JPY"));
        assert_eq!(eur.days[0].day, day(now), "the newest first");
    }

    #[test]
    fn an_amount_near_the_limit_is_drawn_and_a_small_one_is_seen() {
        let now = 20_000 * DAY_MS;
        let rows = [row(19_999, "EUR", 1), row(20_000, "EUR", i64::MAX - 1)];
        let charts = charts(&rows, now).unwrap();
        let heights: Vec<i64> = charts[0].bars.iter().map(|bar| bar.height).collect();
        assert_eq!(heights, [1, HEIGHT]);
    }
}
