//! Counting entrants: on files of the project's own generator, whose counts are known by
//! construction, and on a file of ten thousand rows that was made and counted elsewhere.

use draw::rules::Eligibility;
use giveaway_api::{
    domain::import::{Numbered, Report, Rows, Tally},
    sample::{self, Truth},
};

/// Ten thousand made-up rows; all addresses and networks in it are fictitious.
pub(crate) const TEN_THOUSAND: &[u8] = include_bytes!("entrants-10k.csv");

#[test]
fn generated_files_are_counted_as_they_were_made() {
    for seed in 0..40 {
        let sample = sample::entrants(seed, 1_500);
        let report = read(&sample.csv);
        assert_eq!(truth(&report), sample.truth, "seed {seed}");
        assert_eq!(report.malformed.len() as u64, report.malformed_count, "seed {seed}");
    }
}

#[test]
fn the_file_of_ten_thousand_is_counted_right() {
    let expected = Truth {
        rows: 10_000,
        malformed: 206,
        persons: 8_549,
        duplicates: 1_245,
        persons_verified: 7_628,
        eligible: 6_579,
    };
    assert_eq!(truth(&read(TEN_THOUSAND)), expected);
}

fn read(csv: &[u8]) -> Report {
    let mut rows = Rows::open(csv).unwrap();
    let mut tally = Tally::new();
    while let Some(Numbered { line, row }) = rows.next(2026).unwrap() {
        match row {
            Ok(row) => tally.row(&row),
            Err(reason) => tally.malformed(line, reason),
        }
    }
    tally.report(&Eligibility {
        birth_year_max: Some(2008),
        countries_allowed: None,
        countries_excluded: vec!["CN".parse().unwrap()],
    })
}

pub(crate) fn truth(report: &Report) -> Truth {
    Truth {
        rows: report.rows,
        malformed: report.malformed_count,
        persons: report.persons,
        duplicates: report.duplicates,
        persons_verified: report.persons_verified,
        eligible: report.eligible,
    }
}
