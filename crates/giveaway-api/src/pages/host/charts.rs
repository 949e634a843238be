//! `/host/giveaways/{id}/charts`: when entries came in and where from, drawn here, with the same numbers as tables.

use std::{collections::BTreeMap, sync::Arc};

use askama::Template;
use axum::{extract::State, http::StatusCode, response::Response};
use jiff::{Timestamp, tz::TimeZone};

use super::{
    super::{
        countries::name_of,
        frame::{self, Frame},
        giveaway::count,
        session::{HostSession, SignedIn, Turned},
    },
    Top, host_page,
};
use crate::{
    actions::{
        report_counts::{Counter, read_counts},
        show_giveaway::show_giveaway,
    },
    error::Error,
    http::page::Id,
    ids::GiveawayId,
    service::Service,
};

/// The longest series of hours that is drawn hour by hour; longer ones are drawn day by day.
const HOURS_MAX: i64 = 72;

/// Bars of the longest series; before them there was hardly anything.
const BARS_MAX: usize = 92;

/// Countries with a bar of their own.
const COUNTRIES_SHOWN: usize = 10;

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// The picture: its size, and the space below for words.
const WIDTH: usize = 640;
const HEIGHT: usize = 180;
const GROUND: usize = 24;

#[derive(Template)]
#[template(path = "host/charts.html")]
struct ChartsPage {
    frame: Frame,
    top: Top,
    path: String,
    title: String,
    /// Nothing can be shown at the moment.
    is_away: bool,
    times: Chart,
    sources: Chart,
    countries: Chart,
}

/// A series of bars.
#[derive(Default)]
struct Chart {
    bars: Vec<Bar>,
    most: String,
}

struct Bar {
    label: String,
    n: String,
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

/// `GET /host/giveaways/{id}/charts`
pub(in crate::pages) async fn show(
    State(service): State<Arc<Service>>,
    HostSession(host): HostSession,
    known: SignedIn,
    Id(id): Id<GiveawayId>,
) -> Result<Response, Turned> {
    let title = show_giveaway(&service, host, id).await?.draft.title;
    let (counters, is_away) = match read_counts(&service, host, id).await {
        Ok(counters) => (counters, false),
        Err(Error::Unavailable(_)) => (Vec::new(), true),
        Err(error) => return Err(error.into()),
    };
    let page = ChartsPage {
        frame: frame::of(&service),
        top: known.into(),
        path: format!("/host/giveaways/{id}"),
        title,
        is_away,
        times: upright(&over_time(&counters)),
        sources: lying(&labelled(&counters, "entries.source", |label| match label {
            "import" => "Brought by you".to_owned(),
            "form" => "Public page".to_owned(),
            label => label.to_owned(),
        })),
        countries: lying(&labelled(&counters, "entries.country", |label| match label {
            "" => "Not said".to_owned(),
            code => name_of(code).to_owned(),
        })),
    };
    Ok(host_page(&service, StatusCode::OK, &page))
}

/// Entries by hour or by day, without gaps.
fn over_time(counters: &[Counter]) -> Vec<(String, i64)> {
    let mut hours: BTreeMap<i64, i64> = BTreeMap::new();
    for counter in counters.iter().filter(|counter| counter.name == "entries") {
        *hours.entry(counter.hour.as_second()).or_default() += counter.n;
    }
    let (Some(first), Some(last)) = (hours.keys().next(), hours.keys().next_back()) else {
        return Vec::new();
    };
    let (step, form) =
        if (last - first) / HOUR < HOURS_MAX { (HOUR, "%-d %b %H:00") } else { (DAY, "%-d %b") };
    let mut steps: BTreeMap<i64, i64> = BTreeMap::new();
    for (hour, n) in &hours {
        *steps.entry(hour.div_euclid(step)).or_default() += n;
    }
    let range = first.div_euclid(step)..=last.div_euclid(step);
    let all: Vec<(String, i64)> = range
        .map(|at| {
            let time = Timestamp::from_second(at * step).unwrap_or_default();
            let label = time.to_zoned(TimeZone::UTC).strftime(form).to_string();
            (label, steps.get(&at).copied().unwrap_or(0))
        })
        .collect();
    let surplus = all.len().saturating_sub(BARS_MAX);
    all.into_iter().skip(surplus).collect()
}

/// The labels of a counter, the most frequent first; what is rare is put together.
fn labelled(
    counters: &[Counter],
    name: &str,
    words: impl Fn(&str) -> String,
) -> Vec<(String, i64)> {
    let mut sums: BTreeMap<&str, i64> = BTreeMap::new();
    for counter in counters.iter().filter(|counter| counter.name == name) {
        *sums.entry(&counter.label).or_default() += counter.n;
    }
    let mut all: Vec<(String, i64)> =
        sums.into_iter().map(|(label, n)| (words(label), n)).collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let rest: i64 = all.iter().skip(COUNTRIES_SHOWN).map(|(_, n)| n).sum();
    all.truncate(COUNTRIES_SHOWN);
    if rest > 0 {
        all.push(("Others".to_owned(), rest));
    }
    all
}

/// How long a bar is of so many pixels, when `most` has all of them.
fn scaled(n: i64, most: i64, pixels: usize) -> usize {
    let (n, most) = (usize::try_from(n).unwrap_or(0), usize::try_from(most).unwrap_or(0));
    n.saturating_mul(pixels).checked_div(most).unwrap_or(0)
}

fn most(series: &[(String, i64)]) -> i64 {
    series.iter().map(|(_, n)| *n).max().unwrap_or(0)
}

fn upright(series: &[(String, i64)]) -> Chart {
    let most = most(series);
    let slot = (WIDTH / series.len().max(1)).max(1);
    let bars = series.iter().enumerate().map(|(place, (label, n))| {
        let height = scaled(*n, most, HEIGHT - GROUND);
        Bar {
            label: label.clone(),
            n: count(*n),
            x: place * slot,
            y: HEIGHT - GROUND - height,
            width: slot.saturating_sub(2).clamp(1, 48),
            height,
        }
    });
    Chart { bars: bars.collect(), most: count(most) }
}

fn lying(series: &[(String, i64)]) -> Chart {
    let most = most(series);
    let bars = series.iter().map(|(label, n)| Bar {
        label: label.clone(),
        n: count(*n),
        x: 0,
        y: 0,
        width: scaled(*n, most, 100).max(1),
        height: 10,
    });
    Chart { bars: bars.collect(), most: count(most) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(name: &str, label: &str, hour: i64, n: i64) -> Counter {
        let hour = Timestamp::from_second(1_795_348_800 + hour * HOUR).unwrap();
        Counter { name: name.to_owned(), label: label.to_owned(), hour, n }
    }

    #[test]
    fn hours_without_entries_are_there_and_long_series_are_days() {
        let hours = over_time(&[counter("entries", "", 0, 3), counter("entries", "", 2, 1)]);
        let numbers: Vec<i64> = hours.iter().map(|(_, n)| *n).collect();
        assert_eq!((numbers, hours[0].0.as_str()), (vec![3, 0, 1], "22 Nov 12:00"));
        let days = over_time(&[counter("entries", "", 0, 3), counter("entries", "", 72, 4)]);
        let numbers: Vec<i64> = days.iter().map(|(_, n)| *n).collect();
        assert_eq!((numbers, days[0].0.as_str()), (vec![3, 0, 0, 4], "22 Nov"));
        assert!(over_time(&[counter("verified", "", 0, 3)]).is_empty());
    }

    #[test]
    fn rare_countries_are_put_together_and_nothing_is_lost() {
        let codes: Vec<String> = (0..15).map(|n| format!("C{n}")).collect();
        let counters: Vec<Counter> =
            codes.iter().zip(1..).map(|(code, n)| counter("entries.country", code, 0, n)).collect();
        let shown = labelled(&counters, "entries.country", ToOwned::to_owned);
        assert_eq!((shown.len(), shown[0].1, shown[10].0.as_str()), (11, 15, "Others"));
        assert_eq!(shown.iter().map(|(_, n)| n).sum::<i64>(), 120);
    }

    #[test]
    fn the_tallest_bar_fills_the_picture() {
        let chart = upright(&[("a".to_owned(), 4), ("b".to_owned(), 2)]);
        let shape: Vec<_> = chart.bars.iter().map(|bar| (bar.y, bar.height)).collect();
        assert_eq!(shape, [(0, HEIGHT - GROUND), (78, 78)]);
        assert_eq!(lying(&[("a".to_owned(), 0)]).bars[0].width, 1);
    }
}
